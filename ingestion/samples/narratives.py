"""Free text of complaints and survey comments: short, invented, with fake names and telephones in it.

Belongs here: templates and the SQL that fills them.
Does not belong here: the names themselves (names.py).

The texts carry line breaks, quotation marks, commas and pipes, so that every reader meets them.
"""

from __future__ import annotations

from ingestion.samples import names

COMPLAINTS = (
    "My mother, {given} {family}, waited four hours.\nNobody said why. Please call {phone}.",
    "{staff} told us \"it is not my job\", then left the room.\n\n{given} {family} was upset.",
    "The room was not cleaned for two days; the bin was full, the floor was sticky.",
    "I was given the wrong tablet. {staff} noticed, but nobody apologised. Record {record}.",
    "Call light on for 40 minutes, twice in one night.\nSigned, {given} {family}, {phone}",
    "The bill lists a test I never had. Write to {mail}, please.",
    "Discharge papers belonged to another patient, a {given} {family}.",
    "We asked for an interpreter three times | none came.",
    "Nobody explained the operation to my husband. {staff} was in a hurry, as usual.",
    "Parking, noise, cold food: all of it.\n\"Never again\", says {given}.",
)
COMMENTS = (
    "Everyone was kind, {staff} above all.",
    "Too loud at night.\nI could not sleep | the door slammed each hour.",
    "Please thank {staff}. {given} {family}",
    "I waited long for pain medicine. Call me: {phone}",
    "Food was \"fine\", the rest was very good.",
)


def complaint(draw: str, other: str) -> str:
    """SQL: the narrative of a complaint; two independent integer draws choose it."""
    return _filled(COMPLAINTS, draw, other)


def comment(draw: str, other: str) -> str:
    """SQL: a survey comment."""
    return _filled(COMMENTS, draw, other)


def _filled(templates: tuple[str, ...], draw: str, other: str) -> str:
    text = names.pick(templates, draw)
    parts = {
        "{given}": names.given(f"({other} >> 3)"), "{family}": names.family(f"({other} >> 9)"),
        "{staff}": names.pick(names.SYNTHETIC_STAFF, f"({other} >> 5)"), "{phone}": names.telephone(other),
        "{mail}": names.email(other), "{record}": names.record_number(other),
    }
    for mark, value in parts.items():
        text = f"replace({text}, '{mark}', {value})"
    return text
