"""Complaints and grievances.

Belongs here: which cases count, what is a grievance, how severe, in which class of encounters, answered in time.
Does not belong here: denominators of rates.
"""

from __future__ import annotations

from bench.plain.pieces import ZONE, header_of, in_, local, month_of, order
from bench.plain.script import Script
from bench.plain.units import at_place, place, stretch

FLAGS = {"is_test": "Test Record", "is_safety": "Safety Concern", "is_asked": "Response Requested", "is_flagged": "Is Grievance",
         "is_settled": "Resolved on Spot", "is_after_stay": "Raised After Stay", "is_routine": "Routine Matter"}
TAGS = {"severity": "severity_band", "encounter_class": "encounter_class"}  # what a measure may ask of a case: our column
DONE = {"respond": "responded_on"}  # step of handling: our column
TIMES = "'%m/%d/%Y %H:%M'"


def complaints(script: Script) -> None:
    """Table complaint: valid cases with what is known of them; table case_month: per unit and month how many count for what."""
    _delivered_cases(script)
    _tagged_cases(script)
    _case_months(script)


def _delivered_cases(script: Script) -> None:
    """Table delivered_case. The newest export of a case replaces all its rows; its first row speaks for it, the worst for its severity."""
    headers = header_of(script.files["rl6_feedback"][0])
    told = {name: f"case when lower(\"{flag}\") in ('yes', 'y', 'true', 't', '1') then true when \"{flag}\" is not null then false end"
            if flag in headers else "null::boolean" for name, flag in FLAGS.items()}
    script.run(f"""
        create temp table delivered_case as
        with delivered as (
            select *, "File ID" as case_id, try_cast("Issue No" as integer) as issue, file_index as version,
                try_strptime("Date Received", {TIMES}) as received_at, try_strptime("Responded", {TIMES}) as responded_at,
                lower("File State") as state, lower("Feedback Type") as kind,
                {_words('"Severity"')} as severity_word
            from {script.csv('rl6_feedback')}
            where case_id is not null and issue >= 1 and year(received_at) between 1901 and 2100
                and coalesce(state, 'new') in ('incomplete', 'new', 'in-progress', 'closed', 'reopened', 'deleted', 'withdrawn')
                and coalesce(kind, 'complaint') in ('complaint', 'grievance', 'compliment', 'suggestion', 'query', 'request')
        ),
        level as (
            select source_text as severity_word, severity_level::integer as severity_level, severity_band
            from complaint_word join severity_band on severity_scheme_id = scheme_id and severity_level = level
            where dimension = 'severity' and source_feed = '*'
        ),
        cases as (
            select case_id, bool_or({told["is_test"]}) as is_test, bool_or({told["is_safety"]}) as is_safety,
                bool_or({told["is_asked"]}) as is_asked, bool_or({told["is_flagged"]}) as is_flagged,
                arg_max(severity_band, severity_level) as severity_band,
                arg_min({{facility_code: coalesce(Site, ''), unit_code: coalesce(Department, ''), received_at: received_at,
                    responded_at: responded_at, state: state, kind: kind, channel: lower("Received Via"), is_settled: {told["is_settled"]},
                    is_after_stay: {told["is_after_stay"]}, is_routine: {told["is_routine"]}, is_merged: "Merged Into" is not null,
                    subject: lower(concat(Category, ' ', Subcategory)), matter: {_matter()}}}, issue) as told
            from delivered
            semi join (select case_id, max(version) as version from delivered group by case_id) using (case_id, version)
            left join level using (severity_word)
            group by case_id
        )
        select 'rl6_feedback' as feed, facility_code, unit_code, case_id, matter, received_at, responded_at, severity_band,
            {stretch(script, "received_at::date")} as stretch_on,
            coalesce(is_flagged, nullif(kind = 'grievance', false), case
                when is_safety or is_asked then true when subject like '%billing%' then subject like '%medicare%'
                when channel = 'survey comment' then false
                when channel in ('letter', 'e-mail', 'email', 'fax', 'web form', 'portal') then true
                when channel in ('phone', 'in person') then not is_settled and not (is_after_stay and is_routine) end, false)
                as is_grievance
        from (select * exclude (told), unnest(told) from cases)
        where not coalesce(is_test, false) and coalesce(state, 'new') not in ('deleted', 'withdrawn') and not is_merged
            and coalesce(kind, 'complaint') in ('complaint', 'grievance')""")
    place(script, "delivered_case")


def _tagged_cases(script: Script) -> None:
    """Table complaint: local days, and the class of encounters that the case's unit had most of in the year of receipt.

    A letter about the same matter of the same patient within 60 days of the one before is no case of its own.
    """
    script.run(f"""
        create temp table complaint as
        select c.*, encounter_class
        from (
            select facility_id, unit_id, is_grievance, severity_band, {_day("received_at")} as received_on,
                {_day("responded_at")} as responded_on, {month_of("received_on")} as month
            from {at_place("delivered_case")}
            qualify matter is null
                or coalesce(lag(received_on) over (partition by matter order by received_at, case_id) + 60 < received_on, true)
        ) as c
        left join (
            select facility_id, unit_id, month // 12 as year_number, encounter_class
            from encounter where n > 0 and encounter_class <> 'unassigned' and unit_id <> 'unassigned'
            group by facility_id, unit_id, year_number, encounter_class
            qualify row_number() over (partition by facility_id, unit_id, year_number order by sum(n) desc, encounter_class) = 1
        ) as u on u.facility_id = c.facility_id and u.unit_id = c.unit_id and u.year_number = c.month // 12""")


def _case_months(script: Script) -> None:
    counts = []
    for measure, rule in script.rows("select measure_id, numerator_rule from measure where source = 'cases' order by all"):
        wanted = ["true"] if rule == "all" else ["is_grievance"]
        wanted += [f"{TAGS[tag]} in {in_(values)}" for tag, values in script.rows(
            f"select tag_type, list(tag_value) from measure_condition where measure_id = '{measure}' group by tag_type")]
        counts.append(f"count(*) filter ({' and '.join(wanted)}) as cases__{measure}")
    for measure, step, is_all in script.rows("""
            select measure_id, numerator_rule, denominator_rule = 'decided_cases'
            from measure where source = 'handled_cases' order by all"""):
        in_time, decided = _handled(script, step)
        counts += [f"count(*) filter ({part}{'' if is_all else ' and is_grievance'}) as {name}__{measure}"
                   for name, part in (("done", in_time), ("decided", decided))]
    script.run(f"""
        create temp table case_month as
        select facility_id, unit_id, month, count(*) as n_cases, count(*) as n_records, {", ".join(counts)} from complaint group by all""")


def _handled(script: Script, step: str) -> tuple[str, str]:
    """SQL of two conditions: done by the due day; decided at all, that is done or past the due day when the newest export came.

    The day of receipt is day 0. Dates that cannot be (done before receipt, received or done after the newest export) decide nothing.
    """
    (applies_to, limit_n, *others), = script.rows(f"""
        select applies_to, limit_n::integer, clock_start, first_counted_day, limit_unit, is_closure_counted
        from timeliness_rule where jurisdiction_code = 'us_cms' and step_code = '{step}'""")
    assert others == ["received", "next_day", "calendar_day", "false"], others  # what this script counts with
    done_on, due_on = DONE[step], f"received_on + {limit_n}"
    as_of = f"date '{order(script.files['rl6_feedback'][-1])[0]}'"
    is_ruled = f"received_on <= {as_of}{'' if applies_to == 'all' else ' and is_grievance'}"
    is_done = f"{is_ruled} and {done_on} between received_on and {as_of}"
    return f"{is_done} and {done_on} <= {due_on}", f"({is_done} or {is_ruled} and {done_on} is null and {due_on} < {as_of})"


def _matter() -> str:
    """SQL: what tells that two letters are about the same; null where the patient, the writer or the subject is not known."""
    subject, finer = _words("Category"), _words("coalesce(Subcategory, '')")
    return f"""
        case when "Patient MRN" is not null and "Complainant Email" is not null and Category is not null
            then concat_ws('|', "Patient MRN", {subject}, {finer}) end"""


def _words(text: str) -> str:
    """SQL: a text without what does not matter when it is compared."""
    return f"trim(regexp_replace(lower({text}), '[^a-z0-9]+', ' ', 'g'))"


def _day(moment: str) -> str:
    """SQL: the day where the facility is; midnight is a date without a time."""
    day = f"{moment}::date"
    there = local(f"{moment} at time zone '{ZONE}'", day)
    return f"case when {moment}::time = time '00:00:00' then {day} else {there} end"
