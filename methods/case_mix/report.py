"""The result as text, in the order in which the program prints it.

Belongs here: headings, number formats, alignment, adjusted boxes clipped to 0-100 % for reading.
Does not belong here: computing, CSV and JSON (the command that writes them).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from methods.case_mix import boxes
from methods.case_mix.result import CaseMix

_NOTES_PER_KIND = 20
_RELIABILITY = "* reliability per entity is product-defined: b / (b + s2), b after taking out the variance of the means"
_STARS = {1.0: "*    below", 2.0: "**", 3.0: "***  above"}


def text(result: CaseMix, title: str = "", combined: CaseMix | None = None) -> str:
    """The whole report as plain text without colours, fit for a file or a pipe.

    `combined`: the same run with its strata combined; then its units follow the strata.
    """
    parts = [_settings(result, title), _notes(combined or result), _missing(result), _distribution(result)]
    if result.settings["adjusters"]:
        parts += [_coefficients(result), _r_squared(result)]
    parts += [_overall(result), _entities(result, "STRATA" if combined else "ENTITIES")]
    if combined:
        parts += [_overall(combined, "OVERALL OF UNITS"), _entities(combined, "UNITS (strata combined)")]
    return "\n\n".join(part for part in parts if part) + "\n"


def _settings(result: CaseMix, title: str) -> str:
    s = result.settings
    adjusters = ", ".join(_adjuster(a) for a in s["adjusters"]) or "none"
    lines = [title or "Case-mix adjustment", "=" * len(title or "Case-mix adjustment")]
    lines += [
        f"method      {s['method']} (AHRQ CAHPS Analysis Program 4.1c), without respondent weights",
        f"items       {', '.join(s['items'])}   valid {s['valid_values'][0]}-{s['valid_values'][-1]}"
        + (f"   reversed {', '.join(s['reverse'])}" if s["reverse"] else ""),
        f"entity      {s['entity']}",
        f"adjusters   {adjusters}",
        f"options     IMPUTE={int(s['impute'])} K={s['k']:g} PVALUE={s['alpha']:g} CHANGE={s['change']:g} "
        f"MEANDIFF={s['mean_difference']:g}",
    ]
    return "\n".join(lines)


def _adjuster(adjuster: dict) -> str:
    low, high = adjuster["lowest"], adjuster["highest"]
    limits = (
        ""
        if low is None and high is None
        else f" {'' if low is None else f'{low:g}'}-{'' if high is None else f'{high:g}'}"
    )
    return f"{adjuster['name']} = {adjuster['column']}{limits}"


def _notes(result: CaseMix) -> str:
    """At most a screenful of notes of one kind; all of them are in the result."""
    seen = Counter(note.code for note in result.notes)
    shown: Counter = Counter()
    lines = []
    for note in result.notes:
        shown[note.code] += 1
        if shown[note.code] <= _NOTES_PER_KIND:
            lines.append(f"- {note.text}")
        elif shown[note.code] == seen[note.code]:
            lines.append(f"- ... and {seen[note.code] - _NOTES_PER_KIND} more of this kind")
    return "\n".join(["NOTES", *lines]) if lines else ""


def _missing(result: CaseMix) -> str:
    table = result["percent_missing"]
    names = [name for name in table if name not in ("entity", "n_all")]
    rows = zip(table["entity"], map(_count, table["n_all"]), *(map(_percent, table[name]) for name in names))
    return _table("PERCENT MISSING", ["entity", "rows", *names], rows)


def _distribution(result: CaseMix) -> str:
    table, labels = result["response_distribution"], result.settings["boxes"]
    shares = [table[f"box_{b}"] for b in range(1, len(labels) + 1)]
    header = ["entity", "rows", "usable", *labels]
    if "adjusted_1" in table:
        adjusted = np.column_stack([table[f"adjusted_{b}"] for b in range(1, len(labels) + 1)])
        shares += list(boxes.within_bounds(adjusted).T)
        header += [f"adj {label}" for label in labels]
    rows = zip(
        table["entity"],
        map(_count, table["n_all"]),
        map(_count, table["n_usable"]),
        *(map(_percent, s) for s in shares),
    )
    return _table("PERCENT OF ANSWERS PER BOX (no imputation)", header, rows)


def _coefficients(result: CaseMix) -> str:
    table = result["coefficients"]
    items = [name for name in table if name != "adjuster"]
    rows = zip(table["adjuster"], *(map(_number, table[item]) for item in items))
    return _table("REGRESSION COEFFICIENTS", ["adjuster", *items], rows)


def _r_squared(result: CaseMix) -> str:
    table = result["r_squared"]
    columns = [map(_count, table["n"]), map(_number, table["r_squared"]), map(_number, table["adjusted_r_squared"])]
    return _table("R SQUARED", ["item", "answers", "R squared", "adjusted"], zip(table["item"], *columns))


def _overall(result: CaseMix, title: str = "OVERALL") -> str:
    o = {name: values[0] for name, values in result["overall"].items()}
    row = [
        _number(o["overall"]),
        _number(o["grand_mean"]),
        f"{o['df1']:g}",
        f"{o['df2']:,.0f}",
        _number(o["f"]),
        _number(o["p_value"]),
    ]
    table = _table(f"{title} (all equal?)", ["mean", "grand mean", "df1", "df2", "F", "p"], [row])
    if not o["reliability_class"]:
        return table
    return f"{table}\nreliability 1 - 1/F = {o['reliability']:.4f} ({o['reliability_class']})"


def _entities(result: CaseMix, title: str = "ENTITIES") -> str:
    t = result["entities"]
    columns = [map(_count, t["n_all"]), map(_count, t["n_usable"])]
    columns += [
        map(_number, t[name]) for name in ("unadjusted", "adjusted", "delta", "se", "ci95", "variance", "p_value")
    ]
    header = ["entity", "rows", "usable", "unadjusted", "adjusted", "difference", "SE", "+/- 95%", "variance", "p"]
    if "reliability" in t:
        columns, header = [*columns, map(_number, t["reliability"])], [*header, "rel.*"]
    stars = [_STARS.get(star, "-") for star in t["star"]]
    table = _table(title, [*header, "rating"], zip(t["entity"], *columns, stars))
    return f"{table}\n{_RELIABILITY}" if "reliability" in t else table


def _table(title: str, header: Sequence[str], rows) -> str:
    """First and star columns to the left, numbers to the right."""
    cells = [list(map(str, header)), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[c]) for row in cells) for c in range(len(header))]
    is_left = [c == 0 or name == "rating" for c, name in enumerate(header)]
    lines = [
        "  ".join(cell.ljust(w) if left else cell.rjust(w) for cell, w, left in zip(row, widths, is_left)).rstrip()
        for row in cells
    ]
    return "\n".join([title, lines[0], "  ".join("-" * w for w in widths), *lines[1:]])


def _count(value) -> str:
    return f"{int(value):,}"


def _number(value) -> str:
    return "-" if value != value else f"{value:.4f}"


def _percent(value) -> str:
    return "-" if value != value else f"{100 * value:.2f}%"
