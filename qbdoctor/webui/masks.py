"""Masks secrets in every text that comes from outside, and keeps the deadline of a run."""

from __future__ import annotations

import contextlib
import re
import time
from typing import Any

from qbdoctor.model.basics import Secret
from qbdoctor.patterns import regex

_API_KEY = regex(r"qbt_[A-Za-z0-9]{28}")


_USERINFO = regex(r"(?<=://)[^/@\s]+@")


class Deadline:
    """The time a run has, in seconds; waiting for a person can be taken out with :meth:`pause`."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left, 0 or more."""
        return max(0.0, self._end - time.monotonic())

    @contextlib.contextmanager
    def pause(self) -> Any:
        """Give back the time that passes inside the block."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._end += time.monotonic() - began


class Masks:
    """The secrets that must not show; :meth:`hide` takes them out of any text, however they are written there."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[re.Pattern[str], ...]] = {}  # the patterns of each: of its start and the whole

    def add(self, secret: Secret | None) -> None:
        """Remember a secret. The factory password is none (contract)."""
        if secret and secret.reveal() != "adminadmin":
            self._known.setdefault(secret.reveal(), ())

    def hide(self, text: str) -> str:
        """Return the text with every known secret, API key and user:password of a URL replaced by ``***``.

        Secrets are found as they are, URL-encoded, and quoted for JSON, HTML or a shell. One of under four characters
        hides the whole text that it is in, since what is left around it would tell it. What every qBittorrent says stays:
        it tells nothing of a password that is the same word, and a gap in it would.
        """
        return self._hide(text, shortest=1)

    def hide_value(self, name: str, text: str) -> str:
        """Return the value of a header, as :meth:`hide` does; in those that every release sends no short secret is looked for."""
        return self._hide(text, shortest=_SHORT if name.lower() in OF_EVERY_ANSWER else 1)

    def _hide(self, text: str, shortest: int) -> str:
        if text in _ALWAYS_SAID:
            return text
        for known in sorted(self._known, key=len, reverse=True):
            if len(known) < shortest:
                break
            if len(known) >= _SHORT and known in text:  # nearly always as it is
                text = text.replace(known, "***")
            if not _may_hold(text, known):
                continue
            start, pattern = self._known[known] = self._known[known] or _patterns(known)
            if start.search(text) is None:
                continue
            if len(known) >= _SHORT:
                text = pattern.sub("***", text)
            elif _VERSION.fullmatch(text) is None and pattern.search(text):
                return "***"
        return _USERINFO.sub("***@", _API_KEY.sub("qbt_***", text))


_SHORT = 4
_ALWAYS_SAID = frozenset(
    {
        "", "Ok.", "Fails.", "Forbidden", "Unauthorized", "OK", "No Content", "Not Found", "Endpoint does not exist",
        "nosniff", "1; mode=block", "SAMEORIGIN", "same-origin", "no-store",
    }
    | {
        f"{kind}{charset}"
        for kind in ("application/javascript", "application/json", "text/css", "text/html", "text/javascript", "text/plain")
        for charset in ("", "; charset=UTF-8", "; charset=utf-8")
    }
)  # fmt: skip
"""What qBittorrent says whatever it was sent, and what it is known by: bodies, reasons, values of headers."""
_VERSION = regex(r"v?\d+(?:\.\d+){1,3}\w{0,8}\s*")
OF_EVERY_ANSWER = frozenset(  # headers
    {
        "cache-control", "connection", "content-length", "content-type", "cross-origin-opener-policy", "date",
        "referrer-policy", "x-content-type-options", "x-frame-options", "x-xss-protection",
    }
)  # fmt: skip
_NAMED = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


def _may_hold(text: str, secret: str) -> bool:
    """Return False where a text surely does not hold a secret in any form.

    Every other form of a character has one of these marks in it, but for those of a blank and an apostrophe.
    """
    if not (text.isascii() and secret.isascii()) or " " in secret or "'" in secret:
        return True
    return any(mark in text for mark in "%\\&") or secret.lower() in text.lower()


def _patterns(secret: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of a secret's first characters and of all of it; that takes up to 8 ms to compile, if it is used."""
    forms = [*map(_any_form, secret)]
    return regex("".join(forms[:_SHORT]), re.IGNORECASE), regex("".join(forms), re.IGNORECASE)


def _any_form(character: str) -> str:
    """Return a pattern for a character as itself and as URLs, JSON, HTML and shells write it."""
    forms = ["".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))]
    units = character.encode("utf-16-be", "surrogatepass")
    forms.append("".join(rf"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)))
    forms += [f"&#0*{ord(character)};", f"&#x0*{ord(character):x};"]
    if character in _NAMED:
        forms.append(f"&{_NAMED[character]};")
    if character == " ":
        forms.append(r"\+")
    if character == "'":
        forms += [r"'\\''", r"""'"'"'"""]
    if not character.isalnum():
        forms.append(r"\\" + re.escape(character))
    return f"(?:{'|'.join([*forms, re.escape(character)])})"
