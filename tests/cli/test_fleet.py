"""``qbdoctor fleet``: many targets at once, each judged as by ``check``, none in the way of another."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.releases.versions import known
from tests.kit.profile import free_port
from tests.kit.server import PASSWORD
from tests.support import schemas
from tests.support.doctor import qbdoctor
from tests.support.simulated import simulated


@pytest.fixture
def three() -> Iterator[list[str]]:
    """A server that lets in without a password, one that wants it, and an address where nobody listens."""
    with ExitStack() as stack:
        urls = [
            f"http://127.0.0.1:{stack.enter_context(simulated(known(release), settings)).port}"
            for release, settings in (("4.5.2", {"LocalHostAuth": "false"}), ("5.3.0", {}))
        ]
        yield [*urls, f"http://127.0.0.1:{free_port()}"]


@contextmanager
def hanging(number: int) -> Iterator[list[str]]:
    """Servers that take a connection and never answer."""
    with ExitStack() as stack:
        held = []
        for _ in range(number):
            server = stack.enter_context(socket.socket())
            server.bind(("127.0.0.1", 0))
            server.listen()
            held.append(f"http://127.0.0.1:{server.getsockname()[1]}")
        yield held


def listed(folder: Path, urls: list[str]) -> str:
    path = folder / "urls.txt"
    path.write_text("# mine\n\n" + "".join(f"{url}\n" for url in urls))
    return str(path)


def reports(text: str) -> dict[str, Any]:
    return {one["target"]["name"]: one for one in map(json.loads, text.splitlines())}


def test_a_report_a_line(three: list[str], tmp_path: Path) -> None:
    run = qbdoctor("fleet", "--targets", listed(tmp_path, three), "--json", password=PASSWORD)
    found = reports(run.out)
    for one in found.values():
        schemas.hold(one, "report/1")
    assert {name: one["verdict"]["state"] for name, one in found.items()} == {
        three[0]: "healthy",
        three[1]: "healthy",
        three[2]: "problem",
    }
    assert found[three[1]]["login_attempts"] == 1
    assert found[three[2]]["causes"][0]["id"] in {"not-running", "wrong-port"}  # by what else runs on this machine
    assert run.code == 1
    assert PASSWORD not in run.out


def test_lines_and_a_summary_for_people(three: list[str], tmp_path: Path) -> None:
    run = qbdoctor("fleet", "--targets", listed(tmp_path, three), "--no-login")
    lines = run.out.splitlines()
    assert sorted(line.split()[0] for line in lines[:3]) == sorted(three)
    assert "3 of 3 targets: 2 healthy, 1 problem" in run.out
    # By what else runs on this machine
    assert re.search(r"1  (not-running|wrong-port)  \(qbdoctor explain \1\)", run.out)


def test_named_targets(three: list[str], tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    text = f'[targets.open]\nurl = "{three[0]}"\n[targets.nas]\nurl = "{three[1]}"\npassword = {{file = "{secret}"}}\n'
    (tmp_path / "targets.toml").write_text(text)
    (tmp_path / "targets.toml").chmod(0o600)
    tmp_path.chmod(0o700)
    env = {"QBDOCTOR_CONFIG_DIR": str(tmp_path)}
    assert set(reports(qbdoctor("fleet", "--json", env=env).out)) == {"open", "nas"}
    one = qbdoctor("fleet", "nas", "--json", env=env)
    assert (set(reports(one.out)), one.code, reports(one.out)["nas"]["login_attempts"]) == ({"nas"}, 0, 1)
    assert "did you mean nas?" in qbdoctor("fleet", "nass", env=env).err
    assert json.loads(qbdoctor("check", "--target", "open", "--json", env=env).out)["target"]["name"] == "open"


@pytest.mark.parametrize(
    ("arguments", "text", "said"),
    [
        (("--url", "http://x:1"), "http://x:1\n", "--url names one target"),
        (("--at-once", "0"), "http://x:1\n", "give 1 to 256"),
        ((), "", "There is no target"),
        ((), "ftp://x\n", "urls.txt"),
        ((), "[targets.x\n", "is not TOML"),
        ((), '[targets.x]\npassword = "text"\n', "targets.x.password"),
        (("--resume", "/nowhere"), "http://x:1\n", "--resume: /nowhere cannot be read"),
        (("--format", "html"), "http://x:1\n", "--format is human or json"),
        (("--ansible", "hosts"), "http://x:1\n", "--targets and --ansible are two lists"),
        (("--password-file", "-"), "http://x:1\n", "give a file or the environment"),
    ],
)
def test_bad_input_gets_a_sentence(arguments: tuple[str, ...], text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_text(text)
    run = qbdoctor("fleet", "--targets", str(tmp_path / "urls.txt"), *arguments)
    assert (run.code, run.out) == (2, "")
    assert said in " ".join(run.err.split())


def test_those_that_hang_hold_nobody_up(three: list[str], tmp_path: Path) -> None:
    """Six hang till their deadline, which is three rounds of two; the others are told at once."""
    with hanging(6) as urls:
        began = time.monotonic()
        path = listed(tmp_path, [*urls, *three])
        run = qbdoctor("fleet", "--targets", path, "--json", "--no-login", "--deadline", "2", "--at-once", "4")
        took = time.monotonic() - began
    found = reports(run.out)
    assert len(found) == 9
    assert took < 2 * 2.0 + 6.0
    assert {found[url]["verdict"]["state"] for url in urls} <= {"problem", "unknown"}
    assert found[three[0]]["verdict"]["state"] == "healthy"


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_interrupted_and_resumed(three: list[str], tmp_path: Path) -> None:
    with hanging(2) as urls:
        path = listed(tmp_path, [*three, *urls])
        command = [sys.executable, "-m", "qbdoctor", "fleet", "--targets", path, "--json", "--no-login"]
        began = time.monotonic()
        process = subprocess.Popen([*command, "--deadline", "30", "--at-once", "3"], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        threading.Timer(0.3, process.send_signal, (signal.SIGINT,)).start()
        rest = process.stdout.read()
        assert process.wait(15) == 130
        assert time.monotonic() - began < 20, "those that hang were waited for"
    (tmp_path / "before.jsonl").write_text("".join(lines) + rest + '{"cut sho')
    again = qbdoctor("fleet", "--targets", path, "--json", "--no-login", "--resume", str(tmp_path / "before.jsonl"))
    assert set(reports(again.out)) == set(urls)
    assert {one["verdict"]["state"] for one in reports(again.out).values()} == {"problem"}  # gone by now: refused
