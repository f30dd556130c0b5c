r"""Runs a stand-in for qBittorrent's Web UI, for demonstrations and tests where there is no qBittorrent.

    python -m qbdoctor.simulator --profile DIR --release 5.3.0      with a config file, as qBittorrent has it
    qbdoctor simulate --version 5.3.0                             without one, for trying out a client

What it does is what :mod:`qbdoctor.releases` says of that release, and ``tests/live/simulator/test_simulate.py``
holds it to the real one on 4.2.5, 4.5.2, 5.1.0 and 5.3.0; the other releases are played by the table alone. It reads
a request (:mod:`qbdoctor.simulator.http_parser`), decides who gets in (:mod:`qbdoctor.simulator.access`), and plays
the actions that clients begin with (:mod:`qbdoctor.simulator.actions`); an action that it does not play is 501 with a
sentence. It transfers nothing and has no pages; every answer says ``x-qbdoctor-standin: 1``. It listens on 127.0.0.1
alone, and is no security boundary.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from qbdoctor import releases
from qbdoctor.model.errors import UserError
from qbdoctor.releases import KNOWN, Version
from qbdoctor.simulator.config import Config
from qbdoctor.simulator.http_parser import HEADER
from qbdoctor.simulator.server import ADDRESS, Server
from qbdoctor.simulator.state import StandIn

__all__ = ["CONFIG", "HEADER", "SAVE_AFTER", "main", "serve"]

CONFIG = Path("qBittorrent/config", "qBittorrent.ini" if sys.platform in {"win32", "darwin"} else "qBittorrent.conf")
"""Below a profile; the name is the one that qBittorrent has on this system."""
SAVE_AFTER = 5.0
"""Seconds after its start at which qBittorrent rewrites its file, changed or not."""


def serve(config: Config) -> int:
    """Serve until SIGTERM, SIGINT or app/shutdown, then rewrite the file, as qBittorrent does. Returns 0."""
    standin = StandIn(config)
    server = Server(standin)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: standin.stopping.set())
    lines = [
        f"This is qbdoctor's stand-in for qBittorrent v{config.version}; it listens at http://{ADDRESS}:{server.port}"
    ]
    if standin.temporary is not None:  # told as qBittorrent tells it, on standard output alone
        text = releases.text("stdout.temporary_password", config.version) or ""
        lines.append(text.replace("%1", standin.temporary.reveal()))
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    server.run(SAVE_AFTER)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stand-in from a command line; 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m qbdoctor.simulator",
        description="A stand-in for qBittorrent's Web UI, on 127.0.0.1 only. It is not qBittorrent: it transfers nothing.",
    )
    parser.add_argument("--profile", metavar="DIR", type=Path, required=True, help=f"reads and rewrites DIR/{CONFIG}")
    parser.add_argument("--webui-port", metavar="PORT", type=int, help="stored as the setting, as qBittorrent does")
    parser.add_argument("--release", default=str(KNOWN[-1]), help="the release to act as (default: %(default)s)")
    given = parser.parse_args(arguments)
    version = Version.parse(given.release)
    if version not in KNOWN:
        _refuse(parser, f"--release: {given.release} is no release of qBittorrent between {KNOWN[0]} and {KNOWN[-1]}")
    try:
        config = Config(given.profile / CONFIG, version)
        if given.webui_port is not None:
            config.set("Port", str(given.webui_port))
        return serve(config)
    except UserError as error:
        _refuse(parser, error.message)
    except OSError as error:
        _refuse(parser, f"it could not start: {error.strerror}")


def _refuse(parser: argparse.ArgumentParser, why: str) -> NoReturn:
    parser.exit(2, f"{parser.prog}: {why}\n")


if __name__ == "__main__":
    sys.exit(main())
