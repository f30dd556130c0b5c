"""Helpers for tests that start, restart and look into real servers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import psutil
import requests

from qbdoctor.target import processes
from qbdoctor.target.processes import Instance, find_instances
from tests.kit.matrix import Release
from tests.kit.profile import config_text, password_hash
from tests.kit.server import PASSWORD, Server
from tests.support.fixer import anonymous, records


def new_layout(release: Release) -> bool:
    return release.version_tuple >= (5, 3)


def own_place(release: Release, line: str) -> str:
    """A line in the section that this release reads, as further text at the end of a file."""
    return f"\n[WebUI]\n{line}\n" if new_layout(release) else f"\n[Preferences]\nWebUI\\{line}\n"


def raw(release: Release, more: str = "", **settings: str) -> bytes:
    """A file in this release's own layout, with `more` at its end."""
    web = {"Password_PBKDF2": password_hash(PASSWORD), **settings}
    text = config_text(web, layout="new" if new_layout(release) else "old", port=1).replace("Port=1\n", "Port=%PORT%\n")
    return (text + more).encode()


def by_name(server: Server, name: str) -> int:
    """What a call gets whose Host header has this name."""
    return server.get("/api/v2/app/version", headers={"Host": f"{name}:{server.port}"}).status_code


def until(seen: Callable[[], Any], seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.05)
    return found


def now(running: Server) -> psutil.Process:
    """The process that uses this server's config now."""
    found = processes.using(running.config_file)
    assert found is not None, "nothing runs with that config"
    return psutil.Process(found.pid)


def served(running: Server) -> int | None:
    with contextlib.suppress(OSError):
        return anonymous(running)
    return None


def states() -> list[str]:
    return [record["state"] for record in records()]


def found(pid: int) -> Instance | None:
    return next((instance for instance in find_instances() if instance.pid == pid), None)


def sessions_work(server: Server) -> None:
    """The right password still logs in: nobody was banned."""
    assert server.password
    assert server.try_login(server.password).status_code in {200, 204}
    assert server.login().get(f"{server.url}/api/v2/app/version").status_code == 200


def one_jar(urls: Sequence[str], password: str) -> tuple[int, list[int]]:
    """Log in to each with one jar, which knows no ports, as browsers; return how many cookies it has, and what each says."""
    form = {"username": "admin", "password": password}
    with requests.Session() as jar:
        jar.headers["Host"] = "127.0.0.1"  # without the published port, which is not qBittorrent's own
        for url in urls:
            jar.post(f"{url}/api/v2/auth/login", data=form, timeout=5)
        return len(jar.cookies), [jar.get(f"{url}/api/v2/app/version", timeout=5).status_code for url in urls]
