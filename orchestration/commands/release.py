"""`pxw release`: letting a held delivery pass, knowing what that changes.

Belongs here: saying what would change, recording the release.
Does not belong here: the ledger entry itself (pipeline.release), computing the effect (delivery_effect.py).
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence

import click

from ingestion.catalogue import Delivery, raw_path, read_catalogue
from ingestion.feed import Feed, load_feeds
from ingestion.home import Home
from orchestration import delivery_effect, pipeline


def release(home: Home, delivery_id: str, reason: str | None) -> int:
    """0 when released; without a reason 2, and only the effect is told. Raises ClickException when there is nothing to release."""
    feeds = load_feeds()
    try:
        with pipeline.exclusive(home, "release"):
            found = pipeline.find_held(home, feeds, delivery_id)
            for line in _effect(home, feeds, found):
                click.echo(line)
            if reason is None:
                click.echo(f'nothing is released yet; to do it: pxw release {found.delivery_id} --reason "why it may pass"', err=True)
                return 2
            done = pipeline.release(home, feeds, delivery_id, reason, getpass.getuser())
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"released {done.delivery_id} ({done.feed}); the next `pxw run` loads it")
    return 0


def _effect(home: Home, feeds: dict[str, Feed], held: Delivery) -> Iterator[str]:
    known = read_catalogue(home, feeds)
    yield f"{held.file_name} ({held.feed}) is held: {held.reason}"
    yield from _later(held, known)
    raw = raw_path(home, feeds[held.feed], held)
    if not raw.exists():
        yield "its raw Parquet is not there; the next `pxw run` makes it anew"
        return
    names = {d.delivery_id: d.file_name for d in known}
    found = delivery_effect.effect(home, feeds, feeds[held.feed], raw, held.order, known)
    yield "when it is released, the next run loads:"
    yield from (f"  {line}" for line in delivery_effect.lines(found, feeds[held.feed], names))


def _later(held: Delivery, known: Sequence[Delivery]) -> Iterator[str]:
    """A later version of the same file makes a release mostly pointless."""
    for delivery in known:
        if held.delivery_id in delivery.supersedes and delivery.status == "accepted":
            yield f"a later version of it is loaded: {delivery.file_name} ({delivery.delivery_id}); where both hold a row, the later one wins"
