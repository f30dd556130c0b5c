"""Ansible in an environment of its own with this checkout's wheel, and hosts that are reached over real ssh.

The environment is kept in the tests' cache, made from a package index: `python -m tests.kit.ansible` makes it beforehand.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
import venv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from tests.kit import matrix
from tests.kit.engines import Docker
from tests.kit.namespaces import Net
from tests.kit.needs import MISSING, built, program, without
from tests.kit.server import Server

ROOT = Path(__file__).parents[2]
TOOLS = (
    "ansible-core>=2.16",
    "ansible-runner>=2.4",
    "ansible-lint>=24",
    "setuptools>=77",
    "argparse-manpage>=4.6",
    "wheel",
)
"""The last three build the wheel."""
_SSHD = """
ListenAddress {address}
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/login.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
"""


class Tools:
    """The environment: its programs by name, and the collection of the wheel that is installed in it.

    `enter` stands before each program, so that it runs in the network namespace of the hosts where they have one.
    """

    def __init__(self, folder: Path, enter: Sequence[str] = ()) -> None:
        self.folder, self.enter = folder, enter
        self.python = folder / "bin/python"

    def run(
        self,
        name: str,
        *words: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        seconds: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}:/usr/sbin"
        return subprocess.run(
            [*self.enter, str(self.folder / "bin" / name), *words],
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd=cwd,
            env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1", **(env or {})},
        )

    def collection(self) -> Path:
        """Where the installed qbdoctor has the collection: README's own words."""
        found = self.run("python", "-c", "import qbdoctor; print(qbdoctor.__path__[0])", cwd=Path("/"))
        return Path(found.stdout.strip()) / "ansible/ansible_collections/qbdoctor/qbdoctor"


def tools() -> Tools:
    """Return the environment with this checkout's wheel in it; skips where there is no package index."""
    made = Tools(matrix.cache_dir() / f"ansible-{sys.version_info[0]}.{sys.version_info[1]}")
    made.folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{made.folder}.lock"):
        if not (made.folder / "done").exists():
            shutil.rmtree(made.folder, ignore_errors=True)
            venv.create(made.folder, with_pip=True)
            needed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
            got = made.run("pip", "install", "-q", *TOOLS, *needed)
            if got.returncode:
                without(f"{MISSING}Ansible, and a package index to take it from: {got.stderr[-300:]}")
            (made.folder / "done").touch()
        wheels = made.folder / "wheels"
        shutil.rmtree(wheels, ignore_errors=True)
        built(made.run("pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(ROOT)))
        (wheel,) = wheels.glob("*.whl")
        built(made.run("pip", "install", "-q", "--no-deps", "--force-reinstall", str(wheel)))
    return made


class Host:
    """A host of its own network, with an ssh server and a real qBittorrent; ``apart``: its processes are its own too."""

    def __init__(self, name: str, release: str, folder: Path, settings: Mapping[str, str], *, apart: bool) -> None:
        self.name, self.net = name, Net()
        self.folder = folder
        self.sshd: subprocess.Popen[bytes] | None = None
        if apart:
            command = ["unshare", "-pf", "--mount-proc", "--kill-child", "sleep", "900"]
            self.first: subprocess.Popen[bytes] | None = subprocess.Popen([*self.net.enter, *command])
            self.enter = [*self.net.enter, f"--pid=/proc/{_child(self.first.pid)}/ns/pid"]
            self.enter[2] = f"--mount=/proc/{_child(self.first.pid)}/ns/mnt"
        else:
            self.first, self.enter = None, self.net.enter
        self.server = Server.start(release, settings=settings, address=self.net.inner, prefix=self.enter)
        self.sshd = start_sshd(folder, self.net.inner, self.enter)

    @property
    def config(self) -> bytes:
        """The server's config file as it is now."""
        return self.server.config_file.read_bytes()

    def variables(self, python: Path) -> dict[str, Any]:
        """What the inventory says of it. A host that is apart is found by its own discovery."""
        said = {
            "ansible_host": self.net.inner,
            "ansible_python_interpreter": str(python),
            "qbdoctor_state_dir": str(self.folder / "state"),
        }
        return said if self.first else {**said, "qbdoctor_profile": str(self.server.profile)}

    def close(self) -> None:
        """End all of it."""
        for one in (self.sshd, self.first):
            if one is not None:
                one.kill()
                one.wait()
        self.server.close()
        self.net.close()


class ContainerHost:
    """A host whose qBittorrent runs in a container of Docker: reached over ssh, in the network of its daemon."""

    def __init__(self, folder: Path, daemon: Docker, container: str, config: Path) -> None:
        self.folder, self.container, self.config_file = folder, container, config
        said = f"SetEnv DOCKER_HOST={daemon.host}\n"
        self.sshd = start_sshd(folder, "127.0.0.1", daemon.inside, port=2222, more=said)

    @property
    def config(self) -> bytes:
        """The config file, which the container has from this machine."""
        return self.config_file.read_bytes()

    def variables(self, python: Path) -> dict[str, Any]:
        """What the inventory says of it."""
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": 2222,
            "ansible_python_interpreter": str(python),
            "qbdoctor_state_dir": str(self.folder / "state"),
            "qbdoctor_container": self.container,
        }

    def close(self) -> None:
        """End its ssh server."""
        self.sshd.kill()
        self.sshd.wait()


def start_sshd(
    folder: Path, address: str, enter: Sequence[str], *, port: int = 22, more: str = ""
) -> subprocess.Popen[bytes]:
    """Start an ssh server whose keys lie above its folder."""
    config = folder / "sshd_config"
    config.write_text(_SSHD.format(address=address, port=port, folder=folder.parent) + more)
    Path("/run/sshd").mkdir(exist_ok=True)
    return subprocess.Popen([*enter, program("sshd"), "-D", "-f", str(config)], stderr=subprocess.DEVNULL)


def make_keys(folder: Path) -> None:
    """Make the key of the hosts and the one that logs in to them."""
    for name in ("host", "login"):
        subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)


def _child(pid: int) -> int:
    deadline = time.monotonic() + 5
    while not (found := Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        assert time.monotonic() < deadline, "no process came about in the namespace"
        time.sleep(0.02)
    return int(found[0])


@contextlib.contextmanager
def hosts(folder: Path, releases: Mapping[str, str], settings: Mapping[str, str]) -> Iterator[dict[str, Host]]:
    """Give hosts by their names, of these releases; the last is apart, as a container is. The key is made here."""
    make_keys(folder)
    with contextlib.ExitStack() as stack:
        made: dict[str, Host] = {}
        for number, (name, release) in enumerate(releases.items(), start=1):
            (folder / name).mkdir()
            made[name] = Host(name, release, folder / name, settings, apart=number == len(releases))
            stack.callback(made[name].close)
        yield made


def inventory(folder: Path, found: Mapping[str, Host | ContainerHost], python: Path, common: Mapping[str, Any]) -> Path:
    """Write the inventory of these hosts (JSON, which is YAML)."""
    said = {
        "all": {
            "hosts": {name: host.variables(python) for name, host in found.items()},
            "vars": {
                "ansible_user": "root",
                "ansible_ssh_private_key_file": str(folder / "login"),
                "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ControlPath=none",
                **common,
            },
        }
    }
    path = folder / "hosts.yml"
    path.write_text(json.dumps(said, indent=1))
    return path


if __name__ == "__main__":
    print(tools().folder)  # noqa: T201
