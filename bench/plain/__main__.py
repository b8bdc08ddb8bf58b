"""The order of the steps, each leaving temp tables for the next.

Belongs here: arguments, order. Does not belong here: any step.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

import bench.plain
from bench.plain import adjusted, complaints, encounters, metrics, months, units, values
from bench.plain.script import Script
from bench.plain.surveys import Surveys


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.plain", description=bench.plain.__doc__.splitlines()[0])
    parser.add_argument("inbox", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="a file to leave out; repeatable")
    parser.add_argument("--definitions", type=Path, help="measures and KPIs as Parquet (default: made from the YAML)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        script = Script(con, chosen.inbox, set(chosen.skip), Path(folder), chosen.definitions)
        surveys = Surveys(script)
        with ThreadPoolExecutor(1) as pool:  # XML is read beside the rest: DuckDB works without Python's lock
            xml = pool.submit(surveys.xml_to_csv)
            units.mapping(script)
            metrics.metrics(script)
            encounters.encounters(script)
            complaints.complaints(script)
            surveys.press_ganey()
            surveys.hcahps_xml(xml.result())
        surveys.samples()
        adjusted.adjusted(script)
        surveys.answers()
        sums = months.entity_months(script)
        encounters.whole_months(script)
        months.spans(script, sums)
        values.values(script, chosen.out)


if __name__ == "__main__":
    main()
