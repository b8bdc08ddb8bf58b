"""Case-mix adjustment after the AHRQ CAHPS Analysis Program 4.1c, as plain functions over a table.

Belongs here: everything from one row per respondent to adjusted scores per entity with their tests.
Does not belong here: patient-mix coefficients published by an agency (they are data), the warehouse, files.

    from methods.case_mix import RATING, Adjuster, case_mix

    result = case_mix(table, items=["Q38"], entity="PLANID", scale=RATING,
                      adjusters=[Adjuster("GHR", "Q39", 1, 5), Adjuster("AGE", "Q40", 1, 7)])
    result["entities"]["adjusted"]        # numpy column
    result.frame("entities")              # pandas DataFrame

`table` is anything that gives a column by name: a dict of arrays, a pandas DataFrame, a pyarrow Table, what
DuckDB's `fetchnumpy()` returns. Modules in the order of the algorithm: scale, clean, regress, compose,
significance, boxes, reliability, strata; run puts them together; program and report print.
"""

from methods.case_mix.clean import Adjuster
from methods.case_mix.errors import CaseMixError
from methods.case_mix.reliability import reliability_at
from methods.case_mix.result import CaseMix
from methods.case_mix.run import case_mix
from methods.case_mix.scale import NEVER_ALWAYS, RATING, THREE_POINT, YES_NO, Scale, scale_of
from methods.case_mix.strata import combine_strata

__all__ = [
    "NEVER_ALWAYS", "RATING", "THREE_POINT", "YES_NO", "Adjuster", "CaseMix", "CaseMixError", "Scale",
    "case_mix", "combine_strata", "reliability_at", "scale_of",
]  # fmt: skip
