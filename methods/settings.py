"""Charts of many series that do not all ask for the same: one table of points, one table of settings.

Belongs here: one call of control_chart per setting, laid out as one table. Does not belong here: the charts (control.py), where the settings
come from.
"""
import numpy as np

from methods.control import control_chart

# What a series says of its chart, in the words of a warehouse, and the option that it is.
SERIES = ("setting", "chart", "rule_set", "direction", "scale_factor", "screen_mr", "laney_floor", "period_grain", "is_share")
OPTIONS = ("chart", "kind", "rules", "direction", "scale", "every", "screen_mr", "laney_floor", "is_value")
# Charts of nothing have the columns of charts: a warehouse may have no KPI value yet.
_NO_SETTING = {"setting": 0, "chart": "run", "kind": "rate", "rules": "anhoej", "direction": "increase", "scale": 1.0, "every": "month",
               "screen_mr": True, "laney_floor": False, "is_value": True}
_SPARE = 8      # cells of an array per point, from which on series of unlike length are charted apart
_MARKS = ("is_frozen", "is_new_part", "is_left_out")


def settings_of(series):
    """The settings for charts_by_setting. series: Arrow table with the columns SERIES, any rows per setting; charts may be written u_prime, p_prime."""
    found = {}
    for row in series.select(SERIES).to_pylist():
        found[row["setting"]] = {
            "setting": row["setting"], "chart": row["chart"].replace("_prime", "'"), "rules": row["rule_set"], "direction": row["direction"],
            "scale": row["scale_factor"], "screen_mr": row["screen_mr"], "laney_floor": row["laney_floor"], "every": row["period_grain"],
            "kind": "proportion" if row["is_share"] else "rate", "is_value": row["chart"] in ("run", "i", "xmr")}
    return [found[number] for number in sorted(found)]


def charts_by_setting(points, settings, *, series="series", period="period"):
    """Limits and signals of all series; Arrow table as control_chart's, with `setting` first, ordered by setting, series, period.

    points: Arrow table, one row per series and period: setting, `series`, `period`, value, numerator, denominator, target, and the marks
    is_frozen (in the baseline), is_new_part (a new part starts here), is_left_out (true/false; a mark that is nowhere true costs nothing).
    settings: list of dicts with `setting` and the OPTIONS; is_value charts `value` as it is instead of numerator / denominator. Those without
    points cost nothing.
    Raises what control_chart raises, with the setting named.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    which = np.asarray(points.column("setting").combine_chunks())
    order = None if (which[1:] >= which[:-1]).all() else np.argsort(which, kind="stable")
    if order is not None:
        points, which = points.take(pa.array(order)), which[order]
    tables = []
    used = set(np.unique(which).tolist())
    drawn = [one for one in settings if one["setting"] in used] or settings[:1] or [_NO_SETTING]
    for setting in sorted(drawn, key=lambda one: one["setting"]):
        number = setting["setting"]
        start, end = np.searchsorted(which, [number, number + 1])
        mine = points.slice(start, end - start)
        marks = [name if pc.any(mine.column(name)).as_py() else None for name in _MARKS]
        options = {key: setting[key] for key in OPTIONS if key != "is_value"}
        is_plain = setting["is_value"] or options["chart"] in ("c", "g", "t")
        try:
            found = [control_chart(part, unit=series, period=period, freeze=marks[0], rebase=marks[1], exclude=marks[2], target="target",
                                   value="value" if setting["is_value"] else None, denominator=None if is_plain else "denominator", **options)
                     for part in _of_like_length(mine, series)]
        except ValueError as error:
            raise ValueError(f"setting {options}: {error}") from None
        found = found[0] if len(found) == 1 else _in_order(pa.concat_tables(found, promote_options="none"), series)
        tables.append(found.add_column(0, "setting", pa.array(np.full(len(found), number, np.int32))))
    return pa.concat_tables(tables, promote_options="none")


def _of_like_length(points, series):
    """The points in tables whose series differ in length by less than a factor of two, or in one where that saves little.

    A chart is computed on an array of all series by the longest one. Of rare events an enterprise has ten thousands where a ward has
    three: one array for both took 24 GB for a group of 400 hospitals.
    """
    import pyarrow as pa
    _, place = np.unique(points.column(series).combine_chunks().to_numpy(zero_copy_only=False), return_inverse=True)
    n = np.bincount(place)
    if n.size * n.max(initial=0) <= _SPARE * len(points):
        return [points]
    size = np.ceil(np.log2(n)).astype(int)[place]
    return [points.filter(pa.array(size == one)) for one in np.unique(size)]


def _in_order(found, series):
    """Series after series again, the points of each as they are."""
    import pyarrow as pa
    return found.take(pa.array(np.argsort(found.column(series).combine_chunks().to_numpy(zero_copy_only=False), kind="stable")))
