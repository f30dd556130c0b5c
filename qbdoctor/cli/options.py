"""Defines the options of each command; the parser puts them together."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


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


class _Unshown:
    """Adds options that are taken and not shown in the help."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parser = parser

    def add_argument(self, *names: str, **keywords: Any) -> None:
        self._parser.add_argument(*names, **{**keywords, "help": argparse.SUPPRESS})


def add_target(parser: argparse.ArgumentParser, *, shown: bool = True, one: bool = True) -> None:
    """Add the options that name the target and how it is reached; ``shown`` in the help, those for ``one`` alone or not."""
    target: Any = _Unshown(parser)
    if shown:
        heading = "target (with none of these, discovery decides)" if one else "for every target that says no other"
        target = parser.add_argument_group(heading)
    which: Any = target if one else _Unshown(parser)
    which.add_argument("--url", metavar="URL", help="Web UI address: http or https, name, IPv4 or [IPv6]")
    which.add_argument("--target", metavar="NAME", help="a named target of targets.toml (qbdoctor targets lists them)")
    which.add_argument("--profile", metavar="DIR", help="the folder given to qBittorrent's own --profile")
    which.add_argument("--config", metavar="FILE", help="the qBittorrent.conf or qBittorrent.ini itself")
    which.add_argument(
        "--container", metavar="NAME", help="a container of Docker or Podman on this machine, by name or id"
    )
    target.add_argument("--username", metavar="NAME", help="default: QBDOCTOR_USERNAME, else the config's, else admin")
    target.add_argument(
        "--password-file", metavar="FILE", help="the password's file (-: standard input), or QBDOCTOR_PASSWORD"
    )
    target.add_argument(
        "--api-key-file", metavar="FILE", help="the API key's file (5.2 and later), or QBDOCTOR_API_KEY"
    )
    which.add_argument(
        "--public-url", metavar="URL", help="the address used through a reverse proxy; never connected to"
    )
    target.add_argument("--ca-file", metavar="FILE", help="certificates to trust, PEM")
    target.add_argument("--insecure", action="store_true", help="do not verify the certificate")
    target.add_argument("--deadline", metavar="SECONDS", type=_seconds, help="for the whole run (default 30)")
    target.add_argument("--no-login", action="store_true", help="never send credentials")
    target.add_argument(
        "--trust-user", metavar="NAME", help="a user of this machine whose program may get the credentials"
    )
    target.add_argument("--state-dir", metavar="DIR", help="where records and the attempt ledger are kept")


def add_output(parser: argparse.ArgumentParser, formats: Sequence[str], *, changes: bool = False) -> None:
    """Add what every command takes, so that nobody has to know which need it; ``changes``: the command may change something."""
    absent = argparse.SUPPRESS
    output = parser.add_argument_group("output")
    output.add_argument(
        "--format", choices=formats, metavar="FORMAT", default=absent, help=f"{', '.join(formats)} (default: human)"
    )
    output.add_argument(
        "--json", dest="format", action="store_const", const="json", default=absent, help="short for --format json"
    )
    output.add_argument(
        "-o", "--output", metavar="FILE", default=absent, help="write the result there instead of standard output"
    )
    output.add_argument("-q", "--quiet", action="store_true", default=absent, help="the first line only")
    output.add_argument("-v", "--verbose", action="count", default=absent, help="more detail")
    output.add_argument("--no-color", action="store_true", default=absent, help="no colour (also: NO_COLOR)")
    asking: Any = output if changes else _Unshown(parser)
    asking.add_argument(
        "--yes", action="store_true", default=absent, help="fix, rollback, lint --fix, history --prune: do not ask"
    )
    asking.add_argument(
        "--dry-run",
        action="store_true",
        default=absent,
        help="fix, rollback, lint --fix, history --prune: show the plan, change nothing",
    )


def add_way(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how settings are changed, which fix and rollback share."""
    parser.add_argument(
        "--via",
        choices=("auto", "api", "file"),
        default=argparse.SUPPRESS,
        help="live, or in the file of a stopped qBittorrent (default: what is safe)",
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        default=argparse.SUPPRESS,
        help="(Linux) stop a running qBittorrent for an edit of its file and start it again exactly as it was (by its systemd "
        "unit, or as the plain process it is; never killed; with the old settings if it does not come up with the new)",
    )
    parser.add_argument(
        "--confirm-within",
        metavar="SECONDS",
        type=_seconds,
        default=argparse.SUPPRESS,
        help="(Linux) undo unless confirmed in time, also where this program is killed or its connection lost: a terminal is "
        "asked; without one, and with --yes, confirm with qbdoctor fix --confirm RUN. What was made in the file is undone "
        "with a restart where qBittorrent runs by then",
    )


def add_check(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``check``."""
    check = commands.add_parser("check", parents=[common], help="diagnose; changes nothing", allow_abbrev=False)
    check.add_argument("ids", nargs="*", metavar="CHECK", default=argparse.SUPPRESS, help="run only these checks")
    add_check_options(check)


def add_check_options(parser: argparse.ArgumentParser, *, shown: bool = True) -> None:
    """Add the options of ``check``, which stand before the subcommand as well; ``shown`` in the help."""
    options: Any = parser if shown else _Unshown(parser)
    options.add_argument(
        "--fail-on", choices=("warning", "error", "never"), default=argparse.SUPPRESS, help="when to exit with 1"
    )
    options.add_argument(
        "--write-probe",
        action="store_true",
        default=argparse.SUPPRESS,
        help="also add a torrent that can never start, see it counted, and remove it",
    )
    options.add_argument(
        "--save",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="keep all that was seen, without a secret, for a helper or for later",
    )
    options.add_argument(
        "--from",
        dest="from_file",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="judge what --save kept: nothing is sent",
    )


def add_fix(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``fix``."""
    fix = commands.add_parser(
        "fix", parents=[common], help="apply reversible fixes and verify them", allow_abbrev=False
    )
    fix.add_argument(
        "ids", nargs="*", metavar="FIX", default=argparse.SUPPRESS, help="without: what the causes found ask for"
    )
    add_way(fix)
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


def add_rollback(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``rollback``."""
    rollback = commands.add_parser("rollback", parents=[common], help="take applied fixes back", allow_abbrev=False)
    rollback.add_argument("ids", nargs="*", metavar="RECORD", default=argparse.SUPPRESS, help="without: the last run's")
    add_way(rollback)
    which = rollback.add_mutually_exclusive_group()
    which.add_argument("--last", action="store_true", default=argparse.SUPPRESS, help="the newest record alone")
    which.add_argument("--all", action="store_true", default=argparse.SUPPRESS, help="every record")
    rollback.add_argument(
        "--force",
        action="store_true",
        default=argparse.SUPPRESS,
        help="also what someone else changed (it is saved first)",
    )


def add_history(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``history``."""
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


def add_diff(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``diff``."""
    diff = commands.add_parser(
        "diff", parents=[common], help="two saved looks side by side, or a saved one and now", allow_abbrev=False
    )
    diff.add_argument(
        "ids", nargs="*", metavar="FILE", default=argparse.SUPPRESS, help="one or two files of check --save"
    )


def add_demo(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``demo``."""
    demo = commands.add_parser(
        "demo", parents=[common], help="the incident from start to end on a throw-away instance", allow_abbrev=False
    )
    demo.add_argument("--standin", action="store_true", default=argparse.SUPPRESS, help="use the built-in stand-in")
    demo.add_argument(
        "--if-none-runs", action="store_true", default=argparse.SUPPRESS, help="only where no qBittorrent is found here"
    )


def add_explain(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``explain``."""
    explain = commands.add_parser("explain", parents=[common], help="a cause or check in full", allow_abbrev=False)
    explain.add_argument("ids", nargs="*", metavar="ID", default=argparse.SUPPRESS, help="without: a list of all")
    explain.add_argument(
        "--coverage", action="store_true", default=argparse.SUPPRESS, help="which causes the tests saw on which release"
    )


def add_targets(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``targets``."""
    commands.add_parser("targets", parents=[common], help="the named targets of targets.toml", allow_abbrev=False)


def add_fleet(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``fleet``."""
    absent = argparse.SUPPRESS
    fleet = commands.add_parser("fleet", parents=[common], help="check many targets at once", allow_abbrev=False)
    fleet.add_argument("ids", nargs="*", metavar="NAME", default=absent, help="named targets; none: all of them")
    fleet.add_argument(
        "--targets",
        metavar="FILE",
        default=absent,
        help="a file like targets.toml, or a URL a line (-: standard input)",
    )
    fleet.add_argument(
        "--at-once", metavar="N", type=_at_once, default=absent, help="how many are asked at once (default 16)"
    )
    fleet.add_argument(
        "--ansible",
        metavar="INVENTORY",
        default=absent,
        help="the hosts of an Ansible inventory, each by its own qbdoctor; NAME is then a host or a group",
    )
    fleet.add_argument(
        "--resume", metavar="FILE", default=absent, help="what fleet --json wrote before: targets in it are left out"
    )


def _at_once(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of targets: give 1 to 256")
    return int(text)


def add_completion(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``completion``."""
    completion = commands.add_parser(
        "completion", parents=[common], help="the completion script of bash, zsh or fish", allow_abbrev=False
    )
    completion.add_argument("ids", nargs="*", metavar="SHELL", default=argparse.SUPPRESS, help="bash, zsh or fish")


def add_trace(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``trace``."""
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


def add_clients(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``clients``."""
    absent = argparse.SUPPRESS
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
    clients.add_argument(
        "--known",
        action="store_true",
        default=absent,
        help="the programs that are known, and which version of them is needed",
    )


def add_lint(commands: Any, _common: argparse.ArgumentParser) -> None:
    """Add ``lint``, which has no target and formats of its own."""
    absent = argparse.SUPPRESS
    lint = commands.add_parser("lint", help="find the lines of a program that make the 403", allow_abbrev=False)
    lint.add_argument("paths", nargs="*", metavar="PATH", default=absent, help="files and folders")
    add_output(lint, ("human", "json", "sarif", "github"), changes=True)
    lint.add_argument("--all", action="store_true", default=absent, help="also code that does not talk to qBittorrent")
    lint.add_argument(
        "--fix",
        action="store_true",
        default=absent,
        help="write the mended lines that are proven: shows the plan as a diff, asks, keeps a record for rollback",
    )
    lint.add_argument("--state-dir", metavar="DIR", default=absent, help="where --fix keeps its records")


def add_simulate(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``simulate``."""
    absent = argparse.SUPPRESS
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
