"""An inbox on a web server: the files its folder pages link to.

Belongs here: reading folder pages, asking for size and time of each file, opening one.
Does not belong here: keeping files (landing.py), other kinds of place (sources.py).

A page is followed only below the inbox, and user and password are sent to its server alone.
"""

from __future__ import annotations

import base64
import http.client
import urllib.error
import urllib.request
from collections import deque
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from ingestion.sources import SourceError

_MOST_PAGES, _LARGEST_PAGE = 500, 16 << 20


class _SameServer(urllib.request.HTTPRedirectHandler):
    """A redirect to another server, or from https to http, would take the password along."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if (new.scheme, new.netloc) != (old.scheme, old.netloc):
            raise SourceError("it sends us on to another server or out of encryption; name that address as the inbox")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


class WebPlace:
    """The part of a file system that an inbox needs, over HTTP. `root` is the address of the folder without user and query."""

    protocol = ("http", "https")

    def __init__(self, url: str, patience: float) -> None:
        parts = urlsplit(url)
        user, at, host = parts.netloc.rpartition("@")
        self.root = urlunsplit((parts.scheme, host, parts.path.rstrip("/") + "/", "", ""))
        self._query, self._patience, self._headers = parts.query, patience, {"User-Agent": "patient-experience-warehouse"}
        if at:
            self._headers["Authorization"] = "Basic " + base64.b64encode(unquote(user).encode()).decode()
        self._opener = urllib.request.build_opener(_SameServer)

    def find(self) -> dict[str, dict[str, Any]]:
        """Address -> size and mtime of every file below the folder. Raises SourceError or OSError."""
        pages, seen, files = deque([self.root]), {self.root}, {}
        while pages:
            page = pages.popleft()
            for link in self._links(page):
                if link in seen or not link.startswith(self.root):
                    continue
                seen.add(link)
                if not link.endswith("/"):
                    files[link] = self._facts(link)
                elif len(seen) < _MOST_PAGES + len(files):
                    pages.append(link)
        return {unquote(link): facts for link, facts in files.items()}

    def open(self, path: str, mode: str = "rb") -> http.client.HTTPResponse:
        """The bytes of a file, as a stream."""
        return self._ask("GET", self._address(path))

    def isdir(self, path: str) -> bool:
        """The folder page was read, so it is there."""
        return path == self.root

    def unstrip_protocol(self, path: str) -> str:
        return path

    def modified(self, path: str) -> datetime:
        """Where the server tells no time, all that can be said is that there is none."""
        return datetime.fromtimestamp(0, UTC)

    def _address(self, path: str) -> str:
        scheme, rest = path.split("://", 1)
        return f"{scheme}://{quote(rest, safe='/:@!$&()*+,;=~')}"

    def _links(self, page: str) -> list[str]:
        with self._ask("GET", page) as answer:
            if "html" not in (answer.headers.get_content_type() or ""):
                raise SourceError("it is a file, not a folder page with links")
            text = answer.read(_LARGEST_PAGE).decode(answer.headers.get_content_charset() or "utf-8", "replace")
        parser = _Links()
        parser.feed(text)
        # Links with a query sort the page; those with a fragment stay on it.
        return [urljoin(page, link) for link in parser.found if "?" not in link and "#" not in link]

    def _facts(self, address: str) -> dict[str, Any]:
        try:
            answer = self._ask("HEAD", address)
        except urllib.error.HTTPError as error:
            if error.code not in (405, 501):
                raise
            answer = self._ask("GET", address)
        with answer:
            size, moment = answer.headers.get("Content-Length"), answer.headers.get("Last-Modified")
        return {"size": int(size) if size else 0, "mtime": parsedate_to_datetime(moment) if moment else None}

    def _ask(self, method: str, address: str) -> http.client.HTTPResponse:
        asked = urllib.request.Request(address + (f"?{self._query}" if self._query else ""), headers=self._headers, method=method)
        try:
            return self._opener.open(asked, timeout=self._patience)
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                raise SourceError("the server refuses the user name or password") from None
            if error.code == 404:
                raise FileNotFoundError(address) from None
            if error.code in (405, 501):
                raise
            raise SourceError(f"the server answers {error.code} {error.reason}") from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, Exception):
                raise error.reason from None
            raise SourceError(f"it cannot be reached ({error.reason})") from None
