"""Builds the command line's parser and reads the arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence

from qbdoctor import __version__
from qbdoctor.cli import program
from qbdoctor.cli.command_help import FOR_SCRIPTS, Parser, described
from qbdoctor.cli.options import (
    FORMATS,
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

TYPE_CHECKING = False  # not typing's own, which takes 2 ms to load: a tenth of what --help may take
if TYPE_CHECKING:
    from typing import Any

EXAMPLES = (
    ("qbdoctor", "look at the qBittorrent that runs here"),
    ("qbdoctor --url http://192.168.1.7:8080", "look at another one (the password is asked for)"),
    (FOR_SCRIPTS, "for scripts; no option takes a secret as its value"),
    ("qbdoctor fix", "what the causes found ask for; shows the diff and asks"),
    ("qbdoctor rollback", "take the last fix back"),
    ("qbdoctor explain host-port-mismatch", "one cause in full"),
)
EXIT_CODES = """
exit codes: 0 healthy or done, 1 problem found, 2 bad input or not confirmed, 3 could not tell,
            4 fix or rollback refused or undone, 130 interrupted
"""


_HELP = frozenset({"-h", "--help"})
COMMANDS = (
    "check",
    "fix",
    "rollback",
    "history",
    "diff",
    "explain",
    "demo",
    "trace",
    "clients",
    "lint",
    "simulate",
    "bridge",
    "watch",
    "targets",
    "fleet",
    "completion",
)


ALIASES = {"status": "check", "diagnose": "check", "doctor": "check", "undo": "rollback", "revert": "rollback"}
"""What people type for a command; the first word alone counts."""


DEFAULTS: dict[str, Any] = {
    "command": "check",
    "url": None,
    "target": None,
    "named_target": None,
    "profile": None,
    "config": None,
    "container": None,
    "username": None,
    "password_file": None,
    "api_key_file": None,
    "public_url": None,
    "ca_file": None,
    "insecure": False,
    "deadline": 30.0,
    "no_login": False,
    "trust_user": None,
    "state_dir": None,
    "format": "human",
    "output": None,
    "quiet": False,
    "verbose": 0,
    "no_color": False,
    "yes": False,
    "dry_run": False,
    "ids": [],
    "fail_on": "error",
    "write_probe": False,
    "from_file": None,
    "coverage": False,
    "if_none_runs": False,
    "fix": False,
    "paths": [],
    "python": None,
    "live": False,
    "known": False,
    "release": None,
    "settings": [],
    "speed": 1.0,
    "port": None,
    "port_file": None,
    "listen": None,
    "speak": None,
    "allow": [],
    "save": None,
    "replay": None,
    "run": None,
    "via": "auto",
    "force": False,
    "restart": False,
    "confirm_within": None,
    "confirm": None,
    "set": [],
    "new_password_file": None,
    "last": False,
    "all": False,
    "prune": False,
    "older_than": None,
    "standin": False,
    "targets": None,
    "at_once": 16,
    "ansible": None,
    "resume": None,
    "every": 60.0,
    "total": None,
    "on_change": None,
    "notify": [],
    "report": None,
    "install_unit": False,
}


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


class _Unbuilt:
    """Stands for the parser of a command that the command line does not name: it takes what would be added to it."""

    def __init__(self, **_keywords: Any) -> None: ...

    def __getattr__(self, _name: str) -> Callable[..., _Unbuilt]:
        return lambda *_given, **_named: self


def _epilog() -> str:
    """Return the examples, under the name by which this program was called, and the exit codes."""
    typed = [(program.name() if command == "qbdoctor" else program.named(command), what) for command, what in EXAMPLES]
    width = max(46, *(len(command) for command, _ in typed))
    return "".join(("examples:\n", *(f"  {command:<{width}}  {what}\n" for command, what in typed), EXIT_CODES))


def build(wanted: Collection[str] | None = None) -> Parser:
    """Return the parser. Options of the target and common ones stand before or after the subcommand.

    ``wanted``: only these commands get their options, which saves 15 ms; None: all.
    """
    parser = Parser(
        prog="qbdoctor",
        description="Finds out why qBittorrent's Web UI API answers 401 or 403, and proves it.",
        epilog=_epilog(),
        parents=[_common("")],
        allow_abbrev=False,
    )
    add_check_options(parser, shown=False)
    parser.add_argument("--version", action="version", version=f"qbdoctor {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, add in ADDERS.items():
        if wanted is not None and name not in wanted:
            commands._parser_class = _Unbuilt  # type: ignore[assignment]
            add(commands, _Unbuilt())  # type: ignore[arg-type]
            continue
        commands._parser_class = Parser
        add(commands, _common(name))
        if wanted is None or _HELP & set(wanted):
            commands.choices[name].description, commands.choices[name].epilog = described(name)
    for name, command in commands.choices.items():
        if name != "simulate" and isinstance(command, Parser):  # whose --version is the release to play
            command.add_argument(
                "--version", action="version", version=f"qbdoctor {__version__}", help=argparse.SUPPRESS
            )
    return parser


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    found = next(action for action in build()._actions if isinstance(action, argparse._SubParsersAction))
    return {name: found.choices[name] for name in COMMANDS}


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


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the command line with every default filled in. Raises :class:`UserError` (usage)."""
    arguments, behind = split(_meant(arguments))
    parser = build(set(arguments) if arguments[:1] and arguments[0] in COMMANDS else {"check", *arguments})
    given = vars(parser.parse_args(_with_command(arguments)))
    if given.get("command") is None:  # what looked like a command was an option's value
        given = vars(parser.parse_args(["check", *arguments]))
    if given.pop("run", False) or behind:
        if given.get("command") != "trace" or not behind:
            raise UserError(
                "usage", "what follows -- is the command of qbdoctor trace --run: trace --run -- COMMAND …."
            )
        given["run"] = behind
    return argparse.Namespace(**{**DEFAULTS, **{name: value for name, value in given.items() if value is not None}})


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
    about = any(word in _HELP | {"--version"} for word in arguments)
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
