"""Defines the options of the commands that run until they are stopped: ``watch`` and ``bridge``."""

from __future__ import annotations

import argparse

from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def add_watch(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``watch``."""
    absent = argparse.SUPPRESS
    watch = commands.add_parser(
        "watch",
        parents=[common],
        help="look again and again, keep a history, tell what changed",
        allow_abbrev=False,
    )
    watch.add_argument(
        "--every", metavar="SECONDS", type=_seconds, default=absent, help="between two looks (default 60)"
    )
    watch.add_argument(
        "--for", dest="total", metavar="SECONDS", type=_long, default=absent, help="default: until stopped"
    )
    watch.add_argument(
        "--on-change",
        metavar="COMMAND",
        default=absent,
        help="run at each change, which it gets as JSON on its standard input",
    )
    watch.add_argument(
        "--notify", metavar="URL", action="append", default=absent, help="tell each change there, by apprise"
    )
    watch.add_argument(
        "--listen", metavar="HOST:PORT", default=absent, help="serve a page with plots, /metrics and /healthz"
    )
    watch.add_argument("--report", metavar="FILE", default=absent, help="keep that page in a file")
    watch.add_argument(
        "--install-unit",
        action="store_true",
        default=absent,
        help="print what starts this watch by itself (systemd unit, launch agent, scheduled task), and end",
    )


def add_bridge(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add ``bridge``."""
    absent = argparse.SUPPRESS
    bridge = commands.add_parser(
        "bridge",
        parents=[common],
        help="let a client that cannot be updated work with today's qBittorrent",
        allow_abbrev=False,
    )
    bridge.add_argument("--listen", metavar="HOST:PORT", default=absent, help="default: a free port on loopback")
    bridge.add_argument(
        "--speak", metavar="RELEASE", default=absent, help="the release that clients are answered as (default 5.1)"
    )
    bridge.add_argument(
        "--allow",
        metavar="CIDR",
        action="append",
        default=absent,
        help="other machines that may use it, such as 192.168.1.0/24; may be repeated",
    )


def _seconds(text: str) -> float:
    return _time(text, 86_400)


def _long(text: str) -> float:
    return _time(text, 366 * 86_400)


def _time(text: str, most: int) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give seconds, more than 0 and at most {most}")
    return seconds
