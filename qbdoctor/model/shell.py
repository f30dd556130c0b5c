"""Words commands for the shell at hand: a POSIX shell, or Windows' cmd.exe or PowerShell."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence

from qbdoctor.patterns import regex
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

    Shell = Literal["sh", "cmd", "powershell"]

FENCES: Mapping[Shell, str] = {"sh": "sh", "cmd": "bat", "powershell": "powershell"}
"""What a block of commands is called in Markdown."""
PROMPTS: Mapping[Shell, str] = {"sh": "$", "cmd": ">", "powershell": ">"}

_PLAIN = regex(r"[\w\\/:.+=~-][\w\\/:.+=@~-]*", re.ASCII)
"""A word that both of Windows' shells take as it stands; a comma, a blank and & are none of them."""
_MODULES = regex(r"\\(?:Windows)?PowerShell\\Modules", re.IGNORECASE)


def at_hand(platform: str = sys.platform, environment: Mapping[str, str] | None = None) -> Shell:
    """Return the shell that a person of this system types into.

    PowerShell puts the person's own folder of modules in front of PSModulePath, which cmd.exe leaves as the machine has it.
    """
    if platform != "win32":
        return "sh"
    known = os.environ if environment is None else environment
    places = known.get("PSModulePath", "").split(";")
    first = places[0].lower()
    machine = (known.get("ProgramFiles", r"C:\Program Files").lower(), known.get("SystemRoot", r"C:\Windows").lower())
    own = bool(_MODULES.search(places[0])) and not first.startswith(machine)
    return "powershell" if own else "cmd"


def quote(word: str, shell: Shell | None = None) -> str:
    """Return a text as one word of the shell.

    Double quotes where they do, which both of Windows' shells know; single ones where PowerShell would put something in.
    """
    kind = at_hand() if shell is None else shell
    if kind == "sh":
        return shlex.quote(word)
    if _PLAIN.fullmatch(word):
        return word
    if kind == "powershell" and re.search(r'[$`"“”„]', word):
        doubled = re.sub(r"['‘’‚‛]", lambda found: found[0] * 2, word)
        return f"'{doubled}'"
    doubled = word.replace('"', '""')
    ends = "\\" * (len(doubled) - len(doubled.rstrip("\\")))  # they would take the quote with them: each is doubled
    return f'"{doubled}{ends}"'


def join(words: Sequence[str], shell: Shell | None = None) -> str:
    """Return a command of these words; PowerShell takes a quoted program for a text unless & is before it."""
    kind = at_hand() if shell is None else shell
    made = " ".join(quote(word, kind) for word in words)
    return f"& {made}" if kind == "powershell" and made[:1] in {'"', "'"} else made


def with_variable(name: str, value: str, command: str, shell: Shell | None = None) -> str:
    """Return the line that sets a variable of the environment and runs a command."""
    kind = at_hand() if shell is None else shell
    if kind == "sh":
        return f"{name}={value} {command}"
    return f"$env:{name} = '{value}'; {command}" if kind == "powershell" else f'set "{name}={value}" && {command}'


def split(text: str, shell: Shell | None = None) -> list[str]:
    """Return the words of a command. Raises ValueError where a quote is not closed."""
    kind = at_hand() if shell is None else shell
    if kind == "sh":
        return shlex.split(text)
    reader = shlex.shlex(text, posix=True, punctuation_chars=False)
    reader.whitespace_split, reader.escape, reader.commenters = True, "", ""
    return list(reader)
