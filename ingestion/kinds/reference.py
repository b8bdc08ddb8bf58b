"""Columns of reference feeds: who we are, what others publish or compute.

Belongs here: names, types and meanings of canonical columns.
Does not belong here: anything about a single vendor (feeds/).
"""

from __future__ import annotations

from ingestion.kinds.column import DATE, INTEGER, NUMBER, TEXT, Column, Columns

ORG_UNIT: Columns = {
    "source_feed": Column(TEXT, "Feed whose codes are mapped; * for any"),
    "source_facility_code": Column(TEXT, "Facility as the vendor writes it", True),
    "source_unit_code": Column(TEXT, "Unit as the vendor writes it; blank maps the facility only"),
    "facility_id": Column(TEXT, "Our facility", True),
    "facility_name": Column(TEXT, "Name of our facility"),
    "unit_id": Column(TEXT, "Our unit, unique in the facility"),
    "unit_name": Column(TEXT, "Name of our unit"),
    "service_line": Column(TEXT, "Service line of our unit"),
    "time_zone": Column(TEXT, "IANA time zone of the facility"),
    "jurisdiction_code": Column(TEXT, "Whose complaint rules the facility follows: us_cms, england, scotland, ireland, ontario or its own"),
    "valid_from_on": Column(DATE, "First date on which the mapping holds"),
    "valid_to_on": Column(DATE, "Last date on which the mapping holds; null while it lasts"),
}

BENCHMARK: Columns = {
    "benchmark_source": Column(TEXT, "Who publishes the benchmark"),
    "geography_level": Column(TEXT, "national, state or facility"),
    "geography_code": Column(TEXT, "Nation, state or facility"),
    "public_measure_id": Column(TEXT, "Publisher's measure id", True),
    "edition": Column(TEXT, "Edition of the benchmark: its year or release"),
    "peer_group": Column(TEXT, "Whom the benchmark compares with, where it is not everybody"),
    "position_kind": Column(TEXT, "percentile or decile where the row is a point of the distribution; null for plain values"),
    "position": Column(INTEGER, "Percentile 1-99, or decile 1-10 whose lowest value the row gives"),
    "value": Column(NUMBER, "Published value in the publisher's unit; of a range its lower end"),
    "value_high": Column(NUMBER, "Upper end where the publisher gives a range"),
    "value_reason": Column(TEXT, "Why there is no value"),
    "footnote": Column(TEXT, "Footnote codes as published"),
    "n_surveys": Column(INTEGER, "Completed surveys behind the value; of a class such as 300 or more its lower end"),
    "n_surveys_high": Column(INTEGER, "Upper end of the class of completed surveys; the number itself where a number is published"),
    "response_rate_pct": Column(NUMBER, "Published response rate, percent"),
    "period_start_on": Column(DATE, "First date of the reporting period"),
    "period_end_on": Column(DATE, "Last date of the reporting period"),
    "valid_from_on": Column(DATE, "First date on which the edition is to be used"),
}

STAR_CUT_POINT: Columns = {
    "edition": Column(TEXT, "Edition of the cut points: their release", True),
    "measure_name": Column(TEXT, "Our measure", True),
    "star": Column(INTEGER, "Stars, 2 to 5, whose lowest score the row gives", True),
    "lower_bound": Column(NUMBER, "Lowest linear mean of that many stars, points 0 to 100", True),
    "valid_from_on": Column(DATE, "Last day of the reporting period of the edition: periods that end on it or later take the edition", True),
    "standing": Column(TEXT, "How well the cut points are known: verified, corroborated, unverified or product-defined"),
}

ADJUSTMENT_COEFFICIENT: Columns = {
    "edition": Column(TEXT, "Edition of the coefficients: their release", True),
    "period_start_on": Column(DATE, "First discharge date the coefficients hold for", True),
    "period_end_on": Column(DATE, "Last discharge date the coefficients hold for", True),
    "measure_name": Column(TEXT, "Our measure, or one of its items where every item has coefficients of its own", True),
    "statistic": Column(TEXT, "Score that is adjusted: top_box, middle_box, bottom_box (percent) or linear_mean (points)", True),
    "variable": Column(TEXT, "What patients differ in, or mode: a variable of seed adjustment_variable", True),
    "level_code": Column(TEXT, "Code the row is about, a*b for two together; blank: the code itself is the number"),
    "coefficient": Column(NUMBER, "Percentage points or points per unit of the variable, or for having the code", True),
    "reference_mean": Column(NUMBER, "Mean of the variable, or share of the code, that scores are centred at; none for mode"),
    "standing": Column(TEXT, "How well the coefficients are known: verified, corroborated, unverified or product-defined"),
}

SCORE: Columns = {
    "score_source": Column(TEXT, "Who computed the score"),
    "entity_code": Column(TEXT, "Practice, group or facility as the vendor writes it", True),
    "entity_level": Column(TEXT, "practice, group, aco or facility"),
    "public_measure_id": Column(TEXT, "Publisher's measure id", True),
    "edition": Column(TEXT, "Performance year or edition whose benchmark applies"),
    "period_start_on": Column(DATE, "First date of the period", True),
    "period_end_on": Column(DATE, "Last date of the period"),
    "value": Column(NUMBER, "Score as reported, in the vendor's unit"),
    "value_reason": Column(TEXT, "Why there is no score"),
    "n_answers": Column(INTEGER, "Answers or surveys behind the score"),
    "reliability": Column(NUMBER, "Reliability of the score between entities, 0 to 1, as reported"),
    "standard_error": Column(NUMBER, "Standard error as reported, in the unit of the score"),
}
