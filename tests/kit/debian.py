"""Debian's packages with all that they depend on, unpacked into a folder and kept; wheels for a Python of Debian's.

Nothing is installed: `matrix` fetches the packages with a private apt state, `dpkg-deb -x` unpacks them.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from tests.kit import matrix
from tests.kit.needs import MISSING, without

ROOT = Path(__file__).parents[2]
SUITE = "trixie"
MACHINE = platform.machine()
PYTHON = "3.13"
"""The Python of SUITE."""
BASE = ("base-files", "coreutils", "dash", "python3-venv")
"""What an image needs in which pip is to install something."""


def tree(name: str, packages: Sequence[str]) -> Path:
    """The folder with these packages and their dependencies; without an archive to fetch them from the test is skipped."""
    folder = matrix.cache_dir() / f"debian-{SUITE}-{name}-v1"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if folder.is_dir():
            return folder
        problem = "no Debian archive among the machine's apt sources"
        for mirror in dict.fromkeys(matrix.debian_mirrors()):
            if not (problem := _unpack(name, mirror, packages, folder)):
                return folder
    return without(f"{MISSING}Debian's {' '.join(packages)}: {problem}")


def _unpack(name: str, mirror: str, packages: Sequence[str], folder: Path) -> str:
    """Fetch and unpack; "" or why that failed."""
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as made:
        root = Path(made, "root")
        try:
            for package in matrix.download(name, mirror, Path(made), (SUITE,), packages):
                matrix.run_tool(name, ["dpkg-deb", "-x", str(package), str(root)])
        except matrix.Unavailable as reason:
            return str(reason)
        for useless in ("doc", "man", "locale", "lintian"):
            shutil.rmtree(root / "usr/share" / useless, ignore_errors=True)
        root.rename(folder)
    return ""


def wheels() -> Path:
    """The folder with the wheels that this project and its build depend on, for a Python of SUITE."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    build, needed = project["build-system"]["requires"], project["project"]["dependencies"]
    known = hashlib.sha256("\n".join([*build, *needed]).encode()).hexdigest()[:12]
    folder = matrix.cache_dir() / f"wheels-{PYTHON}-{known}"
    with FileLock(f"{folder}.lock"):
        if folder.is_dir():
            return folder
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as made:
            kind = [word for glibc in ("2014", "_2_28") for word in ("--platform", f"manylinux{glibc}_{MACHINE}")]
            target = ["--only-binary=:all:", "--python-version", PYTHON, *kind]
            pip = [sys.executable, "-m", "pip"]
            for words in (
                ["wheel", "--no-deps", "-w", f"{made}/wheels", *build],
                ["download", "-d", f"{made}/wheels", *target, *needed],
            ):
                done = subprocess.run([*pip, *words], capture_output=True, text=True)
                if done.returncode:
                    without(f"{MISSING}a package index: {done.stderr.strip()[-300:]}")
            Path(made, "wheels").rename(folder)
    return folder


def compose() -> Path:
    """Compose 2, as a folder for DOCKER_CONFIG in which the docker command finds it as its plug-in."""
    folder = tree("compose", ("docker-compose",))
    config = folder / "config"
    plugin = config / "cli-plugins/docker-compose"
    if not plugin.is_symlink():
        plugin.parent.mkdir(parents=True, exist_ok=True)
        plugin.symlink_to(folder / "usr/libexec/docker/cli-plugins/docker-compose")
    return config
