"""NDJSON: paths to columns, lines that are no JSON object, files that are something else."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.ingestion.reading import feed_of, reading, refusal

PATHS = ["$.id", "$.class.code", "$.location[-1].name"]
FEED = feed_of(PATHS, type="ndjson")


def line(number: int, **more) -> bytes:
    return json.dumps({"id": f"e{number}", "class": {"code": "AMB"}} | more).encode() + b"\n"


def test_paths_are_columns_and_absent_ones_are_null():
    content = line(1, location=[{"name": "a"}, {"name": "4 West é"}]) + line(2)
    with reading(content, FEED) as read:
        assert read.headers == PATHS
        assert read.rows() == [(1, None, "e1", "AMB", "4 West é"), (2, None, "e2", "AMB", None)]


def test_values_are_text():
    feed = feed_of(["$.a", "$.b", "$.c", "$.d", "$.e"], type="ndjson")
    with reading(b'{"a": "007", "b": 12345678901234567890123, "c": true, "d": null, "e": {"x": [1]}}\n', feed) as read:
        assert read.rows()[0][2:] == ("007", "12345678901234567890123", "true", None, '{"x":[1]}')


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_blank_lines_do_not_count_and_a_bom_does_not_matter(end):
    content = b"\xef\xbb\xbf" + end.join([b"", line(1).strip(), b"", b"   ", line(2).strip(), line(3).strip()])
    with reading(content, FEED) as read:
        assert read.rows("_row_number", "$.id") == [(1, "e1"), (2, "e2"), (3, "e3")]


@pytest.mark.parametrize(("bad", "rule"), [
    (b'{"id": "e2", ', "malformed_json"),
    (b"no json", "malformed_json"),
    (b'{"id": "e2"} {"id": "e9"}', "malformed_json"),
    (b'["e2"]', "not_an_object"),
    (b'"e2"', "not_an_object"),
    (b'{"id": "a\x01b"}', "malformed_json"),
    (b'{"id": "a\0b"}', "nul_byte"),
    (b'{"a":' * 100_000, "malformed_json"),
])
def test_a_bad_line_is_one_row_with_a_problem(bad, rule):
    with reading(line(1) + bad + b"\n" + line(3), FEED) as read:
        assert read.rows("_row_number", "_problem", "$.id") == [(1, None, "e1"), (2, rule, None), (3, None, "e3")]


@pytest.mark.parametrize(("bad", "rule"), [
    (b'{"id": "caf\xe9"}', "invalid_encoding"),
    (b'{"id": "' + b"x" * 17_000_000 + b'"}', "line_too_long"),
])
def test_a_line_duckdb_refuses_is_one_row_with_a_problem_after_repair(bad, rule):
    with reading(line(1) + b"\n" + bad + b"\n" + line(3), FEED) as read:
        assert read.repaired().rows("_row_number", "_problem", "$.id") == [(1, None, "e1"), (2, rule, None), (3, None, "e3")]


def test_a_lone_carriage_return_is_no_line_end():
    with reading(line(1) + b'{"id":\r"e2"}\n' + line(3), FEED) as read:
        assert read.rows("_problem", "$.id") == [(None, "e1"), (None, "e2"), (None, "e3")]


def test_a_cut_last_line_is_a_problem_row():
    with reading((line(1) + line(2))[:-10], FEED) as read:
        assert read.rows("_problem", "$.id") == [(None, "e1"), ("malformed_json", None)]


@pytest.mark.parametrize(("content", "rule"), [
    (b"", "empty_file"),
    (b"\n  \n", "empty_file"),
    (b"[\n" + line(1) + b"]\n", "json_array"),
    (b"[" + line(1).strip() + b"," + line(2).strip() + b"]", "not_ndjson"),
    (b'{\n  "id": "e1"\n}\n', "json_document"),
    (b"id,class\n1,AMB\n", "not_ndjson"),
    (b"<html></html>", "not_ndjson"),
    ("﻿".encode("utf-16-le") + line(1).decode().encode("utf-16-le"), "not_ndjson"),
    (b"PK\x03\x04rest", "damaged_archive"),
    (gzip.compress(gzip.compress(line(1), mtime=0), mtime=0), "wrong_content"),
    (gzip.compress(b"", mtime=0), "empty_file"),
])
def test_other_content_is_refused(content, rule):
    refused = refusal(content, FEED)
    assert refused.rule == rule
    assert refused.message and refused.way_out


def test_packed_files_are_read_member_by_member():
    with reading(gzip.compress(line(1)) + gzip.compress(line(2)), FEED) as read:
        assert read.rows("$.id") == [("e1",), ("e2",)]


def test_packed_files_have_limits():
    assert refusal(gzip.compress(line(1) * 100), feed_of(PATHS, type="ndjson", max_uncompressed_bytes=1000)).rule == "too_large"
    assert refusal(gzip.compress(b" " * (70 << 20)), FEED).rule == "zip_bomb"


@pytest.mark.parametrize("path", ["$.", "$.a[*]", "$..a"])
def test_a_path_that_is_none_is_the_feeds_fault(path):
    refused = refusal(line(1), feed_of(["$.id", path], type="ndjson"))
    assert refused.rule == "feed_definition" and path in refused.message


def test_numbering_follows_a_large_file():
    content = b"".join(b'{"id": %d}\n' % number for number in range(1, 300_001))
    with reading(content, feed_of(["$.id"], type="ndjson")) as read:
        wrong = f"select count(*), count(*) filter (\"$.id\"::bigint <> _row_number) from {read.source.relation}"
        assert read.con.execute(wrong).fetchall() == [(300_000, 0)]


def test_synthea_encounters(shared):
    content = (shared / "samples/encounters/synthea_fhir_Encounter.ndjson").read_bytes()
    feed = feed_of(["$.class.code", "$.period.start", "$.location[-1].location.display"], type="ndjson")
    with reading(content, feed) as read:
        rows = read.rows()
    assert len(rows) == 75
    assert sorted(code for _, _, code, *_ in rows).count("AMB") == 73
    assert sum(code == "EMER" for _, _, code, *_ in rows) == 2
    assert rows[0] == (1, None, "EMER", "1964-12-28T20:42:24+12:00", "MOUNT AUBURN HOSPITAL")
