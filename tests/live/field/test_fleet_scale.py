"""A thousand targets: none holds another up, memory stays flat, and what was interrupted goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from tests.bench.servers import RELEASES, standins
from tests.kit.server import PASSWORD, Server

AT_ONCE, DEADLINE = 16, 30
MANY, HANGING = 1000, 50


@contextmanager
def hanging(number: int) -> Iterator[list[str]]:
    """Sockets that take a connection and never answer."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128)) for _ in range(number)]
        yield [f"http://127.0.0.1:{one.getsockname()[1]}" for one in held]


class Fleet:
    """One run of the command: its reports as they come, and its memory at each."""

    def __init__(self, targets: Path, state: Path, *more: str) -> None:
        self.reports: list[dict[str, Any]] = []
        self.memory: list[int] = []
        command = [
            sys.executable,
            "-m",
            "qbdoctor",
            "fleet",
            "--targets",
            str(targets),
            "--json",
            "--at-once",
            str(AT_ONCE),
        ]
        environment = {**os.environ, "QBDOCTOR_PASSWORD": PASSWORD, "QBDOCTOR_STATE_DIR": str(state)}
        self.began = perf_counter()
        self.process = subprocess.Popen(
            [*command, "--deadline", str(DEADLINE), *more], stdout=subprocess.PIPE, text=True, env=environment
        )

    def read(self, most: int | None = None) -> None:
        """Take the lines as they come: all, or so many."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.reports.append(json.loads(line))
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            self.memory += [int(row.split()[1]) // 1024 for row in status.splitlines() if row.startswith("VmRSS:")]
            if len(self.reports) == most:
                return

    @property
    def names(self) -> set[str]:
        return {one["target"]["name"] for one in self.reports}


@pytest.mark.live
@pytest.mark.extended
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the memory in /proc")
def test_a_thousand_targets(tmp_path: Path) -> None:
    with ExitStack() as stack:
        real = [stack.enter_context(Server.start(release)).url for release in RELEASES for _ in range(2)]
        silent = stack.enter_context(hanging(HANGING))
        played = stack.enter_context(standins(MANY - HANGING - len(real)))
        # The silent ones stand among the others, as they would.
        urls = [*real, *played]
        for number, url in enumerate(silent):
            urls.insert(number * (len(urls) // HANGING), url)
        listed = tmp_path / "urls.txt"
        listed.write_text("".join(f"{url}\n" for url in urls))

        # One run, ended in the middle, and the rest of it: each target is asked once, but for what was under way then.
        first = Fleet(listed, tmp_path / "state")
        first.read(most=MANY // 2)
        first.process.send_signal(signal.SIGINT)
        asked = perf_counter() - first.began  # what is under way is wound up in seconds
        first.read()
        assert first.process.wait(30) == 130
        (tmp_path / "before.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in first.reports))
        second = Fleet(listed, tmp_path / "state", "--resume", str(tmp_path / "before.jsonl"))
        second.read()
        code = second.process.wait(30)
        (tmp_path / "after.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in second.reports))
        took = asked + perf_counter() - second.began

        reports = [*first.reports, *second.reports]
        states = Counter(one["verdict"]["state"] for one in reports)
        ideal = sum(one["duration_ms"] for one in reports) / 1000 / AT_ONCE
        early, late = second.memory[100], second.memory[-1]
        most = max(*first.memory, *second.memory)
        note = f"{took:.1f} s, {took / ideal:.2f} x ideal, {early} then {late} MiB, {most} at most, {states}"
        (tmp_path / "figures.txt").write_text(f"{note}\n")
        assert not first.names & second.names, "a target was asked again"
        assert first.names | second.names == set(urls) and len(reports) == MANY
        assert MANY // 2 <= len(first.reports) < MANY
        healthy = {one["target"]["name"] for one in reports if one["verdict"]["state"] == "healthy"}
        others = {*real, *played} - healthy
        assert not others, [one["verdict"]["headline"] for one in reports if one["target"]["name"] in others][:5]
        assert code == 1, "the worst: those that are silent hang"
        assert sum(one["login_attempts"] for one in reports) == MANY - HANGING
        assert took <= 1.5 * ideal, note
        assert most < 300, note
        assert late < early + 60, "memory grows with the number of targets"
