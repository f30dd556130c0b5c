"""Translates the fields of a request: in a query or a form as they stand, in a multipart body as it passes.

A multipart body with a field that is renamed goes through a file without a name, part by part, since qBittorrent wants to
know a body's length before it comes (requestparser.cpp); memory holds 1 MiB of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from email.message import Message
from tempfile import SpooledTemporaryFile
from typing import IO
from urllib.parse import quote, unquote_plus

from aiohttp import BodyPartReader, web

from qbdoctor import releases
from qbdoctor.bridge.dialect import INFO, Dialect

FORM_MOST = 8 << 20
"""Bytes of a form that are looked at; qBittorrent itself takes no body over 64 MiB."""
IN_MEMORY = 1 << 20
CHUNK = 1 << 16
_LONGEST_VALUE = 256
_LARGEST: int = releases.rule("body.largest", releases.NEWEST)


@dataclass
class Translated:
    """A form's text, and what was changed in it: ``(kind, what)``."""

    text: str
    changes: list[tuple[str, str]] = field(default_factory=list)


def translate(dialect: Dialect, action: str, text: str) -> Translated:
    """Return a query or form in the server's words; what needs none stays to the byte. ``action`` is the server's."""
    names = dialect.field_names(action)
    standins = dialect.standins(action)
    if not names and not standins and action != INFO:
        return Translated(text)
    parts = text.split("&") if text else []
    there = {unquote_plus(part.partition("=")[0]) for part in parts}
    made = Translated("")
    kept = []
    for part in parts:
        raw, equals, value = part.partition("=")
        name = unquote_plus(raw)
        if name in names and names[name].name not in there:
            new = names[name]
            value = new.value(unquote_plus(value), value)
            kept.append(f"{new.name}{equals}{value}")
            made.changes.append(("field", f"{action}: {name} → {new.name}"))
        elif name == "filter" and action == INFO and dialect.filter_word(value) != value:
            kept.append(f"{raw}={dialect.filter_word(value)}")
            made.changes.append(("filter", f"filter={value} → {dialect.filter_word(value)}"))
        else:
            kept.append(part)
    present = there | {names[name].name for name in there if name in names}
    for name, value in standins.items():
        if name not in present:
            kept.append(f"{name}={quote(value)}")
            made.changes.append(("field", f"{action}: {name}={value} added"))
    made.text = "&".join(kept)
    return made


class Spool:
    """A body that is ready to be sent, its length known; to be closed."""

    def __init__(self) -> None:
        self._file: IO[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by close()
        self.changes: list[tuple[str, str]] = []

    async def fill(self, request: web.Request, dialect: Dialect, action: str) -> None:
        """Read the request's body. Raises ValueError for one that is no multipart body."""
        names = dialect.field_names(action)
        reader = await request.multipart()
        boundary = _boundary(request.headers.get("Content-Type", ""))
        seen: set[str] = set()
        async for part in reader:
            if not isinstance(part, BodyPartReader):
                raise ValueError("a multipart body within another")  # noqa: TRY004 - the body's fault
            name = part.name or ""
            seen.add(name)
            self._file.write(b"--%s\r\n" % boundary)
            if name in names and not part.filename:
                new = names[name]
                value = await _short(part)
                value = new.value(value, value)
                self._file.write(f'Content-Disposition: form-data; name="{new.name}"\r\n\r\n'.encode())
                self._file.write(value.encode("utf-8", "surrogateescape"))
                self.changes.append(("field", f"{action}: {name} → {new.name}"))
            else:
                self._file.write(_head(part))
                while chunk := await part.read_chunk(CHUNK):
                    self._file.write(chunk)
            self._file.write(b"\r\n")
        self._file.write(b"--%s--\r\n" % boundary)
        self.changes = [each for each in self.changes if each[1].rpartition(" ")[2] not in seen]
        self.length = self._file.tell()

    async def take(self, body: AsyncIterator[bytes]) -> None:
        """Read a body as it stands. Raises ValueError for one that qBittorrent does not take for its length."""
        async for chunk in body:
            self._file.write(chunk)
            if self._file.tell() > _LARGEST:
                raise ValueError("a body of more than 64 MiB")
        self.length = self._file.tell()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body."""
        self._file.seek(0)
        while chunk := self._file.read(CHUNK):
            yield chunk
            await asyncio.sleep(0)  # so that an answer which comes before the body's end is seen

    def close(self) -> None:
        """Forget the body."""
        self._file.close()


def _boundary(content_type: str) -> bytes:
    held = Message()
    held["Content-Type"] = content_type
    boundary = held.get_boundary()
    if not boundary:
        raise ValueError("a multipart body without a boundary")
    return boundary.encode("utf-8", "surrogateescape")


async def _short(part: BodyPartReader) -> str:
    value = b""
    while chunk := await part.read_chunk(CHUNK):
        value += chunk
        if len(value) > _LONGEST_VALUE:
            raise ValueError("a field for yes or no with a long value")
    return value.decode("utf-8", "surrogateescape")


def _head(part: BodyPartReader) -> bytes:
    lines: Iterable[str] = (f"{name}: {value}\r\n" for name, value in part.headers.items())
    return "".join(lines).encode("utf-8", "surrogateescape") + b"\r\n"
