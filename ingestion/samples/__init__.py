"""Realistic synthetic deliveries for the shipped feeds, of any size, the same for the same seed.

Belongs here: the two functions others call.
Does not belong here: any file's content; each module of this package writes the files of one or two feeds.

People, hospitals and numbers are invented; names.py holds the marks by which they are known as such.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ingestion.samples.delivery import Inbox, Planted, SampleFile, summarise
from ingestion.samples.scale import SCALES

__all__ = ["SCALES", "Planted", "SampleFile", "planted", "summarise", "write_samples"]


def write_samples(out_dir: Path, scale: str, seed: int, progress: Callable[[str], None] | None = None) -> list[SampleFile]:
    """Write every delivery of a sample below `out_dir` and return them in the order written, with row counts.

    `progress` gets one line per file. The same scale and seed give the same bytes, names and modification
    times; files of the same name are replaced. ValueError for an unknown scale.
    """
    import duckdb

    from ingestion.samples import complaints, encounters, improvement, organisation, survey_xml, surveys, visits, volumes, workbook

    if scale not in SCALES:
        raise ValueError(f"there is no scale '{scale}'; choose {', '.join(SCALES)}")
    size = SCALES[scale]
    inbox = Inbox(Path(out_dir), progress)
    places = organisation.facilities(size, seed)
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute("set enable_progress_bar = false")  # it writes to stdout
        volumes.build(con, size, places, seed)
        organisation.write_org_units(inbox, size, places)
        workbook.write(inbox, con, size)
        encounters.write(inbox, con, size)
        visits.write_fhir(inbox, con, size, places, seed)
        visits.write_synthea(inbox, size, places, seed)
        complaints.write(inbox, con, size, seed)
        survey_xml.write(inbox, con, size, seed)
        surveys.write(inbox, con, size, seed)
        improvement.write_metrics(inbox, size, places, seed)
        improvement.write_initiatives(inbox, size, places)
    return inbox.files


def planted(scale: str, seed: int) -> Planted:
    """What a sample contains on purpose. It writes the sample to a temporary folder: seconds, minutes for `national`."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return summarise(write_samples(Path(folder), scale, seed))
