"""Stops a qBittorrent and starts it again exactly as it was: by its systemd unit, or as the plain process it is.

It is asked to stop with SIGTERM and never killed: it saves its settings and resume data at its very end, up to minutes
later, and the Web UI's port closes long before that. So what counts is that the process is gone. One that a unit owns
gets the same SIGTERM (systemd's own stop would kill it after a while); ``systemctl stop`` then only settles the unit.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from qbdoctor.config.settings import Settings
from qbdoctor.model.errors import UserError
from qbdoctor.repair.restart import engine_restart, process_spec, reach, systemd
from qbdoctor.repair.restart.engine_restart import Contained
from qbdoctor.repair.restart.failures import NotHealthy, NotStarted, NotStopped
from qbdoctor.repair.restart.process_spec import CannotRestart, Launch
from qbdoctor.repair.restart.systemd import Unit
from qbdoctor.storage import files
from qbdoctor.target import log as server_log
from qbdoctor.target.containers import using
from qbdoctor.target.log_cursor import LogEnd
from qbdoctor.target.processes import Instance
from qbdoctor.values import field, frozen, replace

__all__ = ["CannotRestart", "Launch", "NotStarted", "NotStopped", "RestartPlan", "plan", "start", "stop", "using"]

STOP_SECONDS = 180.0
"""A clean exit takes 6 s where UPnP gets no answer (measured), and minutes with many torrents; unit files allow 1800 s."""
START_SECONDS = 90.0
GRACE_SECONDS = 3.0
"""A daemon is gone for a moment between its two forks; one that is gone for longer has ended."""
SETTLE_SECONDS = 1.5
PROGRESS_SECONDS = 5.0

_KEEPERS = {"s6-supervise", "runsv", "supervise", "supervisord", "perpd", "pm2", "monit", "tini", "dumb-init",
            "docker-init", "catatonit", "nodemon", "start-stop-daem"}  # fmt: skip
_BY_HAND = "Stop it, run this without --restart, and start it again."

Say = Callable[[str], None]


@frozen
class RestartPlan:
    """How one process is stopped and started. ``began`` is its start in clock ticks, which tells it from a later one.

    ``serves``: its Web UI was reached, so it must be again. ``log`` is its own, where it has one. Exactly one of ``unit``,
    ``launch`` and ``container`` is there.
    """

    pid: int
    began: int
    config: Path
    serves: bool
    port: int | None
    unit: Unit | None = None
    launch: Launch | None = field(default=None, repr=False)
    log: Path | None = None
    container: Contained | None = None

    def by_hand(self) -> str:
        """Return what a person does to start it."""
        if self.container is not None:
            return f"Use {self.container.command('start')}."
        return f"Use {self.unit.command('start')}." if self.unit is not None else "Start it as you usually do."

    def describe(self) -> str:
        """Return one sentence for the plan."""
        if (one := self.container) is not None:
            return (
                f"Container {one.name} ({one.engine}) will be stopped, never killed, and started again as it was: "
                f"{one.command('stop')}, {one.command('start')}"
            )
        if self.unit is not None:
            return (
                f"qBittorrent (process {self.pid}) will be stopped, and started again by its systemd unit: "
                f"{self.unit.command('start')}"
            )
        notes = "".join(f"; {note}" for note in self.launch.notes) if self.launch else ""
        return (
            f"qBittorrent (process {self.pid}) will be stopped (SIGTERM) and started again as it was: same command line, "
            f"folder, environment and user, in the background{notes}"
        )

    def spec(self) -> dict[str, Any]:
        """Return it as JSON takes it; secrets and all, so for a pipe alone."""
        return {**asdict(self), "config": str(self.config), "log": None if self.log is None else str(self.log)}

    @classmethod
    def from_spec(cls, held: dict[str, Any]) -> RestartPlan:
        """Return what :meth:`spec` gave, after its way through JSON."""
        unit = None if held["unit"] is None else Unit(**held["unit"])
        launch = None if held["launch"] is None else Launch.from_spec(held["launch"])
        log = None if held["log"] is None else Path(held["log"])
        found = held["container"]
        kept = (
            None
            if found is None
            else Contained(**{**found, "reach": tuple((str(h), int(p)) for h, p in found["reach"])})
        )
        read = {"config": Path(held["config"]), "unit": unit, "launch": launch, "log": log, "container": kept}
        return cls(**{**held, **read})


def is_there(how: RestartPlan) -> bool:
    """Whether that process still runs."""
    return _ticks(how.pid) == how.began


def as_it_is(how: RestartPlan) -> RestartPlan:
    """Return how the process that uses the config now is stopped, where that is another one."""
    one = None if is_there(how) else using(how.config)
    ticks = None if one is None else _ticks(one.pid)
    return how if one is None or ticks is None else replace(how, pid=one.pid, began=ticks)


def plan(instance: Instance, config: Path, *, ask: bool = True) -> RestartPlan:
    """Return how this process is stopped and started again. Raises :class:`Cannot`; touches nothing.

    ``ask``: whether one in a container is asked if it answers now, which its start is then waited for.
    """
    if not sys.platform.startswith("linux"):
        raise CannotRestart("how it was started cannot be read on this system", _BY_HAND)
    pid = instance.pid
    if instance.container is not None:
        return _contained(instance, config, ask=ask)
    parents = _parents(pid)
    began = _ticks(pid)
    if began is None or (config_of := instance.config_file) is None:
        raise CannotRestart("it ended, or its config is not known", "Run this again.")
    if not files.same_file(config_of, config):
        raise CannotRestart(f"it uses another config, {config_of}", "Name that one with --config.")
    if len(_nested(pid)) > 1 or str(config_of).startswith("/proc/"):
        raise CannotRestart(
            "it runs in a container", "Stop the container, run this without --restart, and start it again."
        )
    _check_kind(instance, pid, parents)
    unit = None
    if instance.unit is not None and instance.unit_scope is not None:
        uid = Path(f"/proc/{pid}").stat().st_uid
        unit = systemd.owner(pid, instance.unit, instance.unit_scope, uid, tuple(parents))
    launch = None if unit is not None else process_spec.read(pid, instead=_BY_HAND)
    port = _port(instance.options.webui_port, config)
    serves = port in instance.ports
    return RestartPlan(pid, began, config, serves, instance.options.webui_port, unit, launch, instance.log_file)


def _check_kind(instance: Instance, pid: int, parents: dict[int, str]) -> None:
    """Refuse what belongs to a desktop, a package manager's box or a supervisor. Raises Cannot."""
    scope = _read(Path(f"/proc/{pid}/cgroup"))
    if files.exists(Path(f"/proc/{pid}/root/.flatpak-info")) or "app-flatpak-" in scope:
        raise CannotRestart("it is a Flatpak", f"Quit it. {_BY_HAND}")
    if re.search(r"/snap\.[^/]*qbittorrent", scope) or str(instance.executable).startswith("/snap/"):
        raise CannotRestart("it is a snap", f"Quit it (or snap stop). {_BY_HAND}")
    name = instance.executable.name.lower() if instance.executable is not None else ""
    if "nox" not in name and not any("nox" in Path(part).name.lower() for part in instance.command[:4]):
        raise CannotRestart("it is the desktop program", f"Quit it from its own menu. {_BY_HAND}")
    if pid == 1:
        raise CannotRestart("it is the first process of a container", "Stop the container. " + _BY_HAND)
    parent = next(iter(parents.values()), "")
    if parent in _KEEPERS:
        raise CannotRestart(f"it is kept running by {parent}", f"Use that to stop it. {_BY_HAND}")


def _contained(instance: Instance, config: Path, *, ask: bool) -> RestartPlan:
    """Return how its container is stopped and started. Raises :class:`CannotRestart`."""
    began = _ticks(instance.pid)
    if began is None or instance.config_file is None or not files.same_file(instance.config_file, config):
        raise CannotRestart(
            "it ended, or its config is another one", "Run this again, or name its config with --config."
        )
    option = instance.options.webui_port
    one = engine_restart.plan(instance, _port(option, config))
    serves = ask and any(reach.answers(*place) for place in one.reach)
    return RestartPlan(instance.pid, began, config, serves, option, log=instance.log_file, container=one)


# --- stopping ---------------------------------------------------------------------------------------------------------


def stop(how: RestartPlan, seconds: float, say: Say) -> None:
    """Ask it to stop and wait until it is gone. Raises :class:`NotStopped` where it is not in time; it is left alone."""
    gone_by = time.monotonic() + seconds
    try:
        handle = os.pidfd_open(how.pid)
    except ProcessLookupError:
        handle = None
    except OSError as error:
        raise NotStopped(f"qBittorrent (process {how.pid}) cannot be watched ({error.strerror}).") from None
    if handle is not None:
        try:
            if _ticks(how.pid) == how.began:
                _ask_to_stop(how, handle, seconds, say)
                _wait(how, handle, gone_by, seconds, say)
        except PermissionError:
            raise NotStopped(f"qBittorrent (process {how.pid}) may not be stopped by this user.") from None
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)
    if how.unit is not None:
        _settle(how.unit, max(5.0, gone_by - time.monotonic()))


def _ask_to_stop(how: RestartPlan, handle: int, seconds: float, say: Say) -> None:
    """Send SIGTERM, or have the engine stop its container. Raises NotStopped."""
    if how.container is None:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        say(f"Stopping qBittorrent (process {how.pid})…")
        return
    say(f"Stopping container {how.container.name}…")
    if (failed := how.container.stop(seconds)) and is_there(how):
        left = f"Container {how.container.name} did not stop ({failed}) and was left alone; nothing was changed."
        raise NotStopped(f"{left} It may still do so later. {how.by_hand()}")


def _wait(how: RestartPlan, handle: int, gone_by: float, seconds: float, say: Say) -> None:
    """Wait until the process is gone; a zombie is."""
    gone = select.poll()
    gone.register(handle, select.POLLIN)
    began = time.monotonic()
    while not gone.poll(max(0.0, min(PROGRESS_SECONDS, gone_by - time.monotonic())) * 1000):
        if time.monotonic() >= gone_by:
            raise NotStopped(
                f"qBittorrent (process {how.pid}) did not stop within {seconds:g} s and was left alone; nothing was changed. "
                f"It was asked to stop and may still do so later. {how.by_hand()}"
            )
        say(f"… still stopping, {time.monotonic() - began:.0f} s: it saves what it has to save.")


def _settle(unit: Unit, seconds: float) -> None:
    """Make sure that systemd does not start it again by itself (``Restart=always``). Raises NotStopped."""
    try:
        code, _, err = unit.run("stop", seconds=seconds)
    except (OSError, TimeoutExpired) as error:
        raise NotStopped(f"{unit.command('stop')} failed ({error}); nothing was changed.") from None
    if code:
        raise NotStopped(
            f"{unit.command('stop')} failed ({err.splitlines()[-1] if err else code}); nothing was changed."
        )


# --- starting ---------------------------------------------------------------------------------------------------------


def start(how: RestartPlan, seconds: float, say: Say) -> RestartPlan:
    """Start it, wait until it is there as it was before, and return how the new process is stopped.

    Where one that uses the config runs already, that one is waited for. Raises :class:`NotStarted`.
    """
    pid: int | None = None
    end: LogEnd | None = None
    if using(how.config) is None:
        say("Starting qBittorrent again…")
        end = None if how.log is None else LogEnd.now(how.log)
        pid = _begin(how, seconds)
    began = seen = time.monotonic()
    problem, kind = "", NotStarted
    while True:
        one = using(how.config)
        now = time.monotonic()
        if one is not None:
            seen = now
            problem, kind = _not_serving(how, one, now - began), NotStarted
            if not problem and how.container is not None:
                problem, kind = engine_restart.settled(how.container, began + seconds), NotHealthy
            if not problem and (ticks := _ticks(one.pid)) is not None:
                return replace(how, pid=one.pid, began=ticks)
            if problem and (failed := _bind_failure(one, end)):
                raise NotStarted(f"qBittorrent (process {one.pid}) could not listen at {failed}.")
        elif how.container is not None and now - seen > GRACE_SECONDS and (ended := how.container.ended()):
            raise NotStarted(f"qBittorrent ended right after its start: {ended}.")
        elif (how.container is None and now - seen > GRACE_SECONDS) or (
            pid is not None and _ticks(pid) is None and not _forks(how)
        ):
            raise NotStarted("qBittorrent ended right after its start.")
        if now - began > seconds:
            raise (kind if problem else NotStarted)(
                f"qBittorrent {problem or 'was not seen'} within {seconds:g} s after its start."
            )
        time.sleep(0.05)


def _begin(how: RestartPlan, seconds: float) -> int | None:
    """Start it; returns its process id where it is ours to know. Raises NotStarted."""
    try:
        if how.launch is not None:
            return process_spec.start(how.launch)
        if how.container is not None:
            if failed := how.container.start(seconds):
                raise NotStarted(f"{how.container.command('start')} failed ({failed}).")
            return None
        assert how.unit is not None  # noqa: S101 - for the type checker: one of the two is there
        code, _, err = how.unit.run("start", seconds=seconds)
    except (OSError, TimeoutExpired) as error:
        raise NotStarted(f"qBittorrent could not be started ({error}).") from None
    if code:
        raise NotStarted(f"{how.unit.command('start')} failed ({err.splitlines()[-1] if err else code}).")
    return None


def _forks(how: RestartPlan) -> bool:
    """Whether what was started may end while another process goes on: a daemon."""
    if how.launch is None:
        return True
    return bool({"-d", "--daemon"} & set(how.launch.argv)) or "QBT_DAEMON" in dict(how.launch.environment)


def _not_serving(how: RestartPlan, one: Instance, seconds: float) -> str:
    """Return "" if it is as it is to be, else what is missing."""
    if not how.serves:
        return "" if seconds > SETTLE_SECONDS else "was not there for long enough"
    port = _port(how.port, how.config)
    if how.container is not None:
        return "" if any(reach.answers(*place) for place in how.container.reach) else f"did not answer on port {port}"
    hosts = [address for address, number in one.listening or () if number == port]
    if one.listening is not None and not hosts:
        return f"did not listen on port {port}"
    if not any(reach.answers(reach.reachable(host), port) for host in hosts or ["127.0.0.1"]):
        return f"did not answer on port {port}"
    return ""


def _bind_failure(one: Instance, end: LogEnd | None) -> str | None:
    """Return where its log says that it could not listen; ``end``: the log's at the start, where we started it.

    By times alone, which are whole seconds, what one that failed just before wrote would be taken for this one's.
    """
    if one.log_file is None:
        return None
    if end is not None and end.path == one.log_file:
        lines = end.lines_since()
    else:
        lines = server_log.since_start(server_log.read_tail(one.log_file).lines, one.started)
    found = server_log.bind_failure(lines)
    return None if found is None else f"{found[0]}:{found[1]}"


# --- reading ----------------------------------------------------------------------------------------------------------


def _port(given: int | None, config: Path) -> int:
    if given is not None:
        return given
    try:
        return Settings.load(config).integer("Port")
    except UserError:
        return 0


def _ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None for one that is gone, a zombie included.

    psutil's create_time is a time of day: it moves with a clock that is set.
    """
    text = _read(Path(f"/proc/{pid}/stat"))
    fields = text.rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] not in {"Z", "X"} else None


def _parents(pid: int) -> dict[int, str]:
    """Return the processes above, the nearest first, each with its name."""
    import psutil  # noqa: PLC0415

    found: dict[int, str] = {}
    with suppress(psutil.Error):
        for parent in psutil.Process(pid).parents():
            found[parent.pid] = parent.name()
    return found


def _nested(pid: int) -> list[str]:
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    return next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
