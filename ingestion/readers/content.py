"""What a file is, told from its first bytes.

Belongs here: the signatures of formats that get delivered by mistake.
Does not belong here: reading them.
"""

from __future__ import annotations

ZIP = b"PK\x03\x04"
GZIP = b"\x1f\x8b"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

# Longest match is not needed: no signature is the beginning of another.
_SIGNATURES = {
    ZIP: "a zip archive or an .xlsx workbook",
    b"PK\x05\x06": "an empty zip archive",
    OLE: "an old .xls workbook or an encrypted one",
    GZIP: "gzip inside gzip",
    b"%PDF": "a PDF document",
    b"PAR1": "a Parquet file",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"SQLite format 3\x00": "a SQLite file",
}


_OF_PAGES = (b"<!doc", b"<head", b"<body", b"<meta", b"<table", b"<style", b"<script", b"<div")


def describe(start: bytes) -> str | None:
    """Plain words for a binary format known by its signature; None for anything else, text included."""
    return next((words for magic, words in _SIGNATURES.items() if start.startswith(magic)), None)


def describe_text(start: bytes) -> str:
    """Plain words for the kind of text a file begins with, for messages only."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16 text"
    if is_wide(start):
        return "UTF-16 text without its mark"
    if text.lower().startswith(_OF_PAGES) or b"<html" in text[:1000].lower():
        return "an HTML page"
    if text.startswith(b"<"):
        return "XML"
    if text[:1] in (b"{", b"["):
        return "JSON"
    return "bytes that are no text" if b"\0" in start else "plain text"


def is_wide(start: bytes) -> bool:
    """Whether every second byte is NUL and no other one is: UTF-16 of Latin letters."""
    even, odd = start[0:400:2], start[1:400:2]
    return len(odd) >= 8 and any(not any(one) and 0 not in other for one, other in ((even[:len(odd)], odd), (odd, even)))
