"""Reads and writes HTTP as qBittorrent does, for the stand-in: its own small parser, with that parser's quirks.

A library that is kinder than qBittorrent (or stricter) would answer where the real one refuses. Source:
src/base/http/requestparser.cpp and connection.cpp at each release's tag; what differs stands in the releases table.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from qbdoctor import releases
from qbdoctor.patterns import regex
from qbdoctor.releases.versions import Version

HEADER = "x-qbdoctor-standin"
"""Stands in every answer: nobody shall take the stand-in for qBittorrent."""

_END = b"\r\n\r\n"
_LINE = {
    "blanks": regex(rb"([A-Z]+)\s+(\S+)\s+HTTP/(\d\.\d)"),
    "spaces": regex(rb"([A-Z]+) ([^ ]+) HTTP/(\d\.\d)"),
}
_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_MARGIN = 1.1
"""Of the largest body: as much is kept of a request that is not complete (connection.cpp)."""


class BadRequest(Exception):
    """What the parser does not take: the status; the connection is closed after it."""

    def __init__(self, status: int) -> None:
        self.status = status


class Upload(NamedTuple):
    """A file of a multipart form."""

    name: str
    data: bytes


@dataclass
class Request:
    """One request as qBittorrent has it: names of headers in lower case, of equal names the last one."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str] = field(default_factory=dict)
    files: list[Upload] = field(default_factory=list)


@dataclass
class Response:
    """What is sent. ``headers`` with names in lower case, one of them perhaps twice.

    ``closes``: the parser refused, and the connection ends.
    """

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    closes: bool = False


class Reader:
    """Reads requests from a connection. ``receive`` gives the next bytes, none at its end."""

    def __init__(self, receive: Callable[[], bytes], version: Version) -> None:
        self._receive = receive
        self._version = version
        self._held = b""

    def next(self) -> Request | None:
        """Return the next request, None where the client is gone. Raises :class:`Refused`."""
        while True:
            request, size = self._parse()
            if request is not None:
                self._held = self._held[size:]
                return request
            if len(self._held) > self._rule("body.largest") * _MARGIN:
                raise BadRequest(413)
            more = self._receive()
            if not more:
                return None
            self._held += more

    def _rule(self, name: str) -> int:
        return int(releases.rule(name, self._version))

    def _parse(self) -> tuple[Request | None, int]:
        """Return the request at the beginning of what was received, and its size; None: not all of it is here yet."""
        end = self._held.find(_END)
        if end < 0:
            return None, 0
        request = self._head(self._held[:end])
        start = end + len(_END)
        if request.method in ("GET", "HEAD"):
            return request, start
        if request.method != "POST":
            raise BadRequest(releases.options_root_status(self._version))
        length = self._length(request.headers.get("content-length"))
        if len(self._held) < start + length:
            return None, 0
        if length:
            self._read_form(request, self._held[start : start + length])
        return request, start + length

    def _length(self, text: str | None) -> int:
        if text is None:
            missing = releases.rule("status.post_without_length", self._version)
            if missing is not None:
                raise BadRequest(missing)
            return 0
        if not re.fullmatch(r"\s*\+?[0-9]{1,18}\s*", text, re.ASCII) or int(text) > self._rule("body.largest"):
            raise BadRequest(400)
        return int(text)

    def _head(self, data: bytes) -> Request:
        lines: list[bytes] = []
        for line in filter(None, data.split(b"\r\n")):
            if line[:1].isspace() and lines:
                lines[-1] += line  # the line before goes on
            else:
                lines.append(line)
        match = _LINE[releases.rule("request.line", self._version)].fullmatch(lines[0] if lines else b"")
        if match is None:
            raise BadRequest(400)
        headers = dict(_header(line) for line in lines[1:])
        target = match[2]
        if releases.rule("request.decoded_at", self._version) != "after":
            target = unquote_to_bytes(target)
        path, _, query = target.partition(b"?")
        plus = releases.rule("query.plus_is_space", self._version)
        return Request(match[1].decode(), _text(unquote_to_bytes(path)), _query(query, plus=plus), headers)

    def _read_form(self, request: Request, body: bytes) -> None:
        kind = request.headers.get("content-type", "")
        if kind.lower().startswith(_URLENCODED):
            request.form = _form(body, plus=releases.rule("form.plus_is_space", self._version))
        elif kind.lower().startswith(_MULTIPART):
            self._read_parts(request, kind, body)
        else:
            raise BadRequest(releases.rule("status.json_body", self._version))

    def _read_parts(self, request: Request, kind: str, body: bytes) -> None:
        boundary = _unquoted(kind.partition("boundary=")[2]).encode("latin-1", "replace")
        if not boundary:
            raise BadRequest(400)
        parts = [part for part in body.split(b"--" + boundary + b"\r\n") if part]
        if not parts:
            raise BadRequest(400)
        parts[-1] = parts[-1].removesuffix(b"--" + boundary + b"--\r\n")
        for part in parts:
            self._read_part(request, part)

    def _read_part(self, request: Request, part: bytes) -> None:
        head, there, value = part.partition(_END)
        strict = releases.rule("multipart.blank_line", self._version)
        if not there or (strict is not None and _END in value):
            raise BadRequest(strict or 400)
        names: dict[str, str] = {}
        for line in filter(None, head.split(b"\r\n")):
            name, text = _header(line)
            if name != "content-disposition":
                names[name] = text
                continue
            for directive in line.split(b";"):
                key, equals, value_of = directive.partition(b"=")
                if equals:
                    names[key.strip().decode("latin-1").lower()] = _unquoted(value_of.strip().decode("latin-1"))
        value = value.removesuffix(b"\r\n")
        if "filename" in names:
            own = releases.rule("upload.known_as", self._version) == "its name"
            request.files.append(Upload(names["filename"] if own else "filename", value))
        elif "name" in names:
            request.form[names["name"]] = _text(value)
        else:
            raise BadRequest(400)


def _header(line: bytes) -> tuple[str, str]:
    name, colon, value = line.decode("latin-1").partition(":")
    if not name or not colon:
        raise BadRequest(400)
    return name.strip().lower(), value.strip()


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _query(data: bytes, *, plus: bool) -> dict[str, str]:
    """Return a query's fields. A plus is a blank even where it was sent as %2B: qBittorrent decodes first."""
    found = {}
    for pair in data.split(b"&"):
        name, equals, value = (unquote_to_bytes(part) for part in pair.partition(b"="))
        if name and equals:
            found[_text(name.replace(b"+", b" ") if plus else name)] = _text(
                value.replace(b"+", b" ") if plus else value
            )
    return found


def _form(data: bytes, *, plus: bool) -> dict[str, str]:
    found = {}
    for pair in (data.replace(b"+", b" ") if plus else data).split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            found[_text(unquote_to_bytes(name))] = _text(unquote_to_bytes(value))
    return found


def encoded(response: Response, version: Version, request: Request | None) -> bytes:
    """Return the response as it goes over the wire. ``request`` is None where none could be read."""
    status = response.status
    phrase = HTTPStatus(status).phrase
    if status == 413:
        phrase = "Payload Too Large"
    reason = phrase if status >= 400 else str(releases.rule("reason.ok", version))
    body = response.body
    headers = list(response.headers)
    if body and request is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body)
        headers.append(("content-encoding", "gzip"))
    headers += [
        ("connection", "close" if response.closes else "keep-alive"),
        ("content-length", str(len(body))),
        ("date", format_datetime(datetime.now(UTC), usegmt=True)),
        (HEADER, "1"),
    ]
    named = [f"{name}: {value}" for name, value in sorted(headers, key=lambda each: each[0])]
    lines = [f"HTTP/1.1 {status} {reason}", *named, "", ""]
    sends_body = request is None or request.method != "HEAD" or releases.rule("head", version) in ("no-fields", "405")
    return "\r\n".join(lines).encode("latin-1", "replace") + (body if sends_body else b"")
