"""Zip around a delivery: one file of data is read, anything that could mean harm or doubt is refused."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile

import pytest

from tests.ingestion.reading import feed_of, reading, refusal
from tests.ingestion.workbooks import workbook

CSV = feed_of(["a", "b"], type="delimited")
TABLE = b"a,b\n1,2\n"


def packed(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    """A zip archive of the members, deflated."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize("others", [(), (("__MACOSX/._t.csv", b"x"), ("folder/", b""), ("folder/.DS_Store", b"x"))])
def test_one_file_of_data_is_read(others):
    with reading(packed(*others, ("folder/t.csv", TABLE)), CSV) as read:
        assert read.rows() == [(1, None, "1", "2")]


def test_a_workbook_in_a_zip_is_read_and_a_workbook_is_no_archive():
    book = workbook(["a", "b"], [1, 2])
    for content in (book, packed(("t.xlsx", book))):
        with reading(content, CSV) as read:
            assert read.rows() == [(1, None, "1", "2")]


@pytest.mark.parametrize(("content", "rule", "words"), [
    (packed(("a.csv", TABLE), ("b.csv", TABLE)), "archive_members", "2 files of data"),
    (packed(("readme/", b"")), "archive_members", "0 files of data"),
    (packed(("../t.csv", TABLE)), "unsafe_archive", "leads outside"),
    (packed(("/etc/t.csv", TABLE)), "unsafe_archive", "leads outside"),
    (packed(("C:\\t.csv", TABLE)), "unsafe_archive", "leads outside"),
    (packed((link("t.csv"), b"/etc/passwd")), "unsafe_archive", "link"),
    (packed(("T.csv", TABLE), ("t.csv", TABLE)), "unsafe_archive", "same name"),
    (packed(*((f"{n}.csv", b"") for n in range(1001))), "unsafe_archive", "1,001 members"),
    (packed(("t.zip", packed(("t.csv", TABLE)))), "nested_archive", "zip"),
    (packed(("t.gz", gzip.compress(TABLE))), "nested_archive", "gzip"),
    (gzip.compress(packed(("t.csv", TABLE))), "nested_archive", "zip"),
    (packed(("t.csv", TABLE))[:-30], "damaged_archive", "cut off"),
], ids=lambda value: value if isinstance(value, str) else "zip")
def test_refused_with_a_reason(content, rule, words):
    refused = refusal(content, CSV)
    assert (refused.rule, words in refused.message) == (rule, True), refused.message


def test_an_encrypted_member_is_refused():
    content = bytearray(packed(("t.csv", TABLE)))
    content[6] |= 1  # the flag in the local header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    assert refusal(bytes(content), CSV).rule == "encrypted_archive"


def test_a_damaged_member_is_refused():
    content = bytearray(packed(("t.csv", TABLE * 50)))
    content[45] ^= 0xFF
    assert refusal(bytes(content), CSV).rule == "damaged_archive"


def test_bombs_are_refused_by_size_and_by_ratio(monkeypatch):
    bomb = packed(("t.csv", b"a,b\n" + b"1,2\n" * 500_000))
    assert refusal(bomb, feed_of(["a", "b"], type="delimited", max_uncompressed_bytes=1_000_000)).rule == "too_large"
    monkeypatch.setattr("ingestion.readers.limits.RATIO_COUNTS_FROM_BYTES", 1_000)
    assert refusal(bomb, CSV).rule == "zip_bomb"


def test_a_directory_that_lies_about_sizes_does_not_help(monkeypatch):
    """The bytes are counted while they are unpacked."""
    content = bytearray(packed(("t.csv", b"a,b\n" + b"1,2\n" * 500_000)))
    directory = content.index(b"PK\x01\x02")
    content[directory + 24:directory + 28] = (8).to_bytes(4, "little")
    refused = refusal(bytes(content), feed_of(["a", "b"], type="delimited", max_uncompressed_bytes=1_000_000))
    assert refused.rule in ("too_large", "damaged_archive")


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    content = bytearray(packed(("t.csv", TABLE * 50)))
    content[45] ^= 0xFF
    refusal(bytes(content), CSV)
    assert list(tmp_path.iterdir()) == []
