"""Runs programs of others against a stand-in: no other address than this machine's, no file written, no program started.

Standard input: JSON, ``[{name, code, url, password}, …]``; standard output: JSON, what each gave to ``came_in``, or its error.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

_FORBIDDEN = (
    *("subprocess.Popen", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.remove", "os.rename", "shutil."),
    *("os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.link", "os.symlink", "os.truncate"),
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def keep_in(event: str, given: tuple[Any, ...]) -> None:
    """Refuse what a program that is only tried has no business to do."""
    if event in {"socket.connect", "socket.sendto"} and given[1][0] not in {"127.0.0.1", "::1"}:
        raise PermissionError(f"{event} {given[1]}")
    if event == "socket.getaddrinfo" and given[0] not in {"127.0.0.1", "localhost", None}:
        raise PermissionError(f"{event} {given[0]}")
    if event == "open" and isinstance(given[2], int) and given[2] & _WRITES:
        raise PermissionError(f"{event} {given[0]}")
    if event.startswith(_FORBIDDEN):
        raise PermissionError(event)


def tried(one: dict[str, str]) -> object:
    """Run one program; what it gave, or its error in words."""
    gave: list[object] = []
    names: dict[str, object] = {"came_in": gave.append, "URL_": one["url"], "PASSWORD_": one["password"]}
    names |= {"__name__": "tried", "run_": asyncio.run}
    os.environ.update(QBITTORRENT=one["url"], PW=one["password"], no_proxy="*")
    runs: Callable[..., None] = exec
    try:
        runs(compile(one["code"], one["name"], "exec"), names)
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    return gave[0] if gave else None


if __name__ == "__main__":
    import aiohttp  # noqa: F401 - what they use is loaded before the door is closed
    import httpx  # noqa: F401
    import requests  # noqa: F401

    programs = json.load(sys.stdin)
    sys.dont_write_bytecode = True
    sys.addaudithook(keep_in)
    sys.stdout.write(json.dumps({one["name"]: tried(one) for one in programs}))
