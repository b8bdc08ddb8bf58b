"""HTML pages that open without a network: one file each, style inside, nothing fetched.

Belongs here: the templates' environment and their filters, writing a page.
Does not belong here: the facts on a page (trace.py, report.py, lineage.py).
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.home import replacing
from orchestration.audit.words import place_words, reason_words, restated_words, rule_words, study_words

if TYPE_CHECKING:
    import jinja2

    from orchestration.audit.trace import Trace


def render(template: str, title: str, **facts: Any) -> str:
    """The text of a page. Values are escaped; a name the template does not get is an error."""
    return _environment().get_template(template).render(title=title, **facts)


def write_page(path: Path, template: str, title: str, *, is_private: bool = False, **facts: Any) -> None:
    """Write a page; the file is whole or absent, and a private one is never readable by others, not for a moment."""
    text = render(template, title, **facts)
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
        part.chmod(0o600 if is_private else 0o644)


def write_trace(traced: Trace, path: Path) -> None:
    """The page of one KPI row. With original records on it only the owner can read it."""
    write_page(path, "trace.html", f"Trace of {traced.published['kpi_key']}", is_private=any("original" in row for row in traced.rows),
               t=traced, place=place_words(traced.published), study_words=study_words(traced) if traced.study else "")


def number(value: Any) -> str:
    """A count or weight for reading: no trailing zeros, thousands separated, nothing for None."""
    if value is None:
        return ""
    return f"{int(value):,}" if value == int(value) else f"{float(value):,.6g}"


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number, "count": lambda value: f"{value:,}", "exact": lambda value: f"{value:.10g}", "day": _day, "month": lambda day: f"{day:%Y-%m}",
        "words": lambda text: str(text).replace("_", " "), "rule": rule_words, "reason": reason_words, "restated": restated_words,
    }
    return environment


def _day(value: date | str | None) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value or "")
