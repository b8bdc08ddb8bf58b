"""Case-mix adjustment of every study over the whole group, by methods.case_mix.

The surveys are read from the family facts by name: which families there are depends on what is delivered, and dbt
wants its references as literals. fct_survey stands on all of them, so it keeps the order of the build.
"""

import json

OPEN_MONTH = "select coalesce(max(first_open_month), 0) from open_month where kind = 'survey:{family}' and facility_id is null"  # of the whole group
QUARTER = "((year(discharge_on) * 12 + month(discharge_on) - 1) // 3)"
QUARTERS = "select distinct {quarter} as quarter from core.fct_survey_{family} where is_scored order by quarter"
ENTITIES = """
    select level, facility_id, unit_id, provider_id, (row_number() over (order by level, facility_id, unit_id, provider_id))::integer as number
    from (
        select distinct 'facility' as level, facility_id, null as unit_id, null as provider_id from dim_unit
        union all
        select 'unit', facility_id, unit_id, null from dim_unit where unit_id <> 'unassigned'
        union all
        select distinct 'provider', u.facility_id, null, s.provider_id
        from core.fct_survey_{family} as s inner join dim_unit as u on u.unit_key = s.unit_key where s.is_scored and s.provider_id is not null
    )
    where facility_id <> 'unassigned'
"""
PLACES = """
    select u.unit_key, f.number as facility, coalesce(w.number, 0) as unit
    from dim_unit as u
    inner join entity as f on f.level = 'facility' and f.facility_id = u.facility_id
    left join entity as w on w.level = 'unit' and w.facility_id = u.facility_id and w.unit_id = u.unit_id
"""
PROVIDERS = "left join entity as p on p.level = 'provider' and p.facility_id = u.facility_id and p.provider_id = s.provider_id"
SURVEYS = """
    select l.facility, l.unit{provider}{columns}
    from core.fct_survey_{family} as s
    inner join dim_unit as u on u.unit_key = s.unit_key
    inner join place as l on l.unit_key = s.unit_key
    inner join (select delivery_id, row_number() over (order by delivery_id) as delivery_number from delivery) as d on d.delivery_id = s.delivery_id
    {providers}
    where s.is_scored and {quarter} between {first} and {last}
    order by d.delivery_number * 4294967296 + s.row_number
"""  # in one order: sums of floating point numbers are then the same in every build. One number sorts in half the time of the text
PLACE = ("facility_id", "unit_id", "provider_id")
HEAD = {"case_mix_id": "varchar", "level": "varchar", "n_months": "integer", "first_month": "integer"} | {name: "varchar" for name in PLACE}


def model(dbt, session):
    dbt.config(materialized="table")
    from methods.case_mix.study import NUMBERS, TEXT, run_study

    dbt.ref("fct_survey")
    delivery, dim_unit, open_month = dbt.source("warehouse", "delivery"), dbt.ref("dim_unit"), dbt.ref("open_month")  # noqa: F841
    definition = dbt.source("definition", "case_mix")  # noqa: F841
    studies = session.sql("select case_mix_id, instrument_family, settings from definition order by case_mix_id").fetchall()
    known = {name for (name,) in session.sql("select table_name from information_schema.tables where table_schema = 'core'").fetchall()}
    found = {name: [] for name in (*HEAD, *TEXT, *NUMBERS)}
    for case_mix_id, family, text in studies:
        if f"fct_survey_{family}" not in known:
            continue
        settings = json.loads(text)
        entity = session.sql(ENTITIES.format(family=family)).to_arrow_table()
        place = session.sql(PLACES).to_arrow_table()        # noqa: F841
        places = {row["number"]: tuple(row[name] for name in PLACE) for row in entity.to_pylist()}
        ((first_open,),) = session.sql(OPEN_MONTH.format(family=family)).fetchall()
        quarters = [q for (q,) in session.sql(QUARTERS.format(quarter=QUARTER, family=family)).fetchall() if 3 * q + 2 < first_open]
        for n_quarters, last in windows(settings["windows"], quarters):
            first = last - n_quarters + 1
            measures = [m for m in settings["measures"] if m["valid_from_on"] <= first_day(first) and last_day(last) <= m["valid_to_on"]]
            provider, providers = (", coalesce(p.number, 0) as provider", PROVIDERS) if "provider" in settings["levels"] else ("", "")
            surveys = session.sql(SURVEYS.format(quarter=QUARTER, family=family, columns=columns(settings), first=first, last=last,
                                                 provider=provider, providers=providers)).fetchnumpy()
            for level in settings["levels"]:
                result = run_study(Respondents(surveys, level, points(settings)), settings | {"measures": measures})
                head = {"case_mix_id": case_mix_id, "level": level, "n_months": 3 * n_quarters, "first_month": 3 * first}
                n = len(result["row_kind"])
                for name, value in head.items():
                    found[name] += [value] * n
                for position, name in enumerate(PLACE):
                    found[name] += [None if number is None else places[number][position] for number in result["entity"]]
                result["note"] = [named(note, places) for note in result["note"]]
                for name, values in result.items():
                    found[name] += [None if value != value else value for value in values]
    return table(found, HEAD | {name: "varchar" for name in TEXT} | {name: "double" for name in NUMBERS})


def windows(wanted, quarters):
    """(quarters in the window, its last quarter): the newest of each kind whose quarters all have surveys."""
    for name, n_quarters in (("quarter", 1), ("rolling_4_quarters", 4)):
        whole = [q for q in quarters if all(q - back in quarters for back in range(n_quarters))]
        for last in whole[-wanted[name]:] if name in wanted else []:
            yield n_quarters, last


class Respondents(dict):
    """Columns as run_study asks for them, one at a time: points of answers are eight times as wide as the answers."""

    def __init__(self, surveys, level, points):
        self.chosen, self.points = surveys[level] > 0, points
        super().__init__(surveys, entity=surveys[level])

    def __getitem__(self, name):
        import numpy as np

        values = super().__getitem__(name)[self.chosen]
        if name in self.points:
            return self.points[name][np.ma.filled(values, -128).astype(np.int16) + 128]
        return values.filled(np.nan) if isinstance(values, np.ma.MaskedArray) else values


def points(settings):
    """Item -> points of every answer from -128 to 127, NaN where it has none."""
    import numpy as np

    found = {}
    for measure in settings["measures"]:
        for item, by_answer in measure["answers"].items():
            found[item] = np.full(256, np.nan)
            for answer, value in by_answer.items():
                found[item][int(answer) + 128] = value
    return found


def columns(settings):
    """SQL of the items as answered and of the adjusters as numbers."""
    parts = [f"s.{item}" for item in sorted({item for measure in settings["measures"] for item in measure["answers"]})]
    for one in settings["adjusters"]:
        coded = " ".join(f"when '{code}' then {number!r}::double" for code, number in one["codes"].items())
        value = f"case s.{one['column']}::varchar {coded} end" if coded else f"try_cast(s.{one['column']}::varchar as double)"
        parts.append(f"{value} as {one['name']}")
    return "".join(f", {part}" for part in parts)


def named(text, places):
    """Notes name entities by their number in the run; people know them by ours."""
    import re

    return text and re.sub(r"\bentity (\d+)\b", lambda found: "entity " + "/".join(p for p in places[int(found[1])] if p), text)


def first_day(quarter):
    return f"{3 * quarter // 12:04d}-{3 * quarter % 12 + 1:02d}-01"


def last_day(quarter):
    from datetime import date, timedelta

    return str(date.fromisoformat(first_day(quarter + 1)) - timedelta(days=1))


def table(found, types):
    import pyarrow as pa

    of_type = {"varchar": pa.string(), "integer": pa.int32(), "double": pa.float64()}
    return pa.table({name: pa.array(found[name], of_type[kind]) for name, kind in types.items()})
