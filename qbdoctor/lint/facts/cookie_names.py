"""Decides whether a text or a pattern knows the session cookie as ``SID`` alone."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from qbdoctor import releases
from qbdoctor.patterns import regex

_LONE = regex(r"(?<![A-Za-z0-9_?*+\\|)\]-])SID(?:=|%3D)")
_NESTED = regex(r"[+*]\)[+*{]")  # could take for ever
_VALUE = "Zk6xfR8YVl6h0pQ2b7uT9wLm3nAs5dEf"
_SHAPES = (
    "{name}={value}; HttpOnly; SameSite=Strict; path=/",
    "Set-Cookie: {name}={value}; HttpOnly; path=/",
    "HTTP/1.1 200 OK\r\nset-cookie: {name}={value}; path=/\r\n\r\nOk.",
    "localhost\tFALSE\t/\tFALSE\t0\t{name}\t{value}",
    "{name}={value}",
    "{name}",
)


@cache
def old_name() -> str:
    """Return the cookie's name up to 5.1: ``SID``."""
    return releases.cookie_name(releases.OLDEST, 8080)


def new_name(port: int = 8080) -> str:
    """Return the cookie's name from 5.2 on, for a port."""
    return releases.cookie_name(releases.NEWEST, port)


def is_lone(text: str) -> bool:
    """Whether a plain text holds ``SID=`` as a cookie's beginning, and no other session cookie's name."""
    return bool(_LONE.search(text))


@lru_cache(maxsize=4096)
def pattern_is_lone(pattern: str) -> bool:
    """Whether a regular expression finds the cookie of old releases and not that of new ones, by trying it."""
    found = _compiled(pattern)
    if found is None:
        return False
    old = [bool(found.search(shape.format(name=old_name(), value=_VALUE))) for shape in _SHAPES]
    new = [bool(found.search(shape.format(name=new_name(), value=_VALUE))) for shape in _SHAPES]
    return any(old) and not any(new)


@lru_cache(maxsize=4096)
def hides(pattern: str, instead: str) -> bool:
    """Whether putting ``instead`` in a pattern's place takes the session out of a text, as a log's mask does, by trying it."""
    found = _compiled(pattern)
    if found is None or not instead:
        return False
    given = re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", instead.replace("$&", r"\g<0>"))
    texts = [text for text in (shape.format(name=old_name(), value=_VALUE) for shape in _SHAPES) if found.search(text)]
    try:
        return bool(texts) and not any(_VALUE in found.sub(given, text) for text in texts)
    except (re.error, IndexError):
        return False


def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return any language's regular expression about SID as one of Python's, None where it is none or could take for ever."""
    if "SID" not in pattern.upper() or len(pattern) > 300 or _NESTED.search(pattern):
        return None
    text = re.sub(r"\(\?<([A-Za-z_]\w*)>", r"(?P<\1>", pattern)  # the other languages' named group
    for wide, narrow in (
        ("[[:space:]]", r"\s"),
        ("[[:alnum:]]", r"\w"),
        ("[:space:]", r"\s"),
        ("\\K", ""),
        ("\\/", "/"),
        ("*+", "*"),
        ("++", "+"),
    ):
        text = text.replace(wide, narrow)
    try:
        return re.compile(text, re.IGNORECASE if "sid" in pattern else 0)
    except (re.error, OverflowError, RecursionError):
        return None
