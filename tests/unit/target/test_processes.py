"""Running qBittorrent: which processes count, and what is known of each."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from qbdoctor.target import proc_sockets, processes
from qbdoctor.target.command_line import CommandLine
from qbdoctor.target.engines import port_mappings
from qbdoctor.target.processes import find_instances
from tests.support.servers import found

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

# --- processes that only look like it

Fake = Callable[..., subprocess.Popen[bytes]]

_SCRIPT = """
import os, socket, sys, time
tcp = socket.create_server(("127.0.0.1", int(os.environ["FAKE_TCP"])))
both = socket.create_server(("127.0.0.1", int(os.environ["FAKE_BOTH"])))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", int(os.environ["FAKE_BOTH"])))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def fake() -> Iterator[Fake]:
    """Starts a process under the argument list given, ends it with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str | Path, **keywords: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            **keywords,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def sleeper(tmp_path: Path) -> Path:
    """A program of the right name that only sleeps."""
    program = tmp_path / "bin" / "qbittorrent-nox"
    program.parent.mkdir()
    shutil.copy(shutil.which("sleep") or "", program)
    return program


def runs(process: psutil.Process, program: Path) -> bool:
    """Whether a process runs this program; one that ended since it was listed runs none."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return str(program) in process.cmdline()
    return False


def settled(pid: int, name: str) -> None:
    """Wait until the process has become what it will be: between fork and exec it shows our own command line."""
    for _ in range(400):
        if name in " ".join(psutil.Process(pid).cmdline()):
            return
        time.sleep(0.005)
    raise AssertionError(f"{pid} never showed {name}")


@linux
def test_a_program_of_that_name(fake: Fake, sleeper: Path, own_home: Path) -> None:
    process = fake(sleeper, "60")
    settled(process.pid, "qbittorrent-nox")
    instance = found(process.pid)
    assert instance is not None
    assert instance.command == (str(sleeper), "60")
    assert instance.executable == sleeper
    assert instance.user == psutil.Process().username()
    assert abs(datetime.now(UTC) - instance.started) < timedelta(seconds=30)
    assert instance.home == own_home
    assert instance.config_file == own_home / ".config/qBittorrent/qBittorrent.conf"
    assert instance.log_file == own_home / ".local/share/qBittorrent/logs/qbittorrent.log"
    assert instance.profile is None
    assert instance.listening == ()
    assert not instance.in_container
    assert instance.root is None


@linux
def test_started_through_a_loader(fake: Fake, sleeper: Path) -> None:
    loaders = [*Path("/lib64").glob("ld-linux*"), *Path("/lib").glob("ld-linux*")]
    if not loaders:
        pytest.skip("no glibc loader here")
    process = fake(loaders[0], "--library-path", "/nowhere", sleeper, "60")
    settled(process.pid, "qbittorrent-nox")
    instance = found(process.pid)
    assert instance is not None
    assert instance.executable == sleeper


@linux
@pytest.mark.parametrize(
    "name", ["vim", "qbittorrent-exporter", "qbittorrent.conf", "strace", "qBittorrent-5.0.AppImage", "python3"]
)
def test_programs_that_are_something_else(fake: Fake, name: str) -> None:
    """An AppImage's own file is the helper that serves its mount."""
    process = fake("bash", "-c", 'exec -a "$0" sleep 60', name)
    settled(process.pid, f"{name} 60")
    assert found(process.pid) is None


@linux
def test_a_shell_that_runs_it_is_not_it(fake: Fake, sleeper: Path) -> None:
    process = fake("sh", "-c", f"{sleeper} 60; true")
    for _ in range(400):
        children = psutil.Process(process.pid).children()
        if children and children[0].cmdline() == [str(sleeper), "60"]:
            break
        time.sleep(0.005)
    assert found(process.pid) is None
    child = psutil.Process(process.pid).children()[0]
    assert found(child.pid) is not None
    child.kill()


@linux
def test_a_wrapper_script_counts_only_without_the_real_one(fake: Fake, sleeper: Path, tmp_path: Path) -> None:
    script = tmp_path / "qbittorrent"
    go = tmp_path / "go"
    script.write_text(f"#!/bin/sh\nwhile [ ! -e {go} ]; do sleep 0.01; done\n{sleeper} 60\ntrue\n")
    script.chmod(0o755)
    process = fake(script)
    settled(process.pid, "qbittorrent")
    alone = found(process.pid)
    assert alone is not None
    assert alone.executable == script
    go.touch()
    for _ in range(400):
        children = [child for child in psutil.Process(process.pid).children() if runs(child, sleeper)]
        if children:
            break
        time.sleep(0.005)
    assert found(process.pid) is None
    assert found(children[0].pid) is not None
    children[0].kill()


@linux
def test_a_forked_child_is_not_a_second_one(fake: Fake, tmp_path: Path) -> None:
    """Until it runs another program, a child shows its parent's command line."""
    script = tmp_path / "qbittorrent-nox"
    script.write_text("import os, time\npid = os.fork()\nif pid:\n    print(pid, flush=True)\ntime.sleep(60)\n")
    process = fake(sys.executable, script)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert psutil.Process(child).cmdline() == psutil.Process(process.pid).cmdline()
    assert found(process.pid) is not None
    assert found(child) is None
    os.kill(child, signal.SIGKILL)


@linux
def test_a_zombie_counts_as_gone(fake: Fake, sleeper: Path) -> None:
    process = fake(sleeper, "60")
    settled(process.pid, "qbittorrent-nox")
    assert found(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    for _ in range(400):
        if psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.005)
    assert found(process.pid) is None


@linux
@pytest.mark.parametrize("question", ["cmdline", "environ", "exe", "cwd", "username", "create_time", "status"])
def test_a_process_that_vanishes_is_left_out(
    fake: Fake, sleeper: Path, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    process = fake(sleeper, "60")
    settled(process.pid, "qbittorrent-nox")
    real = getattr(psutil.Process, question)

    def vanish(self: psutil.Process, *arguments: Any, **keywords: Any) -> Any:
        if self.pid == process.pid:
            raise psutil.NoSuchProcess(self.pid)
        return real(self, *arguments, **keywords)

    monkeypatch.setattr(psutil.Process, question, vanish)
    assert found(process.pid) is None


@linux
def test_what_is_not_permitted_is_none(fake: Fake, sleeper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = fake(sleeper, "60")
    settled(process.pid, "qbittorrent-nox")

    def refuse(self: psutil.Process, *_arguments: Any, **_keywords: Any) -> Any:
        raise psutil.AccessDenied(self.pid)

    for question in ("environ", "exe", "cwd", "username", "uids"):
        monkeypatch.setattr(psutil.Process, question, refuse)
    monkeypatch.setattr(proc_sockets, "inodes", lambda _pid: None)
    instance = found(process.pid)
    assert instance is not None
    assert (instance.user, instance.environment, instance.listening, instance.home) == (None, None, None, None)
    assert (instance.config_file, instance.profile, instance.log_file) == (None, None, None)
    assert instance.ports == ()


@linux
def test_the_users_home_where_the_environment_is_hidden(
    fake: Fake, sleeper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pwd

    process = fake(sleeper, "60")
    settled(process.pid, "qbittorrent-nox")

    def refuse(self: psutil.Process) -> dict[str, str]:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "environ", refuse)
    instance = found(process.pid)
    assert instance is not None
    assert instance.home == Path(pwd.getpwuid(os.getuid()).pw_dir)


@linux
def test_portable_mode(fake: Fake, sleeper: Path) -> None:
    (sleeper.parent / "profile").mkdir()
    process = fake(sleeper, "60")
    settled(process.pid, "qbittorrent-nox")
    instance = found(process.pid)
    assert instance is not None
    assert instance.profile == sleeper.parent / "profile"
    assert instance.config_file == sleeper.parent / "profile/qBittorrent/config/qBittorrent.conf"


@linux
def test_a_service_without_home(fake: Fake, sleeper: Path) -> None:
    process = fake(sleeper, "60", env={"QBT_WEBUI_PORT": "8099", "PASSWORD": "x"})
    settled(process.pid, "qbittorrent-nox")
    instance = found(process.pid)
    assert instance is not None
    assert instance.config_file == Path("/.config/qBittorrent/qBittorrent.conf")
    assert instance.environment == {"QBT_WEBUI_PORT": "8099"}
    assert instance.options == CommandLine(webui_port=8099, webui_port_source="QBT_WEBUI_PORT")


def _ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return int(one.getsockname()[1]), int(two.getsockname()[1])


@linux
@pytest.mark.parametrize("old_psutil", [False, True])
def test_sockets_and_a_relative_profile(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old_psutil: bool
) -> None:
    script = tmp_path / "qbittorrent-nox"
    script.write_text(_SCRIPT)
    web, torrent = _ports()
    process = fake(
        sys.executable,
        script,
        "--profile=some where",
        "--configuration=two",
        f"--webui-port={web}",
        cwd=tmp_path,
        env={**os.environ, "FAKE_TCP": str(web), "FAKE_BOTH": str(torrent), "QBT_PROFILE": "/other"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    if old_psutil:
        newer = getattr(psutil.Process, "net_connections", None)
        if newer is None:
            pytest.skip("this psutil is old by itself")
        monkeypatch.setattr(psutil.Process, "connections", newer)
        monkeypatch.delattr(psutil.Process, "net_connections")
    listening = tuple(sorted(("127.0.0.1", port) for port in (web, torrent)))
    assert processes._sockets(psutil.Process(process.pid), psutil) == (listening, (torrent,)), "as other systems do it"
    instance = found(process.pid)
    assert instance is not None
    assert instance.profile == tmp_path / "some where"
    assert instance.config_file == tmp_path / "some where/qBittorrent_two/config/qBittorrent.conf"
    assert instance.options.webui_port == web
    assert set(instance.ports) == {web, torrent}
    assert instance.torrent_ports == (torrent,)


@linux
def test_another_namespace(fake: Fake, sleeper: Path, tmp_path: Path, own_home: Path) -> None:
    """A process with mounts, network and processes of its own; its /tmp is not ours."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    steps = f"ip link set lo up; mount -t tmpfs none {hidden}; mkdir {hidden}/qBittorrent; exec {sleeper} 60"
    process = fake("unshare", "-n", "-m", "sh", "-c", steps, env={**os.environ, "XDG_CONFIG_HOME": str(hidden)})
    for _ in range(400):
        if process.poll() is not None:
            pytest.skip("no namespaces for this user")
        if psutil.Process(process.pid).cmdline() == [str(sleeper), "60"]:
            break
        time.sleep(0.005)
    instance = found(process.pid)
    assert instance is not None
    assert instance.in_container
    assert instance.shares_network is False
    assert instance.root == Path(f"/proc/{process.pid}/root")
    assert instance.config_file == instance.root.joinpath(*hidden.parts[1:], "qBittorrent/qBittorrent.conf")
    assert instance.log_file == own_home / ".local/share/qBittorrent/logs/qbittorrent.log", "the same file as ours"


@linux
def test_a_mounted_appimage(fake: Fake, tmp_path: Path) -> None:
    program = tmp_path / ".mount_qBitAB/usr/bin/qbittorrent"
    program.parent.mkdir(parents=True)
    shutil.copy(shutil.which("sleep") or "", program)
    process = fake("bash", "-c", f'exec -a ./qBittorrent-5.0.AppImage "{program}" 60')
    settled(process.pid, "./qBittorrent-5.0.AppImage 60")
    instance = found(process.pid)
    assert instance is not None
    assert instance.executable == program


def test_published_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    class Proxy:
        def __init__(self, line: str) -> None:
            self.line = line.split()

        def name(self) -> str:
            if not self.line:
                raise psutil.NoSuchProcess(1)
            return self.line[0]

        def cmdline(self) -> list[str]:
            return self.line

    lines = [
        "docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 18080 -container-ip 172.17.0.2 -container-port 8080",
        "docker-proxy -proto tcp -host-ip :: -host-port 18080 -container-ip 172.17.0.2 -container-port 8080 -x",
        "docker-proxy -proto udp -host-ip 0.0.0.0 -host-port 6881 -container-ip 172.17.0.2 -container-port 6881",
        "docker-proxy -proto tcp -host-port",
        "docker-proxy",
        "vim docker-proxy",
        "",
    ]
    monkeypatch.setattr(port_mappings, "processes_with", lambda _word: map(Proxy, lines))
    monkeypatch.setattr("qbdoctor.target.engines.port_mappings.forwards", lambda: ())
    assert port_mappings.find_mappings() == (
        port_mappings.PortMapping("0.0.0.0", 18080, "172.17.0.2", 8080),
        port_mappings.PortMapping("::", 18080, "172.17.0.2", 8080),
    )


def test_a_scan_is_quick() -> None:
    find_instances()
    times = []
    for _ in range(5):
        before = time.perf_counter()
        find_instances()
        times.append(time.perf_counter() - before)
    assert min(times) < 0.5, "60 ms here; more only where many other programs run"


# --- the real thing
