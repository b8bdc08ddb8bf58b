"""How long the case-mix step takes for a large group, beside a plain DuckDB and numpy script that gives the same adjusted scores.

Belongs here: the input, the step as the build runs it, the plain script, timing, the comparison of the two results.
Does not belong here: the method alone (case_mix.py), correctness (tests/scores, tests/methods).

    python -m bench.scores                1 million surveys of 300 facilities; part of `make bench`
    python -m bench.scores 50000 20       fewer
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np

from bench.timing import timed
from bench.trends import Dbt
from orchestration.definitions_data.measures import load_measures
from orchestration.definitions_data.studies import load_studies

PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"
STEP = PROJECT / "models" / "marts" / "steps" / "case_mix_result.py"
UNITS_PER_FACILITY = 8
FURTHEST_APART = 1e-8  # points; sums of floating point numbers in another order


def study() -> dict:
    """Settings of the shipped study."""
    return json.loads(load_studies(PROJECT, load_measures(PROJECT / "measures", PROJECT / "seeds"))["hcahps_group"].settings)


def write_input(file: Path, n: int, n_facilities: int) -> None:
    """Surveys of a year, 5 % of answers and 3 % of adjusters missing, as the facts of the build hold them."""
    settings = study()
    answers = {item: sorted(map(int, by_answer)) for measure in settings["measures"] for item, by_answer in measure["answers"].items()}
    items = ", ".join(f"case when random() > 0.05 then [{', '.join(map(str, codes))}][1 + floor({len(codes)} * pow(random(), 0.5))::int]::tinyint end as {item}"
                      for item, codes in sorted(answers.items()))
    with duckdb.connect(str(file)) as con:
        con.execute("set threads = 1")  # so that random() gives the same numbers everywhere
        con.execute("select setseed(0.42)").fetchall()
        con.execute("create schema core")
        con.execute(f"""
            create table core.fct_survey_hcahps as
            select 'd' || (i // 10000) as delivery_id, i as row_number, 'F' || (i % {n_facilities}) || '/U' || (i // {n_facilities} % {UNITS_PER_FACILITY}) as unit_key,
                date '2025-01-01' + (i % 365)::int as discharge_on, null::varchar as provider_id, true as is_scored,
                case when random() > 0.03 then 1 + floor(5 * random())::tinyint end as overall_health,
                case when random() > 0.03 then 1 + floor(6 * random())::tinyint end as education,
                case when random() > 0.03 then (1 + floor(15 * random())::int)::varchar end as age_code, {items}
            from range({n}) as r (i)""")
        con.execute("create table fct_survey as select 1 as x")
        con.execute("create table dim_unit as select distinct unit_key, split_part(unit_key, '/', 1) as facility_id, split_part(unit_key, '/', 2) as unit_id from core.fct_survey_hcahps")
        con.execute("create table delivery as select distinct delivery_id from core.fct_survey_hcahps")
        con.execute("create table open_month as select 'survey:hcahps' as kind, null::varchar as facility_id, 2026 * 12 as first_open_month")
        con.execute("create table case_mix (case_mix_id varchar, instrument_family varchar, settings varchar)")
        con.execute("insert into case_mix values ('hcahps_group', 'hcahps', ?)", [json.dumps(settings)])


def build(file: Path, out: Path) -> None:
    """The step as dbt runs it; prints what it took."""
    spec = importlib.util.spec_from_file_location("step", STEP)
    step = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(step)
    with duckdb.connect(str(file)) as con:
        cpu, wall = time.process_time(), time.perf_counter()
        found = step.model(Dbt(con), con)  # noqa: F841 (DuckDB reads it by name)
        print(f"    case_mix_result {time.perf_counter() - wall:6.1f} s wall {time.process_time() - cpu:6.1f} s CPU", flush=True)
        con.execute("create or replace temp table result as from found")
        con.execute(f"copy (select level, facility_id, unit_id, measure_name, score, adjusted from result where row_kind = 'entity' and adjusted is not null) to '{out}'")


def plain(file: Path, out: Path) -> None:
    """The adjusted scores alone: per item one regression within entities, in numpy over what one query gives."""
    settings = study()
    names = [one["name"] for one in settings["adjusters"]]
    rows = []
    with duckdb.connect(str(file), read_only=True) as con:
        points = {item: by_answer for measure in settings["measures"] for item, by_answer in measure["answers"].items()}
        columns = ", ".join(f"case {item} {' '.join(f'when {a} then {p!r}::double' for a, p in by.items())} end as {item}" for item, by in points.items())
        adjusters = ", ".join(f"try_cast({one['column']}::varchar as double) as {one['name']}" for one in settings["adjusters"])
        got = con.execute(f"select unit_key, split_part(unit_key, '/', 1) as facility_id, {columns}, {adjusters} from core.fct_survey_hcahps").fetchnumpy()
    data = {name: values.filled(np.nan) if isinstance(values, np.ma.MaskedArray) and values.dtype.kind == "f" else np.asarray(values) for name, values in got.items()}
    for level, key in (("facility", "facility_id"), ("unit", "unit_key")):
        labels, entity = np.unique(data[key], return_inverse=True)
        x = np.column_stack([_imputed(data[name], entity, len(labels)) for name in names])
        for measure in settings["measures"]:
            for score, targets in [("linear_mean", None), *zip(("bottom_box", "middle_box", "top_box")[-len(measure["boxes"]):] if len(measure["boxes"]) == 3
                                                               else ("bottom_box", "top_box"), measure["boxes"], strict=True)]:
                adjusted = np.mean([_adjusted(data[item] if targets is None else np.where(np.isnan(data[item]), np.nan, 100.0 * np.isin(data[item], targets)),
                                              x, entity, len(labels)) for item in measure["items"]], axis=0)
                rows += [(level, label, measure["name"], score, value) for label, value in zip(labels, adjusted, strict=True)]
    levels, entities, measures, scores, values = map(list, zip(*rows, strict=True))
    with duckdb.connect() as con:
        con.execute(f"copy (select unnest($1::varchar[]) as level, unnest($2::varchar[]) as entity, unnest($3::varchar[]) as measure_name, "
                    f"unnest($4::varchar[]) as score, unnest($5::double[]) as adjusted) to '{out}'", [levels, entities, measures, scores, values])


def _imputed(values: np.ndarray, entity: np.ndarray, n: int) -> np.ndarray:
    known = ~np.isnan(values)
    mean = np.bincount(entity[known], values[known], n) / np.bincount(entity[known], minlength=n)
    return np.where(known, values, mean[entity])


def _adjusted(y: np.ndarray, x: np.ndarray, entity: np.ndarray, n: int) -> np.ndarray:
    """Adjusted mean of one item per entity, before and after centring the same: the mean over entities of the raw means."""
    known = ~np.isnan(y)
    y, x, entity = y[known], x[known], entity[known]
    count = np.bincount(entity, minlength=n)
    y_mean = np.bincount(entity, y, n) / count
    x_mean = np.column_stack([np.bincount(entity, column, n) / count for column in x.T])
    centred = x - x_mean[entity]
    beta = np.linalg.solve(centred.T @ centred, centred.T @ (y - y_mean[entity]))
    return y_mean - (x_mean - x_mean.mean(axis=0)) @ beta


def main(n: int, n_facilities: int) -> None:
    """Both as processes of their own over the same file, and how far their results lie apart."""
    folder = Path(tempfile.mkdtemp(prefix="pxw-bench-scores-"))
    try:
        file, ours, theirs = folder / "input.duckdb", folder / "ours.parquet", folder / "plain.parquet"
        write_input(file, n, n_facilities)
        taken = [timed([sys.executable, "-m", "bench.scores", what, str(file), str(out)], {}, folder / f"{what}.log") for what, out in (("build", ours), ("plain", theirs))]
        print(f"\ncase mix of {n:,} surveys, {n_facilities:,} facilities and their units, 7 measures with boxes")
        print((folder / "build.log").read_text(), end="")
        for what, one in zip(("case-mix step", "plain script"), taken, strict=True):
            print(f"  {what:22s} {one.wall:7.1f} s wall  {one.cpu:7.1f} s CPU  peak {one.peak_mb:7,.0f} MB")
        n_rows, n_alone, worst = duckdb.sql(f"""
            select count(*), count(*) filter (a.adjusted is null or b.adjusted is null), max(abs(a.adjusted - b.adjusted))
            from (select *, facility_id || coalesce('/' || unit_id, '') as entity from '{ours}') as a
            full join '{theirs}' as b using (level, entity, measure_name, score)""").fetchall()[0]
        if n_alone or not n_rows:
            raise SystemExit(f"the two do not compute the same: {n_alone} of {n_rows} values stand on one side only")
        if not worst <= FURTHEST_APART:
            raise SystemExit(f"the two do not compute the same: scores differ by up to {worst:.1e}")
        print(f"  ratio {taken[0].wall / taken[1].wall:.2f} (wall), {taken[0].cpu / taken[1].cpu:.2f} (CPU); {n_rows:,} adjusted scores, largest difference {worst:.1e}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["build"]:
        build(Path(sys.argv[2]), Path(sys.argv[3]))
    elif sys.argv[1:2] == ["plain"]:
        plain(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(*(int(one) for one in sys.argv[1:3] or (1_000_000, 300)))
