"""The commands that reports print are run as they are printed, where that changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.server import PASSWORD, Server
from tests.kit.tls import make_self_signed
from tests.support import printed
from tests.support.doctor import causes, diagnose

pytestmark = pytest.mark.in_turn

ROOT = Path(__file__).parents[3]
SCENES: dict[str, Mapping[str, Any]] = {
    "host-not-allowed": {"settings": {"ServerDomains": "nas.example"}},
    "exposed-bypass": {"settings": {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}},
    "host-port-mismatch": {},
    "tls-untrusted": {"https": True},
    "wrong-credentials": {},
    "session-too-short": {"settings": {"SessionTimeout": "20"}},
}
# What a command may end with: a look found the problem again, a plan was made.
ENDS = {"check": {0, 1}, "fix": {0}, "explain": {0}, "trace": {0, 3}, "bridge": {0}}


@contextmanager
def target(running: Server, scene: str) -> Iterator[str]:
    with ExitStack() as stack:
        url = running.url
        if scene == "host-port-mismatch":
            url = stack.enter_context(faults.PortMap(running.port)).url
        yield url.replace("127.0.0.1", "localhost") if scene == "host-not-allowed" else url


def run(command: str, password: str) -> subprocess.CompletedProcess[str]:
    """Run it in a shell, under this environment's program; a fix only as its plan."""
    words = [sys.executable, "-m", "qbdoctor", *printed.arguments(command)]
    if "fix" in words or "rollback" in words:
        words.append("--dry-run")
    env = {**os.environ, "QBDOCTOR_PASSWORD": password}
    with subprocess.Popen(
        words, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        first = ""
        if "bridge" in words:  # it runs until it is stopped
            first = process.stderr.readline() if process.stderr is not None else ""
            process.terminate()
        out, err = process.communicate()
        return subprocess.CompletedProcess(words, process.returncode, out, first + err)


@pytest.mark.parametrize("scene", SCENES)
def test_what_is_printed_runs(server: ServerFactory, release: Release, scene: str, tmp_path: Path) -> None:
    settings = dict(SCENES[scene])
    if settings.get("https"):
        settings["https"] = make_self_signed(tmp_path / "tls")
    running = server(**settings)
    password = "not the right one" if scene == "wrong-credentials" else PASSWORD
    with target(running, scene) as url:
        report = diagnose("--url", url, "--config", str(running.config_file), password=password)
        assert scene in causes(report), report["verdict"]
        commands = list(printed.of_report(report))
        assert commands or scene == "host-port-mismatch"
        for command in commands:
            if "=FILE" in command or "=ADDRESS" in command:
                continue
            ended = run(command, password)
            verb = printed.arguments(command)[0]
            assert ended.returncode in ENDS[verb], (command, ended.stderr)
            assert "Traceback" not in ended.stderr, (command, ended.stderr)
    # The server itself writes its file some time after the start, so what a fix would have left behind is looked for.
    assert not list((Path(os.environ["QBDOCTOR_STATE_DIR"]) / "records").glob("*"))
