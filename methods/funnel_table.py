"""Funnels from a table: (group, unit, numerator, denominator) to limits and bands, all groups at once.

Belongs here: reading columns and laying out the result. Does not belong here: the formulas (funnel.py).
"""
import numpy as np

from methods import funnel as funnels
from methods import grid


def funnel_chart(table, *, unit="unit", group=(), numerator="numerator", denominator="denominator", kind="rate", adjust=False,
                 model="additive", scale=1.0):
    """Units compared within each group; returns an Arrow table, one row per row of the table, ordered by group and unit.

    table: Arrow, pandas or DuckDB relation, or a dict of columns · unit: column that names the unit · group: columns that
    name the comparison (KPI, period, ...), none for a single funnel · kind, adjust, model: see funnel.funnel · scale: 1000 for
    events per 1,000. Columns: the group, the unit, rate, expected, centre, exact_*, adjusted_*, lcl998 .. ucl998 (those in use),
    z, z_winsorised, z_adjusted, phi, tau2 (unscaled), n_units, band, flag.

    >>> import methods
    >>> found = methods.funnel_chart({"unit": ["A", "B", "C"], "numerator": [9, 12, 60], "denominator": [4000, 5000, 6000]})
    >>> found.column("flag").to_pylist()
    ['alert', 'alert', 'alarm']
    """
    import pyarrow as pa
    rows = grid.arrow(table)
    groups = [group] if isinstance(group, str) else list(group)
    names = rows.column(unit).combine_chunks()
    rows = rows.select([*groups, numerator, denominator]).append_column("_unit", names)
    if not groups:
        rows, groups = rows.append_column("_all", pa.array(np.zeros(len(rows), np.int8))), ["_all"]
    order = rows.sort_by([("_unit", "ascending")]).append_column("_row", pa.array(np.arange(len(rows)), pa.int64()))
    series = grid.build(order, groups, "_row", None)
    counts = (series.place(np.asarray(order.column(name).combine_chunks().cast(pa.float64()).fill_null(float("nan"))))
              for name in (numerator, denominator))
    found = funnels.funnel(*(values.T for values in counts), kind=kind, adjust=adjust, model=model)
    place = series.flat(series.place(np.arange(len(order)), empty=-1))
    keys = order.take(pa.array(place)).select([*(name for name in groups if name != "_all"), "_unit"])
    keys = keys.rename_columns([*keys.column_names[:-1], unit])
    return pa.table(dict(zip(keys.column_names, keys.columns)) | _columns(series, found, scale))


def _columns(series, found, scale):
    import pyarrow as pa

    def number(values, by=1.0):
        flat = series.flat(values.T * by) if values.ndim == 2 else series.each(values * by)
        return pa.array(flat, pa.float64(), mask=np.isnan(flat))

    def text(codes, names):
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8(), mask=np.isnan(series.flat(found.rate.T))), pa.array(names))

    band = series.flat(found.band.T)
    out = {"rate": number(found.rate, scale), "expected": number(found.expected), "centre": number(found.centre, scale)}
    for prefix, lines in (("exact_", found.exact), ("adjusted_", found.adjusted), ("", found.used)):
        out |= {prefix + key: number(values, scale) for key, values in lines.items()}
    out |= {key: number(getattr(found, key)) for key in ("z", "z_winsorised", "z_adjusted", "phi", "tau2")}
    return out | {"n_units": pa.array(series.each(found.n_units), pa.int32()), "band": text(band, funnels.BANDS),
                  "flag": text(funnels.FLAG_OF_BAND[band], funnels.FLAGS)}
