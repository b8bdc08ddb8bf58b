"""Faulty records at the end of one survey file: what vendors really send, once each or a few times.

Belongs here: spoiling copies of good lines.
Does not belong here: faults of a whole delivery (surveys.py).
"""

from __future__ import annotations

from pathlib import Path

from ingestion.samples.organisation import UNMAPPED_UNIT

# Planted word -> records. Those after the first four stay accepted, with warnings.
COUNTS = {"bad_date": 2, "missing_key": 1, "duplicate_key": 2, "malformed_line": 2, "odd_answer_rows": 3}


def append(path: Path) -> int:
    """Append the faulty records of COUNTS to a survey file; returns their number.

    Templates are the first answered surveys of the file, under survey numbers of their own (prefix PGX);
    those with odd answers are of other patients, else they would be second questionnaires of one.
    """
    with path.open(encoding="utf-8", newline="") as lines:
        header = next(lines).rstrip("\n").split("|")
        templates = []
        while len(templates) < 3:
            line = next(lines).rstrip("\n")
            fields = line.split("|")
            if '"' not in line and fields[header.index("DISPOSITION")] == "1" and UNMAPPED_UNIT not in fields:
                templates.append(dict(zip(header, fields, strict=True)))
    first, second, third = templates
    records = [
        second | {"SURVEY_ID": "PGX0000001", "DISDATE": "02/30/2026"}, second | {"SURVEY_ID": "PGX0000002", "DISDATE": "13/13/2025"},
        third | {"SURVEY_ID": ""}, first, second,
        *(third | {"SURVEY_ID": f"PGX000001{n}", "MRN": f"SYN9000001{n}", "Q1": odd, "Q24": "77"} for n, odd in enumerate(("7", "x", "5"))),
    ]
    cut = ["|".join(first[name] for name in header[:9]), "PGX0000003|" + "|".join(second[name] for name in header[1:]) + "|one|too many"]
    with path.open("a", encoding="utf-8", newline="") as out:
        out.writelines(line + "\n" for line in [*("|".join(record[name] for name in header) for record in records), *cut])
    return sum(COUNTS.values())
