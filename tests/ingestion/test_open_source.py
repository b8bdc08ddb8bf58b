"""The door to the readers: packed files, foreign content, temporary files."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.readers import Refused, read_or_repair
from tests.ingestion.reading import feed_of, reading, refusal
from tests.ingestion.workbooks import workbook

ROOT = Path(__file__).parents[2]
CSV = feed_of(["a", "b"], type="delimited")
CONTENT = {
    "delimited": b"a,b\n1,2\n",
    "ndjson": b'{"a": 1, "b": 2}\n',
    "xml": b"<rows><row><a>1</a><b>2</b></row></rows>",
    "workbook": workbook(["a", "b"], [1, 2]),
}


@pytest.mark.parametrize("kind", CONTENT)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_format_is_read_plain_and_packed(kind, pack):
    names = ["$.a", "$.b"] if kind == "ndjson" else ["a", "b"]
    with reading(pack(CONTENT[kind]), feed_of(names, type=kind, **({"record": "row"} if kind == "xml" else {}))) as read:
        assert read.rows() == [(1, None, "1", "2")]
        types = dict(row[:2] for row in read.con.execute(f"describe select * from {read.source.relation}").fetchall())
        assert types == {names[0]: "VARCHAR", names[1]: "VARCHAR", "_row_number": "BIGINT", "_problem": "VARCHAR"}
        assert read.rows() == read.rows()  # a source can be read again


@pytest.mark.parametrize("cut", [1, 8, 12, 40])
def test_a_cut_stream_is_refused(cut):
    refused = refusal(gzip.compress(b"a,b\n" + b"1,2\n" * 1000)[:-cut], CSV)
    assert refused.rule == "truncated_gzip" and "bytes of content" in refused.message


def test_a_damaged_stream_is_refused():
    packed = bytearray(gzip.compress(b"a,b\n" + b"1,2\n" * 1000))
    packed[-6] ^= 0xFF  # the checksum
    assert refusal(bytes(packed), CSV).rule == "damaged_gzip"
    assert refusal(gzip.compress(b"a,b\n1,2\n") + b"more", CSV).rule == "damaged_gzip"


def test_zero_bytes_after_the_stream_are_padding():
    with reading(gzip.compress(b"a,b\n1,2\n") + b"\0" * 512, CSV) as read:
        assert len(read.rows()) == 1


def test_a_table_may_come_as_a_workbook():
    with reading(CONTENT["workbook"], CSV) as read:
        assert read.rows() == [(1, None, "1", "2")]
        assert read.source.is_iso_dated


@pytest.mark.parametrize("kind", ["ndjson", "xml"])
def test_a_workbook_where_text_is_expected(kind):
    refused = refusal(CONTENT["workbook"], feed_of(["a", "b"], type=kind))
    assert refused.rule == "wrong_content" and ".xlsx" in refused.message and kind in refused.message


def test_a_refused_file_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for content in (gzip.compress(b'[\n{"a": 1}\n]'), gzip.compress(b'{"a": 1}\n')[:-4]):
        with pytest.raises(Refused), reading(content, feed_of(["$.a"], type="ndjson")):
            pass
    assert list(tmp_path.iterdir()) == []


def printed(program: str) -> str:
    """What a process of its own prints, where nothing is loaded yet."""
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_the_door_loads_no_reader_before_it_is_needed():
    program = "import sys, ingestion.readers; print(sorted({'lxml', 'pyarrow', 'python_calamine', 'pandas'} & set(sys.modules)))"
    assert printed(program) == "[]"


def test_reading_xml_does_not_load_pandas(tmp_path):
    (tmp_path / "x").write_bytes(CONTENT["xml"])
    program = (
        "import sys; from pathlib import Path; from tests.ingestion.reading import feed_of; from ingestion.readers import open_source\n"
        f"open_source(None, Path({str(tmp_path / 'x')!r}), feed_of(['a', 'b'], type='xml', record='row')).close()\n"
        "print('lxml' in sys.modules, 'pandas' in sys.modules)"
    )
    assert printed(program) == "True False"


@pytest.mark.parametrize(("content", "fmt", "rule"), [
    ("a,a\né,2\n".encode("cp1252"), {"type": "delimited", "encoding": "cp1252"}, "duplicate_header"),
    (b"a,b\n1,2\n" + b"\xff\xfe", {"type": "delimited", "encoding": "utf-16"}, "wrong_encoding"),
    (b"<rows><row><a>1</a></row></rows>", {"type": "xml", "record": "row", "pivot": {"key": ["k"], "name": ["a"], "value": "v"}}, "missing_column"),
    (gzip.compress(b"a,a\n1,2\n", mtime=0), {"type": "delimited"}, "duplicate_header"),
])
def test_a_refused_file_leaves_nothing_in_the_temporary_folder(content, fmt, rule, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert refusal(content, feed_of(["a", "b"], **fmt)).rule == rule
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_as_it_lies_is_read_the_careful_way_and_else_refused():
    content = b"a,b\n1,2\n" + b"\xff,4\n5,6\n"
    with reading(content, CSV) as read:
        def rows(source):
            return read.con.execute(f"select a, b from {source.relation} order by _row_number").fetchall()

        assert read_or_repair(read.source, rows) == [("1", "2"), ("", ""), ("5", "6")]
        read.source.repair = None
        with pytest.raises(Refused, match="cannot be read") as told:
            read_or_repair(read.source, rows)
        assert told.value.rule == "unreadable" and told.value.__cause__ is None
