"""What published coefficients take off the raw score of a facility and quarter, by methods.published_adjustment.

Only quarters that lie wholly inside the period of an edition; score_published says why there is nothing for the others.
Surveys are read from the family facts by name, see case_mix_result.
"""

STATISTICS = {"top_box": "top", "middle_box": "middle", "bottom_box": "bottom", "linear_mean": "linear"}
NOT_A_VALUE = "('', 'm', 'unknown', 'not_applicable')"
NUMBER = "decimal(18, 9)"  # sums of decimals are the same in whatever order they are added
COEFFICIENTS = """
    select family, edition, (year(period_start_on + interval 3 months - interval 1 day) * 4 + quarter(period_start_on + interval 3 months - interval 1 day) - 1)::integer as first,
        (year(period_end_on + 1) * 4 + quarter(period_end_on + 1) - 2)::integer as last,
        period_start_on, measure_name, statistic, variable, treatment, level_code, coefficient, reference_mean, standing, fault
    from coefficient where family is not null order by family, edition, measure_name, statistic, variable, level_code
"""  # the quarters that lie wholly inside the period
MEASURES = """
    select m.instrument_family, m.measure_name, list(distinct i.item_code order by i.item_code) as items
    from definition as m inner join item as i using (measure_id)
    where m.source = 'answers' group by all order by all
"""
ANSWERED = """
    select distinct f.instrument_family, u.facility_id, (year(a.month_start_on) * 4 + quarter(a.month_start_on) - 1)::integer as quarter, a.item_code
    from answer as a inner join dim_unit as u using (unit_key)
    inner join (select distinct m.instrument_family, w.item_code, w.answer from definition as m inner join weight as w using (measure_id) where m.source = 'answers') as f
        on f.item_code = a.item_code and f.answer = a.answer
    where a.n > 0
"""
VARIABLES = "select family, variable, column_names, treatment from variable"
ANSWERS = """
    select f.family, n.item_code, list(distinct a.answer::varchar order by a.answer::varchar)
    from item_of_form as n inner join form as f using (instrument_id) inner join scale as a using (scale_id) group by all
"""
MEANS = """
    with survey as (
        select u.facility_id, (year(s.discharge_on) * 4 + quarter(s.discharge_on) - 1)::integer as quarter{values}
        from core.fct_survey_{family} as s inner join dim_unit as u using (unit_key)
        where s.is_scored and u.facility_id <> 'unassigned'
    )
    select facility_id, quarter{sums} from survey group by facility_id, quarter order by facility_id, quarter
"""


def model(dbt, session):
    dbt.config(materialized="table")
    coefficient, variable = dbt.ref("adjustment_coefficient"), dbt.ref("adjustment_variable")  # noqa: F841 (DuckDB reads them by name)
    item_of_form, form, scale = dbt.ref("instrument_item"), dbt.ref("instrument"), dbt.ref("scale_answer")  # noqa: F841
    definition, item, weight = dbt.source("definition", "measure"), dbt.source("definition", "measure_item"), dbt.source("definition", "measure_weight")  # noqa: F841
    answer, dim_unit = dbt.ref("answer_counts"), dbt.ref("dim_unit")  # noqa: F841
    dbt.ref("fct_survey")
    rows = session.sql(COEFFICIENTS).to_arrow_table().to_pylist()
    asked = {}
    # Asked here and in no comprehension: DuckDB looks for the relations in this frame only.
    for name, query in (("measures", MEASURES), ("answered", ANSWERED), ("columns", VARIABLES), ("answers", ANSWERS)) if rows else ():
        asked[name] = session.sql(query).fetchall()
    found = []
    for family in sorted({row["family"] for row in rows}):
        own = [row for row in rows if row["family"] == family]
        of_family = {name: [row[1:] for row in some if row[0] == family] for name, some in asked.items()}
        surveys = means(session, dim_unit, family, own, {name: rest for name, *rest in of_family["columns"]}, dict(of_family["answers"]))
        answered = set(of_family["answered"])
        for name, items in of_family["measures"]:
            found += shifts(name, items, [row for row in own if row["measure_name"] in {name, *items}], surveys, answered)
    return table(found)


def means(session, dim_unit, family, coefficients, columns, answers):  # dim_unit is read by its name
    """Per facility and quarter: the mean of every (variable, level) of the coefficients, and how many values no level fits.

    columns: variable -> its columns and treatment; answers: item -> codes that are answers.
    """
    usable = [row for row in coefficients if row["variable"] in columns]
    used = sorted({row["variable"] for row in usable})
    terms = sorted({(row["variable"], row["level_code"] or "") for row in usable})
    groups = sorted(set(level_sets(usable)))
    values = "".join(f", {value_of(*columns[name], answers)} as {name}" for name in used)
    sums = "".join(f", count({name}) as n_{name}" for name in used)
    sums += "".join(f", coalesce(sum({counted(name, level)}), 0)::double as t{k}" for k, (name, level) in enumerate(terms))
    sums += "".join(f", count(*) filter ({name} is not null and {name} not in ({', '.join(map(quoted, levels))})) as g{k}" for k, (name, levels) in enumerate(groups))
    got = session.sql(MEANS.format(family=family, values=values, sums=sums)).to_arrow_table().to_pylist()
    return [{
        "place": (row["facility_id"], row["quarter"]),
        "mean": {term: row[f"t{k}"] / row[f"n_{term[0]}"] if row[f"n_{term[0]}"] else float("nan") for k, term in enumerate(terms)},
        "n_without_level": {group: row[f"g{k}"] for k, group in enumerate(groups)},
    } for row in got]  # fmt: skip


def level_sets(coefficients):
    """(variable, its levels) of every score that has coefficients by level."""
    levels = {}
    for row in coefficients:
        if row["level_code"]:
            levels.setdefault((row["edition"], row["measure_name"], row["statistic"], row["variable"]), set()).add(row["level_code"])
    return [(name, tuple(sorted(of_score))) for (*_, name), of_score in levels.items()]


def value_of(column_names, treatment, answers):
    """SQL of the value of a variable as text, null where the survey has none."""
    def one(column):
        if column in answers:
            return f"case when s.{column}::varchar in ({', '.join(map(quoted, answers[column]))}) then s.{column}::varchar end"
        return f"case when lower(s.{column}::varchar) not in {NOT_A_VALUE} then lower(s.{column}::varchar) end"

    if treatment == "percentile_in_month":
        month = "partition by u.facility_id, s.month_start_on, s.{0} is null".format(column_names)
        return f"case when s.{column_names} is not null then (100.0 * rank() over ({month} order by s.{column_names}) / count(*) over ({month}))::{NUMBER}::varchar end"
    return " || '*' || ".join(one(column) for column in column_names.split(";"))


def counted(name, level):
    return f"case when {name} = {quoted(level)} then 1 when {name} is not null then 0 end" if level else f"try_cast({name} as {NUMBER})"


def quoted(text):
    return "'" + str(text).replace("'", "''") + "'"


def shifts(measure, items, coefficients, surveys, answered):
    """One row per facility and quarter that an edition covers: what comes off each score, or why nothing can be said."""
    from statistics import fmean

    for survey in surveys:
        facility_id, quarter = survey["place"]
        covering = [row for row in coefficients if row["first"] <= quarter <= row["last"]]
        if not covering:
            continue
        start, edition = max((row["period_start_on"], row["edition"]) for row in covering)
        own = [row for row in covering if (row["period_start_on"], row["edition"]) == (start, edition)]
        found = dict.fromkeys(STATISTICS.values())
        reason = "COEFFICIENTS_INVALID" if any(row["fault"] for row in own) else unfit(own, survey)
        asked = [item for item in items if (facility_id, quarter, item) in answered]
        for statistic, column in STATISTICS.items() if reason is None else ():
            of_score = [row for row in own if row["statistic"] == statistic]
            parts = [[row for row in of_score if row["measure_name"] == measure]]
            parts = parts if parts[0] else [[row for row in of_score if row["measure_name"] == item] for item in asked]
            if parts and all(parts):
                found[column] = fmean(shift(part, survey) for part in parts)
        if found["middle"] is None and None not in (found["top"], found["bottom"]):
            found["middle"] = -found["top"] - found["bottom"]  # the three boxes are 100 % before and after
        if reason is None and found["top"] is None:
            reason = "COEFFICIENTS_INCOMPLETE"
        standing = min((row["standing"] for row in own), key=["unverified", "product-defined", "corroborated", "verified"].index)
        yield {"measure_name": measure, "facility_id": facility_id, "first_month": 3 * quarter, "edition": edition, "standing": standing, "reason": reason, **found}


def unfit(coefficients, survey):
    """Why the surveys of a facility and quarter cannot be adjusted with these coefficients; None when they can."""
    if any(survey["n_without_level"][group] for group in level_sets(coefficients)):
        return "LEVEL_NOT_IN_TABLE"
    if any(survey["mean"][row["variable"], row["level_code"] or ""] != survey["mean"][row["variable"], row["level_code"] or ""] for row in coefficients):
        return "ADJUSTER_MISSING"
    return None


def shift(coefficients, survey):
    from methods.published_adjustment import mode_effect, patient_mix_shift

    def columns(is_mode, *names):
        rows = [row for row in coefficients if (row["treatment"] == "mode") == is_mode]
        return [[survey["mean"][row["variable"], row["level_code"] or ""] for row in rows], *([row[name] for row in rows] for name in names)]

    mix, (shares, effects) = columns(False, "coefficient", "reference_mean"), columns(True, "coefficient")
    return float(patient_mix_shift(*mix) - (mode_effect(shares, effects) if effects else 0.0))


def table(found):
    import pyarrow as pa

    types = {"measure_name": pa.string(), "facility_id": pa.string(), "first_month": pa.int32(), "edition": pa.string(), "standing": pa.string(),
             "reason": pa.string()} | {name: pa.float64() for name in STATISTICS.values()}  # fmt: skip
    return pa.table({name: pa.array([row[name] for row in found], kind) for name, kind in types.items()})
