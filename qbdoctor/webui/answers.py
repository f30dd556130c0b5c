"""Compares the headers of two answers to the same request."""

from __future__ import annotations

from qbdoctor.model.exchanges import Exchange

CHANGING = frozenset(
    {
        "date",
        "connection",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "keep-alive",
        "vary",
        "set-cookie",
    }
)


def differing_headers(a: Exchange, b: Exchange) -> tuple[tuple[str, str, str], ...]:
    """Return the headers (name, through the address, directly) that are not the same on both ways; "" for none."""
    names = sorted({name.lower() for name, _ in (*a.headers, *b.headers)} - CHANGING)
    pairs = ((name, a.header(name) or "", b.header(name) or "") for name in names)
    return tuple((name, one, other) for name, one, other in pairs if one != other)
