"""Makes text printable: what a terminal would act on is escaped, what a stream's encoding lacks is spelled in ASCII."""

from __future__ import annotations

import codecs
import errno
import re
import sys

from qbdoctor.patterns import regex
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

MARKS = {"✓": "+", "✗": "x", "→": "->", "…": "...", "–": "-", "·": "-"}
"""Our own marks, and what stands for each where the encoding has none (a redirect on Windows: cp1252). They stay apart."""
_SPELLING = "qbdoctor-spelling"
_UNSEEN = regex(r"[^\x20-\x7e\n]")


def harmless(text: str) -> str:
    """Return the text with every character escaped that a terminal would act on or not show, line ends excepted.

    That is control characters, those of C1 and of direction (bidi) included, and lone surrogates. The escapes are those
    of JSON, so that JSON stays the same JSON.
    """
    return _UNSEEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return character if character.isprintable() else _units(character)


def _units(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(MARKS.get(character) or _units(character) for character in lacking), error.end


codecs.register_error(_SPELLING, _spelled)


def takes_all(stream: TextIO) -> None:
    """Have a stream spell what its encoding lacks instead of raising; one that is not the system's stays as it is."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors=_SPELLING)


def reader_gone(error: OSError) -> bool:
    """Whether a write failed since nobody reads any more: Windows says so with EINVAL, or a code of its own for a pipe."""
    if isinstance(error, BrokenPipeError):
        return True
    return sys.platform == "win32" and error.errno in {errno.EINVAL, errno.EPIPE}
