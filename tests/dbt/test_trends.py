"""kpi_trend, kpi_signal and kpi_funnel against qicharts2, NHSRplotthedots and R, through the whole build.

Belongs here: the numbers of the marts. Does not belong here: formulas over arrays (tests/methods), the scenario (charted.py).
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from lxml import html
from scipy import stats

from ingestion.kinds import KINDS
from orchestration import chart_picture
from orchestration.cli import main
from tests.dbt import charted
from tests.dbt.warehouse import Input, Warehouse, day, feed

FREEZE = "freeze: {until: 2022-12-31, reason: baseline, decided_by: board}"
REBASE = "rebase: [{from: 2023-07-01, reason: new process, decided_by: board}]"
CHARTS = {"c": "c", "i": "i", "ip": "ip", "run": "run", "u": "u", "up": "u_prime"}
LINES = (("y", "value"), ("cl", "centre"), ("lcl", "lcl"), ("lcl95", "lcl95"), ("ucl95", "ucl95"), ("ucl", "ucl"))
LIMITS = ("lcl", "lcl95", "ucl95", "ucl")
COUNTS = ("n_useful", "longest_run", "longest_run_max", "n_crossings", "n_crossings_min")


MEASURE = """measure: {name}
label: Share of the oracle
source: metrics
metric: share
statistic: proportion
version: 1
direction: {direction}
standing: product-defined
example: {{numerator: 45, denominator: 60, value: 75.0}}
"""
DIRECTIONS = ("increase", "neutral")    # of the share; the rate of complaints has decrease


def kpis() -> dict[str, tuple]:
    """Every chart of the oracle as a KPI: name -> (type, further keys, target[, measure])."""
    found: dict[str, tuple] = {}
    for screen in ("true", "false"):
        for theirs, ours in (("p", "p"), ("pp", "p_prime")):
            found[f"q_{theirs}_{screen}"] = (ours, f"screen_mr: {screen}, funnel: exact", 0.4, "share_increase")
    for target in (1.5, 4.0, 9.0):
        found[f"nhs_increase_{target:g}".replace(".", "_")] = ("xmr", "rules: nhs", target / 10, "share_increase")
    found["nhs_increase_unscreened"] = ("xmr", "screen_mr: false", 0.4, "share_increase")
    found["nhs_neutral"] = ("xmr", "rules: nhs", None, "share_neutral")
    found["nhs_neutral_unscreened"] = ("xmr", "screen_mr: false", None, "share_neutral")
    for screen in ("TRUE", "FALSE"):
        for theirs, ours in CHARTS.items():
            found[f"q_{theirs}_{screen.lower()}"] = (ours, f"screen_mr: {screen.lower()}", 4.0)
        for theirs in ("i", "u", "up"):
            found[f"q_{theirs}_{screen.lower()}_freeze"] = (CHARTS[theirs], f"screen_mr: {screen.lower()}, {FREEZE}", 4.0)
            found[f"q_{theirs}_{screen.lower()}_part"] = (CHARTS[theirs], f"screen_mr: {screen.lower()}, {REBASE}", 4.0)
    for target in (1.5, 4.0, 9.0):
        found[f"nhs_{target:g}".replace(".", "_")] = ("xmr", "rules: nhs", target)
    found["nhs_unscreened"] = ("xmr", "screen_mr: false", 4.0)
    found["nhs_fixed"] = ("xmr", FREEZE, 4.0)
    found["nhs_rebased"] = ("xmr", REBASE, 4.0)
    found["excluded"] = ("u", "exclude: [{period: 2023-03-15, reason: flood, decided_by: board, facility: common}]", 4.0)
    found["automatic"] = ("auto", "rules: anhoej", 4.0)
    found["automatic_nhs"] = ("auto", "rules: nhs", 4.0)
    found["zones"] = ("i", "rules: western_electric", 4.0)
    turns = ("value: 4, from: 2020-01-01, to: 2023-12-31", "value: 3, from: 2024-01-01, to: 2024-12-31", "value: 2, from: 2025-01-01")
    found["in_turn"] = ("i", "rules: anhoej", f"[{', '.join(f'{{{turn}, reason: test}}' for turn in turns)}]")
    found["ended"] = ("i", "rules: anhoej", "{value: 4, from: 2020-01-01, to: 2024-06-30, reason: test}")
    return found


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Warehouse:
    """The oracle's 36 months of four facilities, charted in every way."""
    feeds = [*charted.feeds(), feed("kept", "metric", list(KINDS["metric"]), business_key=["metric_code", "facility_code", "unit_code", "period_start_on"])]
    warehouse = Warehouse(tmp_path_factory.mktemp("charts"), feeds)
    given = Input(warehouse.input, feeds)
    counts = charted.counts_of_oracle(shared / "oracles/spc/monthly_input.csv")
    charted.organisation(given, sorted({row[0] for row in counts}), "2021-01-01")
    charted.deliver(given, counts, "2025-01-05")
    given.delivery("kept", "2025-01-05", [
        {"metric_code": "share", "facility_code": series, "period_start_on": month, "numerator": n, "denominator": size} for series, month, size, n in counts if size])
    given.write()
    charted.define(warehouse.root / "own", warehouse.input / "definitions", kpis(), {
        f"measures/share_{direction}.yml": MEASURE.format(name=f"share_{direction}", direction=direction) for direction in DIRECTIONS})
    charted.build(warehouse, "kpi_trend", "kpi_signal", "kpi_funnel", "kpi_target_status", "dim_kpi", "dim_facility")
    return warehouse


def oracle(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def number(text: str) -> float | None:
    return None if text in ("", "NA") else float(text)


def test_trends_agree_with_qicharts2(charts: Warehouse, shared: Path) -> None:
    found = {(row["kpi_id"], row["facility_id"], str(row["period_start_on"])): row for row in charts.rows("select * from marts.kpi_trend")}
    n_rows = 0
    for row in oracle(shared / "oracles/spc/monthly_expected_qicharts2.csv"):
        way = "".join(("_freeze" if row["freeze"] == "12" else "", "_part" if row["part"] == "18" else ""))
        ours = found[f"q_{row['chart']}_{row['screenedmr'].lower()}{way}", row["series"], row["month"]]
        for theirs, column in LINES:
            wanted = number(row[theirs])
            if wanted is not None:       # theirs are per 1,000: counts are counts here, shares percent
                wanted /= {"c": 1000, "p": 10, "pp": 10}.get(row["chart"], 1)
            # R draws the limits of i and c through a missing month; the mart has none there, as on the other charts.
            if theirs in LIMITS and (row["chart"] == "run" or row["y"] in ("", "NA")):
                wanted = None
            assert ours[column] == (None if wanted is None else pytest.approx(wanted, rel=1e-9)), (row, column)
        assert (ours["is_outside"], ours["runs_signal"]) == (row["sigma_signal"] == "TRUE", row["runs_signal"] == "TRUE"), row
        assert [ours[name] for name in COUNTS] == [int(row[name]) for name in COUNTS]
        n_rows += 1
    assert n_rows == 2736


def test_trends_and_icons_agree_with_nhsrplotthedots(charts: Warehouse, shared: Path) -> None:
    found = {(row["kpi_id"], row["facility_id"], str(row["period_start_on"])): row for row in charts.rows("select * from marts.kpi_trend")}
    signal = {(row["kpi_id"], row["facility_id"]): row for row in charts.rows("select * from marts.kpi_signal")}
    n_rows = 0
    for row in oracle(shared / "oracles/spc/monthly_expected_plotthedots.csv"):
        direction = row["improvement_direction"]
        stem, scale = ("nhs", 1) if direction == "decrease" else (f"nhs_{direction}", 10)      # the share is in percent
        if number(row["fix_after_n_points"]):
            name = f"{stem}_fixed"
        elif row["rebase"] not in ("", "NA"):
            name = f"{stem}_rebased"
        elif row["screen_outliers"] == "FALSE":
            name = f"{stem}_unscreened"
        else:
            name = stem if direction == "neutral" else f"{stem}_{float(row['target']):g}".replace(".", "_")
        ours = found[name, row["series"], row["month"]]
        for theirs, column in (("y", "value"), ("mean", "centre"), ("lpl", "lcl"), ("upl", "ucl")):
            assert ours[column] * scale == pytest.approx(float(row[theirs]), rel=1e-9)
        assert (ours["label"], ours["point_type"]) == (row["special_cause_type"], row["point_type"]), row
        assert ours["is_outside"] == (row["outside_limits"] == "TRUE")
        if row["month"] == "2024-12-01":
            if direction == "neutral" or number(row["target"]) is not None:
                assert signal[name, row["series"]]["assurance"] == (row["assurance"] if direction != "neutral" else "none")
            kind = row["point_type"].removeprefix("special_cause_")
            assert signal[name, row["series"]]["variation"].startswith(kind)
        n_rows += 1
    assert n_rows == 864


def test_a_missing_month_is_a_null_point_with_its_reason(charts: Warehouse) -> None:
    rows = charts.rows("select * from marts.kpi_trend where kpi_id = 'q_i_true' and facility_id = 'gap' order by point")
    assert [row["point"] for row in rows] == list(range(1, 37))
    gap = [row for row in rows if row["value"] is None]
    assert [(str(row["period_start_on"]), row["reason"]) for row in gap] == [("2022-07-01", "DENOMINATOR_MISSING"), ("2022-08-01", "DENOMINATOR_MISSING")]
    assert all(row[line] is None for row in gap for line in LIMITS)
    assert all(row["centre"] == rows[0]["centre"] and row["signal"] == "none" for row in gap)
    assert {row["n_base"] for row in rows} == {34} and {row["ucl"] is None for row in rows if row["value"] is not None} == {False}


def test_values_are_those_of_kpi_value_to_the_last_digit(charts: Warehouse) -> None:
    assert charts.row("select count(*)::int as n, count(*) filter (t.value is distinct from v.value)::int as n_other from marts.kpi_trend as t "
                      "inner join marts.kpi_value as v using (kpi_key) where t.chart <> 'c' and v.value is not null") == {"n": charts.row(
                          "select count(*)::int as n from marts.kpi_trend where chart <> 'c' and value is not null")["n"], "n_other": 0}


def test_a_new_part_is_named_where_the_chart_says_that_nothing_happens(charts: Warehouse) -> None:
    rows = charts.rows("select facility_id, part_from_on, part_reason, variation, explanation from marts.kpi_signal where kpi_id = 'q_u_true_part' order by all")
    assert {(row["part_from_on"], row["part_reason"]) for row in rows} == {(day("2023-07-01"), "new process (decided by board)")}
    told = "The chart began a new part on 2023-07-01, by decision; the values before it are judged apart."
    assert all(told in row["explanation"] for row in rows)
    quiet = [row["explanation"] for row in rows if row["variation"] == "common_cause"]
    assert quiet and all(text.startswith("No signal: the last value varies as the new part of the chart does. The chart began") for text in quiet)
    whole = charts.rows("select explanation from marts.kpi_signal where kpi_id = 'q_u_true' and part_from_on is null and part_reason is null")
    assert len(whole) == 4 and not [row for row in whole if "part" in row["explanation"]]


def test_every_limit_row_says_what_it_rests_on(charts: Warehouse) -> None:
    frozen = charts.rows("select distinct base_from_on, base_to_on, n_base, limits_status, screen_mr, rule_set from marts.kpi_trend "
                         "where kpi_id = 'q_u_false_freeze' and facility_id = 'step'")
    assert frozen == [{"base_from_on": day("2022-01-01"), "base_to_on": day("2022-12-01"), "n_base": 12, "limits_status": "full",
                       "screen_mr": False, "rule_set": "anhoej"}]
    assert charts.row("select count(*) as n from marts.kpi_trend where kpi_id = 'q_u_false_freeze' and facility_id = 'step' and is_frozen")["n"] == 12
    parts = charts.rows("select phase, part_reason, period_start_on from marts.kpi_trend where kpi_id = 'q_u_true_part' and facility_id = 'step' "
                        "and part_reason is not null")
    assert parts == [{"phase": 2, "part_reason": "new process (decided by board)", "period_start_on": day("2023-07-01")}]
    left_out = charts.rows("select facility_id, period_start_on, exclusion_reason, is_base, n_excluded, value is not null as is_shown "
                           "from marts.kpi_trend where kpi_id = 'excluded' and is_excluded")
    assert left_out == [{"facility_id": "common", "period_start_on": day("2023-03-01"), "exclusion_reason": "flood (decided by board)",
                         "is_base": False, "n_excluded": 1, "is_shown": True}]


def test_auto_takes_the_documented_chart_and_rules_are_never_mixed(charts: Warehouse) -> None:
    found = charts.rows("select distinct kpi_id, chart, rule_set from marts.kpi_trend where kpi_id like 'automatic%' or kpi_id = 'zones' order by all")
    assert [tuple(row.values()) for row in found] == [
        ("automatic", "u_prime", "anhoej"), ("automatic_nhs", "xmr", "nhs"), ("zones", "i", "western_electric")]
    told = charts.rows("select explanation from marts.kpi_signal where kpi_id = 'zones'")
    assert len(told) == 4 and all("Rule set unverified" in row["explanation"] for row in told)


def test_signal_says_since_when_and_why(charts: Warehouse) -> None:
    row = charts.row("select * from marts.kpi_signal where kpi_id = 'q_u_true_freeze' and facility_id = 'step'")
    trend = charts.rows("select * from marts.kpi_trend where kpi_id = 'q_u_true_freeze' and facility_id = 'step' order by point")
    assert (row["variation"], row["signal"]) == ("improvement_low", trend[-1]["signal"])
    last = trend[-row["n_signal_points"]:]
    assert last[0]["period_start_on"] == row["signal_since_on"] and {point["point_type"] for point in last} == {"special_cause_improvement"}
    assert trend[-row["n_signal_points"] - 1]["point_type"] != "special_cause_improvement"
    assert row["explanation"].startswith("Signal, improvement: low values by rule ") and str(row["signal_since_on"]) in row["explanation"]
    assert row["target_distance"] == row["target"] - row["value"]


def test_targets_are_counted_again_from_the_values(charts: Warehouse) -> None:
    """First met is not met and stayed met: a month may miss between. A value that equals the target meets it."""
    values: dict[str, list[dict]] = {}
    for row in charts.rows("select *, split_part(kpi_key, ':', 1) || ':month:facility:' || facility_id as series_key from marts.kpi_value "
                           "where is_publishable and period_grain = 'month' and level = 'facility' order by kpi_key"):
        values.setdefault(row["series_key"], []).append(row)
    rows = charts.rows("select * from marts.kpi_target_status where period_grain = 'month' and level = 'facility' and kpi_id in ("
                       f"{', '.join(repr(name) for name in kpis())})")
    kinds = set()
    for row in rows:
        own = [one for one in values[row["series_key"]] if row["valid_from_on"] <= one["period_end_on"] <= (row["valid_to_on"] or day("2030-01-01"))]
        sign = -1 if own[0]["direction"] == "decrease" else 1
        months, met = [one["period_start_on"] for one in own], [sign * (one["value"] - row["target"]) >= 0 for one in own]
        assert (row["n_periods"], row["n_periods_met"], row["is_met"]) == (len(met), sum(met), met[-1])
        assert row["distance"] == pytest.approx(sign * (own[-1]["value"] - row["target"]), abs=1e-12)
        assert row["first_met_on"] == (months[met.index(True)] if any(met) else None)
        running = next((n for n, one in enumerate(reversed(met)) if one != met[-1]), len(met))
        assert (row["met_since_on"], row["n_missed_running"]) == ((months[-running], 0) if met[-1] else (None, running))
        assert row["missed_since_on"] == (None if met[-1] else months[-running])
        assert row["missed_twice_on"] == (months[1 - running] if not met[-1] and running > 1 else None)
        kinds.add((met[-1], row["first_met_on"] == row["met_since_on"], any(met), running > 1))
    # Stayed met from the first; met again later; missed once, twice, and never met.
    assert {(True, True, True, True), (True, False, True, True), (False, False, True, False), (False, False, True, True), (False, True, False, True)} <= kinds


def test_a_target_is_current_while_it_holds_and_not_before(charts: Warehouse) -> None:
    found = charts.rows("select kpi_id, target, n_periods, is_current from marts.kpi_target_status where kpi_id in ('in_turn', 'ended') "
                        "and facility_id = 'step' order by all")
    assert [tuple(row.values()) for row in found] == [("ended", 4.0, 30, False), ("in_turn", 3.0, 12, True), ("in_turn", 4.0, 24, False)]
    drawn = charts.rows("select target, count(*)::int as n from marts.kpi_trend where kpi_id = 'in_turn' and facility_id = 'step' group by all order by all")
    assert [tuple(row.values()) for row in drawn] == [(3.0, 12), (4.0, 24)]


def test_funnels_agree_with_r(tmp_path: Path, shared: Path) -> None:
    folder = shared / "oracles/funnel"
    counts = [(row["facility"], day("2024-12-01"), int(row["encounters"]), int(row["complaints"])) for row in oracle(folder / "funnel_input.csv")]
    warehouse = Warehouse(tmp_path, charted.feeds())
    given = Input(warehouse.input, charted.feeds())
    charted.organisation(given, [row[0] for row in counts], "2021-01-01")
    charted.deliver(given, counts, "2025-01-05")
    given.write()
    charted.define(tmp_path / "own", warehouse.input / "definitions", {
        "plain": ("u", "funnel: exact", 4.0), "dispersed": ("u", "funnel: adjusted", 4.0), "without": ("u", "funnel: none", 4.0)})
    charted.build(warehouse, "kpi_funnel")
    mine = "kpi_id in ('plain', 'dispersed', 'without')"
    found = {(row["kpi_id"], row["facility_id"]): row for row in warehouse.rows(f"select * from marts.kpi_funnel where {mine}")}
    assert len(found) == 24 * 2 and {name for name, _ in found} == {"plain", "dispersed"}
    summary = next(row for row in oracle(folder / "funnel_summary.csv") if row["method"] == "natural_scale_rate")
    for row in oracle(folder / "funnel_expected_natural_scale.csv"):
        plain, dispersed = found["plain", row["facility"]], found["dispersed", row["facility"]]
        for tail, theirs in (("lcl998", "lo998"), ("lcl95", "lo95"), ("ucl95", "hi95"), ("ucl998", "hi998")):
            assert plain[f"exact_{tail}"] == pytest.approx(float(row[f"spiegel_{theirs}"]), rel=1e-9)
            assert plain[tail] == max(plain[f"exact_{tail}"], 0.0)
            assert dispersed[tail] == dispersed[f"adjusted_{tail}"] == pytest.approx(float(row[f"od_add_{theirs}"]), rel=1e-9)
        for ours, theirs in (("z", "z_unadj"), ("z_winsorised", "z_wins"), ("z_adjusted", "z_od_additive")):
            assert dispersed[ours] == pytest.approx(float(row[theirs]), rel=1e-9)
        assert dispersed["phi"] == pytest.approx(float(summary["phi"]), rel=1e-9)
        assert dispersed["tau2"] == pytest.approx(float(summary["tau2"]), rel=1e-9)
        is_high, is_low = plain["value"] > plain["ucl95"], plain["value"] < plain["lcl95"]
        assert (plain["flag"] == "none", plain["is_better"]) == (not (is_high or is_low), None if not (is_high or is_low) else is_low)


def interpolated(tail: float, centre: float, n: int) -> float:
    """The reference's limit, from probabilities: r - 1 + how far into r the tail lies."""
    r = int(stats.binom.ppf(tail, n, centre))
    return (r - (stats.binom.cdf(r, n, centre) - tail) / stats.binom.pmf(r, n, centre)) / n


def test_exact_funnels_of_shares_compare_within_each_period(charts: Warehouse) -> None:
    rows = charts.rows("select f.*, v.numerator, v.denominator from marts.kpi_funnel as f inner join marts.kpi_value as v using (kpi_key) "
                       "where f.kpi_id = 'q_p_true' and f.level = 'facility' and f.period_grain = 'month' order by kpi_key")
    periods = {row["period_start_on"] for row in rows}
    assert len(periods) == 12 and {row["limits_used"] for row in rows} == {"exact"} and len(rows) == 48
    for period in periods:
        group = [row for row in rows if row["period_start_on"] == period]
        centre = sum(row["numerator"] for row in group) / sum(row["denominator"] for row in group)
        assert {row["n_units"] for row in group} == {4} and len({(row["phi"], row["tau2"]) for row in group}) == 1
        for row in group:
            assert row["centre"] == pytest.approx(100 * centre, rel=1e-12)
            for name, tail in (("lcl998", 0.001), ("lcl95", 0.025), ("ucl95", 0.975), ("ucl998", 0.999)):
                wanted = 100 * interpolated(tail, centre, int(row["denominator"]))
                assert row[f"exact_{name}"] == pytest.approx(wanted, rel=1e-9) and row[name] == min(max(row[f"exact_{name}"], 0.0), 100.0)
            above, below = ([row["value"] > row[f"ucl{q}"] for q in ("95", "998")], [row["value"] < row[f"lcl{q}"] for q in ("95", "998")])
            band = "above_998" if above[1] else "below_998" if below[1] else "above_95" if above[0] else "below_95" if below[0] else "within"
            assert row["band"] == band and row["is_better"] == (None if band == "within" else band.startswith("above"))
    assert len({row["centre"] for row in rows}) > 6 and {"within"} < {row["band"] for row in rows}


def drawn(charts: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[str, str]:
    """`pxw chart` over the build as a publication: what it says and what it writes."""
    home = tmp_path / "home"
    (home / "published").mkdir(parents=True, exist_ok=True)
    if not (home / "published" / "px.duckdb").exists():
        shutil.copy(charts.file, home / "published" / "px.duckdb")
    monkeypatch.setenv("PXW_HOME", str(home))
    out = tmp_path / "chart.html"
    result = CliRunner().invoke(main, ["chart", *arguments, "-o", str(out)])
    return result.output, out.read_text(encoding="utf-8") if result.exit_code == 0 else ""


def test_a_chart_is_one_page_that_needs_nothing_else(charts: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, page = drawn(charts, tmp_path, monkeypatch, "q_u_true_freeze", "--facility", "step")
    signal = charts.row("select * from marts.kpi_signal where kpi_id = 'q_u_true_freeze' and facility_id = 'step'")
    assert told.startswith(signal["explanation"])
    tree = html.fromstring(page)
    dots = tree.xpath("//svg[@width='100%']/circle")
    assert len(dots) == 36
    types = [row["point_type"] for row in charts.rows("select point_type from marts.kpi_trend where kpi_id = 'q_u_true_freeze' and facility_id = 'step' order by point")]
    colour = {"common_cause": "#6b7280", "special_cause_improvement": "#1565c0", "special_cause_concern": "#d9730d"}
    assert [dot.get("fill") for dot in dots] == [colour[kind] for kind in types]
    words = " ".join(tree.itertext())
    for text in ("Improvement, low", "Hit or miss", "baseline", "upper limit", "target 4", signal["explanation"], "rules anhoej", "12 points"):
        assert text in words, text
    assert not tree.xpath("//script | //link | //img | //iframe") and "http" not in page.replace("http://www.w3.org", "")
    _, gap = drawn(charts, tmp_path, monkeypatch, "q_u_true", "--facility", "gap")
    assert gap.count("×") + gap.count("&#215;") == 2 and "2022-07: denominator missing" in gap
    _, parts = drawn(charts, tmp_path, monkeypatch, "q_u_true_part", "--facility", "step")
    assert "2023-07: new part, new process (decided by board)" in parts
    _, excluded = drawn(charts, tmp_path, monkeypatch, "excluded", "--facility", "common")
    assert "left out: flood (decided by board)" in excluded


def test_a_chart_that_is_not_there_names_those_that_are(charts: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, _ = drawn(charts, tmp_path, monkeypatch, "q_u_true")
    assert "there is no chart of q_u_true:month:enterprise:all; there are charts of q_u_true:month:facility:common" in told
    told, _ = drawn(charts, tmp_path, monkeypatch, "q_u_true", "--facility", "nowhere")
    assert "there is no facility 'nowhere'; there are common" in told


def test_a_chart_that_small_cells_hide_is_refused(charts: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(charts, tmp_path, monkeypatch, "q_u_true", "--facility", "step")[1]
    with duckdb.connect(str(tmp_path / "home" / "published" / "px.duckdb")) as con:
        con.execute("update marts.kpi_signal set explanation = null where series_key = 'q_u_true:month:facility:step'").fetchall()
    told, page = drawn(charts, tmp_path, monkeypatch, "q_u_true", "--facility", "step")
    assert "the chart of q_u_true:month:facility:step is not in this publication: it hides small cells" in told and not page


def test_limits_are_drawn_no_farther_than_a_share_can_reach() -> None:
    point = {"value": 98.0, "centre": 97.0, "lcl": -2.0, "lcl95": 90.0, "ucl95": None, "ucl": 104.0, "target": None, "period_grain": "month",
             "period_start_on": day("2024-01-01"), "phase": 1, "part_reason": None, "annotation": None, "is_frozen": False, "point_type": None,
             "is_excluded": False, "signal": "none"}
    assert "upper limit 100<" in chart_picture.svg("share", "%", [point]) and "lower limit 0<" in chart_picture.svg("share", "%", [point])
    assert "upper limit 104<" in chart_picture.svg("hours", "hours", [point]) and "lower limit -2<" in chart_picture.svg("hours", "hours", [point])
