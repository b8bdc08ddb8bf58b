"""Packed deliveries: gzip to a temporary file, never more than is allowed.

Belongs here: unpacking with limits on size and ratio, telling a cut stream from a damaged one.
Does not belong here: what the unpacked bytes mean; the zip inside a workbook (workbook_package.py).
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from ingestion.readers import Refused
from ingestion.readers.limits import refuse_oversize
from ingestion.readers.scratch import scratch

_CHUNK_BYTES = 1 << 20
_SEND_AGAIN = "Ask the sender for the file again; nothing of it was loaded."


def unpack(path: Path, max_bytes: int) -> Path:
    """The content of a gzip file (one or several members) in a temporary file the caller removes.

    Raises Refused for a truncated or damaged stream, more than `max_bytes`, or a ratio above limits.MAX_RATIO.
    """
    with scratch(".plain") as plain, path.open("rb") as packed, plain.open("wb") as out:
        _copy(packed, out, max_bytes)
    return plain


def _copy(packed, out, max_bytes: int) -> None:
    n_bytes = 0
    try:
        with gzip.GzipFile(fileobj=packed) as content:
            while chunk := content.read(_CHUNK_BYTES):
                n_bytes += len(chunk)
                refuse_oversize("the file", n_bytes, packed.tell(), max_bytes)
                out.write(chunk)
    except EOFError:
        raise Refused("truncated_gzip", f"the gzip stream ends early, after {n_bytes:,} bytes of content",
                      _SEND_AGAIN) from None
    except (gzip.BadGzipFile, zlib.error):
        raise Refused("damaged_gzip", f"the gzip stream is damaged after {n_bytes:,} bytes of content",
                      _SEND_AGAIN) from None
