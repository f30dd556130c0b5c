"""Makes text of others safe to print: names of files, profiles and users may hold escape sequences."""

from __future__ import annotations

import re

_UNSEEN = re.compile(r"[^\x20-\x7e\n]")


def harmless(text: str) -> str:
    """Return the text with every character escaped that a terminal would act on or not show, line ends excepted.

    That is control characters, those of C1 and of direction (bidi) included, and lone surrogates. The escapes are those
    of JSON, so that JSON stays the same JSON.
    """
    return _UNSEEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
