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

from tests.kit import matrix, needs, others

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
            plugins = next(release.root.glob("usr/lib/*/qt[56]/plugins")).relative_to(release.root)
            variables = (f"QT_PLUGIN_PATH=/{plugins}", "LANG=C.UTF-8")
            self.images[release.name] = self.from_tree(f"qbt:{release.name}", _staged(release, self.folder), *variables)
        return self.images[release.name]

    def from_tree(self, name: str, folder: Path, *variables: str) -> str:
        """Make an image of a folder, with these variables in it."""
        packed = subprocess.Popen(["tar", "-C", str(folder), "-c", "."], stdout=subprocess.PIPE)
        env = [word for each in variables for word in ("--change", f"ENV {each}")]
        line = ["docker", "import", *env, "-", name]
        subprocess.run(line, stdin=packed.stdout, env=self.environment, check=True, capture_output=True)
        packed.wait()
        return name

    def run(self, name: str, release: matrix.Release, *options: str, command: Sequence[str] | None = None) -> str:
        """Start a container; `command` is what stands behind the image, qBittorrent with /config unless given."""
        inner = ["/usr/bin/qbittorrent-nox", "--profile=/config"] if command is None else list(command)
        self("run", "-d", "--name", name, *options, self.image(release), *inner)
        self.made.append(name)
        return name

    def output(self, name: str) -> str:
        done = subprocess.run(["docker", "logs", name], env=self.environment, capture_output=True, text=True)
        return done.stdout + done.stderr

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
    # qBittorrent takes the types of its own pages from there, and a page without one is not run by browsers.
    needs.program("update-mime-database")  # which made it
    shutil.copytree("/usr/share/mime", stage / "usr/share/mime", dirs_exist_ok=True)
    for name in ("tmp", "root", "proc", "sys", "dev", "config"):
        (stage / name).mkdir(exist_ok=True)
    (stage / "tmp").chmod(0o1777)
    return stage


@contextlib.contextmanager
def docker(*options: str, elsewhere: bool = False) -> Iterator[Docker]:
    """A daemon in a folder of its own; skips, or fails where the run insists, where none can run.

    `options` are the daemon's. `elsewhere`: its processes are none of this machine's, as those of another one whose socket is
    the end of a tunnel.
    """
    for program in ("dockerd", "docker", "iptables", "ip", "unshare", "nsenter"):
        needs.program(program)
    if os.geteuid() != 0:
        needs.without(f"{needs.MISSING}the right to run a Docker daemon (root)")
    folder = Path(tempfile.mkdtemp(prefix="qbdocker-"))
    folder.chmod(0o755)
    log = (folder / "dockerd.log").open("wb")
    words = [
        *("unshare", "-n", *(("-pf", "--mount-proc", "--kill-child") if elsewhere else ())),
        *("sh", "-c", 'ip link set lo up; exec "$@"', "sh"),
        "dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/dockerd.pid",
        "-H", f"unix://{folder}/docker.sock", "--default-ulimit", "nofile=1024:1024", *options,
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
        # unshare does not obey SIGTERM while it waits; its end takes the daemon, the first process of that namespace, with it.
        (process.kill if elsewhere else process.terminate)()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        log.close()
        subprocess.run(["umount", "-R", str(folder / "data")], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Podman:
    """Podman with a store of its own, in namespaces of its own: cgroup v2 is mounted there, and loopback is all there is.

    `user` is None for root's; a rootless one has the user's folders below `home` and a range of ids for its containers.
    """

    folder: Path
    process: subprocess.Popen[bytes]
    user: int | None = None

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def inside(self) -> list[str]:
        return ["nsenter", "-t", str(self.process.pid), "-m", "-n", "--"]

    @property
    def environment(self) -> dict[str, str]:
        given = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/root"}
        if self.user is not None:
            return {**given, "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.folder / "runtime")}
        return {**given, "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf")}

    @property
    def owner(self) -> list[str]:
        """What stands before a command that is to be run by whose it is."""
        return [] if self.user is None else others.plainly(self.user)

    def __call__(self, *words: str, check: bool = True) -> str:
        line = [*self.inside, *self.owner, "podman", *words]
        done = subprocess.run(line, env=self.environment, capture_output=True, text=True, timeout=120, cwd=self.folder)
        assert not check or done.returncode == 0, f"podman {' '.join(words[:2])}: {done.stderr}"
        return done.stdout.strip()

    def output(self, name: str) -> str:
        return self("logs", name)


LIMITS = ("--cgroups=disabled", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")
"""What `podman run` is given where the machine has no cgroup v2 of its own and limits the number of open files."""


def _ready(folder: Path, user: int | None) -> str:
    """The script that makes Podman's namespaces; a rootless one's user has a name there, ids, and the devices it opens."""
    lines = ["ip link set lo up", "umount -R /sys/fs/cgroup", "mount -t cgroup2 none /sys/fs/cgroup || exit 1"]
    if user is not None:
        for name, line in (
            ("passwd", f"rootless:x:{user}:{user}::{folder}/home:/bin/sh"),
            ("group", f"rootless:x:{user}:"),
        ):
            held = Path("/etc", name).read_text("utf-8").rstrip("\n")
            (folder / name).write_text(f"{held}\n{line}\n")
        for name in ("subuid", "subgid"):
            (folder / name).write_text("rootless:600000:65536\n")
        lines += [
            f"mount --bind {folder}/{name} /etc/{name} || exit 1" for name in ("passwd", "group", "subuid", "subgid")
        ]
        lines.append(f"mount -t tmpfs none {folder}/devices && mknod -m 666 {folder}/devices/tun c 10 200 || exit 1")
        lines.append(f"mount --bind {folder}/devices/tun /dev/net/tun || exit 1")
        for name, mode in (("devices", 0o755), ("home", 0o755), ("runtime", 0o700)):
            (folder / name).mkdir()
            (folder / name).chmod(mode)
            os.chown(folder / name, user, user)
        config = folder / "home/.config/containers/storage.conf"
        config.parent.mkdir(parents=True)
        config.write_text('[storage]\ndriver = "vfs"\n')
        for place in (config, *config.relative_to(folder / "home").parents):
            os.chown(folder / "home" / place, user, user)
    return "; ".join([*lines, "exec sleep 3600"])


@contextlib.contextmanager
def podman(release: matrix.Release, user: int | None = None) -> Iterator[tuple[Podman, str]]:
    """Podman with the image of a release; skips, or fails where the run insists, where none can run."""
    for program in ("podman", "crun", "unshare", "nsenter", "ip", *(("newuidmap", "slirp4netns") if user else ())):
        needs.program(program)
    if os.geteuid() != 0:
        needs.without(f"{needs.MISSING}the right to make namespaces (root)")
    folder = Path(tempfile.mkdtemp(prefix="qbpodman-"))
    folder.chmod(0o755)
    store = f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/store"\nrunroot = "{folder}/run"\n'
    (folder / "storage.conf").write_text(store)
    process = subprocess.Popen(["unshare", "-mn", "sh", "-c", _ready(folder, user)], stderr=subprocess.DEVNULL)
    made = Podman(folder, process, user)
    try:
        end = time.monotonic() + 5
        while Path(f"/proc/{process.pid}/comm").read_text().strip() != "sleep":
            if process.poll() is not None or time.monotonic() > end:
                needs.without(f"{needs.MISSING}a cgroup v2 that can be mounted, for Podman")
            time.sleep(0.05)
        packed = subprocess.Popen(["tar", "-C", str(_staged(release, folder)), "-c", "."], stdout=subprocess.PIPE)
        plugins = next(release.root.glob("usr/lib/*/qt[56]/plugins")).relative_to(release.root)
        words = ["--change", f"ENV=QT_PLUGIN_PATH=/{plugins}", "--change", "ENV=LANG=C.UTF-8", "-", "qbt"]
        line = [*made.inside, *made.owner, "podman", "import", "-q", *words]
        done = subprocess.run(
            line, stdin=packed.stdout, env=made.environment, capture_output=True, text=True, cwd=folder
        )
        assert done.returncode == 0, done.stderr
        packed.wait()
        yield made, "localhost/qbt"
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            made("rm", "-fa", "-t", "0", check=False)
        process.kill()
        process.wait()
        subprocess.run(["umount", "-R", str(folder / "store")], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_output(made: Docker | Podman, name: str, form: str, seconds: float = 30.0) -> None:
    """Wait until a container has printed what a pattern finds."""
    end = time.monotonic() + seconds
    while True:
        said = made.output(name)
        if re.search(form, said):
            return
        state = dict(json.loads(made("inspect", name))[0])["State"]
        assert state["Running"] and time.monotonic() < end, f"{name}: {state['Status']} {said[-500:]}"
        time.sleep(0.1)


def temporary_password(output: str) -> str:
    """The temporary password that a container printed."""
    found = re.search(r"temporary password[^:]*: *(\S+)", output, re.IGNORECASE)
    assert found is not None, output
    return found[1]
