"""Inboxes on servers: files land, passwords stay out of every record, a broken connection is told in a sentence."""

from __future__ import annotations

import contextlib
import os
import socket
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import paramiko
import pytest

from ingestion import sources
from ingestion.catalogue import read_catalogue
from ingestion.home import Home
from ingestion.known_files import look
from ingestion.landing import land, landed_path
from ingestion.ledger import Ledger
from ingestion.sources import SourceError, list_inbox, safe_url
from ingestion.web_inbox import _SameServer
from tests.ingestion.conftest import complaint_feed
from tests.ingestion.servers import PASSWORD, USER, Served, sftp_server, web_server

FEEDS = {"log": complaint_feed(feed="log", files=["**/log_*.csv"], order=r"_(?P<received>\d{8})\.")}
BIG = b"Case\n" + b"1\n" * 200_000
SECRETS = (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), "p@ss", "p%40ss")


class Place:
    """A served folder, the address of its inbox and a home."""

    def __init__(self, kind: str, served: Served, home: Home) -> None:
        self.kind, self.served, self.home = kind, served, home

    def url(self, user: str = USER, password: str = PASSWORD, folder: str = "in", port: int | None = None) -> str:
        return f"{self.kind}://{user}:{password if password.startswith('$') else quote(password, safe='')}@127.0.0.1:{port or self.served.port}/{folder}"

    def records(self) -> str:
        """Everything that was written down outside landing."""
        return "\n".join(p.read_text() for p in self.home.ledger.rglob("*") if p.is_file())


@pytest.fixture(params=["sftp", "http"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served"
    (folder / "in" / "2026 new").mkdir(parents=True)
    (folder / "in" / "log_20260401.csv").write_bytes(b"Case\n1\n")
    (folder / "in" / "2026 new" / "log_20260501.csv").write_bytes(b"Case\n2\n")
    (folder / "in" / "log_20260601.csv.part").write_bytes(b"Ca")
    (folder / "in" / "read me.txt").write_text("hello")
    server: Callable[[Path], contextlib.AbstractContextManager[Served]] = {"sftp": sftp_server, "http": web_server}[request.param]
    with server(folder) as served:
        trust(tmp_path, monkeypatch, served)
        yield Place(request.param, served, Home(tmp_path / "home").create())


def trust(folder: Path, monkeypatch: pytest.MonkeyPatch, served: Served) -> None:
    """Put the server's key among the known hosts."""
    keys = paramiko.HostKeys()
    for key in served.keys:
        keys.add(f"[127.0.0.1]:{served.port}", key.get_name(), key)
    keys.save(str(folder / "known_hosts"))
    monkeypatch.setenv("PXW_KNOWN_HOSTS", str(folder / "known_hosts"))


def test_files_of_a_server_land_once(place: Place):
    lines: list[str] = []
    report = land(place.home, [place.url()], FEEDS, lines.append)
    assert {e["file_name"]: e["source_url"] for e in report.new} == {
        "log_20260401.csv": f"{place.kind}://127.0.0.1:{place.served.port}/in/log_20260401.csv",
        "log_20260501.csv": f"{place.kind}://127.0.0.1:{place.served.port}/in/2026 new/log_20260501.csv"}
    assert report.unmatched == ["read me.txt"] and report.unsettled == []
    assert [landed_path(place.home, d.sha256).read_bytes() for d in read_catalogue(place.home, FEEDS)] == [b"Case\n1\n", b"Case\n2\n"]
    n_asked = len(place.served.asked)
    again = land(place.home, [place.url()], FEEDS, lines.append)
    assert (again.new, again.n_known) == ([], 2) and not look(place.home, [place.url()], FEEDS).unseen
    assert not [asked for asked in place.served.asked[n_asked:] if ".csv" in asked], "a known file is not read again"
    for secret in (*SECRETS, USER):
        assert secret not in place.records() and secret not in "\n".join(lines)
    assert "log_20260501.csv" in place.records()


def test_a_changed_file_is_seen_and_read(place: Place):
    land(place.home, [place.url()], FEEDS)
    file = place.served.folder / "in" / "log_20260401.csv"
    file.write_bytes(b"Case\n1\n3\n")
    os.utime(file, (2_000_000_000, 2_000_000_000))
    report = land(place.home, [place.url()], FEEDS)
    assert [e["file_name"] for e in report.new] == ["log_20260401.csv"]
    assert len(read_catalogue(place.home, FEEDS)) == 3


def test_a_password_comes_from_the_environment(place: Place, monkeypatch: pytest.MonkeyPatch):
    url = place.url(password="${VENDOR_PASSWORD}")
    with pytest.raises(SourceError, match="environment variable VENDOR_PASSWORD, which is not set"):
        land(place.home, [url], FEEDS)
    monkeypatch.setenv("VENDOR_PASSWORD", PASSWORD)
    assert len(land(place.home, [url], FEEDS).new) == 2


@pytest.mark.parametrize("password", ["wrong", "p@ss:w/rd"])
def test_a_wrong_password_is_told_without_repeating_it(place: Place, password: str):
    with pytest.raises(SourceError) as told:
        list(list_inbox(place.url(password=password)))
    assert "the server refuses the user name" in str(told.value) and password not in str(told.value) and USER not in str(told.value)
    assert told.value.__cause__ is None and told.value.__suppress_context__


def test_a_folder_that_is_not_there_and_a_server_that_is_not_there(place: Place):
    with pytest.raises(SourceError, match="there is no such folder"):
        list(list_inbox(place.url(folder="out")))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:\d+/in: cannot be listed, nothing answers at that address"):
        list(list_inbox(place.url(port=port)))


def test_a_connection_that_breaks_keeps_what_was_whole_and_goes_on_next_time(place: Place):
    (place.served.folder / "in" / "log_20260701.csv").write_bytes(BIG)
    place.served.cut_after = 150_000
    lines: list[str] = []
    if place.kind == "sftp":
        with pytest.raises(SourceError, match=r"log_20260701.csv cannot be read, .* after [\d,]+ bytes; nothing of it is kept") as told:
            land(place.home, [place.url()], FEEDS, lines.append)
        assert not [secret for secret in (*SECRETS, USER) if secret in str(told.value)]
    else:
        assert land(place.home, [place.url()], FEEDS, lines.append).unsettled == ["log_20260701.csv"]
        assert any(f"150,000 bytes of log_20260701.csv came where {len(BIG):,} were listed" in line for line in lines)
    kept = {e["file_name"] for e in Ledger(place.home.ledger).entries() if e["kind"] == "delivery"}
    assert kept == {"log_20260401.csv", "log_20260501.csv"}
    assert sorted(p.stat().st_size for p in place.home.landing.rglob("*") if p.is_file()) == [7, 7]
    place.served.cut_after = None
    assert [e["n_bytes"] for e in land(place.home, [place.url()], FEEDS).new] == [len(BIG)]


def test_a_server_nobody_vouched_for_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "in").mkdir()
    with sftp_server(tmp_path) as served:
        home = Home(tmp_path / "home").create()
        url = Place("sftp", served, home).url()
        monkeypatch.setenv("PXW_KNOWN_HOSTS", str(tmp_path / "none"))
        with pytest.raises(SourceError, match=rf"the server is not known: .* `ssh-keyscan -p {served.port} 127.0.0.1 >>"):
            list(list_inbox(url))
        trust(tmp_path, monkeypatch, served)
        assert list(list_inbox(url)) == []
        served.keys[0] = paramiko.ECDSAKey.generate()
        with pytest.raises(SourceError, match="the server shows another key"):
            list(list_inbox(url))


def test_a_web_server_may_not_send_us_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "index.html").write_text(
        '<a href="log_20260401.csv?C=M">x</a><a href="/etc/log_20260402.csv">y</a><a href="http://example.org/log_20260403.csv">z</a><a href="../log_20260404.csv">u</a>')
    with web_server(tmp_path) as served:
        assert list(list_inbox(Place("http", served, Home(tmp_path / "home")).url())) == []


@pytest.mark.parametrize("elsewhere", ["http://server.example/in/", "https://other.example/in/"])
def test_a_redirect_never_takes_the_password_elsewhere(elsewhere: str):
    asked = urllib.request.Request("https://server.example/in", headers={"Authorization": "Basic eA=="})
    handler = _SameServer()
    assert handler.redirect_request(asked, None, 301, "", {}, "https://server.example/in/").full_url.endswith("/in/")
    with pytest.raises(SourceError, match="another server or out of encryption"):
        handler.redirect_request(asked, None, 301, "", {}, elsewhere)


def test_a_file_is_no_inbox(place: Place):
    with pytest.raises(SourceError, match="no such folder|is a file"):
        list(list_inbox(place.url(folder="in/log_20260401.csv")))


@pytest.mark.parametrize(("url", "words"), [
    ("s3://bucket/in", ("s3fs", "pip install s3fs", "extra `s3`")),
    ("gopher://host/in", ("this kind of URL is not known", "docs/inboxes.md")),
])
def test_a_kind_of_url_that_cannot_be_read_says_what_it_needs(url, words):
    with pytest.raises(SourceError) as told:
        list(list_inbox(url))
    assert all(word in str(told.value) for word in words) and url in str(told.value)


def test_what_is_shown_of_a_url():
    assert safe_url("sftp://u:p@h:22/in?token=1#x") == "sftp://h:22/in"
    assert safe_url("/data/our inbox") == "/data/our inbox"


def test_a_file_that_grows_while_it_is_read_is_left_for_the_next_run(tmp_path: Path):
    home, inbox = Home(tmp_path / "home").create(), tmp_path / "in"
    inbox.mkdir()
    for name in ("log_20260401.csv", "log_20260402.csv"):
        (inbox / name).write_bytes(b"Case\n" + name.encode())
    listed = list(list_inbox(str(inbox)))
    (inbox / "log_20260401.csv").write_bytes(b"Case\n1\n2\n3\nstill more of it\n")
    from ingestion import landing

    found = [landing._store_whole(home, file) for file in listed]
    assert isinstance(found[0], sources.StillMoving) and found[1][1] == (inbox / "log_20260402.csv").stat().st_size
