"""Builds the parsers: the whole one, and that of one command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from functools import cache

from qbdoctor import __version__
from qbdoctor.cli import program, wrapping
from qbdoctor.cli.defaults import COMMANDS, FORMATS, HELP
from qbdoctor.cli.options import (
    add_check,
    add_check_options,
    add_clients,
    add_completion,
    add_demo,
    add_diff,
    add_explain,
    add_fix,
    add_fleet,
    add_history,
    add_lint,
    add_output,
    add_rollback,
    add_simulate,
    add_target,
    add_targets,
    add_trace,
)
from qbdoctor.cli.serving_options import add_bridge, add_watch
from qbdoctor.model.errors import UserError
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, NoReturn

ADDERS = {
    "check": add_check,
    "fix": add_fix,
    "rollback": add_rollback,
    "history": add_history,
    "diff": add_diff,
    "demo": add_demo,
    "explain": add_explain,
    "trace": add_trace,
    "clients": add_clients,
    "lint": add_lint,
    "simulate": add_simulate,
    "bridge": add_bridge,
    "watch": add_watch,
    "targets": add_targets,
    "fleet": add_fleet,
    "completion": add_completion,
}


@cache  # argparse makes a formatter for each option
def _width() -> int:
    return (wrapping.terminal_columns() or 80) - 2


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str, **keywords: Any) -> None:
        super().__init__(prog, **{"width": _width(), **keywords})


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours: one sentence, and in the report's form where that was asked for."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**{"formatter_class": _Help, **keywords})

    def format_help(self) -> str:
        """Return the help, its examples under the name by which this program was called."""
        return program.named(super().format_help())

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing: the caller knows the format."""
        from qbdoctor.cli.suggest import sentence  # noqa: PLC0415 - a wrong command line alone needs it

        raise UserError("usage", sentence(message, self))


class _Unbuilt:
    """Stands for the parser of a command that the command line does not name: it takes what would be added to it."""

    def __init__(self, **_keywords: Any) -> None: ...

    def __getattr__(self, _name: str) -> Callable[..., _Unbuilt]:
        return lambda *_given, **_named: self


class _Alone:
    """Stands for all commands where the first word names one: the only one that is built."""

    def add_parser(self, name: str, *, help: str, **keywords: Any) -> Parser:  # noqa: A002, ARG002 - as argparse calls it
        self.parser = Parser(prog=f"qbdoctor {name}", **keywords)
        return self.parser


def read(words: Sequence[str]) -> dict[str, Any]:
    """Return what the words of a command line say, without defaults. Raises :class:`UserError` (usage)."""
    if words and words[0] in ADDERS:
        found = command(words[0], described=not HELP.isdisjoint(words)).parse_args(words[1:])
        return {**vars(found), "command": words[0]}
    given = vars(build(words).parse_args(words))
    return read(["check", *words]) if given.get("command") is None else given  # its name was an option's value


def command(name: str, *, described: bool = True) -> Parser:
    """Return the parser of one command, with what its help says of it or without."""
    made = _Alone()
    ADDERS[name](made, _common(name))
    return _finished(name, made.parser, described)


def build(wanted: Collection[str] = COMMANDS) -> Parser:
    """Return the parser. Options of the target and common ones stand before or after the subcommand.

    ``wanted``: only these commands get their options, which saves 15 ms.
    """
    from qbdoctor.cli import command_help  # noqa: PLC0415 - help alone needs it

    parser = Parser(
        prog="qbdoctor",
        description="Finds out why qBittorrent's Web UI API answers 401 or 403, and proves it.",
        epilog=command_help.overview(),
        parents=[_common("")],
        allow_abbrev=False,
    )
    add_check_options(parser, shown=False)
    parser.add_argument("--version", action="version", version=f"qbdoctor {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, add in ADDERS.items():
        if name in wanted:
            commands._parser_class = Parser
            add(commands, _common(name))
            _finished(name, commands.choices[name], described=True)
        else:
            commands._parser_class = _Unbuilt  # type: ignore[assignment]
            add(commands, _Unbuilt())  # type: ignore[arg-type]
    return parser


def _finished(name: str, parser: Parser, described: bool) -> Parser:
    if described:
        from qbdoctor.cli import command_help  # noqa: PLC0415 - help alone needs it

        parser.description, parser.epilog = command_help.described(name)
    if name != "simulate":  # whose --version is the release to play
        parser.add_argument("--version", action="version", version=f"qbdoctor {__version__}", help=argparse.SUPPRESS)
    return parser


def _common(command: str) -> Parser:
    """Return the options that every command takes; those that mean nothing to this one are not in its help."""
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    add_target(
        common,
        shown=command not in {"explain", "demo", "lint", "simulate", "targets", "completion"},
        one=command != "fleet",
    )
    add_output(common, FORMATS, changes=command in {"", "fix", "rollback", "history"})
    return common
