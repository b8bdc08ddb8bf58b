"""Data Docs: one static page per feed and judgement, and an index of them.

Belongs here: rendering results of Great Expectations and our overview into files, which pages are kept.
Does not belong here: what is judged. Pages show numbers, names of columns and checks, delivery ids,
never a cell of a delivery.

GX renders the expectations; the frame is ours, because the pages of GX load style and scripts from
public servers: behind a hospital's firewall they stay unstyled and their index stays empty. This
module imports Great Expectations: import it inside functions only.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView
from jinja2 import ChoiceLoader, FileSystemLoader

from ingestion.home import replacing

if TYPE_CHECKING:
    from expectations.extras import Outcome
    from expectations.verdict import DeliveryRaw, Verdict
    from ingestion.feed import Feed

_TEMPLATES = Path(__file__).parent / "templates"
_KEPT_PAGES = 100  # per feed; the ledger keeps every verdict for good


@cache
def _view() -> DefaultJinjaPageView:
    """Our templates are found first (page.j2, index.html), the parts of a page come from GX. Compiled once."""
    view = DefaultJinjaPageView()
    view.env.loader = ChoiceLoader([FileSystemLoader(_TEMPLATES), view.env.loader])
    return view


class DataDocs:
    """The site in one folder: `index.html`, `style.css`, `<feed>/<moment>.html` with a `.json` beside it for the index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.view = _view()
        self.moment = datetime.now(UTC)
        shutil.copyfile(_TEMPLATES / "style.css", folder / "style.css")

    def page(self, feed: Feed) -> Page:
        """The page of this judgement of a feed."""
        return Page(self, feed, f"{feed.feed}/{self.moment:%Y%m%dT%H%M%S%f}.html")

    def write_index(self) -> None:
        """List the kept pages, newest first; older ones are removed."""
        pages = []
        for folder in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            facts = sorted(folder.glob("*.json"), reverse=True)
            for old in facts[_KEPT_PAGES:]:
                old.with_suffix(".html").unlink(missing_ok=True)
                old.unlink(missing_ok=True)
            pages += [json.loads(one.read_text(encoding="utf-8")) for one in facts[:_KEPT_PAGES]]
        pages.sort(key=lambda page: (page["judged_at"], page["feed"]), reverse=True)
        self.write("index.html", self.view.env.get_template("index.html").render(pages=pages))

    def write(self, path: str, text: str) -> None:
        """Write one file of the site in one rename."""
        with replacing(self.folder / path) as part:
            part.write_text(text, encoding="utf-8")
            part.chmod(0o644)


class Page:
    """One page: the deliveries of a feed that were judged together."""

    def __init__(self, docs: DataDocs, feed: Feed, path: str) -> None:
        self.docs, self.feed, self.path = docs, feed, path

    def write(
        self, result: Any, verdicts: list[Verdict], deliveries: list[DeliveryRaw], numbers: dict[str, dict[str, Any]],
        outcomes: dict[str, list[Outcome]],
    ) -> None:
        """Write page and facts. `result` is the GX result of the suite over the profile, `numbers` its rows for whole files."""
        overview = [{"delivery": d, "verdict": v, "numbers": numbers[d.delivery_id]} for d, v in zip(deliveries, verdicts, strict=True)]
        judged_at = f"{self.docs.moment:%Y-%m-%d %H:%M} UTC"
        document = ValidationResultsPageRenderer().render(result)
        self.docs.write(self.path, self.docs.view.render(
            document, feed=self.feed, judged_at=judged_at, overview=overview, outcomes=outcomes, statistics=result.statistics))
        facts = {"feed": self.feed.feed, "label": self.feed.label, "judged_at": judged_at, "path": self.path,
                 "n_deliveries": len(overview), "n_held": sum(not row["verdict"].is_ok for row in overview)}
        self.docs.write(self.path.removesuffix(".html") + ".json", json.dumps(facts))
