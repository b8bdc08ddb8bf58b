"""The key file: created private, never loose, one key per purpose."""

from __future__ import annotations

import pytest

from ingestion.feed import PURPOSES
from ingestion.keys import KeyFileError, load_keys


def test_created_once_with_mode_0600(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "keys.json"
    monkeypatch.setenv("PXW_KEY_FILE", str(path))
    first = load_keys()
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(first) == set(PURPOSES) and len(set(first.values())) == len(PURPOSES)
    assert load_keys() == first


def test_a_key_file_others_can_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "keys.json"
    monkeypatch.setenv("PXW_KEY_FILE", str(path))
    load_keys()
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_keys()


def test_a_trial_leaves_no_key_file_and_takes_the_one_there_is(tmp_path, monkeypatch):
    path = tmp_path / "keys.json"
    monkeypatch.setenv("PXW_KEY_FILE", str(path))
    passing = load_keys(is_trial=True)
    assert set(passing) == set(PURPOSES) and not path.exists()
    kept = load_keys()
    assert load_keys(is_trial=True) == kept != passing


def test_default_place_is_the_configuration_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("PXW_KEY_FILE")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    load_keys()
    assert (tmp_path / "config" / "pxw" / "keys.json").exists()
