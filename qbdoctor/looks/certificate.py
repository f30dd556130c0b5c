"""Reads from a certificate what a look keeps: a digest and when it ends."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

_SEQUENCE, _VERSION, _UTC_TIME, _TIME = 0x30, 0xA0, 0x17, 0x18


def digest(der: bytes) -> str:
    """Return the SHA-256 of a certificate, shortened to what tells two apart."""
    return hashlib.sha256(der).hexdigest()[:32]


def end(der: bytes) -> str | None:
    """Return when a certificate (DER) ends, as RFC 3339 in UTC; None where that cannot be read.

    The validity stands behind version, serial number, algorithm and issuer (RFC 5280, 4.1). The standard library reads it
    only of a certificate that was verified.
    """
    try:
        _, body, _ = _element(der, 0)
        _, fields, _ = _element(body, 0)
        place = 0
        kind, _, after = _element(fields, place)
        if kind == _VERSION:
            place = after
        for _ in range(3):
            _, _, place = _element(fields, place)
        _, validity, _ = _element(fields, place)
        _, _, second = _element(validity, 0)
        kind, text, _ = _element(validity, second)
        return _time(kind, text.decode("ascii"))
    except (IndexError, ValueError):
        return None


def _element(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Return kind and content of the element at a place, and the place behind it. Raises IndexError, ValueError."""
    kind, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(data[start : start + size], "big"), start + size
    if start + length > len(data):
        raise ValueError("cut off")
    return kind, data[start : start + length], start + length


def _time(kind: int, text: str) -> str:
    if kind not in (_UTC_TIME, _TIME):
        raise ValueError("no time")
    if kind == _UTC_TIME:  # two digits: 50 to 99 are of the last century (RFC 5280, 4.1.2.5.1)
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
