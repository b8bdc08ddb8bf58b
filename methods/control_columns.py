"""The columns of methods.control_chart.

Belongs here: names, types and order of the result. Does not belong here: any computation beyond looking up and repeating.
"""
import numpy as np

from methods import choice, phases, signals
from methods import making_data_count as mdc
from methods.charts import CHARTS
from methods.control import ANHOEJ, LINES, VARIATION
from methods.grid import NEVER


def columns(series, counts, found, wanted, options, target):
    """Arrow table of a grid.Grid and the merged results: keys, period, point, what was counted, chart, lines, signals, icons."""
    import pyarrow as pa
    flat, each = series.flat, series.each
    position = np.broadcast_to(np.arange(1, series.shape[0] + 1)[:, None], series.shape)
    repeated = series.keys.take(pa.array(each(np.arange(series.length.size))))
    scale = np.where([CHARTS.get(name, CHARTS["run"]).is_rate for name in wanted], options.scale, 1.0)
    size = np.full(series.shape, np.nan) if counts[1] is None else counts[1]
    out = {"period": series.dates(flat(series.stamps)), "point": pa.array(flat(position), pa.int32()),
           "numerator": _number(flat(counts[0])), "denominator": _number(flat(size)), "y": _number(flat(found["y"] * scale))}
    out |= _chart(series, found, wanted, options, scale)
    out |= _signals(series, found, options) | _icons(series, found, options, target, scale)
    if taken := out.keys() & set(repeated.column_names):
        raise ValueError(f"rename the key columns {', '.join(sorted(taken))}: the result has columns of that name")
    return pa.table(dict(zip(repeated.column_names, repeated.columns)) | out)


def _chart(series, found, wanted, options, scale):
    import pyarrow as pa
    flat = series.flat
    names = (*CHARTS, "rare")
    which = np.array([names.index(name) for name in wanted], np.int8)
    drawn = np.where(which == names.index("rare"), names.index("run"), which)
    first, last, n_excluded = (flat(values) for values in _base_period(series, found))
    return {
        "chart": _text(series.each(drawn), names),
        "chart_note": _text(series.each((which == names.index("rare")).astype(np.int8)), ("", "RARE_EVENTS"), null=0),
        **{key: _number(flat(found[key] * scale)) for key in LINES},
        "limits_status": _text(flat(found["status"]), choice.STATUS),
        "phase": pa.array(flat(found["phase"]), pa.int32()),
        "is_base": pa.array(flat(found["base"])), "is_excluded": pa.array(flat(~found["included"])),
        "n_base": pa.array(flat(found["n_base"]), pa.int32()), "n_excluded": pa.array(n_excluded, pa.int32()),
        "base_from": series.dates(first), "base_to": series.dates(last),
        "screen_mr": pa.array(np.full(first.size, options.screen_mr)),
    }


def _base_period(series, found):
    """First and last stamp of the base set of the part of each point, and its excluded points: three (T, S)."""
    view = phases.View(found["y"].T, length=series.length, phase=found["phase"].T)
    base, stamps = view.open(found["base"].T) & view.rows.inside, view.rows.spread(series.stamps)
    first = np.where(base, stamps, np.iinfo(np.int64).max).min(axis=0, initial=np.iinfo(np.int64).max)
    last = np.where(base, stamps, NEVER).max(axis=0, initial=NEVER)
    nothing = ~(base & ~np.isnan(view.open(found["y"].T))).any(axis=0)
    first, last = (np.where(nothing, NEVER, edge) for edge in (first, last))
    excluded = np.count_nonzero(view.rows.inside & ~view.open(found["included"].T), axis=0)
    return (view.close(values).T for values in (first, last, excluded))


def _signals(series, found, options):
    import pyarrow as pa
    flat = series.flat
    codes, missing = flat(found["codes"]), np.isnan(flat(found["y"]))
    label = mdc.labels(**options.points()) if options.rules == "nhs" else ()
    out = {"rules": _text(np.zeros(codes.size, np.int8), (options.rules,)), "signal": _text(codes, signals.CODES),
           "label": _text(codes, label, missing) if label else pa.nulls(codes.size, pa.dictionary(pa.int8(), pa.string())),
           "point_type": _text(mdc.point_types(codes, options.direction), mdc.TYPES, missing),
           "is_outside": pa.array(flat(found["beyond"]) != 0)}
    useless = flat(found["n_useful"]) == 0 if "n_useful" in found else None
    for key in ANHOEJ:
        kind = pa.bool_() if key == "runs_signal" else pa.int32()
        unknown = useless if key not in ("runs_signal", "n_obs", "n_useful") else None
        out[key] = pa.array(flat(found[key]), kind, mask=unknown) if key in found else pa.nulls(codes.size, kind)
    return out


def _icons(series, found, options, target, scale):
    """Target, variation and assurance of each series by its last point, repeated over its points."""
    last = (np.maximum(series.length - 1, 0), np.arange(series.length.size))
    y, lcl, ucl, code = (found[key][last] for key in ("y", "lcl", "ucl", "codes"))
    reason = mdc.icon_reasons(y, ucl)
    variation = mdc.variation_icons(code, options.direction)
    if "runs_signal" in found:
        variation = np.where((variation == 0) & found["runs_signal"][last], VARIATION.index("runs_signal"), variation)
    assurance = mdc.assurance_icons(lcl * scale, ucl * scale, target[last], options.direction)
    return {"target": _number(series.flat(target)),
            "variation": _text(series.each(variation), VARIATION, series.each(reason == mdc.REASONS.index("LAST_PERIOD_MISSING"))),
            "assurance": _text(series.each(assurance), mdc.ASSURANCE, series.each(reason != 0)),
            "icon_reason": _text(series.each(reason), mdc.REASONS, null=0)}


def _number(values):
    import pyarrow as pa
    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _text(codes, names, missing=None, null=None):
    """Codes as a dictionary column of their names; null where missing, or where the code is `null`."""
    import pyarrow as pa
    mask = codes == null if null is not None else missing
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8(), mask=mask), pa.array(names, pa.string()))
