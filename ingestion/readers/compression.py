"""Packed deliveries: gzip to a temporary file, never more than is allowed.

Belongs here: unpacking with limits on size and ratio, telling a cut stream from a damaged one.
Does not belong here: what the unpacked bytes mean; the zip inside a workbook (workbook_package.py).
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from ingestion.readers import Refused
from ingestion.readers.scratch import scratch

# Deflate reaches at most about 1,030 : 1. Survey files, the most repetitive ones met, reach 30 to 60.
MAX_RATIO = 200
RATIO_COUNTS_FROM_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20
_SEND_AGAIN = "Ask the sender for the file again; nothing of it was loaded."


def unpack(path: Path, max_bytes: int) -> Path:
    """The content of a gzip file (one or several members) in a temporary file the caller removes.

    Raises Refused for a truncated or damaged stream, more than `max_bytes`, or a ratio above MAX_RATIO.
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
                _refuse_oversize(n_bytes, packed.tell(), max_bytes)
                out.write(chunk)
    except EOFError:
        raise Refused("truncated_gzip", f"the gzip stream ends early, after {n_bytes:,} bytes of content",
                      _SEND_AGAIN) from None
    except (gzip.BadGzipFile, zlib.error):
        raise Refused("damaged_gzip", f"the gzip stream is damaged after {n_bytes:,} bytes of content",
                      _SEND_AGAIN) from None


def _refuse_oversize(n_bytes: int, n_packed: int, max_bytes: int) -> None:
    if n_bytes > max_bytes:
        raise Refused("too_large", f"the file unpacks to more than {max_bytes:,} bytes",
                      "Raise format.max_uncompressed_bytes in the feed if files of this size are expected.")
    if n_bytes > RATIO_COUNTS_FROM_BYTES and n_bytes > MAX_RATIO * n_packed:
        raise Refused("zip_bomb", f"the file unpacks to more than {MAX_RATIO} times its size",
                      "Ask the sender what this is; if it is right, deliver it unpacked.")
