"""The Ansible collection used on hosts: playbooks, single tasks, and the configs of the hosts beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.kit import ansible
from tests.kit.ansible import ContainerHost, Host, Tools
from tests.kit.server import PASSWORD

TARGET = ("profile", "container", "password", "state_dir")
"""The options of modules that the inventory gives."""


class Site:
    """The hosts, their inventory, and the collection as it was installed from the wheel's folder."""

    def __init__(self, tools: Tools, folder: Path, hosts: Mapping[str, Host | ContainerHost]) -> None:
        self.tools, self.folder, self.hosts = tools, folder, hosts
        self.inventory = ansible.inventory(folder, hosts, tools.python, {"qbdoctor_password": PASSWORD})
        self.env = {
            "ANSIBLE_COLLECTIONS_PATH": str(folder / "installed"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_HOME": str(folder / "home"),
            "QBDOCTOR_STATE_DIR": str(folder / "controller"),
        }
        made = tools.run("ansible-galaxy", "collection", "install", str(tools.collection()), env=self.env)
        assert made.returncode == 0, made.stderr

    def play(self, *words: str) -> tuple[int, str]:
        """Run ansible-playbook; returns its exit code and all that it printed."""
        made = self.tools.run("ansible-playbook", "-i", str(self.inventory), *words, env=self.env)
        assert PASSWORD not in made.stdout + made.stderr
        return made.returncode, made.stdout + made.stderr

    def task(self, name: str, module: str, *flags: str, **options: Any) -> dict[str, dict[str, Any]]:
        """Run one module on every host with the inventory's password; its result by host."""
        target = {key: f"{{{{ qbdoctor_{key} | default(omit) }}}}" for key in TARGET}
        kept = self.folder / "results"
        play = {
            "hosts": "all",
            "gather_facts": False,
            "tasks": [
                {"name": name, f"qbdoctor.qbdoctor.{module}": {**target, **options}, "register": "made", "ignore_errors": True},
                {
                    "name": "Keep it",
                    "ansible.builtin.copy": {"content": "{{ made | to_json }}", "dest": f"{kept}-{{{{ inventory_hostname }}}}"},
                    "delegate_to": "localhost",
                    "connection": "local",
                    "check_mode": False,
                    "diff": False,
                },
            ],
        }  # fmt: skip
        path = self.folder / "play.yml"
        path.write_text(json.dumps([play]))
        code, said = self.play(str(path), "-v", *flags)
        assert code == 0, said
        return {host: json.loads(Path(f"{kept}-{host}").read_text()) for host in self.hosts}

    def configs(self) -> dict[str, bytes]:
        return {name: host.config for name, host in self.hosts.items()}


def values(found: dict[str, dict[str, Any]], key: str) -> list[Any]:
    return [one[key] for one in found.values()]
