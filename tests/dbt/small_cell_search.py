"""A brute force over marts that are published with small cells hidden, which knows nothing of how they are hidden.

Belongs here: which columns of a mart count what, what adds up to what, and the search for a count of 1 to 10.
Does not belong here: the marts searched (tests/dbt/test_small_cells_of_marts.py, tests/complaints/test_recount.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import duckdb
from tests.dbt.test_small_cells import Publication

Row = dict[str, Any]
PLACE = ("level", "facility_id", "unit_id", "service_line")
# Mart -> what tells its rows of one place and window apart, and its counts.
COUNTED = {
    "complaint_timeliness": (("step_code",), ("n_cases", "n_done", "n_in_target", "n_late", "n_open", "n_open_past_target", "n_fault", "n_with_target")),
    "complaint_outcomes": ((), ("n_cases", "n_closed", "n_upheld", "n_partly_upheld", "n_not_upheld", "n_escalated", "n_ever_closed", "n_compliments")),
    "grievance_compliance": ((), ("n_cases", "n_grievances", "n_complaints", "n_closed", "n_answered", "n_answered_late", "n_notice_complete")),
    "service_recovery": (("recovery_kind_code",), ("n_cases", "n_offered", "n_accepted")),
    "complaint_rate": (("encounter_class", "segment_type", "segment_value"), ("numerator", "denominator")),
    "case_severity": (("basis", "scheme_id", "severity_level"), ("n_cases",)),
    "complaint_pareto": (("basis", "scheme_id", "scheme_version", "category_code"), ("n_cases", "n_all_cases")),
    "complaint_issue_counts": (("scheme_id", "category_code", "subcategory", "severity_level"), ("n_issues",)),
}
PARTS_OF_A_ROW = {
    "complaint_timeliness": [("n_cases", "n_done", "n_open", "n_fault", "n_not_reported"), ("n_done", "n_in_target", "n_late"), ("n_open", "n_open_past_target")],
    "complaint_outcomes": [("n_cases", "n_closed"), ("n_closed", "n_upheld", "n_partly_upheld", "n_not_upheld"), ("n_cases", "n_escalated"), ("n_ever_closed", "n_reopened")],
    "grievance_compliance": [("n_cases", "n_grievances", "n_complaints", "n_undetermined"), ("n_grievances", "n_closed"), ("n_answered", "n_answered_in_target", "n_answered_late")],
    "service_recovery": [("n_cases", "n_offered"), ("n_offered", "n_accepted")],
    "complaint_backlog": [("n_open", "n_open_0_7", "n_open_8_30", "n_open_31_60", "n_open_61_90", "n_open_over_90"), ("n_closed", "n_reopened"), ("n_received", "n_escalated")],
    "case_severity": [("n_levelled", "n_cases")],
    "complaint_pareto": [("n_all_cases", "n_cases")],
}
RATIOS = {
    "complaint_timeliness": {"in_target_pct": "n_in_target", "mean_days": "n_done"},
    "complaint_outcomes": {"upheld_pct": "n_upheld", "escalated_pct": "n_escalated", "compliments_per_complaint": "n_cases", "reopened_pct": "n_reopened"},
    "grievance_compliance": {"grievance_pct": "n_grievances", "notice_complete_pct": "n_notice_complete"},
    "service_recovery": {"accepted_pct": "n_accepted"},
    "complaint_backlog": {"reopened_pct": "n_closed", "escalated_pct": "n_received"},
    "complaint_rate": {"rate": "numerator", "exact_high": "denominator", "rate_ratio": "last_year_numerator", "standardised_rate": "numerator"},
    "case_severity": {"levelled_pct": "n_cases"},
    "complaint_pareto": {"cases_pct": "n_cases", "cumulative_pct": "n_cases", "category_rank": "n_cases"},
    "survey_score": {"score": "n", "top_box_pct": "n", "linear_mean": "middle_box_pct"},
    "experience_scorecard": {"complaints_per_1000": "n_complaints", "severity_weighted_per_1000": "n_severe", "overall_rating_top_box_pct": "n_surveys"},
    "equity_gap": {"gap": "reference_n", "score": "n"},
}


# Counts of items, quarters and targets.
NO_PERSONS = ("n_items", "n_quarters", "n_targets", "n_targets_met")


class Marts(Publication):
    """Every mart of the scenario: rows as published beside rows as built, in one order."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        tables = "select table_name from duckdb_tables() where database_name = 'build' and schema_name = 'marts' order by 1"
        super().__init__(con, [row[0] for row in con.execute(tables).fetchall()])
        self.kept: dict[str, list[tuple[Row, Row]]] = {}

    def pairs(self, mart: str) -> list[tuple[Row, Row]]:
        if mart not in self.kept:
            shown = self.rows(mart, f"(select * from {self.told.select(mart)})")
            whole = {tuple(row[name] for name in self.names(mart)): row for row in self.rows(mart, f"build.marts.{mart}")}
            self.kept[mart] = [(row, whole[tuple(row[name] for name in self.names(mart))]) for row in shown]
            assert len(whole) == len(shown) > 0, mart
        return self.kept[mart]

    def names(self, mart: str) -> tuple[str, ...]:
        keys = {"complaint_backlog": (*PLACE, "day_on"), "survey_score": ("score_key",), "equity_gap": ("score_key",),
                "experience_scorecard": ("facility_id", "unit_id", "month_start_on")}
        return keys.get(mart) or (*PLACE, "period_grain", "period_start_on", *COUNTED[mart][0])


def shows_no_small_count(every: Marts, mart: str) -> None:
    """No count of 1 to 10 is shown, everything else is as built, and who loses a count is told."""
    assert mart not in every.told.left_out
    hidden = 0
    for row, true in every.pairs(mart):
        counts = [name for name in row if (name.startswith("n_") and name not in NO_PERSONS) or name in ("n", "numerator", "denominator", "reference_n")]
        assert not [name for name in counts if row[name] is not None and 0 < row[name] < 11], row
        differs = [name for name in row if row[name] != true[name]]
        assert all(row[name] is None for name in differs if not name.endswith("reason") and name not in ("is_publishable", "is_suppressed")), (row, differs)
        hidden += bool(differs)
        lost = [name for name in counts if row[name] is None and true[name] is not None]
        says = row.get("is_suppressed") or any(str(row[name]).startswith("SUPPRESSED") for name in row if name.endswith("reason"))
        assert says or not [name for name in lost if not name.startswith("last_year")], row
    assert 0 < hidden


def shares_go_with_their_counts(every: Marts, mart: str) -> None:
    for row, true in every.pairs(mart):
        for share, count in RATIOS[mart].items():
            assert row[share] is None or row[count] is not None or true[count] is None, (share, row)


def rows_give_no_small_rest(every: Marts, mart: str) -> None:
    """Neither a rest of 1 to 10, nor a hidden small part where the parts are known to make the total."""
    for row, true in every.pairs(mart):
        for total, *parts in PARTS_OF_A_ROW[mart]:
            known = None not in [row[name] for name in (total, *parts)]
            assert not known or not 0 < abs(row[total] - sum(row[name] for name in parts)) < 11, row
            unknown = [name for name in (total, *parts) if row[name] is None and true[name] is not None]
            exact = true[total] == sum(true[name] for name in parts)
            assert not exact or len(unknown) != 1 or true[unknown[0]] == 0 or true[unknown[0]] > 10, (unknown, row)


def lines(pairs: list[tuple[Row, Row]], names: tuple[str, ...]) -> Iterator[list[tuple[Row, Row]]]:
    """Total first, then its parts: places inside places, months in quarters and twelve months. Rows that are absent are nought."""
    found: dict[tuple, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        row = pair[0]
        same = tuple(row[name] for name in names)
        window = (row["period_grain"], row["period_start_on"])
        place = tuple(row[name] for name in PLACE) if row["level"] != "unit" else ("unit", row["facility_id"], row["unit_id"])
        line, facility, service = row["service_line"], row["facility_id"], row["level"] == "service_line"
        if row["level"] == "enterprise":
            found["facilities", same, window]["total"].append(pair)
        if row["level"] == "facility":
            found["facilities", same, window]["part"].append(pair)
            for kind in ("services", "units"):
                found[kind, facility, same, window]["total"].append(pair)
        if service:
            found["services", facility, same, window]["part"].append(pair)
            found["units of", facility, line, same, window]["total"].append(pair)
        if row["level"] == "unit":
            found["units", facility, same, window]["part"].append(pair)
            found["units of", facility, line, same, window]["part"].append(pair)
        month = row["period_start_on"].year * 12 + row["period_start_on"].month - 1
        if row["period_grain"] == "month":
            found["quarter", place, same, month // 3]["part"].append(pair)
            for later in range(12):
                found["year", place, same, month + later]["part"].append(pair)
        elif row["period_grain"] == "quarter":
            found["quarter", place, same, month // 3]["total"].append(pair)
        else:
            found["year", place, same, month + 11]["total"].append(pair)
    for line in found.values():
        if len(line["total"]) == 1 and line["part"]:
            yield line["total"] + line["part"]


def lines_give_nothing_back(every: Marts, mart: str) -> None:
    """Of no total and its parts exactly one is hidden, and hidden parts of a shown total are more than ten."""
    names, counts = COUNTED[mart]
    tried = 0
    for total, *parts in lines(every.pairs(mart), names):
        for count in counts:
            if total[1][count] != sum(true[count] for _, true in parts):
                continue  # persons in two places, classes that a measure leaves out
            unknown = [true[count] for row, true in (total, *parts) if row[count] is None]
            tried += bool(unknown)
            assert len(unknown) != 1 or unknown[0] == 0 or unknown[0] > 10, (count, total, parts)
            hidden = [true[count] for row, true in parts if row[count] is None]
            assert total[0][count] is None or not 0 < sum(hidden) < 11, (count, total, hidden)
    assert tried > 10
