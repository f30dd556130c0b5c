"""Makes regular expressions that are compiled when they are first used.

A command loads some two hundred and uses a few dozen; compiling one costs 0.1 to 5 ms, which the start would pay for all.
"""

from __future__ import annotations

import re

from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, AnyStr


class _Later:
    """Stands for a pattern; each of its methods is taken over when it is first asked for."""

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._given: Any = text, flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(*self._given), name)  # re keeps what it has compiled
        setattr(self, name, found)
        return found


def regex(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return a regular expression as ``re.compile`` does, but raise ``re.error`` for a wrong one only when it is used."""
    return _Later(text, flags)  # type: ignore[return-value]
