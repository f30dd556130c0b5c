"""Finds the programs that tests need beside Python, or skips with the package that has them."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from types import ModuleType
from typing import NoReturn

import pytest

MISSING = "not on this machine: "
PACKAGES = {
    "apache2": "apache2-bin",
    "caddy": "caddy",
    "chromium": "chromium",
    "groff": "groff-base",
    "crun": "crun",
    "curl": "curl",
    "docker": "docker.io",
    "dockerd": "docker.io",
    "haproxy": "haproxy",
    "ip": "iproute2",
    "iptables": "iptables",
    "nft": "nftables",
    "nginx": "nginx-light",
    "node": "nodejs",
    "newuidmap": "uidmap",
    "nsenter": "util-linux",
    "patch": "patch",
    "podman": "podman",
    "promtool": "prometheus",
    "slirp4netns": "slirp4netns",
    "setpriv": "util-linux",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "strace": "strace",
    "unshare": "util-linux",
    "update-mime-database": "shared-mime-info",
}
"""Debian's package of each program."""
QT_LIBRARIES = {
    "libglib-2.0": "libglib2.0-0",
    "libgthread-2.0": "libglib2.0-0",
    "libbrotlidec": "libbrotli1",
    "libgssapi_krb5": "libgssapi-krb5-2",
}
"""Debian's package of each library that PySide6 is linked against and does not bring along (6.12 on Debian 12 and 13)."""
_SYSTEM_PATH = "/usr/sbin:/sbin:/usr/local/sbin"


def without(reason: str) -> NoReturn:
    """Skip the test, or fail it where the run insists on all that it needs."""
    if os.environ.get("QBDOCTOR_REQUIRE_LIVE") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def missing(*names: str) -> str | None:
    """What to say where one of these programs is not here; None where all are."""
    for name in names:
        if not (shutil.which(name) or shutil.which(name, path=_SYSTEM_PATH)):
            return f"{MISSING}{name} (apt install {PACKAGES.get(name, name)})"
    return None


@cache
def _mounts() -> str:
    """What keeps a mount namespace from being made, "" where nothing does: in a plain chroot `/` is no mount point."""
    if reason := missing("unshare"):
        return reason
    tried = subprocess.run(["unshare", "-m", "true"], capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"{MISSING}a mount namespace ({tried.stderr.strip()})"


def mounts() -> None:
    """Skip where no mount namespace can be made."""
    if reason := _mounts():
        without(reason)


def program(name: str, *, optional: bool = False) -> str:
    """The path of a program; without it the test is skipped, naming the package. `optional`: no run insists on it."""
    if reason := missing(name):
        if optional:
            pytest.skip(reason)
        without(reason)
    return str(shutil.which(name) or shutil.which(name, path=_SYSTEM_PATH))


def built(pip: subprocess.CompletedProcess[str]) -> None:
    """Hold that pip built the package; skip where it could not fetch what it builds with."""
    if pip.returncode and ("setuptools" in pip.stderr or "Connection" in pip.stderr):
        without(f"{MISSING}a package index, from which pip takes setuptools to build")
    assert pip.returncode == 0, pip.stderr


def qt(module: str) -> ModuleType:
    """A module of PySide6, which needs a library of the system's; without it the test is skipped."""
    try:
        return importlib.import_module(f"PySide6.{module}")
    except ImportError as error:
        library = str(error).partition(".so")[0]
        without(f"{MISSING}PySide6.{module} (apt install {QT_LIBRARIES.get(library, library)}): {error}")


def summary(reasons: Iterable[str]) -> list[str]:
    """One line for each thing that was missing, with how many tests wanted it."""
    count: dict[str, int] = {}
    for reason in reasons:
        text = reason.removeprefix("Skipped: ")
        if text.startswith(MISSING):
            what = text.removeprefix(MISSING).split("): ")[0]
            what += ")" if "(" in what and not what.endswith(")") else ""
            count[what] = count.get(what, 0) + 1
    return [f"skipped for want of {what}: {number} tests" for what, number in sorted(count.items())]
