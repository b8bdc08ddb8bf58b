"""`pxw chart`: the control chart of one KPI and place as a page to look at.

Belongs here: options, which series is meant, reading the marts, writing the file. Does not belong here: the picture (chart_picture.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ingestion.home import Home
from ingestion.sql import dicts

_GRAINS = ("month", "quarter", "event")


@click.command("chart")
@click.argument("kpi")
@click.option("--facility", help="Id or name; without it the whole enterprise.")
@click.option("--unit", help="Unit of the facility, id or name; or F1/4W.")
@click.option("--service-line", help="Service line of the facility.")
@click.option("--window", type=click.Choice(_GRAINS), help="Default: the shortest window that has values; event: distances between rare events.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write; ending .svg: the picture alone. Default: KPI-PLACE.html here.")
def chart(kpi: str, facility: str | None, unit: str | None, service_line: str | None, window: str | None, output: Path | None) -> None:
    """Draw the control chart of KPI: limits, signals, icons, target, initiatives, and what they mean."""
    from orchestration import chart_picture
    from orchestration.kpi_names import UNITS, find, published_kpis
    from orchestration.published import open_marts

    if (service_line or unit and "/" not in unit) and not facility:
        raise click.UsageError("a unit or service line needs its --facility; a unit may be named with it: --unit F1/4W")
    with open_marts(Home.from_env()) as con:
        found = find(published_kpis(con), kpi)
        place = _place(con, facility, unit, service_line)
        grain = window or _shortest(con, found.kpi_id, place)
        key = f"{found.kpi_id}:{grain}:{place}"
        points = dicts(con, "select * from marts.kpi_trend where series_key = ? order by point", key)
        if not points:
            raise click.ClickException(_why_nothing(con, found, key))
        now = dicts(con, "select * from marts.kpi_signal where series_key = ?", key)[0]
        if now["explanation"] is None:
            raise click.ClickException(f"the chart of {key} is not in this publication: it hides small cells, and a chart rests on all its points "
                                       "(docs/privacy.md)")
        target = next(iter(dicts(con, "select * from marts.kpi_target_status where series_key = ? and is_current", key)), None)
        name = _name(con, points[0])
    words = {"g": "encounters between events", "t": "days between events", "c": "cases"}.get(points[-1]["chart"]) or UNITS.get(found.unit, found.unit)
    better = {"increase": "higher is better", "decrease": "lower is better"}.get(now["direction"], "")
    subtitle = " · ".join(part for part in (name, f"per {grain}" if grain != "event" else "rare events", words, better) if part)
    path = output or Path(f"{found.kpi_id}-{place.replace(':', '-').replace('/', '-').replace(' ', '_')}.html")
    text = chart_picture.svg(found.label, words, points) if path.suffix == ".svg" else chart_picture.page(found.label, subtitle, words, points, now, target)
    if path.suffix == ".svg":
        text = text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    path.write_text(text, encoding="utf-8")
    click.echo(f"{now['explanation']}\n{path}")


def _place(con: Any, facility: str | None, unit: str | None, service_line: str | None) -> str:
    """Level and entity as a series key has them."""
    from orchestration.question import resolve_place

    facility_id, unit_id = resolve_place(con, facility, unit)
    if not facility_id:
        return "enterprise:all"
    if unit_id:
        return f"unit:{facility_id}/{unit_id}"
    return f"service_line:{facility_id}/{service_line}" if service_line else f"facility:{facility_id}"


def _shortest(con: Any, kpi_id: str, place: str) -> str:
    has = {row[0] for row in con.execute("select distinct period_grain from marts.kpi_trend where kpi_id = ? and ends_with(series_key, ?) and value is not null",
                                         [kpi_id, f":{place}"]).fetchall()}
    return next((grain for grain in _GRAINS if grain in has), "month")


def _why_nothing(con: Any, found: Any, key: str) -> str:
    near = [row[0] for row in con.execute("select series_key from marts.kpi_signal where kpi_id = ? order by value is null, series_key limit 5", [found.kpi_id]).fetchall()]
    return f"there is no chart of {key}; there are charts of {', '.join(near)}, ..." if near else f"{found.kpi_id} has no charts: it declares chart none, or has no months or quarters"


def _name(con: Any, point: dict[str, Any]) -> str:
    if point["facility_id"] is None:
        return "Enterprise"
    facility = con.execute("select facility_name from marts.dim_facility where facility_id = ?", [point["facility_id"]]).fetchone()[0] or point["facility_id"]
    if point["unit_id"] is not None:
        unit = con.execute("select unit_name from marts.dim_unit where facility_id = ? and unit_id = ?", [point["facility_id"], point["unit_id"]]).fetchone()[0]
        return f"{unit or point['unit_id']}, {facility}"
    return f"{point['service_line']}, {facility}" if point["service_line"] else facility
