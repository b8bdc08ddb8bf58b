"""Workbooks (.xlsx) to rows of text: which sheet, which header row, a plain table as it stands.

Belongs here: opening, choosing the sheet, layout `table`.
Does not belong here: whether the package is safe and what its cells hold (workbook_package.py,
workbook_sheet.py), months as columns (workbook_months.py), types (conform.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.readers import Refused, Source
from ingestion.readers.headers import MOST_ROWS, coalesced, header_key, names_of, time_zones_of, told_apart
from ingestion.readers.spool import Spool
from ingestion.readers.workbook_package import Part, parts_of, scan
from ingestion.readers.workbook_sheet import Sheet, cell_name, column_name, load

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed

# Titles, addresses and dates of issue above a table take a few rows, never hundreds.
_HEADER_WITHIN_ROWS = 100


def open(con: DuckDBPyConnection, path: Path, feed: Feed) -> Source:  # noqa: A001 the readers' common name
    """One sheet as rows of text; `format.sheet` is its name, its position from 1, or null for the first visible;
    of a list the first that the workbook has, the first visible where it has none of them. Where the first visible sheet, a page
    of notes for example, has none of the feed's headers, the visible one with most of them is read.

    Dates become ISO text, whole numbers have no decimals, a formula gives its saved result, a failed
    formula its error text such as #N/A. Hidden rows and columns are data. Raises Refused for a file
    that is no readable .xlsx, a sheet or header that is not there, a header that occurs twice.
    """
    parts = parts_of(path, feed.format.max_uncompressed_bytes)
    part, sheet = _loaded(path, parts, feed)
    notes = [f"sheet '{other.name}' was not read" for other in parts if other is not part]
    notes += [f"cell {cell_name(row, column)} has a formula without a saved result"
              for row, column in sorted(sheet.facts.unsaved)[:20]]
    time_zones: dict[str, str] = {}
    if feed.format.layout == "months_as_columns":
        from ingestion.readers.workbook_months import read

        columns, rows, more = read(sheet, feed.format, lambda: find_header(sheet, feed.format.id_columns))
        hidden = {"_cell"}
    else:
        columns, rows, more, time_zones = _table(sheet, feed)
        hidden = set()
    with Spool(columns) as spool:
        for row in rows:
            spool.add(row)
    relation, names = coalesced(spool.relation(), columns)
    return Source(relation, [name for name in names if name not in hidden], notes + more, [spool.path], time_zones=time_zones)


def _loaded(path: Path, parts: list[Part], feed: Feed) -> tuple[Part, Sheet]:
    fmt = feed.format
    part = _choose(parts, fmt.sheet)
    sheet = load(path, part.name, scan(path, part))
    names = fmt.id_columns or _wanted(feed)
    if isinstance(fmt.sheet, (str, int)) or isinstance(fmt.header_row, int) or fmt.headers != "plain" or _header(sheet, names)[1]:
        return part, sheet
    others = ((one, load(path, one.name, scan(path, one))) for one in parts if one.is_visible and one is not part)
    best, held = max(((_header(other, names)[1], (one, other)) for one, other in others), key=lambda found: found[0], default=(0, None))
    return held if best else (part, sheet)


def _choose(parts: list[Part], wanted: str | int | list[str | int] | None) -> Part:
    names = ", ".join(f"'{part.name}'" for part in parts)
    if isinstance(wanted, list):
        found = next((part for one in wanted if (part := _named(parts, one))), None)
        return found or _choose(parts, None)
    found = next((part for part in parts if part.is_visible), None) if wanted is None else _named(parts, wanted)
    if found is None:
        what = "no visible sheet" if wanted is None else f"no sheet {wanted!r}"
        raise Refused("no_sheet", f"the workbook has {what}; it has {names or 'none'}",
                      "Correct format.sheet in the feed, or have the workbook sent with its sheet.")
    return found


def _named(parts: list[Part], wanted: str | int) -> Part | None:
    """The sheet of that name, or at that position from 1."""
    exact = [part for part in parts if part.name == str(wanted)]
    alike = [part for part in parts if part.name.strip().casefold() == str(wanted).strip().casefold()]
    at = [part for position, part in enumerate(parts, start=1) if position == wanted]
    return next(iter(exact or alike or at), None)


def find_header(sheet: Sheet, names: list[str]) -> int:
    """0-based row that holds the most of `names`, the first of equals. Raises Refused where no row holds any."""
    row, count = _header(sheet, names)
    if not count:
        raise Refused("no_header", f"no row of sheet '{sheet.name}' holds a header the feed declares",
                      "Correct the names in the feed, or set format.header_row and format.sheet.")
    return row


def _header(sheet: Sheet, names: list[str]) -> tuple[int, int]:
    """The row that holds the most of `names`, the first of equals, and how many it holds."""
    wanted = {header_key(name) for name in names}
    counts = [len(wanted & {header_key(name) for name in sheet.names(row)}) for row in range(min(len(sheet.rows), _HEADER_WITHIN_ROWS))]
    best = max(counts, default=0)
    return (counts.index(best) if counts else 0), best


def _wanted(feed: Feed) -> list[str]:
    """Every header that a table of the feed may have."""
    unpivoted = feed.format.unpivot.columns.values() if feed.format.unpivot else ()
    return [*feed.source_names, *(name for names in unpivoted for name in names)]


def _table(sheet: Sheet, feed: Feed):
    at = feed.format.header_row
    # Only the names of a plain header tell where it is; exports with several header rows begin with them.
    header = at - 1 if isinstance(at, int) else find_header(sheet, _wanted(feed)) if feed.format.headers == "plain" else 0
    first = [sheet.names(row) for row in range(header, min(header + MOST_ROWS, len(sheet.rows)))]
    names, n_rows = names_of(first, feed.format.headers)
    kept = [column for column, name in enumerate(names) if name]
    columns = told_apart([names[column] for column in kept], feed.format.repeated, f"row {header + 1} of sheet '{sheet.name}'")
    if not columns:
        raise Refused("no_header", f"row {header + 1} of sheet '{sheet.name}' is blank", "Correct format.header_row.")
    nameless = set(range(sheet.n_columns)) - set(kept)
    body = range(header + n_rows, len(sheet.rows))
    notes = [f"column {column_name(column)} has values but no header; it was not read" for column in sorted(nameless)
             if any(sheet.text(row, column) for row in body)]
    texts = (sheet.texts(row) for row in body)
    return columns, ([row[column] for column in kept] for row in texts if any(row)), notes, time_zones_of(first, feed.format.headers)
