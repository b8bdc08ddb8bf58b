"""Tables to padded arrays and back: the bridge between rows (unit, period, ...) and series x time.

Belongs here: grouping rows into series, filling the calendar, laying results out as rows again.
Does not belong here: any statistic.

Everything is done on whole columns. A series begins at its first row and ends at its last; the months between that have no row are
filled, so that gaps stay visible. Trailing months are the caller's business: add a row with nulls.
Arrays are time x series, as methods.arrays wants them.
"""
from dataclasses import dataclass, replace

import numpy as np

NEVER = np.iinfo(np.int64).min
EVERY = ("day", "week", "month", "quarter")


@dataclass(frozen=True)
class Grid:
    """T periods at most, S series.

    keys: Arrow table of S rows · cell: row of the table -> flat position in (T, S) · shape: (T, S) · length: (S,) periods per
    series · stamps: (T, S) periods as integers (seconds since 1970 for dates) · kind: Arrow type of a date, None for integers ·
    every: step of the calendar, None where there is none.
    """

    keys: object
    cell: np.ndarray
    shape: tuple
    length: np.ndarray
    stamps: np.ndarray
    kind: object
    every: str | None

    def place(self, values, empty=None):
        """One value per table row -> (T, S), `empty` where there is no row (null by default, and then floats)."""
        values = np.asarray(values)
        out = np.full(self.shape, np.nan) if empty is None else np.full(self.shape, empty, values.dtype)
        out.reshape(-1)[self.cell] = values
        return out

    def flat(self, values):
        """(T, S) -> one value per period of each series, series after series."""
        by_series = np.ascontiguousarray(np.asarray(values).T)
        if (self.length == self.shape[0]).all():
            return by_series.reshape(-1)
        return by_series[np.arange(self.shape[0])[None, :] < self.length[:, None]]

    def each(self, values):
        """(S,) -> repeated over the periods of each series."""
        return np.repeat(np.asarray(values), self.length)

    def block(self, start, stop):
        """The series from start to stop as a grid of their own, without the way back to the rows of the table."""
        length = self.length[start:stop]
        periods = int(length.max(initial=0))
        return replace(self, keys=self.keys.slice(start, stop - start), cell=None, length=length,
                       shape=(periods, len(length)), stamps=self.stamps[:periods, start:stop])

    def dates(self, stamps):
        """Stamps, in the order of `flat`, as an Arrow array of the type the periods came in; the value NEVER becomes null."""
        import pyarrow as pa
        never = stamps == NEVER
        array = pa.array(stamps if self.kind is None else stamps.astype("datetime64[s]"), mask=never)
        return array if self.kind is None else array.cast(self.kind)

    def stamp(self, period):
        """Stamp of one period given as a date, a datetime, ISO text or an integer."""
        return int(period) if self.kind is None else int(np.datetime64(str(period), "s").astype(np.int64))

    def span(self, period):
        """First and last stamp of the calendar step that a period lies in, of a month written as 2026-03, or of the moment itself."""
        stamp = self.stamp(period)
        is_month = self.kind is not None and len(str(period)) == 7 and self.every in (None, "day", "week")
        every = "month" if is_month else self.every
        if every is None:
            return stamp, stamp
        step = np.int64(_step(np.int64(stamp), every))
        return int(_starts(step, every)), int(_starts(step + 1, every)) - 1


def arrow(table):
    """Arrow table of an Arrow, pandas or DuckDB relation, a dict of columns, or anything that speaks the Arrow stream protocol."""
    import pyarrow as pa
    for method in ("to_arrow_table", "to_arrow"):       # duckdb, polars
        if hasattr(table, method):
            return getattr(table, method)()
    return table if isinstance(table, pa.Table) else pa.table(table)


def build(table, keys, period, every="month", repeats=False):
    """Grid of an Arrow table: one series per combination of `keys`, ordered by them, then by `period`.

    period: dates, timestamps, ISO text (2026-03 or 2026-03-01) or integers · every: day, week, month or quarter fills the
    calendar of date periods; None, and integers, only order the rows · repeats: rows of one period are
    several points, in table order (events). ValueError for a null period, or a repeated one without `repeats`.
    """
    series, key_rows = _series(table, keys)
    stamps, kind = _stamps(table.column(period), period)
    n_series = len(key_rows)
    on_calendar = every is not None and kind is not None
    position = _calendar(series, _step(stamps, every), n_series) if on_calendar else _rank(series, stamps, n_series)
    length = np.zeros(n_series, np.int64)
    np.maximum.at(length, series, position + 1)
    shape = (int(length.max(initial=0)), n_series)
    cell = position * n_series + series
    if on_calendar:
        _refuse(np.flatnonzero(np.bincount(cell, minlength=shape[0] * shape[1]) > 1), n_series, table.select(keys), key_rows, every)
    grid = Grid(table.select(keys).take(key_rows), cell, shape, length, None, kind, every if on_calendar else None)
    known = grid.place(stamps, empty=NEVER)
    if not (on_calendar or repeats):
        _refuse(np.flatnonzero((known[1:] == known[:-1]) & (known[1:] != NEVER)), n_series, table.select(keys), key_rows, "period")
    return replace(grid, stamps=_filled(known, every) if on_calendar else known)


def _series(table, keys):
    """Number of the series of each row, in the order of the keys (nulls last), and one row of each series."""
    import pyarrow.compute as pc
    code, size = np.zeros(len(table), np.int64), 1
    for key in keys:
        encoded = table.column(key).combine_chunks().dictionary_encode()
        order = np.asarray(pc.sort_indices(encoded.dictionary))
        rank = np.empty(len(order) + 1, np.int64)
        rank[order], rank[-1] = np.arange(len(order)), len(order)
        digit = rank[np.asarray(encoded.indices.fill_null(len(order)))]
        code, size = code * len(rank) + digit, size * len(rank)
        code, size = _compact(code, size)
    rows = np.empty(size if len(table) else 0, np.int64)
    rows[code[::-1]] = np.arange(len(table))[::-1]
    return code, rows


def _compact(code, size):
    """The same order with numbers 0 .. k - 1, and k."""
    if size > max(10 * code.size, 1000):
        used, code = np.unique(code, return_inverse=True)
        return code, used.size
    used = np.zeros(size, bool)
    used[code] = True
    return (np.cumsum(used) - 1)[code], int(np.count_nonzero(used))


def _stamps(column, name):
    """Periods as days (dates) or integers: int64, and the Arrow type of a date, or None for integers."""
    import pyarrow as pa
    import pyarrow.compute as pc
    column = column.combine_chunks()
    if column.null_count:
        raise ValueError(f"{column.null_count} rows have no {name}")
    if pa.types.is_integer(column.type):
        return np.asarray(column.cast(pa.int64())), None
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.string())
        try:
            column = pc.if_else(pc.equal(pc.utf8_length(column), 7), pc.binary_join_element_wise(column, "01", "-"), column)
            column = column.cast(pa.date32())
        except pa.ArrowInvalid as error:
            raise ValueError(f"{name} must hold dates, ISO text or integers: {error}") from None
    if not pa.types.is_temporal(column.type):
        raise ValueError(f"{name} must hold dates, ISO text or integers, not {column.type}")
    if getattr(column.type, "tz", None):
        column = pc.local_timestamp(column)     # the month is that of the local calendar
    return np.asarray(column.cast(pa.timestamp("s"), safe=False)).astype("datetime64[s]").astype(np.int64), column.type


def _step(stamps, every):
    """Number of the day, week, month or quarter of seconds since 1970."""
    if every not in EVERY:
        raise ValueError(f"unknown calendar step {every!r}; known: {', '.join(EVERY)}, or None")
    days = stamps // 86_400
    if every in ("day", "week"):
        return days if every == "day" else (days + 3) // 7      # 1970-01-01 was a Thursday; weeks begin on Monday
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months if every == "month" else months // 3


def _calendar(series, step, n_series):
    first = np.full(n_series, np.iinfo(np.int64).max)
    np.minimum.at(first, series, step)
    return step - first[series]


def _rank(series, stamps, n_series):
    """Position within the series in order of the stamps, equal ones in table order."""
    order = np.lexsort((stamps, series))
    sizes = np.bincount(series, minlength=n_series)
    position = np.empty(series.size, np.int64)
    position[order] = np.arange(series.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return position


def _refuse(repeated, n_series, keys, key_rows, what):
    if repeated.size:
        unit = keys.slice(int(key_rows[repeated[0] % n_series]), 1).to_pylist()[0]
        raise ValueError(f"{repeated.size} points have more than one row in the same {what}, first for {unit}; "
                         "aggregate the rows, or pass a finer every=")


def _filled(known, every):
    missing = known == NEVER
    if not missing.any() or not known.size:
        return known
    first = _step(known[0], every)
    step = first + np.arange(known.shape[0])[:, None]
    return np.where(missing, _starts(step, every), known)


def _starts(step, every):
    """First second of a day, week, month or quarter by its number."""
    if every in ("day", "week"):
        return (step * 7 - 3 if every == "week" else step) * 86_400
    months = (step * 3 if every == "quarter" else step).astype("datetime64[M]")
    return months.astype("datetime64[s]").astype(np.int64)
