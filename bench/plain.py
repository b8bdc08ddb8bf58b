"""The plain DuckDB script that a whole run is compared with: the same files to the same KPI values.

    python -m bench.plain INBOX OUT.parquet [--skip NAME ...] [--definitions FOLDER]

Belongs here: what an analyst would write for this one answer, all in one file (hence its length). No orchestration, checks,
ledger, copies, raw Parquet or provenance; no intervals, reasons, targets. Rows that cannot be read are dropped silently.
Does not belong here: project code. Only definitions (measures, KPIs, code tables) are shared, so the values are an
independent recount of the published ones. OUT gets `kpi_key, value` of every KPI that has a value.

Forms chosen by measurement (DuckDB 2.0, 1 million surveys): answers typed by the CSV reader, not cast from text (a third
less CPU); a counter column per item and answer, kept as columns up to the KPI; units looked up per code and month, not per
survey. It relies on what the samples hold: blanks only around unit codes, rows that repeat a key in one file are equal, no
blank disposition, no Tuva file, no unit that closed, every facility in the mapping by a row of its own.
"""

from __future__ import annotations

import argparse
import csv
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

SEEDS = Path(__file__).parents[1] / "dbt_project" / "seeds"
PATTERNS = {
    "press_ganey_hcahps": "pg_hcahps_*.txt", "hcahps_xml": "hcahps_*.xml", "rl6_feedback": "rl6_feedback_*.csv",
    "encounter_counts": "encounter_counts_*.xlsx", "encounter_counts_daily": "encounters_daily_*.csv",
    "fhir_encounters": "*Encounter*.ndjson", "synthea_encounters": "synthea_encounters*.csv", "org_units": "org_units_*.csv",
}
# Which encounter feed counts where several speak of a facility, class and month: the highest.
PRIORITY = {"encounter_counts": 3, "encounter_counts_daily": 2, "fhir_encounters": 1, "synthea_encounters": 1}
ZONE = "America/Chicago"  # of local times in complaints; a visit's date for looking up its unit is taken there too
FOREVER = "date '9999-12-31'"
# What the script recounts; the sample has no other survey, and rates that narrow the cases or follow their answers are not recounted.
RECOUNTED_MEASURES = ("(source in ('answers', 'surveys') and instrument_family = 'hcahps' "
                      "or measure_id in ('complaints_per_1000_encounters', 'grievances_per_1000_encounters'))")
FACTS = ("file_number", "survey_id", "facility_code", "unit_code", "discharge_on", "disposition_code", "discharge_status", "is_official")
FHIR = ("{id: 'VARCHAR', status: 'VARCHAR', class: 'STRUCT(code VARCHAR)', period: 'STRUCT(\"start\" VARCHAR, \"end\" VARCHAR)', "
        "partOf: 'STRUCT(reference VARCHAR)', location: 'STRUCT(location STRUCT(display VARCHAR))[]', "
        "serviceProvider: 'STRUCT(display VARCHAR)'}")
FHIR_TIMES = "['%Y-%m-%dT%H:%M:%S%z', '%Y-%m-%dT%H:%M:%S.%f%z']"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.plain", description=__doc__.splitlines()[0])
    parser.add_argument("inbox", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="a file to leave out; repeatable")
    parser.add_argument("--definitions", type=Path, help="measures and KPIs as Parquet (default: made from the YAML)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        script = Script(con, chosen.inbox, set(chosen.skip), Path(folder), chosen.definitions)
        with ThreadPoolExecutor(1) as pool:  # XML is read beside the rest: DuckDB works without Python's lock
            xml = pool.submit(script.xml_to_csv)
            script.mapping()
            script.complaints()
            script.encounters()
            script.press_ganey()
            script.hcahps_xml(xml.result())
        script.entity_months()
        script.whole_months()
        script.spans()
        script.values(chosen.out)


class Script:
    """The steps, each leaving temp tables for the next. Months are numbers: year x 12 + month - 1."""

    def __init__(self, con: duckdb.DuckDBPyConnection, inbox: Path, skipped: set[str], folder: Path, definitions: Path | None) -> None:
        self.folder, self.run = folder, con.execute
        for setting in ("preserve_insertion_order = false", "memory_limit = '4GB'", f"temp_directory = '{folder}'", "TimeZone = 'UTC'",
                        "disabled_optimizers = 'type_pushdown'"):  # the last: DuckDB 2.0.0 makes try_cast over read_csv strict
            self.run(f"set {setting}")
        self.files = {feed: sorted((path for path in inbox.rglob(pattern) if path.name not in skipped), key=_order)
                      for feed, pattern in PATTERNS.items()}
        self._read_definitions(definitions)

    def rows(self, sql: str) -> list[tuple]:
        return self.run(sql).fetchall()

    def _read_definitions(self, folder: Path | None) -> None:
        if folder is None:
            from orchestration.definitions_data import write

            write(SEEDS.parent, folder := self.folder / "definitions")
        for name in ("measure", "measure_weight", "measure_encounter_class", "kpi", "kpi_level", "kpi_window"):
            self.run(f"create temp view {name} as from '{folder / name}.parquet'")
        for path in SEEDS.glob("*.csv"):
            self.run(f"create temp view {path.stem} as from read_csv('{path}', all_varchar = true)")
        self.weights: dict = defaultdict(lambda: defaultdict(dict))  # measure -> item -> answer -> weight
        for measure, item, answer, weight in self.rows(f"""
                select measure_id, item_code, answer, weight from measure_weight join measure using (measure_id)
                where {RECOUNTED_MEASURES} order by all"""):
            self.weights[measure][item][answer] = weight
        scored = {(item, answer) for items in self.weights.values() for item, answers in items.items() for answer in answers}
        self.counters = {f"{item}__{answer}": (item, answer) for item, answer in sorted(scored)}
        self.scored = list(dict.fromkeys(item for item, _ in self.counters.values()))
        self.rates = [measure for (measure,) in self.rows(
            f"select measure_id from measure where source = 'cases' and {RECOUNTED_MEASURES} order by all")]
        self.questions = self.rows("""
            select instrument_id, question_number::integer, item_code, is_counted_for_completeness = 'true'
            from instrument_item join instrument using (instrument_id) where family = 'hcahps'""")
        self.items = list(dict.fromkeys(item for _, _, item, _ in self.questions))
        self.accepted, self.judged = self._survey_rules()
        self.run(f"""
            create temp table class as
            select feed, lower(source_code) as class_code, encounter_class
            from encounter_class_map join (select unnest({list(PRIORITY)}) as feed) on source_system = '*' or feed like source_system || '%'
            qualify row_number() over (partition by feed, lower(source_code) order by source_system = '*') = 1""")

    def csv(self, feed: str, types: dict[str, str] | None = None) -> str:
        return _csv(self.files[feed], _header(self.files[feed][0], ","), types or {})

    # Codes to units ---------------------------------------------------------------------------------------------------

    def mapping(self) -> None:
        """Vendor codes to our units: the newest file that names a system speaks for it, a later start ends an earlier row."""
        self.run(f"""
            create temp table mapping as
            select * replace (least(ends_on, lead(starts_on, 1, {FOREVER} + 1) over code - 1) as ends_on)
            from (
                select SourceSystem as feed, upper(trim(FacilityCode)) as facility_code, upper(trim(coalesce(UnitCode, ''))) as unit_code,
                    FacilityId as facility_id, coalesce(UnitId, 'unassigned') as unit_id, ServiceLine as line, TimeZone as zone,
                    coalesce(ValidFrom, date '1900-01-01') as starts_on, coalesce(ValidTo, {FOREVER}) as ends_on
                from (select *, file_index as version from {self.csv('org_units', {'ValidFrom': 'DATE', 'ValidTo': 'DATE'})})
                qualify version = max(version) over (partition by SourceSystem)
            )
            window code as (partition by feed, facility_code, unit_code order by starts_on)""")
        self.run("""
            create temp table unit as select facility_id, unit_id, line from mapping where unit_id <> 'unassigned'
            qualify row_number() over (partition by facility_id, unit_id order by starts_on desc) = 1""")
        days = self.rows(f"select distinct unnest([starts_on, ends_on + 1]) as d from mapping where ends_on < {FOREVER}")
        self.changes = sorted(day for (day,) in days if day.day > 1)  # days inside a month on which some code changes its meaning

    def stretch(self, day: str) -> str:
        """SQL: first day of the time around `day`, at most a month, in which every code keeps its meaning."""
        month = f"({day} - (day({day}) - 1)::integer)"
        whens = " ".join(f"when {day} >= date '{change}' then date '{change}'" for change in reversed(self.changes))
        return f"greatest({month}, case {whens} else {month} end)" if whens else month

    def place(self, table: str) -> None:
        """Table <table>_place: what its codes mean. Unit before facility, the feed's own code before anybody's, else unassigned."""
        self.run(f"""
            create temp table {table}_place as
            select c.*, coalesce(m.facility_id, 'unassigned') as facility_id, coalesce(m.unit_id, 'unassigned') as unit_id, m.zone
            from (select distinct feed, facility_code, unit_code, stretch_on from {table}) as c
            left join mapping as m
                on m.facility_code = upper(trim(c.facility_code)) and m.unit_code in (upper(trim(c.unit_code)), '')
                and m.feed in (c.feed, '*') and c.stretch_on between m.starts_on and m.ends_on
            qualify row_number() over (
                partition by c.feed, c.facility_code, c.unit_code, c.stretch_on order by m.unit_code = '', m.feed = '*') = 1""")

    # Surveys ----------------------------------------------------------------------------------------------------------

    def press_ganey(self) -> None:
        """Table survey from the vendor's files, newest version of each survey."""
        layouts: dict = defaultdict(dict)
        for number, path in enumerate(self.files["press_ganey_hcahps"]):
            layouts[tuple(_header(path, "|"))][path] = number
        for header, files in layouts.items():
            facility = "FACILITY" if "FACILITY" in header else "CCN"
            facts = (f"{list(files.values())}[file_index::integer + 1]", "SURVEY_ID", facility, "UNIT", "DISDATE", "DISPOSITION",
                     "DISCH_STATUS", "coalesce(ADJSAMP <> 'NOT INCLUDED', true)")
            self._add_surveys("press_ganey_hcahps", files, header, facts, self._layout("HCAHPS-32" if "Q30" in header else "HCAHPS-29"),
                              "%m/%d/%Y")
        self._delete_surveys("""
            select rowid as row, row_number() over (partition by survey_id order by file_number desc) > 1 as is_old from survey
            where survey_id in (select survey_id from survey group by survey_id having count(*) > 1)""")

    def hcahps_xml(self, path: Path) -> None:
        """Surveys from XML; a newer file of a hospital and month replaces the older one whole, a patient counts once."""
        header = _header(path, "|")
        self._add_surveys("hcahps_xml", {path: None}, header, (*FACTS[:-1], "true"), {item: item for item in self.items}, "%Y-%m-%d")
        self._delete_surveys("""
            select rowid as row, file_number < max(file_number) over (partition by facility_code, discharge_on)
                or row_number() over (partition by facility_code, discharge_on, file_number, survey_id) > 1 as is_old
            from survey where feed = 'hcahps_xml'""")

    def xml_to_csv(self) -> Path:
        """All XML files as one file with a column per item; runs in a thread of its own."""
        from lxml import etree

        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        facts = {"survey_id": "patient-id", "facility_code": "provider-id", "disposition_code": "survey-status",
                 "discharge_status": "discharge-status"}
        tags = [*facts.values(), *(item.replace("_", "-") for item in self.items)]
        with (path := self.folder / "xml.csv").open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, delimiter="|", lineterminator="\n")
            writer.writerow(["file_number", "unit_code", "discharge_on", *facts, *self.items])
            for number, file in enumerate(self.files["hcahps_xml"]):
                root = etree.parse(file, parser).getroot()
                cut = len(root.tag) - len(etree.QName(root).localname)  # "{namespace}", where there is one
                for record in root.iterchildren("{*}patientleveldata"):
                    texts = {element.tag[cut:]: element.text for block in record for element in block}
                    month = f"{texts.get('discharge-yr')}-{texts.get('discharge-month')}-01"
                    writer.writerow([number, None, month, *map(texts.get, tags)])
        return path

    def _layout(self, instrument: str) -> dict[str, str]:
        """Item -> header: Q and the question's number, with a letter where a question has several boxes."""
        boxes = defaultdict(list)
        for name, number, item, _ in self.questions:
            if name == instrument:
                boxes[number].append(item)
        return {item: f"Q{number}" + ("ABCDE"[nth] if len(items) > 1 else "")
                for number, items in boxes.items() for nth, item in enumerate(items)}

    def _add_surveys(self, feed: str, files: dict, header: Iterable[str], facts: tuple, layout: dict[str, str], days: str) -> None:
        """Append files of one layout. Answers are read as numbers; the few lines with other texts in them come again as text."""
        dates, answers = {facts[FACTS.index("discharge_on")]: "DATE"}, dict.fromkeys(layout.values(), "TINYINT")
        options = f", nullstr = ['', 'M', 'H', 'S'], dateformat = '{days}'"
        self._insert_surveys(feed, facts, layout, "{}", _csv(files, header, dates | answers, f"{options}, store_rejects = true", "|"))
        again = defaultdict(list)
        for path, line in self.rows(f"""
                select file_path, any_value(csv_line) from reject_errors join reject_scans using (scan_id, file_id)
                group by scan_id, file_path, line having bool_and(error_type = 'CAST' and column_name in {_in(answers)})"""):
            again[path].append(line)
        self.run("drop table reject_errors; drop table reject_scans")
        for path, lines in again.items():
            (copy := self.folder / "again.txt").write_text("\n".join(["|".join(header), *lines, ""]), encoding="utf-8")
            number = facts[0] if files[Path(path)] is None else str(files[Path(path)])
            self._insert_surveys(feed, (number, *facts[1:]), layout, "try_cast({} as tinyint)",
                                 _csv([copy], header, dates, options, "|"))

    def _insert_surveys(self, feed: str, facts: tuple, layout: dict[str, str], cast: str, relation: str) -> None:
        read = [f"{sql} as {name}" for name, sql in zip(FACTS, facts, strict=True)]
        read += [f"{cast.format(layout[item]) if item in layout else 'null::tinyint'} as {item}" for item in self.items]
        is_new = not self.rows("select 1 from duckdb_tables() where table_name = 'survey'")
        self.run(f"{'create temp table survey as' if is_new else 'insert into survey'} "
                 f"select '{feed}' as feed, {self.judged} from (select {', '.join(read)} from {relation}) where {self.accepted}")

    def _survey_rules(self) -> tuple[str, str]:
        """SQL of the condition for a row of survey (M was read as null) and of its columns.

        A completed survey with too few answers is a break-off; a screener is believed over what follows. Which answers count
        is decided by the discharge date; scores of items that its form lacks fall outside their measures' validity.
        """
        permitted = dict(self.rows("""
            select item_code, list(distinct code::integer order by code::integer) from (
                select item_code, answer as code from instrument_item join scale_answer using (scale_id)
                union select item_code, code from item_extra_code)
            group by item_code"""))
        forms = self.rows("""select instrument_id, valid_from_on, n_items_for_complete from instrument
            where family = 'hcahps' order by valid_from_on desc""")
        enough = " ".join(
            f"when discharge_on >= date '{start}' then " + " + ".join(
                f"case when {_among(item, permitted[item])} then 1 else 0 end"
                for form, _, item, is_counted in self.questions if form == name and is_counted) + f" >= {least}"
            for name, start, least in forms)
        screened = dict(self.rows("""
            select distinct item_code, 'case when ' || screener_item_code || ' is distinct from ' || screener_skip_answers
                || ' then ' || item_code || ' end as ' || item_code from instrument_item where screener_item_code is not null"""))
        groups = defaultdict(list)
        for code, group in self.rows("select disposition_code, disposition_group from disposition where program_code = 'HCAHPS'"):
            groups[group].append(code)
        excluded = [code for (code,) in self.rows("select discharge_status_code from survey_exclusion where is_excluded = 'true'")]
        known = _in(code for codes in groups.values() for code in codes)
        accepted = (f"survey_id is not null and facility_code is not null and coalesce(disposition_code, 'M') in {known} "
                    "and discharge_on between date '1901-01-01' and date '2100-12-31'")
        return accepted, f"""
            file_number::smallint as file_number, survey_id, facility_code, coalesce(unit_code, '') as unit_code, discharge_on, is_official,
            coalesce(disposition_code not in {_in(groups["ineligible"])}, true)
                and coalesce(discharge_status not in {_in(excluded)}, true) as is_eligible,
            case when disposition_code in {_in(groups["complete"])} then case {enough} end else false end as is_complete,
            {", ".join(screened.get(item, item) for item in self.scored)}"""

    def _delete_surveys(self, judged: str) -> None:
        self.run(f"delete from survey where rowid in (select row from ({judged}) where is_old)")

    # Complaints and encounters ----------------------------------------------------------------------------------------

    def complaints(self) -> None:
        """Table complaint: valid cases. The newest export of a case replaces all its rows; its first row speaks for it."""
        test, safety, asked, flagged, settled, after_stay, routine = (
            f"case when lower(\"{name}\") in ('yes', 'y', 'true', 't', '1') then true when \"{name}\" is not null then false end"
            for name in ("Test Record", "Safety Concern", "Response Requested", "Is Grievance", "Resolved on Spot", "Raised After Stay", "Routine Matter"))
        self.run(f"""
            create temp table complaint as
            with delivered as (
                select *, "File ID" as case_id, try_cast("Issue No" as integer) as issue, file_index as version,
                    try_strptime("Date Received", '%m/%d/%Y %H:%M') as received_at,
                    lower("File State") as state, lower("Feedback Type") as kind
                from {self.csv('rl6_feedback')}
                where case_id is not null and issue >= 1 and year(received_at) between 1901 and 2100
                    and coalesce(state, 'new') in ('incomplete', 'new', 'in-progress', 'closed', 'reopened', 'deleted', 'withdrawn')
                    and coalesce(kind, 'complaint') in ('complaint', 'grievance', 'compliment', 'suggestion', 'query', 'request')
            ),
            cases as (
                select case_id, bool_or({test}) as is_test, bool_or({safety}) as is_safety, bool_or({asked}) as is_asked,
                    bool_or({flagged}) as is_flagged, arg_min({{facility_code: coalesce(Site, ''), unit_code: coalesce(Department, ''),
                        received_at: received_at, state: state, kind: kind, channel: lower("Received Via"), is_settled: {settled}, is_after_stay: {after_stay}, is_routine: {routine},
                        is_merged: "Merged Into" is not null, subject: lower(concat(Category, ' ', Subcategory))}}, issue) as told
                from delivered
                semi join (select case_id, max(version) as version from delivered group by case_id) using (case_id, version)
                group by case_id
            )
            select 'rl6_feedback' as feed, facility_code, unit_code, received_at, {self.stretch("received_at::date")} as stretch_on,
                coalesce(is_flagged, nullif(kind = 'grievance', false), case
                    when is_safety or is_asked then true when subject like '%billing%' then subject like '%medicare%'
                    when channel = 'survey comment' then false
                    when channel in ('letter', 'e-mail', 'email', 'fax', 'web form', 'portal') then true
                    when channel in ('phone', 'in person') then not is_settled and not (is_after_stay and is_routine) end, false) as is_grievance
            from (select * exclude (told), unnest(told) from cases)
            where not coalesce(is_test, false) and coalesce(state, 'new') not in ('deleted', 'withdrawn') and not is_merged
                and coalesce(kind, 'complaint') in ('complaint', 'grievance')""")
        self.place("complaint")

    def encounters(self) -> None:
        """Table encounter: what a feed says of a unit, class and month; `n` is null where another feed counts, or nothing does."""
        self.run(f"""
            create temp table record as
            with cell as (
                select 'encounter_counts' as feed, facility_code, unit_code, class_code, start_on, n, is_partial, file_number
                from {self._workbook()}
                union all
                select 'encounter_counts_daily', Facility, Department, Class, Date, Count, false, file_index
                from {self.csv("encounter_counts_daily", {"Date": "DATE", "Count": "INTEGER"})}
                where Facility is not null and Class is not null and Date is not null and Count >= 0
            ),
            visit as (
                select 'fhir_encounters' as feed, id, serviceProvider.display as facility_code,
                    location[-1].location.display as unit_code, class.code as class_code, status, partOf is not null as is_part,
                    try_strptime(period.start, {FHIR_TIMES}) as start_at, try_strptime(period.end, {FHIR_TIMES}) as end_at,
                    file_index as file_number
                from read_ndjson({_list(self.files["fhir_encounters"])}, columns = {FHIR}, ignore_errors = true)
                where status is not null
                union all
                select 'synthea_encounters', Id, ORGANIZATION, null, ENCOUNTERCLASS, 'finished', false, {_utc("START")}, {_utc("STOP")},
                    file_index
                from {self.csv("synthea_encounters")}
            )
            select feed, facility_code, unit_code, class_code, start_on, null as start_at, null as end_at, unnest(newest), file_number
            from (
                select feed, facility_code, unit_code, class_code, start_on, max(file_number) as file_number,
                    arg_max({{n: n, is_partial: is_partial}}, file_number) as newest
                from cell group by all
            )
            union all
            select feed, facility_code, unit_code, class_code, null, start_at, end_at,
                case when status in ('finished', 'completed', 'discharged') and not is_part and coalesce(end_at >= start_at, true)
                    then 1 end, false, file_number
            from visit where id is not null and class_code is not null and start_at is not null
            qualify row_number() over (partition by feed, id order by file_number desc) = 1""")
        days = ", ".join(f"('{feed}', {number}, date '{_order(path)[0]}')"
                         for feed in PRIORITY for number, path in enumerate(self.files[feed]))
        self.run(f"""
            create temp table dated_record as
            select r.feed, coalesce(facility_code, '') as facility_code, coalesce(unit_code, '') as unit_code, delivered_on, n, is_partial,
                coalesce(encounter_class, 'unassigned') as encounter_class,
                case when encounter_class in ('inpatient', 'observation', 'post_acute') then end_at else start_at end as counted_at,
                coalesce(start_on, (counted_at at time zone '{ZONE}')::date) as counted_on, {self.stretch("counted_on")} as stretch_on
            from record as r
            join (values {days}) as f (feed, file_number, delivered_on) using (feed, file_number)
            left join class as c on c.feed = r.feed and c.class_code = lower(trim(r.class_code))
            where counted_on is not null""")
        self.place("dated_record")
        priority = "case feed " + " ".join(f"when '{feed}' then {rank}" for feed, rank in PRIORITY.items()) + " end"
        self.run(f"""
            create temp table encounter as
            select *, bool_or(is_unknown_here) over (partition by facility_id, encounter_class, month) as is_unknown,
                case when feed = arg_max(feed, {priority}) filter (n_told is not null) over (partition by place, encounter_class, month)
                    then n_told end as n
            from (
                select feed, facility_id, unit_id, encounter_class, {_month(_local("counted_at", "counted_on"))} as month,
                    case when facility_id = 'unassigned' then feed || '/' || facility_code else facility_id end as place,
                    sum(n) filter (encounter_class <> 'exclude') as n_told, bool_or(n is null and counted_at is null) as is_unknown_here,
                    bool_or(is_partial) as is_partial, max(delivered_on) filter (n is not null) as counts_delivered_on,
                    max(delivered_on) as delivered_on
                from dated_record join dated_record_place using (feed, facility_code, unit_code, stretch_on) group by all
            )""")

    def _workbook(self) -> str:
        """The workbooks as one file of cells; returns the relation. A dash or n/a is a count that nobody knows."""
        from python_calamine import load_workbook

        with (path := self.folder / "workbook.csv").open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            for number, file in enumerate(self.files["encounter_counts"]):
                lines = iter(load_workbook(str(file)).get_sheet_by_index(0).to_python())
                header = next(line for line in lines if "Hospital" in line)
                place, unit, word = (header.index(name) for name in ("Hospital", "Unit", "Patient class"))
                months = [(column, datetime.strptime(found[1], "%b-%y").date(), bool(found[2])) for column, name in enumerate(header)
                          if (found := re.fullmatch(r"(\w{3}-\d\d)( \(partial\))?", str(name)))]
                hospital = ""
                for line in lines:
                    hospital = line[place] or hospital
                    if line[word] and not re.search(r"(?i)\btotal\b", f"{hospital} {line[unit]}"):
                        writer.writerows([number, hospital, line[unit], line[word], month, str(line[column]).replace(",", ""), is_partial]
                                         for column, month, is_partial in months if line[column] != "")
        types = {"file_number": "SMALLINT", "facility_code": "VARCHAR", "unit_code": "VARCHAR", "class_code": "VARCHAR",
                 "start_on": "DATE", "text": "VARCHAR", "is_partial": "BOOLEAN"}
        return (f"(select *, try_cast(text as double)::integer as n from {_csv([path], types, types, has_header=False)} "
                "where lower(text) in ('-', 'n/a') or try_cast(text as double) >= 0)")

    # Months, windows, values ------------------------------------------------------------------------------------------

    def entity_months(self) -> None:
        """Table entity_month: every counter of every unit, service line, facility and the enterprise, by month."""
        keys = f"feed, facility_code, unit_code, {self.stretch('discharge_on')} as stretch_on"
        self.run(f"""
            create temp table sampled as
            select {keys}, count(*) filter (is_official) as n_sampled, count(*) filter (is_official and is_eligible) as n_eligible,
                count(*) filter (is_official and is_eligible and is_complete) as n_complete
            from survey group by all""")
        self.place("sampled")
        counts = ", ".join(f"count(case when {item} = {answer} then 1 end) as {name}" for name, (item, answer) in self.counters.items())
        self.run(f"""
            create temp table answered as
            select {keys}, {counts} from survey where is_official and is_eligible and is_complete group by all""")
        self.run("drop table survey")
        denominators = ", ".join(
            "sum(n) filter (encounter_class in (select encounter_class from measure_encounter_class "
            f"where measure_id = '{measure}')) as n__{measure}" for measure in self.rates)
        self.sums = ["n_sampled", "n_eligible", "n_complete", *self.counters, "n_cases", "n_grievances", "n_records",
                     *(f"n__{measure}" for measure in self.rates)]
        at = "using (feed, facility_code, unit_code, stretch_on)"
        surveyed = f"select facility_id, unit_id, {_month('stretch_on')} as month, columns('^n_|__')"
        self.run(f"""
            create temp table entity_month as
            select case when grouping(facility_id) = 1 then 'enterprise' when grouping(line) = 0 then 'service_line'
                    when grouping(unit_id) = 0 then 'unit' else 'facility' end as level,
                concat_ws('/', facility_id, line, unit_id) as code, facility_id, month,
                {", ".join(f"sum({name})::double as {name}" for name in self.sums)}
            from (
                select part.*, coalesce(line, 'unassigned') as line
                from (
                    {surveyed} from sampled join sampled_place {at}
                    union all by name
                    {surveyed} from answered join sampled_place {at}
                    union all by name
                    select facility_id, unit_id,
                        {_month(_local(f"received_at at time zone '{ZONE}'", "received_at::date"))} as month,
                        count(*) as n_cases, count(*) filter (is_grievance) as n_grievances, count(*) as n_records
                    from complaint join complaint_place {at} group by all
                    union all by name
                    select facility_id, unit_id, month, {denominators}, count(*) as n_records
                    from encounter where n is not null group by all
                ) as part left join unit using (facility_id, unit_id)
            )
            group by grouping sets ((month), (month, facility_id), (month, facility_id, line), (month, facility_id, unit_id))
            having 'unassigned' not in (coalesce(facility_id, ''), coalesce(line, ''), coalesce(unit_id, ''))""")

    def whole_months(self) -> None:
        """Table whole: months in which a facility, or the enterprise (null), lacks nothing: any survey; for a rate all its encounters.

        Expected is every class of a facility from its first month to the newest delivery. A month of the workbook is whole when the
        newest file that holds it came after its end and says no dash; one of other feeds when any file of the facility came after it.
        """
        self.run("""
            create temp table whole as
            select 'survey' as kind, facility_id, month from entity_month
            where level in ('facility', 'enterprise') and n_sampled > 0""")
        self.run(f"""
            insert into whole
            with own as (
                select facility_id, encounter_class, month, max(counts_delivered_on) as delivered_on,
                    bool_or(is_partial or is_unknown) as is_lacking, bool_or(feed = 'encounter_counts') as is_monthly
                from encounter where n is not null group by all
            ),
            reach as (
                select facility_id, encounter_class, month, max(delivered_on) as delivered_on
                from (
                    select distinct facility_id, encounter_class, feed from encounter
                    where n is not null and feed <> 'encounter_counts'
                )
                join (
                    select facility_id, feed, month, max(max(delivered_on)) over (partition by facility_id, feed) as delivered_on
                    from encounter where feed <> 'encounter_counts' group by facility_id, feed, month
                ) using (facility_id, feed)
                group by all
            ),
            expected as (
                select facility_id, encounter_class, m.month
                from (
                    select facility_id, encounter_class, min(month) as start from own where facility_id <> 'unassigned' group by all
                )
                join (select distinct month from own) as m on m.month >= start
                union all
                select facility_id, encounter_class, month from own where facility_id = 'unassigned'
            ),
            judged as (
                select facility_id, encounter_class, month, not coalesce(o.is_lacking, false) and coalesce(last_day({_first_day("month")})
                    < case when o.is_monthly then o.delivered_on else r.delivered_on end, false) as is_complete
                from expected
                left join own as o using (facility_id, encounter_class, month)
                left join reach as r using (facility_id, encounter_class, month)
                where month <= (select {_month("max(delivered_on)")} from encounter)
            )
            select measure_id, facility_id, month from judged join measure_encounter_class using (encounter_class)
            group by grouping sets ((measure_id, facility_id, month), (measure_id, month)) having bool_and(is_complete)""")

    def spans(self) -> None:
        """Table span: the counters of every entity in months, quarters and rolling years, and for which kinds the span is whole."""
        kinds = {"survey": "first_survey", **dict.fromkeys(self.rates, "first_record")}
        flags = ", ".join(
            f"exists (from whole as w where w.kind = '{kind}' and w.facility_id is not distinct from e.facility_id "
            f"and w.month = m.month) as is__{kind}" for kind in kinds)
        self.run(f"""
            create temp table entity_series as
            select e.*, m.month, {flags}, x.* exclude (level, code, facility_id, month)
            from (
                select level, code, facility_id, min(month) as first_month, min(month) filter (n_sampled > 0) as first_survey,
                    min(month) filter (n_records > 0) as first_record
                from entity_month group by all
            ) as e
            join (select unnest(range(min(month), max(month) + 1)) as month from entity_month) as m on m.month >= e.first_month
            left join entity_month as x on x.level = e.level and x.code = e.code and x.month = m.month""")

        def summed(grain: str, n_months: int, months: str) -> str:
            whole = [f"count(*) filter (is__{kind}) = {n_months} and {first} <= end_month - {n_months - 1} as is__{kind}"
                     for kind, first in kinds.items()]
            sums = [f"sum({name}) as {name}" for name in self.sums]
            return f"""select level, code, '{grain}' as grain, end_month, {n_months}, {", ".join([*whole, *sums])}
                from {months} group by level, code, first_survey, first_record, end_month"""

        quarter = summed("quarter", 3, "(select *, month // 3 * 3 + 2 as end_month from entity_series)")
        year = summed("rolling_12_months", 12, """
            entity_series join (select level, code, month as end_month from entity_series) as e using (level, code)
            where month between end_month - 11 and end_month and end_month - first_month >= 11""")
        self.run(f"""
            create temp table span as
            select *, concat_ws(':', grain, {_first_day("(end_month - n_months + 1)")}, level,
                case level when 'enterprise' then 'all' else code end, 'all') as key
            from (
                select level, code, 'month' as grain, month as end_month, 1 as n_months, true as is__survey,
                    {", ".join([*(f"is__{measure}" for measure in self.rates), *self.sums])}
                from entity_series
                union all
                {quarter}
                union all
                {year}
            )
            where {" or ".join(f"is__{kind}" for kind in kinds)}""")

    def values(self, out: Path) -> None:
        """A column per KPI, an expression over the counters; then a row per value. A month is closed when a delivery came after it."""
        survey_end, case_end = self._newest("press_ganey_hcahps", "hcahps_xml"), self._newest("rl6_feedback")
        columns = []
        for kpi, measure, source, scale, rule, start, end, levels, grains in self.rows(f"""
                select kpi_id, measure_id, source, scale_factor, numerator_rule, coalesce(valid_from_on, date '1900-01-01'),
                    coalesce(valid_to_on, date '9999-11-30'), (select list(level) from kpi_level as l where l.kpi_id = k.kpi_id),
                    (select list(period_grain) from kpi_window as w where w.kpi_id = k.kpi_id)
                from kpi as k join measure using (measure_id)
                where {RECOUNTED_MEASURES}"""):
            first = _number(start - timedelta(days=1)) + 1
            last = min(_number(end + timedelta(days=1)), case_end if source == "cases" else survey_end) - 1
            columns.append(f"""case when level in {_in(levels)} and grain in {_in(grains)} and end_month <= {last}
                and end_month - n_months + 1 >= {first} and is__{measure if source == "cases" else "survey"}
                then {scale} * {self._mean(measure, source, rule)} end as {kpi}""")
        self.run(f"""
            copy (
                select kpi || ':' || key as kpi_key, value from (select key, {", ".join(columns)} from span)
                unpivot (value for kpi in (columns(* exclude key)))
            ) to '{out}' (format parquet)""")

    def _mean(self, measure: str, source: str, rule: str) -> str:
        """SQL: numerator / denominator; for answers the mean over the items that anybody answered."""
        if source == "cases":
            return f"coalesce({'n_cases' if rule == 'all' else 'n_grievances'}, 0) / nullif(n__{measure}, 0)"
        if source == "surveys":
            return "n_complete / nullif(n_eligible, 0)"
        shares, is_answered = [], []
        for item, weights in self.weights[measure].items():
            n = " + ".join(f"{item}__{answer}" for answer in weights)
            weighed = " + ".join(f"{weight} * {item}__{answer}" for answer, weight in weights.items() if weight) or "0"
            shares.append(f"coalesce(({weighed}) / nullif({n}, 0), 0)")
            is_answered.append(f"case when {n} > 0 then 1 else 0 end")
        return f"({' + '.join(shares)}) / nullif({' + '.join(is_answered)}, 0)"

    def _newest(self, *feeds: str) -> int:
        return max(_number(_order(path)[0]) for feed in feeds for path in self.files[feed])


def _order(path: Path) -> tuple[date, int, str]:
    """A file's own place among the versions: the day in its name, its number."""
    found = re.search(r"_(\d{8})(?:_v(\d+))?\.", path.name)
    return datetime.strptime(found[1], "%Y%m%d").date(), int(found[2] or 0), path.name


def _header(path: Path, delimiter: str) -> list[str]:
    with path.open(encoding="utf-8-sig") as text:
        return text.readline().rstrip("\r\n").split(delimiter)


def _csv(files: Iterable[Path], header: Iterable[str], types: dict[str, str], options: str = "", delimiter: str = ",",
         has_header: bool = True) -> str:
    """SQL that reads files of one layout; `file_index` is a file's place in the list. Lines that do not fit are dropped."""
    columns = {name: types.get(name, "VARCHAR") for name in header}
    return (f"read_csv({_list(files)}, auto_detect = false, header = {has_header}, delim = '{delimiter}', quote = '\"', escape = '\"', "
            f"columns = {columns}, ignore_errors = true{options})")


def _list(files: Iterable[Path]) -> str:
    return str([str(path) for path in files])


def _in(values: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def _among(item: str, codes: list[int]) -> str:
    return f"{item} between {codes[0]} and {codes[-1]}" if len(codes) == codes[-1] - codes[0] + 1 else f"{item} in {tuple(codes)}"


def _utc(column: str) -> str:
    return f"try_strptime({column}, '%Y-%m-%dT%H:%M:%SZ') at time zone 'UTC'"


def _local(moment: str, fallback: str) -> str:
    """SQL: the date of a moment where the facility is."""
    return f"coalesce((({moment}) at time zone zone)::date, {fallback})"


def _number(day: date) -> int:
    return day.year * 12 + day.month - 1


def _month(day: str) -> str:
    return f"(year({day}) * 12 + month({day}) - 1)::integer"


def _first_day(month: str) -> str:
    return f"make_date({month} // 12, {month} % 12 + 1, 1)"


if __name__ == "__main__":
    main()
