"""When the graph runs by itself: jobs, the daily schedule, the sensor on the inboxes.

Belongs here: what starts a run and with which name.
Does not belong here: what a run does.

Both are off until somebody switches them on in the web page: opening it to look must start nothing.
"""

import hashlib
import json
from collections.abc import Mapping

import dagster as dg

from ingestion.feed import Feed
from ingestion.home import Home
from ingestion.known_files import look
from orchestration.build_input import plan_build
from orchestration.settings import open_inboxes

WAREHOUSE = dg.define_asset_job(
    "warehouse", dg.AssetSelection.all(), description="From the inbox to the published marts: what `pxw run` runs.",
)
DELIVERIES = dg.define_asset_job(
    "deliveries_only", dg.AssetSelection.groups("raw"),
    description="Land, conform and judge what the inbox holds; builds and publishes nothing.",
)
DAILY = dg.ScheduleDefinition(
    name="daily", job=WAREHOUSE, cron_schedule="0 5 * * *", execution_timezone="UTC", description="Every day at 05:00 UTC.",
)


def inbox_sensor(home: Home, feeds: Mapping[str, Feed]) -> dg.SensorDefinition:
    """Asks for a run when the inboxes or the states of deliveries have changed and then stood still for one look."""

    @dg.sensor(job=WAREHOUSE, minimum_interval_seconds=60, description="Runs the warehouse when new files have come in whole.")
    def inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        seen = json.loads(context.cursor) if context.cursor else {}
        requested = seen.get("requested")
        state, what = waiting(home, feeds)
        if state is not None and state == seen.get("last") and state != requested:
            return dg.SensorResult(run_requests=[dg.RunRequest(run_key=state)], cursor=json.dumps({"last": state, "requested": state}))
        if state is None:
            why = "nothing new"
        elif state == requested:
            why = f"a run was asked for already: {what}"
        else:
            why = f"waiting until the files stand still: {what}"
        return dg.SensorResult(skip_reason=why, cursor=json.dumps({"last": state, "requested": requested}))

    return inbox


def waiting(home: Home, feeds: Mapping[str, Feed]) -> tuple[str | None, str]:
    """A hash of what waits for a run (None: nothing does) and the same in words. Reads no file's bytes."""
    home.create()
    files = sorted((f.url, f.n_bytes, f.modified_at.isoformat()) for f in look(home, open_inboxes(home), dict(feeds)).unseen)
    plan = plan_build(home, dict(feeds))
    if not files and not plan.is_changed:
        return None, "nothing"
    state = hashlib.sha256(json.dumps([files, plan.fingerprint]).encode()).hexdigest()[:16]
    return state, f"{len(files)} new files" if files else "deliveries, definitions or code have changed"
