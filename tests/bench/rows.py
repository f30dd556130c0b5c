"""Measures: each function gives the rows of one subject."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.measure import Row, Run, pairs, run
from tests.bench.servers import standins
from tests.kit.profile import free_port
from tests.kit.server import PASSWORD, Server
from tests.support import built as installed

PYTHON = sys.executable
QBDOCTOR = (PYTHON, "-m", "qbdoctor")

_QBITTORRENT_API = """
import os, sys, qbittorrentapi
client = qbittorrentapi.Client(host=sys.argv[1], username="admin", password=os.environ["QBDOCTOR_PASSWORD"])
client.auth_log_in(); print(client.app.version); client.auth_log_out()
"""
_REQUESTS = """
import os, sys, requests
session = requests.Session()
form = {"username": "admin", "password": os.environ["QBDOCTOR_PASSWORD"]}
session.post(f"{sys.argv[1]}/api/v2/auth/login", data=form, headers={"Referer": sys.argv[1]})
print(session.get(f"{sys.argv[1]}/api/v2/app/version").text)
"""
_CURL = (
    'jar=$(mktemp); curl -s -c "$jar" -d username=admin --data-urlencode "password=$QBDOCTOR_PASSWORD" '
    '"$0/api/v2/auth/login" && curl -s -b "$jar" "$0/api/v2/app/version"; rm -f "$jar"'
)
_CALLS = """
import sys, requests
session = requests.Session()
for _ in range(int(sys.argv[2])):
    session.get(f"{sys.argv[1]}/api/v2/app/version")
"""
_INIPARSE = """
import sys, iniparse
held = iniparse.INIConfig(open(sys.argv[1], encoding="utf-8"))
held["Preferences"]["WebUI\\\\LocalHostAuth"] = "true"
open(sys.argv[1], "w", encoding="utf-8").write(str(held))
"""
_REQUEST_LOOP = """import requests

def state(url: str, number: int) -> str:
    session = requests.Session()
    session.post(f"{url}/api/v2/auth/login", data={"username": "admin", "password": "x"})
    answer = session.get(f"{url}/api/v2/torrents/info", params={"hashes": str(number)})
    return answer.text if answer.status_code == 200 else ""

"""


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    pairs: int
    short: bool


@contextmanager
def _state() -> Iterator[dict[str, str]]:
    """Give an environment with the password and a state folder of its own."""
    with tempfile.TemporaryDirectory(prefix="qbdoctor-bench-") as folder:
        yield {
            "QBDOCTOR_PASSWORD": PASSWORD,
            "QBDOCTOR_STATE_DIR": str(Path(folder) / "state"),
            "QBDOCTOR_CONFIG_DIR": folder,
        }


def _wall(runs: Sequence[Run], scale: float = 1000.0) -> tuple[float, ...]:
    return tuple(one.wall * scale for one in runs)


def _memory(runs: Sequence[Run]) -> str:
    """Return the largest memory, where it is more than what a process begun from here is charged anyhow (Linux)."""
    most, floor = max(one.peak for one in runs), run(["true"]).peak
    return f"{most:.0f} MiB" if most > floor * 1.05 else f"at most {floor:.0f} MiB"


def starting(scale: Scale) -> Iterator[Row]:
    """Commands that ask no server, as a wheel installs them, against its interpreter that does nothing."""
    commands = (
        *("--version", "--help", "--nonsense", "explain", "explain host-port-mismatch", "explain login"),
        *("explain nonsense", "history (no record)", "history --json (no record)"),
    )
    with _state() as env, tempfile.TemporaryDirectory(prefix="qbdoctor-bench-") as folder:
        programs = installed.install(Path(folder))
        for name in commands:
            words = name.partition(" (")[0].split()
            ours, theirs = pairs(
                scale.pairs,
                partial(run, [str(programs / "qbdoctor"), *words], env),
                partial(run, [str(programs / "python"), "-c", "pass"], env),
            )
            yield Row(f"`{name}`", "`python -c pass`", "ms", _wall(ours), _wall(theirs))


def checking(scale: Scale) -> Iterator[Row]:
    """One check of a healthy server that wants a login, against scripts that do no more than log in."""
    rivals: dict[str, Callable[[str], list[str]]] = {
        "the smallest qbittorrent-api script": lambda url: [PYTHON, "-c", _QBITTORRENT_API, url],
        "requests alone": lambda url: [PYTHON, "-c", _REQUESTS, url],
        "curl, twice": lambda url: ["sh", "-c", _CURL, url],
    }
    releases = ("5.3.0",) if scale.short else ("4.5.2", "5.3.0")
    for release in releases:
        with Server.start(release) as server, _state() as env:
            for name, command in rivals.items():
                if scale.short and name != "requests alone":
                    continue
                ours, theirs = pairs(
                    scale.pairs,
                    partial(run, [*QBDOCTOR, "check", "--url", server.url, "--json"], env),
                    partial(run, command(server.url), env),
                )
                assert all(one.code == 0 for one in (*ours, *theirs)), name
                yield Row(f"`check`, {release}", name, "ms", _wall(ours), _wall(theirs))


def fixing(scale: Scale) -> Iterator[Row]:
    """Fix and rollback of a stopped server's file, against a read and a write by iniparse."""
    sizes = {"2 KB": 2_000} if scale.short else {"2 KB": 2_000, "200 KB": 200_000, "10 MB": 10_000_000}
    for name, size in sizes.items():
        with _state() as env:
            config = Path(env["QBDOCTOR_CONFIG_DIR"]) / "qBittorrent.conf"
            lines = "[Preferences]\nWebUI\\Enabled=true\nWebUI\\LocalHostAuth=false\nWebUI\\Port=8080\n\n[Filler]\n"
            lines += "".join(f"Key{number}=value {number}\n" for number in range((size - len(lines)) // 18))
            config.write_text(lines)
            plain = config.with_name("plain.ini")
            plain.write_text(lines)

            def fix_and_back(config: Path = config, env: dict[str, str] = env) -> Run:
                there = run([*QBDOCTOR, "fix", "require-localhost-auth", "--config", str(config), "--yes"], env)
                back = run([*QBDOCTOR, "rollback", "--last", "--yes"], env)
                assert (there.code, back.code) == (0, 0)
                return Run(there.wall + back.wall, there.cpu + back.cpu, max(there.peak, back.peak), 0)

            number = min(scale.pairs, 3) if size > 1_000_000 else scale.pairs
            ours, theirs = pairs(
                number, fix_and_back, partial(run, [PYTHON, "-c", _INIPARSE, str(plain)], env), warm=not scale.short
            )
            assert config.read_text() == lines, "the rollback left something"
            yield Row(
                f"`fix` and `rollback`, {name}", "iniparse, read and write", "ms", _wall(ours), _wall(theirs),
                _memory(ours),
            )  # fmt: skip


def tracing(scale: Scale) -> Iterator[Row]:
    """What the trace's proxy adds to each of many requests."""
    if scale.short:
        return
    few, many = 20, 420
    with Server.start("5.3.0") as server, _state() as env:
        through = [*QBDOCTOR, "trace", "--url", server.url, "--json", "--run", "--", PYTHON, "-c", _CALLS, "{url}"]
        plain = [PYTHON, "-c", _CALLS, server.url]

        def each(command: list[str]) -> Run:
            short, long = run([*command, str(few)], env), run([*command, str(many)], env)
            return Run((long.wall - short.wall) / (many - few), (long.cpu - short.cpu) / (many - few), long.peak, 0)

        ours, theirs = pairs(scale.pairs, lambda: each(through), lambda: each(plain))
        yield Row("a request through `trace`", "the same, direct", "ms", _wall(ours), _wall(theirs))


def bridging(scale: Scale) -> Iterator[Row]:
    """What the bridge adds to each of many requests."""
    if scale.short:
        return
    few, many = 20, 420
    port = free_port()
    with Server.start("5.3.0", settings={"LocalHostAuth": "false"}) as server, _state() as env:
        command = [*QBDOCTOR, "bridge", "--url", server.url, "--listen", f"127.0.0.1:{port}", "-q", "--json"]
        bridge = subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL)
        try:
            _reached(port)

            def each(url: str) -> Run:
                short, long = (run([PYTHON, "-c", _CALLS, url, str(number)], env) for number in (few, many))
                assert (short.code, long.code) == (0, 0)
                return Run((long.wall - short.wall) / (many - few), (long.cpu - short.cpu) / (many - few), long.peak, 0)

            ours, theirs = pairs(scale.pairs, lambda: each(f"http://127.0.0.1:{port}"), lambda: each(server.url))
        finally:
            bridge.kill()
            bridge.wait()
        yield Row("a request through `bridge`", "the same, direct", "ms", _wall(ours), _wall(theirs))


def _reached(port: int, seconds: float = 15.0) -> None:
    """Wait until something listens there."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, "the bridge did not come up"
            time.sleep(0.05)
        else:
            return


def linting(scale: Scale) -> Iterator[Row]:
    """Lint of many lines of Python, against compiling them."""
    lines = 2_000 if scale.short else 100_000
    with tempfile.TemporaryDirectory() as folder:
        for number in range(lines // 1000):
            (Path(folder) / f"part{number}.py").write_text(_REQUEST_LOOP * (1000 // _REQUEST_LOOP.count("\n")))
        ours, theirs = pairs(
            min(scale.pairs, 3),
            lambda: run([*QBDOCTOR, "lint", folder]),
            lambda: run([PYTHON, "-m", "compileall", "-q", "-f", folder]),
            warm=not scale.short,
        )
        yield Row(f"`lint`, {lines:,} lines", "compileall", "s", _wall(ours, 1), _wall(theirs, 1))


def watching(scale: Scale) -> Iterator[Row]:
    """What watch costs a day, from the processor's time of looks that follow each other each second."""
    if scale.short:
        return
    with Server.start("5.3.0") as server, _state() as env:

        def looks(seconds: int) -> Run:
            return run([*QBDOCTOR, "watch", "--url", server.url, "--every", "1", "--for", str(seconds), "-q"], env)

        looks(3)  # the first check of a server costs more: it keeps a look
        few, many = looks(3), looks(63)
        each = (many.cpu - few.cpu) / 60
        note = f"{each * 1000:.1f} ms a look, 1,440 looks a day; {_memory((many,))}"
        yield Row("`watch --every 60`, a day", "", "s of the processor", (each * 1440,), (), note)


def fleets(scale: Scale) -> Iterator[Row]:
    """Fleets of stand-ins, all of them healthy and wanting a login, 16 at once."""
    sizes = (10,) if scale.short else (1, 10, 100, 1000)
    with ExitStack() as stack:
        urls = stack.enter_context(standins(max(sizes), processes=1 if scale.short else 4))
        env = stack.enter_context(_state())
        listed = Path(env["QBDOCTOR_CONFIG_DIR"]) / "urls.txt"
        for size in sizes:
            listed.write_text("".join(f"{url}\n" for url in urls[:size]))
            number = 1 if size > 100 else min(scale.pairs, 5)
            made = []
            for _ in range(number):
                shutil.rmtree(env["QBDOCTOR_STATE_DIR"], ignore_errors=True)
                made.append(run([*QBDOCTOR, "fleet", "--targets", str(listed), "--json"], env))
            assert all(one.code == 0 for one in made), [one.code for one in made]
            cpu = sorted(one.cpu for one in made)[len(made) // 2]
            note = f"{cpu / size * 1000:.0f} ms of the processor a target; {_memory(made)}"
            yield Row(f"`fleet` of {size:,}", "", "s", _wall(made, 1), (), note)


SUBJECTS: dict[str, Callable[[Scale], Iterator[Row]]] = {
    "start": starting,
    "check": checking,
    "fix": fixing,
    "trace": tracing,
    "bridge": bridging,
    "lint": linting,
    "watch": watching,
    "fleet": fleets,
}


def nice() -> None:
    """Unset what would have every run compile its modules anew."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
