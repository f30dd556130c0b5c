"""`fix --restart`, `rollback --restart` and `fix --confirm-within` on real servers."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from qbdoctor import registry
from qbdoctor.cli.commands import fix as fix_command
from qbdoctor.model.edits import Edit, Effectiveness, Fix
from qbdoctor.repair.restart import process_spec, restart
from qbdoctor.target import processes
from qbdoctor.target.processes import Instance, find_instances
from tests.kit.matrix import Release
from tests.kit.server import Server
from tests.support.doctor import assert_silent, qbdoctor
from tests.support.fixer import AUTH, LIST, LISTED, OPEN, ROOT, Terminal, anonymous, change, outcome, records, value
from tests.support.servers import now, served, states, until

pytestmark = pytest.mark.extended

CANARY = "canary-in-the-environment"


def traits(pid: int) -> dict[str, Any]:
    """All that a restart must keep."""
    place = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    return {
        "argv": (place / "cmdline").read_bytes(),
        "environment": sorted((place / "environ").read_bytes().split(b"\0")),
        "cwd": str((place / "cwd").readlink()),
        "program": str((place / "exe").readlink()),
        **{name: status[name].split() for name in ("Uid", "Gid", "Groups", "Umask", "SigIgn", "SigBlk", "CapEff")},
        "nice": os.getpriority(os.PRIO_PROCESS, pid),
        "limits": (place / "limits").read_text(),
        "out": str((place / "fd/1").readlink()),
        "err": str((place / "fd/2").readlink()),
    }


@pytest.fixture
def other_fixes(monkeypatch: pytest.MonkeyPatch) -> list[Fix]:
    own: list[Fix] = []
    monkeypatch.setattr(fix_command, "fixes", lambda: (*registry.fixes(), *own))
    return own


def own_fix(name: str, *edits: Edit, works: bool | None = None) -> Fix:
    return dataclasses.replace(
        registry.fixes()[0],
        id=name,
        plan=lambda seen, cause: edits,
        judge=lambda before, after: Effectiveness(works, "seen by the test"),
        answers=(),
    )


def restarted_fix(running: Server, *fixes: str, code: int = 0) -> dict[str, Any]:
    config = str(running.config_file)
    return change("fix", *fixes, "--via", "file", "--restart", "--config", config, password=running.password, code=code)


# --- a plain process --------------------------------------------------------------------------------------------------


def test_a_plain_process_comes_back_as_it_was(
    own: Callable[..., Server], release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mask = os.umask(0o027)
    try:
        running = own(settings=OPEN, env={"CANARY": CANARY, "ODD": "a=b\udcff\n"})
    finally:
        os.umask(mask)
    os.setpriority(os.PRIO_PROCESS, running.pid, 5)
    before = traits(running.pid)
    run = qbdoctor(
        "fix", AUTH, "--via", "file", "--restart", "--json", "--yes", "--config", str(running.config_file),
        password=running.password,
    )  # fmt: skip
    assert run.code == 0, run.out + run.err
    made = outcome(run)
    process = now(running)
    assert process.pid != running.pid
    assert traits(process.pid) == before
    assert os.getsid(process.pid) == process.pid
    assert process.ppid() not in {os.getpid(), running.pid}
    links = {str(one.readlink()) for one in Path(f"/proc/{process.pid}/fd").iterdir()}
    assert not [link for link in links if link.startswith(("pipe:", "/dev/pts"))] or before["out"] in links
    assert str(Path(f"/proc/{process.pid}/fd/0").readlink()) == os.devnull
    assert anonymous(running) == 403
    (record,) = made["records"]
    assert (record["via"], record["state"]) == ("file", "verified")
    assert "restarted with it" in record["verified_by"]
    assert running.failed_logins() == 0
    assert_silent(run.out + run.err, [CANARY])
    for path in Path(os.environ["QBDOCTOR_STATE_DIR"]).rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes()
    back = change("rollback", "--via", "file", "--restart")
    assert (back["state"], back["records"][0]["rollback"]["via"]) == ("rolled-back", "file")
    assert now(running).pid != process.pid
    assert traits(now(running).pid) == before
    assert (anonymous(running), value(running, "LocalHostAuth")) == (200, "false")


def test_auto_restarts_where_the_api_is_no_way(own: Callable[..., Server], release: Release) -> None:
    running = own(settings=LISTED | {"AuthSubnetWhitelist": "10.9.8.0/24"})
    config = str(running.config_file)
    without = qbdoctor("fix", LIST, "--yes", "--json", "--config", config)
    assert without.code == 3  # no password, so no session; and nobody said --restart
    made = change("fix", LIST, "--restart", "--config", config)
    assert made["records"][0]["via"] == "file"
    assert now(running).pid != running.pid
    back = change("rollback", "--restart", "--config", config)
    assert back["records"][0]["rollback"]["via"] == "file"
    assert value(running, "AuthSubnetWhitelistEnabled") == "true"
    assert served(running) == 403


def test_where_the_api_is_a_way_nothing_is_restarted(own: Callable[..., Server], release: Release) -> None:
    running = own(settings=OPEN)
    config = str(running.config_file)
    made = change("fix", AUTH, "--restart", "--config", config, password=running.password)
    assert (made["records"][0]["via"], now(running).pid) == ("api", running.pid)


def test_a_daemon_stays_one(own: Callable[..., Server], release: Release) -> None:
    running = own(settings=OPEN)
    running.stop()
    home = running.folder / "home"
    command = running.release.command(f"--profile={running.profile}", "-d")
    subprocess.run(command, env=running.release.environment(home), stdin=subprocess.DEVNULL, check=True, timeout=20)
    until(lambda: served(running) == 200)
    first = now(running)
    before = traits(first.pid)
    restarted_fix(running, AUTH)
    process = now(running)
    assert process.pid != first.pid
    assert traits(process.pid) == before
    assert "-d" in process.cmdline()
    assert os.getsid(process.pid) != os.getsid(0)
    assert anonymous(running) == 403


def test_it_is_asked_for_and_dry_runs_touch_nothing(own: Callable[..., Server], release: Release) -> None:
    running = own(settings=OPEN)
    before = running.config_file.read_bytes()
    arguments = ["fix", AUTH, "--via", "file", "--restart", "--config", str(running.config_file)]
    dry = qbdoctor(*arguments, "--dry-run")
    plain = qbdoctor(*arguments)
    assert (dry.code, plain.code) == (0, 2)
    for run in (dry, plain):
        assert f"process {running.pid}) will be stopped" in run.out
    without = qbdoctor(*(one for one in arguments if one != "--restart"), "--yes")
    assert without.code == 4
    assert "--restart" in without.err
    assert (running.config_file.read_bytes(), running.running, records()) == (before, True, [])


def test_one_of_another_user_keeps_its_user(own: Callable[..., Server], releases: Any) -> None:
    if os.getuid() != 0:
        pytest.skip("only root may start a process of another user")
    running = own(releases("5.1.0"), settings=OPEN)
    running.stop()
    packages = running.folder / "packages"  # the cache may be where others may not look
    if subprocess.run(["cp", "-al", running.release.root, packages], capture_output=True).returncode:
        pytest.skip("the packages are on another file system")
    running.release = dataclasses.replace(running.release, root=packages)
    running.folder.chmod(0o755)
    for path in (running.profile, running.folder / "home"):
        for each in (path, *path.rglob("*")):
            os.chown(each, 65534, 65534)
    environment = running.release.environment(running.folder / "home")
    process = subprocess.Popen(
        running.release.command(f"--profile={running.profile}"), env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=65534, group=65534, extra_groups=[65534, 100],
        cwd="/", start_new_session=True,
    )  # fmt: skip
    until(lambda: served(running) == 200)
    before = traits(process.pid)
    restarted_fix(running, AUTH)
    assert traits(now(running).pid) == before
    assert before["Uid"] == ["65534"] * 4
    assert anonymous(running) == 403
    process.wait()


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_one_that_does_not_stop_is_left_alone(
    own: Callable[..., Server], release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restart, "STOP_SECONDS", 1.0)
    monkeypatch.setattr(restart, "PROGRESS_SECONDS", 0.3)
    running = own(settings=OPEN)
    before = running.config_file.read_bytes()
    os.kill(running.pid, signal.SIGSTOP)
    try:
        run = qbdoctor(
            "fix", AUTH, "--via", "file", "--restart", "--yes", "--deadline", "1", "--config", str(running.config_file)
        )
        assert run.code == 4, run.out + run.err
        assert "did not stop within 1 s and was left alone" in run.err
        assert "still stopping" in run.err
        assert psutil.Process(running.pid).status() == psutil.STATUS_STOPPED
        assert (running.config_file.read_bytes(), records()) == (before, [])
    finally:
        os.kill(running.pid, signal.SIGCONT)


def test_one_that_does_not_come_up_gets_its_old_settings_back(
    own: Callable[..., Server], release: Release, other_fixes: list[Fix], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restart, "START_SECONDS", 6.0)
    other_fixes.append(own_fix("elsewhere", Edit("Address", "192.0.2.1")))
    running = own(settings=OPEN)
    made = restarted_fix(running, AUTH, "elsewhere", code=4)
    assert made["state"] == "undone"
    assert "With the new settings: qBittorrent" in made["text"]
    assert "runs again" in made["text"]
    assert {record["state"] for record in records()} == {"rolled-back"}
    assert (value(running, "Address"), value(running, "LocalHostAuth")) == ("127.0.0.1", "false")
    assert anonymous(running) == 200
    assert now(running).pid != running.pid


@pytest.mark.parametrize("how", ["judged", "breaks"])
def test_what_does_not_help_is_undone_with_another_restart(
    own: Callable[..., Server], release: Release, other_fixes: list[Fix], how: str
) -> None:
    edit = Edit("SessionTimeout", 7200) if how == "judged" else Edit("AuthSubnetWhitelistEnabled", True)
    other_fixes.append(own_fix("no-help", edit, works=None if how == "breaks" else False))
    running = own(settings={**OPEN, "AuthSubnetWhitelist": "8.0.0.0/7"})
    made = restarted_fix(running, "no-help", code=4)
    assert ("seen by the test" if how == "judged" else "exposed-bypass") in made["text"]
    assert [record["state"] for record in records()] == ["rolled-back"]
    assert anonymous(running) == 200
    assert value(running, "SessionTimeout") in {None, "3600"}
    assert value(running, "AuthSubnetWhitelistEnabled") in {None, "false"}


def test_a_rollback_that_it_does_not_survive_is_made_again(
    own: Callable[..., Server], release: Release, other_fixes: list[Fix], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address was wrong before the fix: with the old settings it does not serve, with the new ones it does."""
    monkeypatch.setattr(restart, "START_SECONDS", 6.0)
    other_fixes.append(own_fix("right-address", Edit("Address", "127.0.0.1")))
    running = own()
    running.stop()
    text = running.config_file.read_text()
    running.config_file.write_text(text.replace("Address=127.0.0.1", "Address=192.0.2.1"))
    change("fix", "right-address", "--config", str(running.config_file))
    running.launch()
    run = change("rollback", "--via", "file", "--restart", password=running.password, code=4)
    assert "made again" in run["text"]
    assert value(running, "Address") == "127.0.0.1"
    assert served(running) == 403
    assert sorted(record["state"] for record in records()) == ["applied", "rolled-back"]


def test_one_in_namespaces_of_its_own_is_refused(own: Callable[..., Server], release: Release) -> None:
    running = own(settings=OPEN)
    running.stop()
    before = running.config_file.read_bytes()
    inside = ["unshare", "-n", "--", *running.release.command(f"--profile={running.profile}")]
    process = subprocess.Popen(
        inside, env=running.release.environment(running.folder / "home"), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True, text=True,
    )  # fmt: skip
    try:
        try:
            until(lambda: process.poll() is not None or processes.using(running.config_file))
            assert process.poll() is None
        except AssertionError:
            pytest.skip(f"no namespaces here: {process.stderr.read() if process.stderr else ''}")
        run = qbdoctor("fix", AUTH, "--via", "file", "--restart", "--yes", "--config", str(running.config_file))
        assert run.code == 4
        assert "as in a container" in run.err
        assert process.poll() is None
        assert (running.config_file.read_bytes(), records()) == (before, [])
    finally:
        process.kill()
        process.communicate()


def test_killed_in_the_middle_it_is_started_again(own: Callable[..., Server], releases: Any) -> None:
    """SIGKILL for us while it stops: somebody must start it, and that is the watchdog."""
    running = own(releases("5.1.0"), settings=OPEN)
    os.kill(running.pid, signal.SIGSTOP)
    command = [sys.executable, "-m", "qbdoctor", "fix", AUTH, "--via", "file", "--restart", "--yes"]
    doctor = subprocess.Popen(
        [*command, "--config", str(running.config_file), "--deadline", "3"], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert doctor.stderr is not None
    assert "Stopping" in doctor.stderr.readline()
    doctor.send_signal(signal.SIGKILL)
    doctor.wait()
    doctor.stderr.close()
    os.kill(running.pid, signal.SIGCONT)
    until(lambda: not running.running)
    until(lambda: served(running) == 200)
    assert now(running).pid != running.pid


def test_one_that_something_else_starts_again(own: Callable[..., Server], release: Release) -> None:
    """A loop around it: never two of them, and never half a change."""
    running = own(settings=OPEN)
    running.stop()
    command = running.release.command(f"--profile={running.profile}")
    loop = subprocess.Popen(
        ["sh", "-c", 'while "$@"; do :; done', "sh", *command], env=running.release.environment(running.folder / "home"),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        until(lambda: served(running) == 200)
        first = now(running).pid
        run = qbdoctor("fix", AUTH, "--via", "file", "--restart", "--yes", "--config", str(running.config_file))
        # Mostly it is there again before the write. Where it is not, it starts with the new settings, which is as good.
        assert run.code in {0, 4}, run.out + run.err
        assert now(running).pid != first
        assert until(lambda: served(running)) == (200 if run.code == 4 else 403)
        assert {record["state"] for record in records()} <= ({"rolled-back", "abandoned"} if run.code else {"verified"})
        using = [one for one in find_instances() if one.config_file == running.config_file]
        assert len(using) == 1
    finally:
        loop.kill()
        loop.wait()


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


# --- --confirm-within -------------------------------------------------------------------------------------------------


def fix_within(running: Server, seconds: float, *more: str) -> dict[str, Any]:
    arguments = ("fix", AUTH, "--confirm-within", f"{seconds:g}", "--config", str(running.config_file), *more)
    made = change(*arguments, password=running.password)
    assert made["state"] == "to-be-confirmed"
    return made


@pytest.mark.parametrize("via", ["api", "file", "restart"])
def test_not_confirmed_it_is_undone(own: Callable[..., Server], release: Release, via: str) -> None:
    running = own(settings=OPEN)
    if via == "file":
        running.stop()
    more = {"api": (), "file": (), "restart": ("--via", "file", "--restart")}[via]
    made = fix_within(running, 2, *more)
    if via == "file":  # somebody starts it to try it
        running.launch()
    assert anonymous(running) == 403
    assert f"qbdoctor fix --confirm {made['records'][0]['run']}" in made["text"]
    assert "unless confirmed" in qbdoctor("history").out
    until(lambda: states() == ["rolled-back"])
    until(lambda: served(running) == 200)
    assert value(running, "LocalHostAuth") == "false"
    (record,) = records()
    assert "not confirmed within 2 s" in {step["note"] for step in record["states"]}
    late = qbdoctor("fix", "--confirm", made["records"][0]["run"])
    assert late.code == 4
    assert "taken back already" in late.err
    assert running.failed_logins() == 0


@pytest.mark.parametrize("via", ["api", "restart"])
def test_confirmed_it_stays(own: Callable[..., Server], release: Release, via: str) -> None:
    running = own(settings=OPEN)
    made = fix_within(running, 2, *(("--via", "file", "--restart") if via == "restart" else ()))
    confirmed = qbdoctor("fix", "--confirm", made["records"][0]["run"], "--json")
    assert confirmed.code == 0, confirmed.err
    assert outcome(confirmed)["state"] == "confirmed"
    time.sleep(2.5)
    assert (states(), anonymous(running)) == (["verified"], 403)
    assert "unless confirmed" not in qbdoctor("history").out
    assert records()[0]["states"][-1]["note"] == "confirmed"
    again = qbdoctor("fix", "--confirm", made["records"][0]["run"])
    assert again.code == 2


@pytest.mark.parametrize("via", ["api", "restart"])
def test_a_rollback_that_is_not_confirmed_is_made_good_again(
    own: Callable[..., Server], release: Release, via: str
) -> None:
    running = own(settings=OPEN)
    more = ("--via", "file", "--restart") if via == "restart" else ()
    config = str(running.config_file)
    change("fix", AUTH, "--config", config, password=running.password)
    back = change("rollback", "--confirm-within", "2", "--config", config, *more, password=running.password)
    assert (back["state"], anonymous(running)) == ("to-be-confirmed", 200)
    until(lambda: sorted(states()) == ["applied", "rolled-back"])
    until(lambda: served(running) == 403)
    assert "not confirmed within 2 s" in str(records()[0]["states"][-1]["note"])
    back = change("rollback", "--confirm-within", "2", "--config", config, *more, password=running.password)
    run = back["text"].rpartition(" ")[2]
    assert qbdoctor("fix", "--confirm", run).code == 0
    time.sleep(2.5)
    assert (states(), anonymous(running)) == (["rolled-back", "rolled-back"], 200)


@pytest.mark.parametrize("answer", ["y\n", "n\n", "", "killed"])
def test_a_terminal_is_asked(own: Callable[..., Server], releases: Any, answer: str) -> None:
    running = own(releases("5.1.0"), settings=OPEN)
    os.environ["QBDOCTOR_PASSWORD"] = str(running.password)
    seconds = "3" if answer in {"", "killed"} else "30"
    try:
        terminal = Terminal("fix", AUTH, "--confirm-within", seconds, "--config", str(running.config_file))
    finally:
        del os.environ["QBDOCTOR_PASSWORD"]
    terminal.wait_for("Apply this?")
    os.write(terminal.keyboard, b"y\n")
    terminal.wait_for("Keep it?")
    assert anonymous(running) == 403
    if answer == "killed":
        terminal.process.kill()
        terminal.process.communicate()
        os.close(terminal.keyboard)  # the connection is lost as well
        until(lambda: states() == ["rolled-back"])
        assert anonymous(running) == 200
        return
    code, out = terminal.type(answer)
    assert code == (0 if answer == "y\n" else 4), out
    assert anonymous(running) == (403 if answer == "y\n" else 200)
    assert states() == (["verified"] if answer == "y\n" else ["rolled-back"])


def test_nothing_of_the_session_is_on_disk(
    own: Callable[..., Server], release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = own(settings=OPEN)
    made = fix_within(running, 30)
    state = Path(os.environ["QBDOCTOR_STATE_DIR"])
    waiting = next((state / "confirm").iterdir())
    assert set(json.loads(waiting.read_text())) == {"run", "seconds", "until", "pid", "began", "records"}
    pid = json.loads(waiting.read_text())["pid"]
    shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
    assert str(running.password).encode() not in shown
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: "what should have undone it is gone" in qbdoctor("history").out)
    assert qbdoctor("fix", "--confirm", made["records"][0]["run"]).code == 0
    assert anonymous(running) == 403
