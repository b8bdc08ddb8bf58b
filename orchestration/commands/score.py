"""`pxw score`: case-mix adjusted scores of one file, as the AHRQ CAHPS Analysis Program prints them.

Belongs here: options, exit codes, text, JSON and CSV output.
Does not belong here: reading (score_input.py), statistics and the report (methods/case_mix).

Exit codes: 0 result printed · 1 no result, or the file's content cannot be used · 2 wrong options or columns.
"""

from __future__ import annotations

import re
from pathlib import Path

import click

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("score", context_settings={"max_content_width": 110})
@click.argument("file", type=_FILE)
@click.option(
    "--items",
    "--item",
    "items",
    multiple=True,
    required=True,
    metavar="COLUMN,…",
    help="Items of the measure; the best answer is the highest value.",
)
@click.option("--entity", required=True, metavar="COLUMN", help="Unit to compare: plan, hospital, clinic, ward …")
@click.option(
    "--adjusters",
    "--adjuster",
    "adjusters",
    multiple=True,
    metavar="[NAME=]COLUMN[:LOW-HIGH],…",
    help="Adjusters, with the range of valid values; other values become missing. Example: GHR=Q39:1-5,AGE=Q40:1-7.",
)
@click.option(
    "--valid",
    metavar="VALUES",
    help="Valid answers: 0-10, 1-4, 1-3, 0-1 or a list such as 1,2,3. "
    "Without it, the smallest of these scales that holds the answers between 0 and 10 in the file.",
)
@click.option(
    "--boxes", metavar="CLASSES", help="Classes from worst to best. Usual: 0-6/7-8/9-10, 1-2/3/4, 1/2/3, 0/1."
)
@click.option("--adjust-boxes", is_flag=True, help="Adjust the box percentages too (ADJ_BARS=1).")
@click.option("--reverse", multiple=True, metavar="COLUMN,…", help="Items whose best answer is the lowest value.")
@click.option("--missing", multiple=True, metavar="CODE,…", help="Text codes that mean no answer, e.g. M,NA.")
@click.option(
    "--impute/--no-impute",
    default=True,
    show_default=True,
    help="Missing adjuster: the mean of the entity, or leave the row out.",
)
@click.option(
    "--k",
    type=click.FloatRange(min=0),
    default=1,
    show_default=True,
    help="Answers an item needs in an entity for its full weight.",
)
@click.option("--pvalue", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.05, show_default=True)
@click.option(
    "--change",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="Least difference for a star, as a share of the way from the mean to the end of the scale.",
)
@click.option(
    "--meandiff",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="Least difference from the mean for a star, in points.",
)
@click.option("--entity-names", type=_FILE, help="CSV of two columns: code, name.")
@click.option(
    "--strata",
    "strata_file",
    type=_FILE,
    help="CSV of three columns: entity, unit, population. Adjusts each entity, then combines them per unit.",
)
@click.option("--contributions", is_flag=True, help="Also the contribution of each row to the variance (KP_RESID=1).")
@click.option("--delimiter", default=",", show_default=True, help="One character, or 'tab'.")
@click.option("--title", default="", help="Title of the report.")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output, full precision.")
@click.option(
    "--csv-dir", type=click.Path(file_okay=False, path_type=Path), help="Also one CSV per table, full precision."
)
def score(file, items, entity, adjusters, valid, boxes, strata_file, as_json, csv_dir, title, **options) -> None:
    """Case-mix adjusted scores from FILE: one row per respondent, CSV (also .gz) or Parquet.

    Prints what the AHRQ CAHPS Analysis Program 4.1c prints: percent missing, box percentages, coefficients,
    R squared, the overall test, and per entity the scores, differences and stars. Tables in JSON and CSV carry
    the program's column names.

    \b
    pxw score answers.csv --items Q38 --valid 0-10 --entity PLANID \\
        --adjusters GHR=Q39:1-5,AGE=Q40:1-7
    """
    from methods.case_mix import CaseMixError, program, report
    from orchestration.commands.score_input import InputError, UnknownColumn

    try:
        result = _run(file, _listed(items), entity, [_adjuster(a) for a in _listed(adjusters)], valid, boxes, options)
        tables = program.tables(result)
        combined = _combined(result, strata_file)
    except (CaseMixError, UnknownColumn) as error:
        raise click.UsageError(str(error)) from None
    except InputError as error:
        raise click.ClickException(str(error)) from None
    if combined is not None:
        tables |= {
            "strata": combined["strata"],
            "units": program.scores(combined),
            "units_overall": program.overall(combined),
        }
    if csv_dir:
        _write_csv(csv_dir, tables)
    final = combined or result
    click.echo(_as_json(final, tables) if as_json else report.text(result, title or file.name, combined), nl=as_json)
    if not len(result["entities"]["entity"]):
        raise click.exceptions.Exit(1)


def _run(file: Path, items: list[str], entity: str, adjusters: list, valid, boxes, options: dict):
    """Read the columns and run the algorithm."""
    from methods.case_mix import case_mix, scale_of
    from orchestration.commands import score_input

    delimiter = "\t" if options["delimiter"] in ("tab", "\\t") else options["delimiter"]
    if len(delimiter) != 1 or delimiter in "\"'\r\n":
        raise click.BadParameter("one character or 'tab'", param_hint="--delimiter")
    numeric = list(dict.fromkeys([*items, *(a.column for a in adjusters)]))
    if entity in numeric:
        raise click.UsageError(f"'{entity}' cannot be the entity and an item or adjuster at once")
    table = score_input.load(file, delimiter, entity, numeric, _listed(options["missing"]))
    if options["entity_names"]:
        names = score_input.entity_names(options["entity_names"])
        table[entity] = _renamed(table[entity], names)
    scale = scale_of(valid or _usual_scale([table[item] for item in items]), boxes)
    return case_mix(
        table,
        items=items,
        entity=entity,
        scale=scale,
        adjusters=adjusters,
        impute=options["impute"],
        k=options["k"],
        alpha=options["pvalue"],
        change=options["change"],
        mean_difference=options["meandiff"],
        adjust_boxes=options["adjust_boxes"],
        reverse=_listed(options["reverse"]),
        keep_contributions=options["contributions"],
    )


def _combined(result, strata_file: Path | None):
    """The strata combined per unit, or None."""
    if strata_file is None or not result.is_adjusted:
        return None
    from methods.case_mix import combine_strata
    from orchestration.commands import score_input

    return combine_strata(result, score_input.strata(strata_file))


def _listed(values: tuple[str, ...]) -> list[str]:
    """('Q1,Q2', 'Q3') -> ['Q1', 'Q2', 'Q3']."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _adjuster(text: str):
    """'GHR=Q39:1-5' -> Adjuster('GHR', 'Q39', 1, 5); name and range may be absent."""
    from methods.case_mix import Adjuster

    match = re.fullmatch(r"(?:([^=:]+)=)?([^=:]+)(?::(-?[\d.]+)-(-?[\d.]+))?", text)
    if not match:
        raise click.BadParameter(f"'{text}' is not NAME=COLUMN:LOW-HIGH, e.g. GHR=Q39:1-5", param_hint="--adjusters")
    name, column, low, high = match.groups()
    try:
        limits = (None, None) if low is None else (float(low), float(high))
    except ValueError:
        raise click.BadParameter(f"the range in '{text}' is not two numbers", param_hint="--adjusters") from None
    if low is not None and limits[0] > limits[1]:
        raise click.BadParameter(f"the range in '{text}' runs backwards", param_hint="--adjusters")
    return Adjuster((name or column).strip(), column.strip(), *limits)


def _usual_scale(columns: list) -> str:
    """The smallest CAHPS scale that holds the whole answers between 0 and 10; codes such as 98 are none."""
    import numpy as np

    values = np.concatenate(columns)
    present = {int(v) for v in np.unique(values[(values >= 0) & (values <= 10)]) if v == int(v)}
    scales = {"0-1": range(2), "1-3": range(1, 4), "1-4": range(1, 5), "0-10": range(11)}
    chosen = next(text for text, held in scales.items() if present <= set(held))
    click.echo(f"valid answers taken from the data: {chosen} (say so with --valid)", err=True)
    return chosen


def _renamed(labels, names: dict[str, str]):
    import numpy as np

    return np.array([names.get(label, label) for label in labels.tolist()], dtype=object)


def _as_json(result, tables: dict) -> str:
    import json

    def rows(table: dict) -> list[dict]:
        columns = [values.tolist() for values in table.values()]
        return [{n: None if v != v else v for n, v in zip(table, row)} for row in zip(*columns)]

    content = {
        "settings": result.settings,
        "is_adjusted": result.is_adjusted,
        "notes": [vars(note) for note in result.notes],
        "tables": {name: rows(table) for name, table in tables.items()},
    }
    return json.dumps(content, indent=1, ensure_ascii=False)


def _write_csv(folder: Path, tables: dict) -> None:
    """One file per table; floats as written by repr, which reads back to the same number."""
    import csv

    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(table)
            columns = [values.tolist() for values in table.values()]
            writer.writerows([["" if v != v else v for v in row] for row in zip(*columns)])
