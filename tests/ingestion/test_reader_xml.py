"""HCAHPS-like XML: one header, many records, and everything that can be wrong with such a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.readers import Refused
from tests.ingestion.reading import feed_of, reading, refusal

PATHS = ["header/provider-id", "header/provider-name", "administration/patient-id", "administration/discharge-status",
         "patientresponse/nurse-listen", "patientresponse/overall-rate", "patientresponse/@present"]
FEED = feed_of(PATHS, type="xml", record="patientleveldata", header="header")
HEADER = "<header><provider-name>Café Général</provider-name><provider-id>01014F</provider-id></header>"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def patient(number: int, listen: str = "4", rate: str = "10", more: str = "") -> str:
    return (f"<patientleveldata><administration><patient-id>SYN{number:03}</patient-id>"
            f"<discharge-status>01</discharge-status></administration><patientresponse>"
            f"<nurse-listen>{listen}</nurse-listen><overall-rate>{rate}</overall-rate>{more}</patientresponse></patientleveldata>")


def document(*parts: str, header: str = HEADER, root: str = "<monthlydata>") -> bytes:
    return f"{DECLARATION}{root}{header}{''.join(parts)}</{root[1:-1].split()[0]}>".encode()


def test_records_carry_the_header_and_keep_their_text():
    with reading(document(patient(1), patient(2, listen="M", rate="9")), FEED) as read:
        assert read.headers == PATHS
        assert read.notes == []
        assert read.rows() == [
            (1, None, "01014F", "Café Général", "SYN001", "01", "4", "10", "true"),
            (2, None, "01014F", "Café Général", "SYN002", "01", "M", "9", "true"),
        ]


@pytest.mark.parametrize("content", [
    b"\xef\xbb\xbf" + document(patient(1)),
    document(patient(1), root='<monthlydata xmlns="https://hcahps.example.org/ns/4.2">'),
    document(patient(1)).replace(b"<", b"<h:").replace(b"<h:/", b"</h:").replace(b"<h:?", b"<?").replace(
        b"<h:monthlydata>", b'<h:monthlydata xmlns:h="https://hcahps.example.org">'),
    document(patient(1)).decode().replace("UTF-8", "windows-1252").encode("cp1252"),
    document(patient(1)).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    document(patient(1)).replace(b"><", b">\r\n\t <"),
    document(patient(1)).replace(b"<nurse-listen>", b'<nurse-listen type="A" note="x &gt; y">'),
    document(patient(1)).replace(b">4<", b"><!-- marked -->4<").replace(b">10<", b">\n  <![CDATA[10]]>\t<"),
    document(patient(1)).replace(b"SYN001", b"SYN&#48;0<?keep it?>1"),
    document(header="", root="<monthlydata>").replace(b"</monthlydata>", patient(1).encode() + HEADER.encode() + b"</monthlydata>"),
])
def test_forms_of_the_same_content(content):
    with reading(content, FEED) as read:
        assert read.rows() == [(1, None, "01014F", "Café Général", "SYN001", "01", "4", "10", "true")]


def test_order_of_elements_does_not_matter():
    turned = ("<patientleveldata><patientresponse><overall-rate>7</overall-rate><nurse-listen>1</nurse-listen></patientresponse>"
              "<administration><discharge-status>20</discharge-status><patient-id>SYN009</patient-id></administration></patientleveldata>")
    with reading(document(turned, patient(1)), FEED) as read:
        assert [row[4:] for row in read.rows()] == [("SYN009", "20", "1", "7", "true"), ("SYN001", "01", "4", "10", "true")]


def test_a_missing_an_empty_and_a_blank_block():
    none = "<patientleveldata><administration><patient-id>1</patient-id></administration></patientleveldata>"
    empty = none.replace("</patientl", "<patientresponse/></patientl")
    blank = patient(3, listen="  ", rate="")
    with reading(document(none, empty, blank, patient(4)), FEED) as read:
        assert read.rows("patientresponse/@present", "patientresponse/nurse-listen", "patientresponse/overall-rate") == [
            ("false", None, None), ("true", None, None), ("true", None, None), ("true", "4", "10")]


def test_a_month_without_patients_is_legal():
    with reading(document(), FEED) as read:
        assert (read.rows(), read.headers) == ([], PATHS)


def test_an_element_that_left_its_block_is_an_absent_header():
    renamed = document(patient(1), patient(2)).replace(b"nurse-listen", b"nurse-heard")
    with reading(renamed, FEED) as read:
        assert [path for path in PATHS if path not in read.headers] == ["patientresponse/nurse-listen"]
        assert read.notes == ["undeclared element patientresponse/nurse-heard (2 times)"]
        assert [row[0] for row in read.rows("patientresponse/nurse-listen")] == [None, None]


def test_a_block_that_never_has_elements_is_no_absent_header():
    without = patient(1).split("<patientresponse>")[0]
    for block in ("", "<patientresponse/>", "<patientresponse> </patientresponse>"):
        with reading(document(f"{without}{block}</patientleveldata>"), FEED) as read:
            assert read.headers == PATHS


def test_undeclared_elements_are_counted_wherever_they_are():
    more = "<supplemental><q1>1</q1><q1>2</q1></supplemental>"
    strata = HEADER.replace("</header>", "<dsrs-strata><strata-name>A</strata-name></dsrs-strata></header>")
    with reading(document(patient(1, more=more), "<trailer><n>1</n></trailer>", patient(2), "<end/>", header=strata), FEED) as read:
        assert read.notes == [
            "undeclared element end (1 times)",
            "undeclared element header/dsrs-strata (1 times)",
            "undeclared element header/dsrs-strata/strata-name (1 times)",
            "undeclared element patientresponse/supplemental (1 times)",
            "undeclared element patientresponse/supplemental/q1 (2 times)",
            "undeclared element trailer (1 times)",
        ]
        assert len(read.rows()) == 2


def test_undeclared_names_without_end_are_counted_as_one():
    many = "".join(f"<x{number}/>" for number in range(5000))
    with reading(document(patient(1, more=many)), FEED) as read:
        assert len(read.notes) < 300
        assert sum(int(note.split("(")[-1].split()[0].replace(",", "")) for note in read.notes) == 5000


def test_a_repeated_declared_element_is_a_problem_of_its_record():
    twice = patient(2, more="<nurse-listen>1</nurse-listen>")
    two_blocks = patient(3).replace("</patientl", "<patientresponse/></patientl")
    first_blank = patient(4, listen="", more="<nurse-listen>1</nurse-listen>")
    with reading(document(patient(1), twice, two_blocks, first_blank, patient(5)), FEED) as read:
        assert [row[0] for row in read.rows("_problem")] == [None, *["repeated_element"] * 3, None]


def test_a_record_name_inside_a_record_is_an_ordinary_element():
    inner = patient(1, more="<patientleveldata><header/></patientleveldata>")
    with reading(document(inner, patient(2)), FEED) as read:
        assert [row[0] for row in read.rows("administration/patient-id")] == ["SYN001", "SYN002"]
        assert "undeclared element patientresponse/patientleveldata/header (1 times)" in read.notes


def test_records_without_a_header_element():
    feed = feed_of(["id", "a/b"], type="xml", record="row")
    with reading(b"<rows><row><id>1</id><a><b>x</b></a></row></rows>", feed) as read:
        assert read.rows() == [(1, None, "1", "x")]
    with reading(b"<rows/>", feed) as read:
        assert read.rows() == []
    assert refusal(b"<rows><line/></rows>", feed).rule == "no_records"


@pytest.mark.parametrize(("content", "rule"), [
    (b"", "empty_file"),
    (b"\n", "not_xml"),
    (b"a,b\n1,2\n", "not_xml"),
    (b'{"a": 1}', "not_xml"),
    (b"PK\x03\x04", "damaged_archive"),
    (document(patient(1), HEADER, patient(2)), "two_headers"),
    (document(patient(1), header=""), "no_header"),
    (b"<html><body>Sign in</body></html>", "no_header"),
    (document(patient(1), header=HEADER.replace("</header>", "<provider-id>2</provider-id></header>")), "repeated_element"),
    (document(patient(1), "<a></b>", patient(2)), "malformed_xml"),
    (document(patient(1)).replace(b">4<", b">caf\xe9<"), "malformed_xml"),
    (document(patient(1)).replace(b">4<", b">\0<"), "malformed_xml"),
    (document(patient(1)).replace(b">4<", b">&undefined;<"), "malformed_xml"),
    (document(patient(1)) + b"<again/>", "malformed_xml"),
])
def test_refused_as_a_whole(content, rule):
    refused = refusal(content, FEED)
    assert refused.rule == rule
    assert refused.message and refused.way_out


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95, 0.9999])
def test_a_cut_file_is_refused_with_the_place(cut):
    whole = document(*(patient(number) + "\n" for number in range(1, 401)))
    rest = whole[: int(len(whole) * cut)]
    refused = refusal(rest, FEED)
    assert refused.rule == "truncated_xml"
    line, n_records = rest.count(b"\n") + 1, rest.count(b"</patientleveldata>")
    assert f"line {line}, " in refused.message
    assert f"after {n_records} complete records" in refused.message


BOMB = ('<!DOCTYPE m [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>')


@pytest.mark.parametrize("doctype", [
    BOMB,
    '<!DOCTYPE m [<!ENTITY x SYSTEM "file:///nowhere">]>',
    '<!DOCTYPE m SYSTEM "http://127.0.0.1:9/m.dtd">',
    '<!DOCTYPE m [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>',
    "<!-- c --><?pi?>\n<!DOCTYPE m>",
])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_any_document_type_is_refused_before_it_acts(doctype, encoding):
    text = document(patient(1)).decode().replace("<monthlydata>", doctype + "<monthlydata>").replace(">4<", ">&x;<")
    refused = refusal(text.replace("UTF-8", encoding.upper()).encode(encoding), FEED)
    assert refused.rule == "unsafe_xml" and "line " in refused.message


def test_a_record_without_end_stops_early():
    for endless in ("<note>" + "x" * 5_000_000, "<i/>" * 1_100_000, "<!--" + "x" * 5_000_000, "<i a='" + "x" * 5_000_000):
        assert refusal(document(patient(1), endless), FEED).rule == "record_too_large"


def test_messages_hold_no_values():
    refused = refusal(document(patient(1).replace("SYN001", "Jane Sample"), "<a b='Jane Sample'><c></a>"), FEED)
    assert "Jane" not in str(refused)


def test_attributes_other_than_presence_are_the_feeds_fault():
    attribute = feed_of(["header/a", "administration/@id"], type="xml", record="r", header="header")
    assert refusal(document(), attribute).rule == "feed_definition"
    assert refusal(document(), feed_of(["a"], type="xml")).rule == "feed_definition"


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Measured in a process of its own, where nothing else has raised the peak before."""
    program = tmp_path / "peak.py"
    program.write_text(f"""
import resource, sys
from pathlib import Path
from tests.ingestion.test_reader_xml import FEED, HEADER, patient
from ingestion.readers.xml import open as open_xml

def peak_mb(n_records):
    path = Path({str(tmp_path)!r}) / str(n_records)
    block = "".join(patient(n, more="<extra/>") for n in range(100))
    with path.open("w") as out:
        out.writelines(["<m>" + HEADER, *[block] * (n_records // 100), "</m>"])
    with open_xml(None, path, FEED):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

print(peak_mb(5_000), peak_mb(60_000))
""")
    done = subprocess.run([sys.executable, program], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                          capture_output=True, text=True, check=True)
    small, large = map(int, done.stdout.split())
    assert large - small < 40  # as a tree, 60,000 records take 80 MB more than 5,000


def test_an_error_leaves_no_temporary_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(Refused), reading(document(patient(1))[:-5], FEED):
        pass
    assert list(tmp_path.iterdir()) == []
