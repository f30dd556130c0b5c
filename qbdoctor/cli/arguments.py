"""Reads the command line: by hand where it holds a command and words alone, else with :mod:`qbdoctor.cli.parser`."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from qbdoctor.cli.defaults import COMMANDS, DEFAULTS, FORMATS, HELP
from qbdoctor.model.errors import UserError
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from typing import Any

_WORDS = dict.fromkeys(("check", "fix", "rollback", "history", "diff", "explain", "fleet", "completion"), "ids")
_WORDS["lint"] = "paths"
"""The commands that take words beside options, and what these are called."""
_TEXTS = ("url", "target", "profile", "config", "container", "username", "password_file", "state_dir")
"""The options of ``check`` that are read here: each takes one text as it is."""

ALIASES = {"status": "check", "diagnose": "check", "doctor": "check", "undo": "rollback", "revert": "rollback"}
"""What people type for a command; the first word alone counts."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the command line with every default filled in. Raises :class:`UserError` (usage)."""
    words, behind = split(_meant(arguments))
    words = _with_command(words)
    given = _plain(words)
    if given is None:
        from qbdoctor.cli import parser  # noqa: PLC0415 - with argparse 8 ms

        given = parser.read(words)
    if given.pop("run", False) or behind:
        if given.get("command") != "trace" or not behind:
            raise UserError(
                "usage", "what follows -- is the command of qbdoctor trace --run: trace --run -- COMMAND …."
            )
        given["run"] = behind
    filled = {**DEFAULTS, **{name: value for name, value in given.items() if value is not None}}
    return SimpleNamespace(**filled)  # type: ignore[return-value]  # argparse's own has nothing that this has not


def _plain(words: Sequence[str]) -> dict[str, Any] | None:
    """Return what a command line says that holds a command, words and at the end ``--json`` alone; None for any other.

    ``check`` may have options that take a text as well, and no words then.
    """
    said, as_json = (words[:-1], {"format": "json"}) if words[-1] == "--json" else (words, {})
    command, *more = said or [""]
    if command == "check" and more and (texts := _texts(more)) is not None:
        return {"command": command, **as_json, **texts}
    if command not in COMMANDS or any(word.startswith("-") for word in more) or (more and command not in _WORDS):
        return None
    return {"command": command, **as_json, **({_WORDS[command]: more} if more else {})}


def _texts(words: Sequence[str]) -> dict[str, str] | None:
    """Return what these options say, as argparse reads them: the last of a name counts. None where they are not such alone."""
    found: dict[str, str] = {}
    left = list(words)
    while left:
        option, equals, value = left.pop(0).partition("=")
        name = option.removeprefix("--").replace("-", "_")
        if not option.startswith("--") or "_" in option or name not in _TEXTS or not (equals or left):
            return None
        if not equals:
            value = left.pop(0)
            if value.startswith("-"):  # an option, "-" for standard input, or a name that argparse refuses
                return None
        found[name] = value
    return found


def _meant(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with what people type in a command's place as the command that does it."""
    words = list(arguments)
    if words[:1] == ["help"]:
        return [*words[1:2], "--help"]
    if words[:1] == ["version"]:
        return ["--version"]
    return [ALIASES.get(words[0], words[0]), *words[1:]] if words else words


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what stands before the first ``--``, and what stands behind it."""
    words = list(arguments)
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _with_command(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with ``check`` in front where no command is named: that is what qbdoctor alone means."""
    named = any(word in COMMANDS for word in arguments)
    about = any(word in HELP | {"--version"} for word in arguments)
    return list(arguments) if named or about else ["check", *arguments]


def wanted_format(arguments: Sequence[str]) -> str:
    """Return the format that a command line asks for, also where it cannot be parsed."""
    found = "human"
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if argument == "--json":
            found = "json"
        elif name == "--format":
            text = value if equals else next(iter(arguments[index + 1 : index + 2]), "")
            found = text if text in FORMATS else found
    return found
