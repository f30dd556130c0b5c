"""Starts a Docker daemon of the tests' own, and Podman, with real qBittorrent in real containers; nothing is pulled.

The images are made from the unpacked trees of `matrix`. The daemon keeps everything in a folder and a network namespace of
its own, so that a machine's own Docker is left alone, and is stopped by its process id. A container's default limit of open
files is above what some sandboxes permit, hence `--default-ulimit`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kit import matrix, needs

UP_SECONDS = 40.0


@dataclass
class Docker:
    """A daemon that runs; `run` makes a container and returns its name."""

    folder: Path
    process: subprocess.Popen[bytes]
    images: dict[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    @property
    def inside(self) -> list[str]:
        """What stands before a command that is to reach the published ports."""
        return ["nsenter", "-t", str(self.process.pid), "-n", "--"]

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DOCKER_HOST": self.host}

    def __call__(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(["docker", *words], env=self.environment, capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, f"docker {' '.join(words[:2])}: {done.stderr}"
        return done.stdout.strip()

    def image(self, release: matrix.Release) -> str:
        """Make the image of a release, once."""
        if release.name not in self.images:
            name = f"qbt:{release.name}"
            packed = subprocess.Popen(
                ["tar", "-C", str(_staged(release, self.folder)), "-c", "."], stdout=subprocess.PIPE
            )
            plugins = next(release.root.glob("usr/lib/*/qt[56]/plugins")).relative_to(release.root)
            env = ["--change", f"ENV QT_PLUGIN_PATH=/{plugins}", "--change", "ENV LANG=C.UTF-8"]
            subprocess.run(
                ["docker", "import", *env, "-", name], stdin=packed.stdout, env=self.environment, check=True,
                capture_output=True,
            )  # fmt: skip
            packed.wait()
            self.images[release.name] = name
        return self.images[release.name]

    def run(self, name: str, release: matrix.Release, *options: str, command: Sequence[str] | None = None) -> str:
        """Start a container; `command` is what stands behind the image, qBittorrent with /config unless given."""
        inner = ["/usr/bin/qbittorrent-nox", "--profile=/config"] if command is None else list(command)
        self("run", "-d", "--name", name, *options, self.image(release), *inner)
        self.made.append(name)
        return name

    def inspect(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self("inspect", name))[0])

    def clear(self) -> None:
        """Remove every container; volumes stay."""
        for name in self("ps", "-aq").split():
            self("rm", "-f", name, check=False)
        self.made.clear()


def _staged(release: matrix.Release, folder: Path) -> Path:
    """A copy of the tree with the top folders that a container needs."""
    stage = folder / f"stage-{release.name}"
    if stage.exists():
        return stage
    shutil.copytree(release.root, stage, symlinks=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        if not (stage / name).exists() and not (stage / name).is_symlink():
            (stage / "usr" / name).mkdir(parents=True, exist_ok=True)
            (stage / name).symlink_to(f"usr/{name}")
    for loader in [*stage.glob("usr/lib/*/ld-linux-x86-64.so.2"), *stage.glob("usr/lib/*/ld-linux-aarch64.so.1")][:1]:
        link = stage / "usr/lib64" / loader.name
        if not link.exists() and not link.is_symlink():
            link.symlink_to(f"/{loader.relative_to(stage)}")
    for name in ("tmp", "root", "proc", "sys", "dev", "config"):
        (stage / name).mkdir(exist_ok=True)
    (stage / "tmp").chmod(0o1777)
    return stage


@contextlib.contextmanager
def docker() -> Iterator[Docker]:
    """A daemon in a folder of its own; skips, or fails where the run insists, where none can run."""
    for program in ("dockerd", "docker", "iptables", "ip", "unshare", "nsenter"):
        needs.program(program)
    if os.geteuid() != 0:
        needs.without(f"{needs.MISSING}the right to run a Docker daemon (root)")
    folder = Path(tempfile.mkdtemp(prefix="qbdocker-"))
    folder.chmod(0o755)
    log = (folder / "dockerd.log").open("wb")
    words = [
        *("unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"),
        "dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/dockerd.pid",
        "-H", f"unix://{folder}/docker.sock", "--default-ulimit", "nofile=1024:1024",
    ]  # fmt: skip
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    made = Docker(folder, process)
    try:
        end = time.monotonic() + UP_SECONDS
        while subprocess.run(["docker", "version"], env=made.environment, capture_output=True).returncode:
            if process.poll() is not None or time.monotonic() > end:
                last = (folder / "dockerd.log").read_text(errors="replace").splitlines()[-1:]
                needs.without(f"{needs.MISSING}a Docker daemon that starts ({' '.join(last)[:200]})")
            time.sleep(0.2)
        yield made
    finally:
        with contextlib.suppress(subprocess.SubprocessError, AssertionError):
            made.clear()
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        log.close()
        subprocess.run(["umount", "-R", str(folder / "data")], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Podman:
    """Podman with a store of its own, in namespaces of its own: cgroup v2 is mounted there, and loopback is all there is."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def inside(self) -> list[str]:
        return ["nsenter", "-t", str(self.process.pid), "-m", "-n", "--"]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf")}

    def __call__(self, *words: str, check: bool = True) -> str:
        line = [*self.inside, "podman", *words]
        done = subprocess.run(line, env=self.environment, capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, f"podman {' '.join(words[:2])}: {done.stderr}"
        return done.stdout.strip()


@contextlib.contextmanager
def podman(release: matrix.Release) -> Iterator[tuple[Podman, str]]:
    """Podman with the image of a release; skips, or fails where the run insists, where none can run."""
    for program in ("podman", "crun", "unshare", "nsenter", "ip"):
        needs.program(program)
    if os.geteuid() != 0:
        needs.without(f"{needs.MISSING}the right to make namespaces (root)")
    folder = Path(tempfile.mkdtemp(prefix="qbpodman-"))
    folder.chmod(0o755)
    store = f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/store"\nrunroot = "{folder}/run"\n'
    (folder / "storage.conf").write_text(store)
    ready = "ip link set lo up; umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec sleep 3600"
    process = subprocess.Popen(["unshare", "-mn", "sh", "-c", ready], stderr=subprocess.DEVNULL)
    made = Podman(folder, process)
    try:
        end = time.monotonic() + 5
        while Path(f"/proc/{process.pid}/comm").read_text().strip() != "sleep":
            if process.poll() is not None or time.monotonic() > end:
                needs.without(f"{needs.MISSING}a cgroup v2 that can be mounted, for Podman")
            time.sleep(0.05)
        packed = subprocess.Popen(["tar", "-C", str(_staged(release, folder)), "-c", "."], stdout=subprocess.PIPE)
        plugins = next(release.root.glob("usr/lib/*/qt[56]/plugins")).relative_to(release.root)
        words = ["--change", f"ENV=QT_PLUGIN_PATH=/{plugins}", "--change", "ENV=LANG=C.UTF-8", "-", "qbt"]
        line = [*made.inside, "podman", "import", "-q", *words]
        subprocess.run(line, stdin=packed.stdout, env=made.environment, check=True, capture_output=True)
        packed.wait()
        yield made, "localhost/qbt"
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            made("rm", "-fa", "-t", "0", check=False)
        process.kill()
        process.wait()
        subprocess.run(["umount", "-R", str(folder / "store")], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_output(made: Docker, name: str, form: str, seconds: float = 30.0) -> None:
    """Wait until a container has printed what a pattern finds."""
    end = time.monotonic() + seconds
    while True:
        done = subprocess.run(["docker", "logs", name], env=made.environment, capture_output=True, text=True)
        said = done.stdout + done.stderr
        if re.search(form, said):
            return
        state = made.inspect(name)["State"]
        assert state["Running"] and time.monotonic() < end, f"{name}: {state['Status']} {said[-500:]}"
        time.sleep(0.1)


def temporary_password(output: str) -> str:
    """The temporary password that a container printed."""
    found = re.search(r"temporary password[^:]*: *(\S+)", output, re.IGNORECASE)
    assert found is not None, output
    return found[1]
