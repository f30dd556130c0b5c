"""trace takes no protection away from the server that it passes on to, and ends when it is told to."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from qbdoctor.forwarding.rewriting import Names
from qbdoctor.target.address import Address
from tests.conftest import ServerFactory
from tests.support.strangers import command

PROXY, TARGET = Address("http", "127.0.0.1", 9000), Address("http", "127.0.0.1", 8080)


@contextlib.contextmanager
def traced(url: str, folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        [*command("trace", "--json"), "--url", url],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        found = re.search(r"http://\S+?(?=[,/ ]|$)", process.stderr.readline())
        assert found is not None
        yield found[0], process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:9000", True), ("localhost:9000", True), ("[::1]:9000", True), ("192.0.2.7:9000", True),
        ("evil.example:9000", False), ("localhost.evil.example:9000", False), ("127.0.0.1.evil.example:9000", False),
        ("127.0.0.1:9001", False), ("", False),
    ],
)  # fmt: skip
def test_only_the_proxys_own_names_are_translated(host: str, ours: bool) -> None:
    names = Names(PROXY, TARGET)
    assert names.host(host) == (TARGET.authority if ours else host)
    origin = f"http://{host}"
    assert names.source(origin, host)[1] is ours


@pytest.mark.in_turn
def test_a_strangers_page_gets_nowhere(server: ServerFactory, release: str, tmp_path: Path) -> None:
    """A name of theirs that was made to lead here: the server refuses it through the proxy as it does directly."""
    running = server(settings={"LocalHostAuth": "false"})
    with traced(running.url, tmp_path) as (url, _):
        port = url.rpartition(":")[2]
        evil = {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}"}
        asked = requests.get(f"{url}/api/v2/app/preferences", headers=evil, timeout=10)
        own = requests.get(f"{url}/api/v2/app/preferences", timeout=10)
    assert (asked.status_code, own.status_code) == (401, 200)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_after_a_head_that_nobody_answers(tmp_path: Path, number: int) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    try:
        with traced(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path) as (url, process):
            host, port = url.removeprefix("http://").split(":")
            client = socket.create_connection((host, int(port)))
            client.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
            silent.settimeout(10)
            taken, _ = silent.accept()
            began = time.monotonic()
            process.send_signal(number)
            threading.Timer(30, process.kill).start()
            out, _ = process.communicate(timeout=40)
            assert time.monotonic() - began < 10
            assert '"qbdoctor.trace/1"' in out
            taken.close()
            client.close()
    finally:
        silent.close()
