"""Surveys: the vendor's wide files and the HCAHPS submission files.

Belongs here: reading them, which version and which answers count, counting answers. Does not belong here: scores.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from bench.plain.pieces import among, csv_relation, header_of, in_, month_of
from bench.plain.script import Script
from bench.plain.units import place, stretch

FEEDS = ("press_ganey_hcahps", "hcahps_xml")
FACTS = ("file_number", "survey_id", "facility_code", "unit_code", "discharge_on", "disposition_code", "discharge_status", "is_official")
PERSON = {"age_code": ("AGE", "patient-age")}  # what adjusts scores and is no item: header, tag


class Surveys:
    """Table survey: surveys of both kinds of file, answers as numbers, negative or null where there is none."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.questions = script.rows("""
            select instrument_id, question_number::integer, item_code, is_counted_for_completeness = 'true'
            from instrument_item join instrument using (instrument_id) where family = 'hcahps'""")
        self.items = [*dict.fromkeys(item for _, _, item, _ in self.questions), *PERSON]
        self.accepted, self.judged = self._rules()

    def press_ganey(self) -> None:
        """Table survey from the vendor's files, newest version of each survey."""
        layouts: dict = defaultdict(dict)
        for number, path in enumerate(self.script.files["press_ganey_hcahps"]):
            layouts[tuple(header_of(path, "|"))][path] = number
        for header, files in layouts.items():
            facility = "FACILITY" if "FACILITY" in header else "CCN"
            facts = (f"{list(files.values())}[file_index::integer + 1]", "SURVEY_ID", facility, "UNIT", "DISDATE", "DISPOSITION",
                     "DISCH_STATUS", "coalesce(ADJSAMP <> 'NOT INCLUDED', true)")
            self._add("press_ganey_hcahps", files, header, facts, self._layout("HCAHPS-32" if "Q30" in header else "HCAHPS-29"),
                              "%m/%d/%Y")
        self._delete("""
            select rowid as row, row_number() over (partition by survey_id order by file_number desc) > 1 as is_old from survey
            where survey_id in (select survey_id from survey group by survey_id having count(*) > 1)""")

    def hcahps_xml(self, path: Path) -> None:
        """Surveys from XML; a newer file of a hospital and month replaces the older one whole, a patient counts once."""
        header = header_of(path, "|")
        self._add("hcahps_xml", {path: None}, header, (*FACTS[:-1], "true"), {item: item for item in self.items}, "%Y-%m-%d")
        self._delete("""
            select rowid as row, file_number < max(file_number) over (partition by facility_code, discharge_on)
                or row_number() over (partition by facility_code, discharge_on, file_number, survey_id) > 1 as is_old
            from survey where feed = 'hcahps_xml'""")

    def xml_to_csv(self) -> Path:
        """All XML files as one file with a column per item; runs in a thread of its own."""
        from lxml import etree

        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        facts = {"survey_id": "patient-id", "facility_code": "provider-id", "disposition_code": "survey-status",
                 "discharge_status": "discharge-status"}
        tags = [*facts.values(), *(PERSON[item][1] if item in PERSON else item.replace("_", "-") for item in self.items)]
        with (path := self.script.folder / "xml.csv").open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, delimiter="|", lineterminator="\n")
            writer.writerow(["file_number", "unit_code", "discharge_on", *facts, *self.items])
            for number, file in enumerate(self.script.files["hcahps_xml"]):
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
        asked = {item: f"Q{number}" + ("ABCDE"[nth] if len(items) > 1 else "")
                 for number, items in boxes.items() for nth, item in enumerate(items)}
        return asked | {name: header for name, (header, _) in PERSON.items()}

    def _add(self, feed: str, files: dict, header: Iterable[str], facts: tuple, layout: dict[str, str], days: str) -> None:
        """Append files of one layout. Answers are read as numbers; the few lines with other texts in them come again as text."""
        dates, answers = {facts[FACTS.index("discharge_on")]: "DATE"}, dict.fromkeys(layout.values(), "TINYINT")
        options = f", nullstr = ['', 'M', 'H', 'S'], dateformat = '{days}'"
        self._insert(feed, facts, layout, "{}", csv_relation(files, header, dates | answers, f"{options}, store_rejects = true", "|"))
        again = defaultdict(list)
        for path, line in self.script.rows(f"""
                select file_path, any_value(csv_line) from reject_errors join reject_scans using (scan_id, file_id)
                group by scan_id, file_path, line having bool_and(error_type = 'CAST' and column_name in {in_(answers)})"""):
            again[path].append(line)
        self.script.run("drop table reject_errors; drop table reject_scans")
        for path, lines in again.items():
            (copy := self.script.folder / "again.txt").write_text("\n".join(["|".join(header), *lines, ""]), encoding="utf-8")
            number = facts[0] if files[Path(path)] is None else str(files[Path(path)])
            self._insert(feed, (number, *facts[1:]), layout, "try_cast({} as tinyint)",
                                 csv_relation([copy], header, dates, options, "|"))

    def _insert(self, feed: str, facts: tuple, layout: dict[str, str], cast: str, relation: str) -> None:
        read = [f"{sql} as {name}" for name, sql in zip(FACTS, facts, strict=True)]
        read += [f"{cast.format(layout[item]) if item in layout else 'null::tinyint'} as {item}" for item in self.items]
        is_new = not self.script.rows("select 1 from duckdb_tables() where table_name = 'survey'")
        self.script.run(f"{'create temp table survey as' if is_new else 'insert into survey'} "
                 f"select '{feed}' as feed, {self.judged} from (select {', '.join(read)} from {relation}) where {self.accepted}")

    def _rules(self) -> tuple[str, str]:
        """SQL of the condition for a row of survey (M was read as null) and of its columns.

        A completed survey with too few answers is a break-off; a screener is believed over what follows. Which answers count
        is decided by the discharge date; scores of items that its form lacks fall outside their measures' validity.
        """
        permitted = dict(self.script.rows("""
            select item_code, list(distinct code::integer order by code::integer) from (
                select item_code, answer as code from instrument_item join scale_answer using (scale_id)
                union select item_code, code from item_extra_code)
            group by item_code"""))
        forms = self.script.rows("""select instrument_id, valid_from_on, n_items_for_complete from instrument
            where family = 'hcahps' order by valid_from_on desc""")
        enough = " ".join(
            f"when discharge_on >= date '{start}' then " + " + ".join(
                f"case when {among(item, permitted[item])} then 1 else 0 end"
                for form, _, item, is_counted in self.questions if form == name and is_counted) + f" >= {least}"
            for name, start, least in forms)
        screened = dict(self.script.rows("""
            select distinct item_code, 'case when ' || screener_item_code || ' is distinct from ' || screener_skip_answers
                || ' then ' || item_code || ' end as ' || item_code from instrument_item where screener_item_code is not null"""))
        groups = defaultdict(list)
        for code, group in self.script.rows("select disposition_code, disposition_group from disposition where program_code = 'HCAHPS'"):
            groups[group].append(code)
        excluded = [code for (code,) in self.script.rows("select discharge_status_code from survey_exclusion where is_excluded = 'true'")]
        adjusters = [one["column"] for study in self.script.studies.values() for one in study["adjusters"]]
        wanted = dict.fromkeys([*self.script.scored, *adjusters])
        known = in_(code for codes in groups.values() for code in codes)
        accepted = (f"survey_id is not null and facility_code is not null and coalesce(disposition_code, 'M') in {known} "
                    "and discharge_on between date '1901-01-01' and date '2100-12-31'")
        return accepted, f"""
            file_number::smallint as file_number, survey_id, facility_code, coalesce(unit_code, '') as unit_code, discharge_on, is_official,
            coalesce(disposition_code not in {in_(groups["ineligible"])}, true)
                and coalesce(discharge_status not in {in_(excluded)}, true) as is_eligible,
            case when disposition_code in {in_(groups["complete"])} then case {enough} end else false end as is_complete,
            is_official and is_eligible and is_complete as is_scored, {", ".join(screened.get(item, item) for item in wanted)}"""

    def _delete(self, judged: str) -> None:
        self.script.run(f"delete from survey where rowid in (select row from ({judged}) where is_old)")

    def samples(self) -> None:
        """Table survey_month: sampled, eligible, completed, per unit and month."""
        self.script.run(f"""
            create temp table sampled as
            select {self._keys()}, count(*) filter (is_official) as n_sampled, count(*) filter (is_official and is_eligible) as n_eligible,
                count(*) filter (is_scored) as n_complete
            from survey group by all""")
        place(self.script, "sampled")
        self._place_months("sampled", "survey_month", "^n_")

    def answers(self) -> None:
        """Table answer_month: every answer of scored surveys counted, per unit and month; ends table survey."""
        counts = ", ".join(f"count(case when {item} = {answer} then 1 end) as {name}"
                           for name, (item, answer) in self.script.counters.items())
        self.script.run(f"create temp table answered as select {self._keys()}, {counts} from survey where is_scored group by all")
        self.script.run("drop table survey")
        self._place_months("answered", "answer_month", "__")

    def _keys(self) -> str:
        return f"feed, facility_code, unit_code, {stretch(self.script, 'discharge_on')} as stretch_on"

    def _place_months(self, table: str, part: str, sums: str) -> None:
        self.script.run(f"""
            create temp view {part} as
            select facility_id, unit_id, {month_of("stretch_on")} as month, columns('{sums}')
            from {table} join sampled_place using (feed, facility_code, unit_code, stretch_on)""")
