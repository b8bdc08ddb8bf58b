"""Definitions as tables: the Parquet files that dbt reads as source `definition`.

Belongs here: the columns, types and order of those files, writing them, the fingerprint of the definitions.
Does not belong here: reading or checking definitions (measures.py, kpis.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from ingestion.home import replacing
from ingestion.sql import identifier, insert_rows, literal
from ingestion.strict_yaml import OWN_DEFINITIONS, own_folders
from orchestration.definitions_data.faults import definition_files
from orchestration.definitions_data.kpis import Kpi, load_kpis
from orchestration.definitions_data.measure import Measure
from orchestration.definitions_data.measures import load_measures
from orchestration.definitions_data.studies import Study, load_studies

# table -> column -> (DuckDB type); rows are sorted by all columns, left to right.
TABLES: dict[str, dict[str, str]] = {
    "measure": {
        "measure_id": "VARCHAR", "measure_version": "INTEGER", "label": "VARCHAR", "unit": "VARCHAR",
        "source": "VARCHAR", "statistic": "VARCHAR", "instrument_family": "VARCHAR", "direction": "VARCHAR",
        "standing": "VARCHAR", "scale_factor": "DOUBLE", "interval_method": "VARCHAR", "numerator_rule": "VARCHAR",
        "denominator_rule": "VARCHAR", "valid_from_on": "DATE", "valid_to_on": "DATE", "note": "VARCHAR",
        "definition_sha256": "VARCHAR", "measure_name": "VARCHAR", "is_share": "BOOLEAN", "is_outcome": "BOOLEAN",
    },
    "measure_item": {"measure_id": "VARCHAR", "item_code": "VARCHAR"},
    "measure_weight": {"measure_id": "VARCHAR", "item_code": "VARCHAR", "answer": "TINYINT", "weight": "DOUBLE"},
    "measure_section": {"measure_id": "VARCHAR", "section_code": "VARCHAR"},
    "measure_encounter_class": {"measure_id": "VARCHAR", "encounter_class": "VARCHAR"},
    "measure_condition": {"measure_id": "VARCHAR", "tag_type": "VARCHAR", "tag_value": "VARCHAR"},
    "measure_break": {"measure_id": "VARCHAR", "start_on": "DATE", "note": "VARCHAR"},
    "case_mix": {
        "case_mix_id": "VARCHAR", "label": "VARCHAR", "instrument_family": "VARCHAR", "standing": "VARCHAR", "settings": "VARCHAR",
    },
    "kpi": {
        "kpi_id": "VARCHAR", "measure_id": "VARCHAR", "label": "VARCHAR", "owner": "VARCHAR",
        "minimum_denominator": "BIGINT", "chart": "VARCHAR", "rule_set": "VARCHAR",
        "screen_mr": "BOOLEAN", "laney_floor": "BOOLEAN", "funnel": "VARCHAR",
    },
    "kpi_chart_event": {
        "kpi_id": "VARCHAR", "event": "VARCHAR", "event_on": "DATE", "facility_id": "VARCHAR", "unit_id": "VARCHAR",
        "reason": "VARCHAR", "decided_by": "VARCHAR",
    },
    "kpi_level": {"kpi_id": "VARCHAR", "level": "VARCHAR"},
    "kpi_window": {"kpi_id": "VARCHAR", "period_grain": "VARCHAR"},
    "kpi_target": {
        "kpi_id": "VARCHAR", "target": "DOUBLE", "valid_from_on": "DATE", "valid_to_on": "DATE", "reason": "VARCHAR",
    },
}  # fmt: skip


def own_definition_folders() -> list[Path]:
    """config/definitions of the home and the folders of `PXW_DEFINITIONS`: each holds measures/, kpis/ or both beside the shipped ones."""
    return own_folders(OWN_DEFINITIONS)


_OF_ANSWERS = ("answers", "adjusted")


def write(project_dir: Path, out_dir: Path, extra_dirs: Iterable[Path] = ()) -> dict[str, int]:
    """Check all definitions and write <out_dir>/<table>.parquet; returns rows per table.

    project_dir holds measures/, kpis/ and seeds/; each of extra_dirs holds measures/, kpis/ or both.
    The same definitions give the same bytes. Raises DefinitionError and then writes nothing.
    """
    measures, kpis, studies = _load(project_dir, list(extra_dirs))
    rows = {table: list(_rows(table, measures.values(), kpis.values(), studies.values())) for table in TABLES}
    out_dir.mkdir(parents=True, exist_ok=True)
    _write_parquet(rows, out_dir)
    return {table: len(found) for table, found in rows.items()}


def load(project_dir: Path, extra_dirs: Iterable[Path] = ()) -> tuple[dict[str, Measure], dict[str, Kpi]]:
    """All measures, with those that studies adjust, and KPIs of a project and of the user's own directories, checked."""
    measures, kpis, _ = _load(project_dir, list(extra_dirs))
    return measures, kpis


def _load(project_dir: Path, extra: list[Path]) -> tuple[dict[str, Measure], dict[str, Kpi], dict[str, Study]]:
    measures = load_measures(project_dir / "measures", project_dir / "seeds", _below(extra, "measures"))
    studies = load_studies(project_dir, measures, extra)
    for study in studies.values():
        measures |= {measure.measure_id: measure for measure in study.measures}
    return measures, load_kpis(project_dir / "kpis", measures, _below(extra, "kpis")), studies


def fingerprint(project_dir: Path, extra_dirs: Iterable[Path] = ()) -> str:
    """SHA-256 over names and bytes of everything a definition depends on, wherever the folders lie."""
    extra = list(extra_dirs)
    roots = [project_dir / "measures", project_dir / "kpis", *_below(extra, "measures"), *_below(extra, "kpis")]
    digest = hashlib.sha256()
    for root in roots:
        for path in definition_files(root):
            _digest_file(digest, f"{root.name}/{path.relative_to(root).as_posix()}", path)
    for folder in (project_dir, *extra):
        for path in sorted((folder / "case_mix").glob("*.yml")):
            _digest_file(digest, f"case_mix/{path.name}", path)
    for path in sorted((project_dir / "seeds").glob("*.csv")):
        _digest_file(digest, f"seeds/{path.name}", path)
    return digest.hexdigest()


def _digest_file(digest: hashlib._Hash, name: str, path: Path) -> None:
    content = path.read_bytes()
    digest.update(f"{name}\0{len(content)}\0".encode())
    digest.update(content)


def _below(directories: Iterable[Path], name: str) -> list[Path]:
    """The sub-folders of that name; a user's directory may lack one, not both."""
    found = []
    for directory in directories:
        if not any((directory / kind).is_dir() for kind in ("measures", "kpis")):
            definition_files(directory / "measures")  # raises, naming the folder
        if (directory / name).is_dir():
            found.append(directory / name)
    return found


def _rows(table: str, measures: Iterable[Measure], kpis: Iterable[Kpi], studies: Iterable[Study]) -> Iterator[tuple]:
    if table == "measure":
        for m in measures:
            values = {**vars(m), "measure_version": m.version, "definition_sha256": m.definition_sha256, "is_share": m.is_share}
            yield tuple(values[column] for column in TABLES[table])
    elif table == "measure_item":
        yield from ((m.measure_id, item) for m in measures if m.source in _OF_ANSWERS for item in m.weights)
    elif table == "measure_weight":
        for m in (m for m in measures if m.source in _OF_ANSWERS):
            for item, by_answer in m.weights.items():
                yield from ((m.measure_id, item, answer, weight) for answer, weight in by_answer.items())
    elif table == "case_mix":
        yield from (tuple(vars(study)[column] for column in TABLES[table]) for study in studies)
    elif table == "measure_section":
        yield from ((m.measure_id, section) for m in measures for section in m.sections)
    elif table == "measure_condition":
        yield from ((m.measure_id, tag, value) for m in measures for tag, values in m.conditions.items() for value in values)
    elif table == "measure_encounter_class":
        yield from ((m.measure_id, name) for m in measures if m.source == "cases" for name in m.denominator_groups)
    elif table == "measure_break":
        yield from ((m.measure_id, *one) for m in measures for one in m.breaks)
    elif table == "kpi":
        yield from (_kpi_row(kpi) for kpi in kpis)
    elif table == "kpi_chart_event":
        yield from ((kpi.kpi_id, *event) for kpi in kpis for event in kpi.chart_settings.events())
    elif table == "kpi_level":
        yield from ((kpi.kpi_id, level) for kpi in kpis for level in kpi.levels)
    elif table == "kpi_window":
        yield from ((kpi.kpi_id, window) for kpi in kpis for window in kpi.windows)
    elif table == "kpi_target":
        yield from ((kpi.kpi_id, t.value, t.start, t.end, t.reason) for kpi in kpis for t in kpi.targets)


def _kpi_row(kpi: Kpi) -> tuple:
    chart = kpi.chart_settings
    values = {**vars(kpi), **vars(chart), "chart": chart.type, "rule_set": chart.rule_set}
    return tuple(values[column] for column in TABLES["kpi"])


def _write_parquet(rows: dict[str, list[tuple]], out_dir: Path) -> None:
    import duckdb

    with duckdb.connect() as con:
        con.execute("SET threads = 1")  # one row group in one order: the same bytes every time
        for table, columns in TABLES.items():
            con.execute(f"CREATE TABLE {table} ({', '.join(f'{identifier(name)} {kind}' for name, kind in columns.items())})")
            insert_rows(con, table, rows[table])
            with replacing(out_dir / f"{table}.parquet") as part:
                con.execute(f"COPY (SELECT * FROM {table} ORDER BY ALL) TO {literal(str(part))} (FORMAT parquet)")
