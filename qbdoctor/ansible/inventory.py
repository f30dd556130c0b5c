"""Checks the hosts of an Ansible inventory through ansible-runner: Ansible logs in to them, each host's own qbdoctor looks."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from qbdoctor.model.basics import Json, Secret
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.model.waiting import next_of
from qbdoctor.storage import own_programs, trust
from qbdoctor.values import frozen

COLLECTIONS = Path(__file__).parent
"""The folder that holds ansible_collections, as in ANSIBLE_COLLECTIONS_PATH."""
PLAYBOOK = COLLECTIONS / "ansible_collections/qbdoctor/qbdoctor/playbooks/check.yml"
_OTHERS = "~/.ansible/collections:/usr/share/ansible/collections"
_STARTED_SECONDS = 60.0


@frozen
class HostResult:
    """What came of one host: its report, or the sentence that Ansible says of it."""

    host: str
    report: Json | None
    message: str = ""


def find_hosts(inventory: str, patterns: Sequence[str]) -> list[str]:
    """Return the names of the hosts that the patterns (none: all) choose, in the inventory's order. Raises UserError."""
    _need()
    command = own_programs.command("ansible", "adhoc", ",".join(patterns) or "all", "-i", _absolute(inventory))
    made = subprocess.run(  # noqa: S603 - no shell; the inventory is the person's own
        [*command, "--list-hosts"],
        capture_output=True,
        text=True,
        check=False,
        timeout=_STARTED_SECONDS,
        # No secret goes to an inventory that is a program.
        env={**own_programs.environment(), **_settings(), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "0"},
    )
    lines = [line.strip() for line in made.stdout.splitlines() if line.startswith("    ")]
    if made.returncode or not lines:
        why = " ".join((made.stderr or made.stdout).split()) or "no host is named in it"
        raise UserError("no-targets", f"--ansible {inventory}: there is no host to check: {why}")
    return lines


def _need() -> None:
    if any(importlib.util.find_spec(name) is None for name in ("ansible", "ansible_runner")):
        raise UserError(
            "ansible-missing", "fleet --ansible needs Ansible: python3 -m pip install 'qbdoctor[ansible]' brings it."
        )


def _absolute(inventory: str) -> str:
    """Return the inventory as it can be named from any folder; a list of hosts (``a,b,``) stays."""
    path = Path(inventory).expanduser()
    if path.exists():
        return str(path.absolute())
    if "," in inventory:
        return inventory
    raise UserError("no-inventory", f"--ansible: there is no {inventory}: name an inventory, or hosts as in a,b,.")


class InventoryRun:
    """One run of the playbook over hosts."""

    def __init__(self, inventory: str, hosts: Sequence[str], *, at_once: int, settings: Mapping[str, Any]) -> None:
        self.inventory = _absolute(inventory)
        self.hosts = hosts
        self.at_once = at_once
        self.settings = settings
        self._stop = threading.Event()
        self._told: SimpleQueue[HostResult | None] = SimpleQueue()

    @property
    def interrupted(self) -> bool:
        """Whether a person ended it."""
        return self._stop.is_set()

    def results(self, secrets: Mapping[str, Secret]) -> Iterator[HostResult]:
        """Yield each host's result as it comes; ``secrets`` by the variables of the playbook.

        Ctrl-C ends Ansible; what it told by then still comes. Raises UserError.
        """
        with tempfile.TemporaryDirectory(prefix="qbdoctor-ansible-") as folder, _without_secrets():
            runner, thread = self._begin(Path(folder), secrets)
            waiting = set(self.hosts)
            try:
                while (one := self._next()) is not None:
                    if one.host in waiting:
                        waiting.discard(one.host)
                        yield one
            except BaseException:
                self._stop.set()
                raise
            finally:
                thread.join()
            if self.interrupted or not waiting:
                return
            why = _last_words(runner)
            if len(waiting) == len(self.hosts):
                raise UserError("ansible-failed", f"Ansible asked no host: {why}", 3)
            yield from (HostResult(host, None, f"Ansible did not ask it: {why}") for host in sorted(waiting))

    def _next(self) -> HostResult | None:
        while True:
            try:
                return next_of(self._told)
            except KeyboardInterrupt:
                self._stop.set()

    def _begin(self, folder: Path, secrets: Mapping[str, Secret]) -> tuple[Any, threading.Thread]:
        import ansible_runner  # noqa: PLC0415 - an extra

        (folder / "hosts").write_text("".join(f"{host}\n" for host in self.hosts), encoding="utf-8")
        playbook = folder / "check.json"
        playbook.write_text(_playbook(list(secrets)), encoding="utf-8")
        thread, runner = ansible_runner.run_async(
            private_data_dir=str(folder),
            playbook=str(playbook),
            inventory=self.inventory,
            limit=f"@{folder / 'hosts'}",
            forks=self.at_once,
            extravars=dict(self.settings),
            envvars=_environment(),
            # Typed at the prompts of the playbook: neither in a file nor in an argument.
            passwords={f"{name}: $": secret.reveal() for name, secret in secrets.items()},
            suppress_env_files=True,
            settings={"pexpect_timeout": 1, "suppress_ansible_output": True},
            quiet=True,
            event_handler=self._take,
            cancel_callback=self._stop.is_set,
            finished_callback=lambda _runner: self._told.put(None),
        )
        return runner, thread

    def _take(self, event: Mapping[str, Any]) -> bool:
        """Take what Ansible tells of a host; False: no file is kept of it."""
        data = event.get("event_data") or {}
        if event.get("event") in ("runner_on_ok", "runner_on_failed", "runner_on_unreachable"):
            found = data.get("res") or {}
            report = found.get("report")
            said = str(found.get("msg") or "Ansible gave no reason.")
            self._told.put(HostResult(str(data.get("host")), report if isinstance(report, dict) else None, said))
        return False


def _playbook(prompts: Sequence[str]) -> str:
    """Return the playbook, as JSON, which is YAML; it asks for the secrets."""
    import yaml  # noqa: PLC0415 - comes with Ansible

    (play,) = yaml.safe_load(PLAYBOOK.read_text("utf-8"))
    if prompts:
        play["vars_prompt"] = [{"name": name, "prompt": name, "private": True} for name in prompts]
    return json.dumps([play])


def _environment() -> dict[str, str]:
    """Return the variables that have Ansible use this package's collection, and the configuration of this folder."""
    before = os.environ.get("ANSIBLE_COLLECTIONS_PATH") or _OTHERS
    found = {
        "ANSIBLE_COLLECTIONS_PATH": f"{COLLECTIONS}{os.pathsep}{before}",
        # ansible-playbook stands beside the Python that has it.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    return {**found, **_settings()}


def _settings() -> dict[str, str]:
    """Return the variable that names the configuration of this folder, where there is one. Raises Refused.

    It names programs that Ansible runs, so it counts only where nobody else can have put it there.
    """
    here = Path("ansible.cfg").absolute()
    if os.environ.get("ANSIBLE_CONFIG") or not os.path.lexists(here):
        return {}
    try:
        trust.check_ours(here.parent)
        mine = not hasattr(os, "geteuid") or here.lstat().st_uid in {0, os.geteuid()}
    except Refused:
        mine = False
    if not mine:
        raise Refused(
            f"Ansible would take its settings, and programs to run, from {here}, which another user can have put there: start "
            "this in another folder, or name the settings with ANSIBLE_CONFIG.",
            "ansible-settings-not-ours",
        )
    return {"ANSIBLE_CONFIG": str(here)}


@contextmanager
def _without_secrets() -> Iterator[None]:
    """Take them out of the environment: ansible-runner writes what it hands on to a file."""
    held = {name: os.environ.pop(name) for name in own_programs.SECRET_VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(held)


def _last_words(runner: Any) -> str:
    """Return the end of what Ansible printed."""
    try:
        printed = " ".join(runner.stdout.read().split())
    except OSError:
        printed = ""
    return printed[-400:] or f"it ended with {runner.rc} ({runner.status})."
