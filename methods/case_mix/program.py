"""The result under the names of the program's own output data sets.

Belongs here: table and column names of the CAHPS Analysis Program, so that files can be compared with SAS
output column by column. Columns the program does not have keep our names, in lower case.
Does not belong here: computing, layout of the printed report (report.py).
"""

from __future__ import annotations

import numpy as np

from methods.case_mix.result import CaseMix, Table

_ENTITY = {"entity": "PLANNAME", "n_all": "ALLN", "n_usable": "USEN"}
_SCORES = _ENTITY | {
    "unadjusted": "UNA_MEAN", "adjusted": "ADJ_MEAN", "delta": "DELTA", "se": "SE", "ci95": "CL95",
    "variance": "VP", "star": "MEANING",
}  # fmt: skip
_OVERALL = {
    "overall": "OV_MEAN", "n_usable": "NTOT", "grand_mean": "GM", "df1": "DFR", "df2": "DFE", "f": "OVERALLF",
    "p_value": "OVERALLP",
}  # fmt: skip
_R_SQUARED = {"item": "_DEPVAR_", "r_squared": "_RSQ_", "adjusted_r_squared": "_ADJRSQ_"}


def tables(result: CaseMix) -> dict[str, Table]:
    """Tables of a result named as the program names them, in the order it prints them.

    percent_missing, response_distribution, coefficients, rsquared, overall, entities; then the product's own
    items, dropped, and on request box_entities (adjusted boxes) and contributions.
    """
    named = {
        "percent_missing": _renamed(result["percent_missing"], _ENTITY),
        "response_distribution": _distribution(result),
        "coefficients": _renamed(result["coefficients"], {"adjuster": "_NAME_"}),
        "rsquared": _renamed(result["r_squared"], _R_SQUARED),
        "overall": overall(result),
        "entities": scores(result),
        "items": result["items"],
        "dropped": _renamed(result["dropped"], _ENTITY),
    }
    if "box_entities" in result.tables:
        named["box_entities"] = _renamed(result["box_entities"], _SCORES)
    if "contributions" in result.tables:
        table = result["contributions"]
        named["contributions"] = table | {"row": table["row"] + 1}  # files count their rows from 1
    return named


def overall(result: CaseMix) -> Table:
    """Overall mean, grand mean and F test: one row."""
    return _renamed(result["overall"], _OVERALL)


def scores(result: CaseMix) -> Table:
    """Scores per entity. Without respondent weights the weighted and the unweighted unadjusted mean are one."""
    table = _renamed(result["entities"], _SCORES)
    table["UWT_MEAN"] = table["UNA_MEAN"]
    table["PLAN_WGT"] = np.full(len(table["UNA_MEAN"]), len(result.settings["items"]))
    return table


def _distribution(result: CaseMix) -> Table:
    table = result["response_distribution"]
    n_boxes = len(result.settings["boxes"])
    named = _renamed(table, _ENTITY | {f"box_{b}": f"PTRES{b}" for b in range(1, n_boxes + 1)})
    if "box_entities" not in result.tables:
        return named
    # WGT_n: the unadjusted share as the adjusting run computes it (differs from PTRESn only when K > 1).
    unadjusted = np.split(result["box_entities"]["unadjusted"], n_boxes)
    for b in range(1, n_boxes + 1):
        named |= {f"WGT_{b}": unadjusted[b - 1], f"ADJ_{b}": named.pop(f"adjusted_{b}")}
    return named


def _renamed(table: Table, names: dict[str, str]) -> Table:
    return {names.get(name, name): values for name, values in table.items()}
