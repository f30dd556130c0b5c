"""Builds the command line's parser and reads the arguments."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from qbdoctor import __version__
from qbdoctor.model.errors import UserError

FORMATS = ("human", "json", "markdown", "html", "nagios", "openmetrics", "junit")


EPILOG = """\
examples:
  qbdoctor                                        look at the qBittorrent that runs here
  qbdoctor --url http://192.168.1.7:8080          look at another one (the password is asked for)
  QBDOCTOR_PASSWORD=… qbdoctor check --json       for scripts; no option takes a secret as its value
  qbdoctor fix                                    what the causes found ask for; shows the diff and asks
  qbdoctor rollback                               take the last fix back
  qbdoctor explain host-port-mismatch             one cause in full

exit codes: 0 healthy or done, 1 problem found, 2 bad input or not confirmed, 3 could not tell,
            4 fix or rollback refused or undone, 130 interrupted
"""


COMMANDS = ("check", "fix", "rollback", "history", "explain", "demo", "trace", "clients", "lint", "simulate")


DEFAULTS: dict[str, Any] = {
    "command": "check",
    "url": None,
    "profile": None,
    "config": None,
    "username": None,
    "password_file": None,
    "api_key_file": None,
    "public_url": None,
    "ca_file": None,
    "insecure": False,
    "deadline": 30.0,
    "no_login": False,
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
    "coverage": False,
    "paths": [],
    "python": None,
    "live": False,
    "release": None,
    "settings": [],
    "speed": 1.0,
    "port": None,
    "port_file": None,
    "listen": None,
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
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours: one sentence, and in the report's form where that was asked for."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing: the caller knows the format."""
        raise UserError("usage", f"{message}; qbdoctor --help shows what there is.")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give seconds, more than 0 and at most 86400")
    return seconds


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days <= 36_500:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days")
    return days


def build() -> Parser:
    """Return the parser. Options of the target and common ones stand before or after the subcommand."""
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    target = common.add_argument_group("target (with none of these, discovery decides)")
    target.add_argument("--url", metavar="URL", help="Web UI address: http or https, name, IPv4 or [IPv6]")
    target.add_argument("--profile", metavar="DIR", help="the folder given to qBittorrent's own --profile")
    target.add_argument("--config", metavar="FILE", help="the qBittorrent.conf or qBittorrent.ini itself")
    target.add_argument("--username", metavar="NAME", help="default: QBDOCTOR_USERNAME, else the config's, else admin")
    target.add_argument(
        "--password-file", metavar="FILE", help="the password's file (-: standard input), or QBDOCTOR_PASSWORD"
    )
    target.add_argument(
        "--api-key-file", metavar="FILE", help="the API key's file (5.2 and later), or QBDOCTOR_API_KEY"
    )
    target.add_argument(
        "--public-url", metavar="URL", help="the address used through a reverse proxy; never connected to"
    )
    target.add_argument("--ca-file", metavar="FILE", help="certificates to trust, PEM")
    target.add_argument("--insecure", action="store_true", help="do not verify the certificate")
    target.add_argument("--deadline", metavar="SECONDS", type=_seconds, help="for the whole run (default 30)")
    target.add_argument("--no-login", action="store_true", help="never send credentials")
    target.add_argument("--state-dir", metavar="DIR", help="where records and the attempt ledger are kept")
    _add_output(common, FORMATS)

    parser = Parser(
        prog="qbdoctor",
        description="Finds out why qBittorrent's Web UI API answers 401 or 403, and proves it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"qbdoctor {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    check = commands.add_parser("check", parents=[common], help="diagnose; changes nothing", allow_abbrev=False)
    check.add_argument("ids", nargs="*", metavar="CHECK", default=argparse.SUPPRESS, help="run only these checks")
    check.add_argument(
        "--fail-on", choices=("warning", "error", "never"), default=argparse.SUPPRESS, help="when to exit with 1"
    )
    check.add_argument(
        "--write-probe",
        action="store_true",
        default=argparse.SUPPRESS,
        help="also add a torrent that can never start, see it counted, and remove it",
    )
    fix = commands.add_parser(
        "fix", parents=[common], help="apply reversible fixes and verify them", allow_abbrev=False
    )
    fix.add_argument(
        "ids", nargs="*", metavar="FIX", default=argparse.SUPPRESS, help="without: what the causes found ask for"
    )
    rollback = commands.add_parser("rollback", parents=[common], help="take applied fixes back", allow_abbrev=False)
    rollback.add_argument("ids", nargs="*", metavar="RECORD", default=argparse.SUPPRESS, help="without: the last run's")
    for one in (fix, rollback):
        one.add_argument(
            "--via",
            choices=("auto", "api", "file"),
            default=argparse.SUPPRESS,
            help="live, or in the file of a stopped qBittorrent (default: what is safe)",
        )
        one.add_argument(
            "--restart",
            action="store_true",
            default=argparse.SUPPRESS,
            help="stop a running qBittorrent for an edit of its file and start it again exactly as it was (by its systemd "
            "unit, or as the plain process it is; never killed; with the old settings if it does not come up with the new)",
        )
        one.add_argument(
            "--confirm-within",
            metavar="SECONDS",
            type=_seconds,
            default=argparse.SUPPRESS,
            help="undo unless confirmed in time, also where this program is killed or its connection lost: a terminal is "
            "asked; without one, and with --yes, confirm with qbdoctor fix --confirm RUN. What was made in the file is undone "
            "with a restart where qBittorrent runs by then",
        )
    fix.add_argument(
        "--confirm", metavar="RUN", default=argparse.SUPPRESS, help="keep what that run changed; nothing else is done"
    )
    fix.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=argparse.SUPPRESS,
        help="what a fix must be told, such as host=nas.lan (qbdoctor explain FIX says what); never a secret",
    )
    fix.add_argument(
        "--new-password-file",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="set-password: the new password's file (-: standard input); a terminal is asked, or one is made up",
    )
    which = rollback.add_mutually_exclusive_group()
    which.add_argument("--last", action="store_true", default=argparse.SUPPRESS, help="the newest record alone")
    which.add_argument("--all", action="store_true", default=argparse.SUPPRESS, help="every record")
    rollback.add_argument(
        "--force",
        action="store_true",
        default=argparse.SUPPRESS,
        help="also what someone else changed (it is saved first)",
    )
    history = commands.add_parser("history", parents=[common], help="the records, newest first", allow_abbrev=False)
    history.add_argument(
        "ids",
        nargs="*",
        metavar="RECORD",
        default=argparse.SUPPRESS,
        help="in full; --format markdown: for a change ticket",
    )
    history.add_argument(
        "--prune",
        action="store_true",
        default=argparse.SUPPRESS,
        help="remove the records (and backups) of what was taken back or never applied; what is applied stays",
    )
    history.add_argument(
        "--older-than",
        metavar="DAYS",
        type=_days,
        default=argparse.SUPPRESS,
        help="--prune: only what ended before that",
    )
    demo = commands.add_parser(
        "demo", parents=[common], help="the incident from start to end on a throw-away instance", allow_abbrev=False
    )
    demo.add_argument("--standin", action="store_true", default=argparse.SUPPRESS, help="use the built-in stand-in")
    explain = commands.add_parser("explain", parents=[common], help="a cause or check in full", allow_abbrev=False)
    explain.add_argument("ids", nargs="*", metavar="ID", default=argparse.SUPPRESS, help="without: a list of all")
    explain.add_argument(
        "--coverage", action="store_true", default=argparse.SUPPRESS, help="which causes the tests saw on which release"
    )
    _add_client_side(commands, common)
    for name, command in commands.choices.items():
        if name != "simulate":  # whose --version is the release to play
            command.add_argument(
                "--version", action="version", version=f"qbdoctor {__version__}", help=argparse.SUPPRESS
            )
    return parser


def _add_output(parser: Parser, formats: Sequence[str]) -> None:
    """Add what every command takes, so that nobody has to know which of them need it."""
    absent = argparse.SUPPRESS
    output = parser.add_argument_group("output")
    output.add_argument("--format", choices=formats, default=absent, help="default: human")
    output.add_argument(
        "--json", dest="format", action="store_const", const="json", default=absent, help="short for --format json"
    )
    output.add_argument(
        "-o", "--output", metavar="FILE", default=absent, help="write the result there instead of standard output"
    )
    output.add_argument("-q", "--quiet", action="store_true", default=absent, help="the first line only")
    output.add_argument("-v", "--verbose", action="count", default=absent, help="more detail")
    output.add_argument("--no-color", action="store_true", default=absent, help="no colour (also: NO_COLOR)")
    output.add_argument("--yes", action="store_true", default=absent, help="fix, rollback, history --prune: do not ask")
    output.add_argument(
        "--dry-run",
        action="store_true",
        default=absent,
        help="fix, rollback, history --prune: show the plan, change nothing",
    )


def _add_client_side(commands: Any, common: Parser) -> None:
    """Add the commands that look at clients."""
    absent = argparse.SUPPRESS
    trace = commands.add_parser(
        "trace",
        parents=[common],
        help="record what a failing program sends, and say what it does wrong",
        allow_abbrev=False,
    )
    trace.add_argument("--listen", metavar="HOST:PORT", default=absent, help="default: a free port on loopback")
    trace.add_argument("--save", metavar="FILE", default=absent, help="keep the trace, without any secret")
    trace.add_argument("--replay", metavar="FILE", default=absent, help="judge a kept trace again")
    trace.add_argument(
        "--run",
        action="store_true",
        default=absent,
        help="run the command that follows -- with the proxy's address in QBDOCTOR_TRACE_URL and wherever {url} stands",
    )
    clients = commands.add_parser(
        "clients",
        parents=[common],
        help="what the HTTP clients of this machine do with the session cookie",
        allow_abbrev=False,
    )
    clients.add_argument("--python", metavar="PATH", default=absent, help="the interpreter whose libraries are tried")
    clients.add_argument(
        "--live", action="store_true", default=absent, help="against the real server, within the login budget"
    )
    clients.add_argument("--release", metavar="X.Y.Z", default=absent, help="the release that is simulated otherwise")
    # It has no target, and formats of its own.
    lint = commands.add_parser("lint", help="find the lines of a program that make the 403", allow_abbrev=False)
    lint.add_argument("paths", nargs="*", metavar="PATH", default=absent, help="files and folders")
    _add_output(lint, ("human", "json", "sarif", "github"))
    lint.add_argument("--all", action="store_true", default=absent, help="also code that does not talk to qBittorrent")
    simulate = commands.add_parser(
        "simulate",
        parents=[common],
        help="a stand-in for the Web UI of any release, for trying a client",
        allow_abbrev=False,
    )
    simulate.add_argument("--version", dest="release", metavar="X.Y.Z", default=absent, help="the release to play")
    simulate.add_argument("--port", metavar="PORT", default=absent, help="default: a free one")
    simulate.add_argument(
        "--set",
        dest="settings",
        metavar="KEY=VALUE",
        action="append",
        default=absent,
        help="a Web UI setting, by its name",
    )
    simulate.add_argument("--speed", metavar="N", default=absent, help="let its clock run N times as fast")
    simulate.add_argument("--port-file", metavar="FILE", default=absent, help="write the port there once it serves")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the command line with every default filled in. Raises :class:`UserError` (usage)."""
    arguments, behind = split(arguments)
    given = vars(build().parse_args(_with_command(arguments)))
    if given.get("command") is None:  # what looked like a command was an option's value
        given = vars(build().parse_args(["check", *arguments]))
    if given.pop("run", False) or behind:
        if given.get("command") != "trace" or not behind:
            raise UserError(
                "usage", "what follows -- is the command of qbdoctor trace --run: trace --run -- COMMAND …."
            )
        given["run"] = behind
    return argparse.Namespace(**{**DEFAULTS, **{name: value for name, value in given.items() if value is not None}})


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
    about = any(word in {"-h", "--help", "--version"} for word in arguments)
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
