"""The formula of published patient-mix and mode adjustment, by hand."""

import numpy as np
import pytest

from methods.published_adjustment import adjusted_score, mode_effect, patient_mix_shift


def test_two_hospitals_by_hand():
    """Hospital 1: 20 % sicker than the nation and 10 % better educated; hospital 2 is the nation."""
    means = [[2.9, 0.40], [2.7, 0.30]]
    shift = patient_mix_shift(means, [-4.0, 2.0], [2.7, 0.30])
    assert shift == pytest.approx([-4.0 * 0.2 + 2.0 * 0.1, 0.0])
    assert adjusted_score([70.0, 70.0], shift, mode_effect([[1, 0], [0, 1]], [0.0, -3.0])) == pytest.approx([70.6, 67.0])


def test_an_entity_without_a_mean_has_no_score():
    assert np.isnan(patient_mix_shift([[np.nan, 0.4]], [1.0, 1.0], [0.0, 0.0])).all()


def test_shapes_and_shares_are_checked():
    with pytest.raises(ValueError, match="do not fit means"):
        patient_mix_shift([[1.0, 2.0]], [1.0], [1.0])
    with pytest.raises(ValueError, match="add up to 1"):
        mode_effect([0.5, 0.4], [1.0, 2.0])
    with pytest.raises(ValueError, match="do not fit shares"):
        mode_effect([1.0], [1.0, 2.0])
