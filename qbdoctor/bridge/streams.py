"""Reads the beginning of a body that streams, and puts bodies together again."""

from __future__ import annotations

from collections.abc import AsyncIterator


async def beginning(body: AsyncIterator[bytes] | None, most: int) -> bytes:
    """Return the beginning of a body, at least ``most`` bytes of it where there are so many; the rest can still be read."""
    held = bytearray()
    if body is not None:
        async for chunk in body:
            held += chunk
            if len(held) >= most:
                break
    return bytes(held)


async def once(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body that is there."""
    yield body


async def chained(first: bytes, rest: AsyncIterator[bytes] | None) -> AsyncIterator[bytes]:
    """Yield what was read of a body, and the rest as it comes."""
    yield first
    if rest is not None:
        async for chunk in rest:
            yield chunk
