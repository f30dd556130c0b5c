"""Restarts that are refused, and those that systemd makes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.repair.restart import process_spec, restart
from qbdoctor.target.processes import Instance, find_instances
from tests.kit.matrix import Release
from tests.kit.server import Server
from tests.support.fixer import AUTH, OPEN, anonymous, change
from tests.support.servers import now, served, until

pytestmark = pytest.mark.extended


def restarted_fix(running: Server, *fixes: str, code: int = 0) -> dict[str, Any]:
    config = str(running.config_file)
    return change("fix", *fixes, "--via", "file", "--restart", "--config", config, password=running.password, code=code)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.fixture
def pretender(tmp_path: Path, own_home: Path) -> Iterator[Callable[[str], Instance]]:
    """Programs that only bear qBittorrent's name, each with a config of its own."""
    made: list[subprocess.Popen[bytes]] = []
    config = own_home / ".config/qBittorrent/qBittorrent.conf"
    config.parent.mkdir(parents=True)
    config.write_text("[Preferences]\nWebUI\\Port=1\n")

    def start(name: str) -> Instance:
        program = tmp_path / name
        shutil.copy("/bin/sleep", program)
        made.append(subprocess.Popen([program, "60"]))
        found: Instance = until(lambda: next((one for one in find_instances() if one.pid == made[-1].pid), None))
        return found

    yield start
    for each in made:
        each.kill()
        each.wait()


def test_a_desktop_program_is_refused(pretender: Callable[[str], Instance]) -> None:
    instance = pretender("qbittorrent")
    assert instance.config_file is not None
    with pytest.raises(restart.CannotRestart, match="desktop program") as refused:
        restart.plan(instance, instance.config_file)
    assert refused.value.exit_code == 4
    nox = pretender("qbittorrent-nox")
    how = restart.plan(nox, instance.config_file)
    assert (how.launch is not None, how.serves) == (True, False)
    assert how.launch is not None
    assert "XDG_DATA_HOME" in dict(how.launch.environment)
    assert "XDG_DATA_HOME" not in repr(how) + repr(how.launch)


def test_a_container_is_refused_by_its_name(pretender: Callable[[str], Instance]) -> None:
    instance = pretender("qbittorrent-nox")
    assert instance.config_file is not None
    inside = dataclasses.replace(instance, container="docker 0123456789ab")
    with pytest.raises(restart.CannotRestart, match="docker stop 0123456789ab"):
        restart.plan(inside, instance.config_file)
    with pytest.raises(restart.CannotRestart, match="uses another config"):
        restart.plan(instance, Path("/etc/hostname"))


def test_one_whose_program_was_replaced_is_refused(pretender: Callable[[str], Instance]) -> None:
    instance = pretender("qbittorrent-nox")
    assert instance.executable is not None and instance.config_file is not None
    instance.executable.unlink()
    with pytest.raises(restart.CannotRestart, match="replaced since it started"):
        restart.plan(instance, instance.config_file)


def test_one_that_may_not_be_read_is_refused(pretender: Callable[[str], Instance]) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can look with another user's eyes")
    instance = pretender("qbittorrent-nox")
    os.seteuid(65534)
    try:
        with pytest.raises(restart.CannotRestart, match="another user's"):
            process_spec.read(instance.pid, instead="")
    finally:
        os.seteuid(0)


# --- systemd ----------------------------------------------------------------------------------------------------------


def test_a_systemd_user_unit(own: Callable[..., Server], release: Release, user_systemd: Path) -> None:
    running = own(settings=OPEN)
    running.stop()
    name = f"qbittorrent-nox-test-{release.name}.service"
    unit = user_systemd / "systemd/user" / name
    unit.parent.mkdir(parents=True, exist_ok=True)
    environment = running.release.environment(running.folder / "home")
    command = " ".join(running.release.command(f"--profile={running.profile}"))
    lines = [f'Environment="{key}={text}"' for key, text in environment.items()]
    unit.write_text("\n".join(["[Service]", f"ExecStart={command}", "Restart=always", "RestartSec=1", *lines, ""]))
    systemctl("daemon-reload")
    systemctl("start", name)
    try:
        until(lambda: served(running) == 200)
        first = now(running)
        made = restarted_fix(running, AUTH)
        assert "by its systemd unit" in made["text"]
        assert now(running).pid != first.pid
        assert anonymous(running) == 403
        assert systemctl("show", "-p", "MainPID", "--value", name).strip() == str(now(running).pid)
    finally:
        systemctl("stop", name)
        unit.unlink()


def systemctl(*arguments: str) -> str:
    done = subprocess.run(["systemctl", "--user", *arguments], capture_output=True, text=True, check=True, timeout=20)
    return done.stdout


@pytest.fixture(scope="module")
def _user_systemd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | str]:
    """The runtime folder of a user's systemd: the machine's own, or where root can start one, a private one."""
    folder = os.environ.get("XDG_RUNTIME_DIR")
    if folder and (Path(folder) / "systemd/private").exists():
        yield Path(folder)
        return
    manager = next((one for one in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if Path(one).exists()), None)
    if os.getuid() != 0 or manager is None:
        yield "no user's systemd runs here, and only root can start one beside it"
        return
    runtime = tmp_path_factory.mktemp("run")
    script = f"""set -e
    mount --make-rprivate /
    mount -t cgroup2 none /sys/fs/cgroup
    mkdir -p /run/systemd; mount -t tmpfs none /run/systemd; mkdir /run/systemd/system
    group=/sys/fs/cgroup/qbdoctor-tests/user@0.service/init.scope
    mkdir -p $group; echo $$ > $group/cgroup.procs
    exec {manager} --user --log-target=null
    """
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
    process = subprocess.Popen(
        ["unshare", "-m", "bash", "-c", script], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        try:
            until(lambda: process.poll() is not None or (runtime / "systemd/private").exists())
            assert process.poll() is None
        except AssertionError:
            process.kill()
            yield f"no user's systemd can be started here: {process.communicate()[1]}"
            return
        yield runtime
    finally:
        process.terminate()
        process.communicate(timeout=20)
        for group in sorted(Path("/sys/fs/cgroup").glob("**/qbdoctor-tests/**/"), reverse=True):
            with contextlib.suppress(OSError):
                group.rmdir()


@pytest.fixture
def user_systemd(_user_systemd: Path | str, monkeypatch: pytest.MonkeyPatch) -> Path:
    if isinstance(_user_systemd, str):
        pytest.skip(_user_systemd)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(_user_systemd))
    return _user_systemd
