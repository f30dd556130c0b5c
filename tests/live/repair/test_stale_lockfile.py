"""A lock that a killed qBittorrent left: what it does to the next start, how it is found, taken away and brought back."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from qbdoctor import releases
from qbdoctor.observe.base.instance_lock import parse
from qbdoctor.releases.versions import known
from tests.conftest import ServerFactory
from tests.kit import needs
from tests.kit.matrix import Release
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import cause, causes, diagnose, qbdoctor
from tests.support.fixer import change

FIX, CAUSE = "remove-stale-lockfile", "stale-lockfile"
BOX = [
    "unshare",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--uts",
    "sh",
    "-c",
    'hostname box; exec "$@"',
    "sh",
]
"""Where the first process has number 1 and the host another name, as in a container."""

pytestmark = [
    pytest.mark.in_turn,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="namespaces and /proc are Linux's"),
]


def lock_of(running: Server) -> Path:
    return running.config_file.with_name("lockfile")


def blocking(release: Release) -> bool:
    return bool(releases.rule("start.stale_locks", known(release.version)))


def start_once(running: Server, *prefix: str) -> int | None:
    """Start it as a service does; its exit code, or None where it comes to serve (it is ended then)."""
    command = [*prefix, *running.release.command(f"--profile={running.profile}")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 20
        while (code := process.poll()) is None and time.monotonic() < end:
            if running._answers("http"):
                process.kill()
                return None
            time.sleep(0.05)
        process.kill()
        assert code is not None, "it neither served nor ended"
        return code


def looked_at(running: Server) -> dict[str, Any]:
    return diagnose("--profile", str(running.profile), password=PASSWORD)


def lock_named(running: Server, pid: int, host: str | None = None) -> bytes:
    """Leave a lock as one that was killed does, with this process number, and perhaps host name."""
    lines = lock_of(running).read_text("utf-8").split("\n") if lock_of(running).exists() else []
    if len(lines) < 5:
        return b""
    lines[0], lines[2] = str(pid), host or lines[2]
    lock_of(running).write_text("\n".join(lines), "utf-8")
    return lock_of(running).read_bytes()


def test_another_instance_has_the_number_now(server: ServerFactory, release: Release) -> None:
    other, running = server(), server()
    running.kill()
    data = lock_named(running, other.pid)
    if not blocking(release):
        assert (data, CAUSE in causes(looked_at(running))) == (b"", False)
        assert start_once(running) is None, "a file that is left keeps no older release off"
        return
    assert parse(data)[:3] == (other.pid, "ld-linux-x86-64.so.2", socket.gethostname())
    foretold = looked_at(running)
    assert "will end at once" in cause(foretold, CAUSE)["summary"]
    assert start_once(running) == 0
    report = looked_at(running)
    assert (causes(report, "error"), cause(report, CAUSE)["confidence"]) == ([CAUSE], "likely")
    assert "ended at once at its last start" in cause(report, CAUSE)["summary"]
    assert {"file", "process", "log"} == {one["kind"] for one in cause(report, CAUSE)["evidence"]}
    config = running.config_file.read_bytes()
    (record,) = change("fix", "--profile", str(running.profile))["records"]
    assert (record["fix"], record["reason"], record["via"]) == (FIX, CAUSE, "file")
    assert (lock_of(running).exists(), running.config_file.read_bytes()) == (False, config)
    change("rollback")
    assert (lock_of(running).read_bytes(), running.config_file.read_bytes()) == (data, config)
    assert start_once(running) == 0, "it is as it was"
    change("fix", FIX, "--profile", str(running.profile))
    running.launch()
    assert causes(diagnose("--url", running.url, password=PASSWORD), "error") == []
    refused = qbdoctor("fix", FIX, "--yes", "--profile", str(running.profile), password=PASSWORD)
    assert (refused.code, lock_of(running).exists()) == (4, True), refused.err
    again = qbdoctor("rollback", "--yes", "--last", "--via", "file")
    assert again.code == 4, "a living one has its own lock there"


def test_a_container_that_was_killed_and_starts_again(server: ServerFactory, release: Release) -> None:
    needs.mounts()
    running = server()
    running.stop()
    assert start_once(running, *BOX) is None
    if not blocking(release):
        assert start_once(running, *BOX) is None
        return
    data = lock_of(running).read_bytes()
    assert (parse(data)[0], parse(data)[2]) == (1, "box")
    assert CAUSE not in causes(looked_at(running)), "whether it is in the way shows at the next start"
    assert start_once(running, *BOX) == 0
    report = looked_at(running)
    assert (causes(report, "error"), cause(report, CAUSE)["confidence"]) == ([CAUSE], "likely")
    change("fix", "--profile", str(running.profile))
    assert start_once(running, *BOX) is None


def test_its_healthy_neighbours(server: ServerFactory, release: Release) -> None:
    running = server()
    living = lock_of(running).read_bytes() if lock_of(running).exists() else None
    assert causes(looked_at(running), "error") == []
    for way in ((), ("--via", "file"), ("--via", "file", "--restart")):
        refused = qbdoctor("fix", FIX, "--yes", *way, "--profile", str(running.profile), password=PASSWORD)
        assert refused.code == 4, refused.err
        assert living is None or lock_of(running).read_bytes() == living
    running.kill()
    report = looked_at(running)
    assert causes(report, "error") == ["not-running"], "it was killed, and nothing keeps it off"
    if blocking(release):
        lock_named(running, 1, "elsewhere")
        assert causes(looked_at(running), "error") == ["not-running"]
        assert start_once(running) is None
        boot = lock_of(running).read_text("utf-8").split("\n")
        boot[3], boot[4] = "0" * 32, "0" * 36
        lock_of(running).write_text("\n".join(boot), "utf-8")
        refused = qbdoctor("fix", FIX, "--yes", "--profile", str(running.profile))
        assert (refused.code, lock_of(running).exists()) == (4, True)
        assert "another machine" in refused.err
    running.launch()
