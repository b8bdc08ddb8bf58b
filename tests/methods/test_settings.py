"""Series that ask for different charts, in one table: each gets what it gets alone, whatever the order of rows and series."""

import numpy as np
import pyarrow as pa
import pytest

import methods
from methods.settings import charts_by_setting, settings_of

SETTINGS = [
    {"setting": 1, "chart": "u'", "kind": "rate", "rules": "anhoej", "direction": "decrease", "scale": 1000.0, "every": "month", "screen_mr": True,
     "laney_floor": False, "is_value": False},
    {"setting": 2, "chart": "xmr", "kind": "rate", "rules": "nhs", "direction": "increase", "scale": 1.0, "every": "month", "screen_mr": True,
     "laney_floor": False, "is_value": True},
    {"setting": 5, "chart": "c", "kind": "rate", "rules": "anhoej", "direction": "decrease", "scale": 1000.0, "every": "quarter", "screen_mr": False,
     "laney_floor": False, "is_value": False},
]


def points():
    random = np.random.default_rng(3)
    rows = []
    for series in range(12):
        setting = (1, 2, 5)[series % 3]
        for n in range(20 + series):
            months = 3 * n if setting == 5 else n
            counted = float(random.poisson(12))
            rows.append({"setting": setting, "series": series, "period": np.datetime64("2020-01") + np.timedelta64(months, "M"), "value": counted * 1.5,
                         "numerator": counted, "denominator": 3000.0 + series, "target": 4.0, "is_frozen": series == 3 and n < 12,
                         "is_new_part": series == 6 and n == 10, "is_left_out": series == 8 and n == 5})
    table = {key: [row[key] for row in rows] for key in rows[0]}
    table["period"] = pa.array([value.astype("datetime64[D]").item() for value in table["period"]], pa.date32())
    return pa.table(table)


def test_each_series_gets_what_it_gets_alone():
    table = points()
    found = charts_by_setting(table, SETTINGS)
    assert len(found) == len(table) and set(found.column("setting").to_pylist()) == {1, 2, 5}
    rows = found.to_pylist()
    for series in range(12):
        setting = SETTINGS[series % 3]
        mine = table.filter(pa.compute.equal(table.column("series"), series))
        alone = methods.control_chart(
            mine, unit="series", period="period", value="value" if setting["is_value"] else None, denominator="denominator" if setting["chart"] == "u'" else None,
            freeze="is_frozen" if series == 3 else None, rebase="is_new_part" if series == 6 else None, exclude="is_left_out" if series == 8 else None,
            target="target", **{key: setting[key] for key in ("chart", "kind", "rules", "direction", "scale", "every", "screen_mr", "laney_floor")}).to_pylist()
        assert [{k: v for k, v in row.items() if k != "setting"} for row in rows if row["series"] == series] == alone


def test_the_order_of_rows_changes_nothing():
    table = points()
    shuffled = table.take(pa.array(np.random.default_rng(9).permutation(len(table))))
    assert charts_by_setting(shuffled, SETTINGS[::-1]).equals(charts_by_setting(table, SETTINGS))


def test_a_wrong_setting_is_named():
    wrong = [SETTINGS[0] | {"chart": "x"}, *SETTINGS[1:]]
    with pytest.raises(ValueError, match=r"setting \{'chart': 'x'.*unknown chart 'x'"):
        charts_by_setting(points(), wrong)


def test_settings_are_read_from_what_series_say():
    def series(number, **other):
        return {"setting": number, "chart": "u_prime", "rule_set": "anhoej", "direction": "decrease", "scale_factor": 1000.0, "screen_mr": True,
                "laney_floor": False, "period_grain": "month", "is_share": False} | other

    rows = [series(2, chart="xmr", rule_set="nhs", direction="increase", scale_factor=1.0), series(1), series(1), series(4, chart="p_prime", is_share=True),
            series(5, chart="c", screen_mr=False, period_grain="quarter")]
    found = settings_of(pa.Table.from_pylist(rows))
    assert [found[0], found[1], found[3]] == SETTINGS
    assert (found[2]["chart"], found[2]["kind"], found[2]["is_value"]) == ("p'", "proportion", False)


def test_settings_without_points_draw_nothing():
    table = points()
    assert charts_by_setting(table, [*SETTINGS, SETTINGS[0] | {"setting": 9, "chart": "no such"}]).equals(charts_by_setting(table, SETTINGS))
    assert charts_by_setting(table.slice(0, 0), SETTINGS).num_rows == charts_by_setting(table.slice(0, 0), []).num_rows == 0


def test_one_long_series_among_many_short_ones_is_charted_apart(monkeypatch):
    random = np.random.default_rng(4)
    number = np.repeat(np.arange(61), [900, *range(1, 61)])
    random.shuffle(number)
    n = len(number)
    table = pa.table({"setting": np.full(n, 1), "series": number, "period": pa.array(np.datetime64("2020-01-01") + random.integers(0, 900, n), pa.date32()),
                      "numerator": random.geometric(0.02, n).astype(float), "target": np.full(n, np.nan), "is_frozen": random.random(n) < 0.1,
                      "is_new_part": random.random(n) < 0.01, "is_left_out": np.zeros(n, bool)})
    setting = SETTINGS[0] | {"chart": "g", "scale": 1.0, "every": "event"}
    charted = []
    monkeypatch.setattr("methods.settings.control_chart", lambda part, **options: charted.append(len(part)) or methods.control_chart(part, **options))
    apart = charts_by_setting(table, [setting])
    assert len(charted) > 3 and sum(charted) == n
    monkeypatch.setattr("methods.settings._SPARE", n)
    assert apart.equals(charts_by_setting(table, [setting])) and charted[-1] == n
