"""Which scores go with the outcomes of a questionnaire, per facility and service line, over the respondents of the last twelve months.

Belongs here: which respondents, scores and groups. Does not belong here: formulas (methods/key_drivers.py), names (key_driver.sql).

A respondent's score of a measure is the mean of the answered items on the measure's scale of 0 to 100: the linear mean where the measure has
one, else its top box; retired measures take no part. Partial correlations take in the scores that at least half of the respondents of the outcome gave.
"""

MINIMUM = 30        # respondents below which a correlation is not told

SCORES = """
    select m.instrument_family, m.measure_name, m.measure_id, m.is_outcome, m.scale_factor, w.item_code, w.answer, w.weight
    from measure as m inner join measure_weight as w on w.measure_id = m.measure_id
    where m.source = 'answers' and m.statistic in ('linear_mean', 'top_box') and m.valid_to_on is null
    qualify dense_rank() over (partition by m.measure_name order by m.statistic = 'top_box', m.measure_id) = 1
    order by m.instrument_family, not m.is_outcome, m.measure_id, w.item_code, w.answer
"""

COLUMNS = ("instrument_family", "outcome_measure_id", "driver_measure_id", "facility_id", "service_line", "from_on", "to_on", "n", "r", "r_low", "r_high",
           "n_partial", "n_given", "r_partial", "r_partial_low", "r_partial_high", "score", "n_score", "priority_index")


def model(dbt, session):
    dbt.config(materialized="table")
    import pyarrow as pa

    surveys, units = dbt.ref("fct_survey"), dbt.ref("dim_unit")         # noqa: F841 (DuckDB reads them by name)
    delivery = dbt.source("warehouse", "delivery")
    measure, measure_weight = dbt.source("definition", "measure"), dbt.source("definition", "measure_weight")      # noqa: F841
    families = [row[0] for row in session.sql("select distinct family from surveys where is_scored order by 1").fetchall()]
    scores = session.sql(SCORES).fetchall()
    rows = []
    for family in families:
        wanted = {}
        for _, _, measure_id, is_outcome, scale, item, answer, weight in (one for one in scores if one[0] == family):
            items = wanted.setdefault(measure_id, (is_outcome, {}))[1]
            items.setdefault(item, {})[answer] = scale * weight
        if any(is_outcome for is_outcome, _ in wanted.values()):
            rows += _of_family(session, units, delivery, dbt.this.schema, family, wanted)
    text, number = pa.string(), pa.float64()
    types = [text] * 5 + [pa.date32()] * 2 + [pa.int64()] + [number] * 3 + [pa.int64()] * 2 + [number] * 4 + [pa.int64(), number]
    return pa.table({name: pa.array([row[i] for row in rows], kind) for i, (name, kind) in enumerate(zip(COLUMNS, types, strict=True))})


def _of_family(session, units, delivery, schema, family, wanted):       # noqa: ARG001 (DuckDB reads units and delivery by name)
    import numpy as np

    from methods import key_drivers

    items = sorted({item for _, weights in wanted.values() for item in weights})
    # The facts of a family have a name of their own, and which families there are follows from the feeds. Numbers sort faster than text.
    found = session.sql(f"""
        select p.place, s.discharge_on, {", ".join(f"s.{item}" for item in items)}
        from {schema}.fct_survey_{family} as s
        inner join (select unit_key, dense_rank() over (order by facility_id, service_line)::integer - 1 as place from units where facility_id <> 'unassigned') as p
            on p.unit_key = s.unit_key
        inner join (select delivery_id, row_number() over (order by feed, delivery_id) as delivery_number from delivery) as d on d.delivery_id = s.delivery_id
        where s.is_scored
            and s.discharge_on > (select max(discharge_on) from {schema}.fct_survey_{family} where is_scored) - interval 12 months
        order by p.place, d.delivery_number * 4294967296 + s.row_number""").fetchnumpy()
    places = session.sql("select distinct facility_id, service_line from units where facility_id <> 'unassigned' order by facility_id, service_line").fetchall()
    n_rows = len(found["discharge_on"])
    if not n_rows:
        return []
    values = np.column_stack([_score(np, found, weights) for _, weights in wanted.values()])
    outcomes = [i for i, (is_outcome, _) in enumerate(wanted.values()) if is_outcome]
    n_known = np.count_nonzero(~np.isnan(values), axis=0)
    whole = n_known * 2 >= n_known[outcomes].max()
    starts = [0, *(np.flatnonzero(np.diff(found["place"])) + 1).tolist(), n_rows]
    groups = {}
    for start, end in zip(starts, starts[1:], strict=False):
        one = key_drivers.sums(values[start:end], whole)
        facility, line = map(str, places[found["place"][start]])
        for key in ((None, None), (facility, None), (facility, line)):
            groups[key] = groups[key] + one if key in groups else one
    days = found["discharge_on"].astype("datetime64[D]")
    from_on, to_on = days.min().item(), days.max().item()
    names = list(wanted)
    return [(family, names[outcome], names[driver], *key, from_on, to_on, *numbers)
            for key, total in groups.items() for outcome in outcomes
            for driver, *numbers in _pairs(np, total, whole, outcome, [i for i in range(len(names)) if i not in outcomes])]


def _score(np, found, weights):
    """Mean over the answered items of a measure, per respondent."""
    total, count = 0.0, 0
    for item, by_answer in weights.items():
        table = np.full(256, np.nan)
        for answer, weight in by_answer.items():
            table[answer] = weight
        column = found[item]
        missing = np.ma.getmaskarray(column)
        one = np.where(missing, np.nan, table[np.ma.getdata(column).astype(np.int16) % 256])
        known = ~np.isnan(one)
        total, count = total + np.where(known, one, 0.0), count + known
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _pairs(np, total, whole, outcome, drivers):
    from methods import key_drivers

    # An outcome beside another says nothing about drivers, so the partial correlation holds the drivers alone constant.
    taken = whole.copy()
    taken[[i for i in range(len(whole)) if i not in drivers and i != outcome]] = False
    r, given = key_drivers.pearson(total), int(taken.sum()) - 2
    conditional = key_drivers.partial(total, taken, outcome)
    for driver in drivers:
        n = int(total.n[driver, outcome])
        n_score = int(total.n[driver, driver])
        if not n_score:
            continue
        score = total.s[driver, driver] / n_score
        own = r[driver, outcome] if n >= MINIMUM else np.nan
        part = conditional[driver] if total.n_whole >= MINIMUM else np.nan
        numbers = [own, *key_drivers.interval(own, n)]
        partial = [part, *key_drivers.interval(part, total.n_whole, given)]
        clean = [[None if np.isnan(v) else round(float(v), key_drivers.DIGITS) for v in some]
                 for some in (numbers, partial, [score, key_drivers.priority(own, score)])]
        is_partial = clean[1][0] is not None
        yield (driver, n, *clean[0], int(total.n_whole) if is_partial else None, given if is_partial else None, *clean[1], clean[2][0], n_score, clean[2][1])
