"""How large a delivery and its records may be.

Belongs here: limits that several readers have, the refusal of what unpacks to too much.
Does not belong here: limits of one format (workbook_package.py, xml_safety.py, archive.py).
"""

from __future__ import annotations

from ingestion.readers import Refused

MAX_RECORD_BYTES = 16_000_000  # a line, a record or a message; more is a quote or a frame that was never closed
# Deflate reaches at most about 1,030 : 1. Survey files, the most repetitive ones met, reach 30 to 60, as worksheets do.
MAX_RATIO = 200
RATIO_COUNTS_FROM_BYTES = 64 << 20


def refuse_oversize(what: str, n_bytes: int, n_packed: int, max_bytes: int) -> None:
    """Raise Refused where `what` unpacks to more than is allowed, or to more times its size than data ever do."""
    if n_bytes > max_bytes:
        raise Refused("too_large", f"{what} unpacks to more than {max_bytes:,} bytes",
                      "Raise format.max_uncompressed_bytes in the feed if files of this size are expected.")
    if n_bytes > RATIO_COUNTS_FROM_BYTES and n_bytes > MAX_RATIO * max(n_packed, 1):
        raise Refused("zip_bomb", f"{what} unpacks to more than {MAX_RATIO} times its size",
                      "Ask the sender what this is; if it is right, deliver it unpacked.")
