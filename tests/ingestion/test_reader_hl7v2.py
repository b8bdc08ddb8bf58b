"""HL7 v2 messages: framing, separators, repetitions, escapes, batches, and files that are something else."""

from __future__ import annotations

import pytest

from tests.ingestion.reading import feed_of, reading, refusal

PATHS = ["MSH-9.2", "MSH-10", "PID-3.1", "PV1-19.1+4", "PV1-3.4"]
FEED = feed_of(PATHS, type="hl7v2", record="ADT")


def message(number: int, event: str = "A01", end: str = "\r", kind: str = "ADT", pid: str = "", pv1: str | None = None) -> bytes:
    segments = [f"MSH|^~\\&|SYNADT|SYN|PXW|SYN|20250310120000||{kind}^{event}^{kind}_{event}|M{number}|P|2.5.1", f"EVN|{event}|20250310115900",
                f"PID|1||{pid or f'SYN{number}'}^^^SYNHOSP^MR~X{number}^^^OTHER^PI||Testina^Fabricado",
                pv1 or f"PV1|1|I|4W^101^A^F1|||||||||||||||{'|' * 1}V{number}^^^SYNHOSP"]
    return (end.join(segments) + end).encode()


def test_pv1_19_is_the_nineteenth_field():
    fields = message(1).split(b"\r")[3].decode().split("|")
    assert fields[19] == "V1^^^SYNHOSP"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_messages_are_rows_whatever_ends_a_segment(end):
    with reading(message(1, end=end) + message(2, "A03", end=end), FEED) as read:
        assert read.headers == PATHS
        assert read.rows() == [(1, None, "A01", "M1", "SYN1", "V1^SYNHOSP", "F1"), (2, None, "A03", "M2", "SYN2", "V2^SYNHOSP", "F1")]
        assert read.notes == []


def test_mllp_frames_are_no_part_of_a_message():
    framed = b"".join(b"\x0b" + message(n) + b"\x1c\r" for n in (1, 2, 3))
    with reading(framed, FEED) as read:
        assert read.rows("MSH-10", "_problem") == [("M1", None), ("M2", None), ("M3", None)]


def test_separators_are_those_of_the_header():
    odd = message(1).decode().translate(str.maketrans("|^~\\&", "#!*?%")).encode()
    with reading(odd + message(2), FEED) as read:
        assert read.rows()[0][2:] == ("A01", "M1", "SYN1", "V1^SYNHOSP", "F1")
        assert read.rows()[1][2:] == ("A01", "M2", "SYN2", "V2^SYNHOSP", "F1")


@pytest.mark.parametrize(("sent", "meant"), [
    (r"a\F\b", "a|b"), (r"a\S\b", "a^b"), (r"a\R\b", "a~b"), (r"a\T\b", "a&b"), (r"a\E\b", "a\\b"), (r"a\X41\b", "aAb"),
    (r"\H\bold\N\ ", "bold"), (r"a\.br\b", "a\nb"), (r"a\X4\b", "ab"), ('""', None), ("", None),
])
def test_escapes_and_explicit_nulls(sent, meant):
    content = message(1, pv1=f"PV1|1|I|{sent}^101^A^F1")
    with reading(content, feed_of(["PV1-3.1"], type="hl7v2")) as read:
        assert read.rows("PV1-3.1") == [(meant,)]


def test_repetitions_components_and_subcomponents():
    feed = feed_of(["PID-3[2].1", "PID-3[3].1", "PV1-3.4.2", "PV1-3", "group"], type="hl7v2")
    with reading(message(1, pv1="PV1|1|I|4W^101^^F1&SYN"), feed) as read:
        assert read.rows()[0][2:] == ("X1", None, "SYN", "4W^101^^F1&SYN", "1")


def test_a_merge_of_two_patients_is_two_rows():
    text = ("MSH|^~\\&|A|B|||20250310||ADT^A40|M1|P|2.5\rEVN|A40|20250310\rPID|1||NEW1\rMRG|OLD1\rPID|2||NEW2\rMRG|OLD2\r").encode()
    with reading(text, feed_of(["MSH-10", "PID-3.1", "MRG-1.1", "group"], type="hl7v2")) as read:
        assert read.rows()[0][2:] == ("M1", "NEW1", "OLD1", "1") and read.rows()[1][2:] == ("M1", "NEW2", "OLD2", "2")


def test_batches_are_opened_and_counted():
    batch = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + message(1) + message(2) + b"BTS|3\rBHS|^~\\&|A\r" + message(3) + b"BTS|1\rFTS|2\r"
    with reading(batch, FEED) as read:
        assert read.rows("MSH-10") == [("M1",), ("M2",), ("M3",)]
        assert read.notes == ["batch trailers that say 3 messages where there are 2: 1"]


def test_other_message_types_are_counted_not_read():
    with reading(message(1) + message(2, "R01", kind="ORU") + message(3), FEED) as read:
        assert read.rows("_row_number", "MSH-10") == [(1, "M1"), (2, "M3")]
        assert read.notes == ["messages of type ORU, not read: 1"]


def test_a_message_that_cannot_be_read_is_one_row_with_a_problem():
    bad = b"MSH|ABCDE|x\rPID|1\r"
    latin = "MSH|^~\\&|A|B|||20250310||ADT^A01|Mü|P|2.5\r".encode("latin-1")
    declared = "MSH|^~\\&|A|B|||20250310||ADT^A01|Mü|P|2.5||||||8859/1\r".encode("latin-1")
    with reading(b"PID|1||stray\r" + message(1) + bad + latin + declared, FEED) as read:
        assert read.rows("_problem", "MSH-10") == [("segment_without_message", None), (None, "M1"), ("bad_header", None), ("invalid_encoding", None), (None, "Mü")]


def test_an_embedded_line_break_ends_no_message():
    content = message(1) + b"ZNO|1|first line\nsecond line\r" + message(2)
    with reading(content, FEED) as read:
        assert read.rows("MSH-10") == [("M1",), ("M2",)]
        assert read.notes == ["lines that begin no segment, not read: 1"]


def test_a_message_longer_than_any_is_cut_and_told(monkeypatch):
    monkeypatch.setattr("ingestion.readers.hl7v2.MAX_RECORD_BYTES", 2_000)
    with reading(message(1) + b"OBX|1|ED|" + b"x" * 5_000 + b"\r" + message(2), FEED) as read:
        assert read.rows("_problem", "MSH-10") == [("message_too_long", None), (None, "M2")]


def test_chunks_end_anywhere(monkeypatch):
    content = b"".join(message(n, end="\r\n") for n in range(1, 40))
    monkeypatch.setattr("ingestion.readers.hl7v2._CHUNK_BYTES", 7)
    with reading(content, FEED) as read:
        assert [row[0] for row in read.rows("MSH-10")] == [f"M{n}" for n in range(1, 40)]
        assert {row[0] for row in read.rows("_problem")} == {None}


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b'{"a": 1}\n', b"<a/>"])
def test_another_format_is_refused(content):
    assert refusal(content, FEED).rule == "not_hl7v2"


def test_a_path_that_is_no_field_is_refused():
    assert refusal(message(1), feed_of(["PV1.19"], type="hl7v2")).rule == "feed_definition"
