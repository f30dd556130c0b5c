"""`fix --restart`, `rollback --restart` and `fix --confirm-within` on real servers."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from qbdoctor import registry
from qbdoctor.cli.commands import fix as fix_command
from qbdoctor.model.edits import Edit, Effectiveness, Fix
from qbdoctor.repair.restart import restart
from qbdoctor.target import processes
from qbdoctor.target.processes import find_instances
from tests.kit.matrix import Release
from tests.kit.server import Server
from tests.support.doctor import assert_silent, qbdoctor
from tests.support.fixer import AUTH, LIST, LISTED, OPEN, ROOT, anonymous, change, outcome, records, value
from tests.support.servers import now, served, until

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
