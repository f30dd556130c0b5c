"""Runs a server for the probes: qbdoctor's stand-in for a release, in a process and a folder that leave nothing behind."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qbdoctor import releases
from qbdoctor.config.password_hash import make_hash
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.releases import Version
from qbdoctor.simulator.__main__ import CONFIG
from qbdoctor.simulator.throwaway import free_port
from qbdoctor.storage import own_programs

USERNAME = "admin"


@dataclass(frozen=True, slots=True)
class Lab:
    """Where the probes log in, and as whom. ``urls`` are the same server by address and by name, as far as it has both."""

    urls: tuple[tuple[str, str], ...]
    username: str
    password: Secret
    what: str


@contextlib.contextmanager
def simulated(version: Version) -> Iterator[Lab]:
    """Serve a release's login for the length of the block. Raises :class:`UserError` where that is not possible."""
    folder = Path(tempfile.mkdtemp(prefix="qbdoctor-clients-"))
    password = Secret(secrets.token_urlsafe(12))
    port = free_port()
    try:
        _write(folder / CONFIG, version, port, password)
        command = own_programs.command("qbdoctor.simulator", "--profile", str(folder), "--release", str(version))
        process = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            env=own_programs.environment(),
        )
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            if not process.stdout.readline():
                raise UserError("no-stand-in", "The simulated server did not start.", exit_code=3)
            yield Lab(both(f"http://127.0.0.1:{port}"), USERNAME, password, f"a simulated qBittorrent {version}")
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def both(url: str) -> tuple[tuple[str, str], ...]:
    """Return a loopback URL by address and by name; another one as it is, under its own kind."""
    for address in ("127.0.0.1", "localhost"):
        scheme, mark, rest = url.partition(f"://{address}:")
        if mark:
            return tuple(
                (kind, f"{scheme}://{host}:{rest}") for kind, host in (("ip", "127.0.0.1"), ("name", "localhost"))
            )
    host = url.partition("://")[2]
    return (("ip" if host.startswith("[") or host[:1].isdigit() else "name", url),)


def _write(file: Path, version: Version, port: int, password: Secret) -> None:
    layout = releases.layout(version, None)
    held = {"Address": "127.0.0.1", "Port": str(port), releases.hash_key(version): f'"{make_hash(password).reveal()}"'}
    lines: dict[str, list[str]] = {}
    for name, value in held.items():
        section, key = releases.place(name, layout)
        lines.setdefault(section, []).append(f"{key}={value}\n")
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(f"[{section}]\n{''.join(each)}" for section, each in lines.items()), encoding="utf-8")
