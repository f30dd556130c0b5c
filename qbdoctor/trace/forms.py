"""Reads what a client sent as a form, as far as a judgement needs it; the password itself never leaves this module.

A form is text with a grammar: ``&`` ends a field, ``+`` is a blank, ``%`` starts an escape. A body in which one of
them stands for itself was not encoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote_plus

from qbdoctor.patterns import regex
from qbdoctor.trace.exchange import LoginForm

_LOGIN_FIELDS = ("username", "password")
_BAD_ESCAPE = regex(r"%(?![0-9A-Fa-f]{2})")
_NEVER_LEFT = regex(r"[\s\"<>^`{|}\\=]|[^\x20-\x7e]")  # no encoder leaves these in a value
_PART = regex(rb'Content-Disposition:[^\r\n]*?\bname="([^"\r\n]{1,64})"[^\r\n]*\r?\n', re.IGNORECASE)
_WANTED = (b"paused", b"stopped")
_TAIL = 512


def read_login(body: bytes, label: Callable[[str], str]) -> LoginForm:
    """Return the facts of a login's urlencoded body or query; ``label`` turns a secret into a label.

    Doubts: ``ampersand`` (what follows one is no field of a login), ``escape`` (a ``%`` that starts none), ``raw`` (a
    character that every encoder escapes), ``plus`` (a ``+``, which is also how a blank is encoded).
    """
    text = body.decode("utf-8", "surrogateescape")
    names, doubts, raw, meant = [], [], "", ""
    for number, part in enumerate(text.split("&")):
        name, equals, value = part.partition("=")
        if name in _LOGIN_FIELDS and equals and name not in names:
            names.append(name)
            if name == "password":
                raw, meant = value, unquote_plus(value)
        elif number and part and "password" in names:
            doubts.append("ampersand")
            raw += f"&{part}"
    password_only = raw
    if _BAD_ESCAPE.search(password_only):
        doubts.append("escape")
    if _NEVER_LEFT.search(password_only) and "ampersand" not in doubts:
        doubts.append("raw")
    if "+" in password_only:
        doubts.append("plus")
    return LoginForm(
        tuple(names),
        tuple(dict.fromkeys(doubts)),
        label(raw) if raw else "",
        label(meant) if meant else "",
    )


class AddFields:
    """Looks for ``paused`` and ``stopped`` in a torrents/add body as it passes, whatever its size."""

    def __init__(self, content: str) -> None:
        self._multipart = content == "multipart"
        self._rest = b""
        self._found: dict[str, str] = {}

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body."""
        self._rest = (self._rest + chunk) if self._rest else chunk
        if self._multipart:
            for match in _PART.finditer(self._rest):
                if match[1] in _WANTED:
                    value = self._rest[match.end() :].lstrip(b"\r\n").split(b"\r\n", 1)[0][:16]
                    self._found[match[1].decode()] = value.decode("ascii", "replace").strip()
            self._rest = self._rest[-_TAIL:]
        else:
            self._rest = self._rest[-65536:]

    def result(self) -> tuple[str, ...]:
        """Return the ones that were true, by name."""
        if not self._multipart:
            for part in self._rest.split(b"&"):
                name, _, value = part.partition(b"=")
                if name in _WANTED:
                    self._found[name.decode()] = value[:16].decode("ascii", "replace")
        return tuple(sorted(name for name, value in self._found.items() if value.lower() in ("true", "1")))
