"""What others choose the length of takes time in proportion to it, never more; and nothing of theirs is waited for."""

from __future__ import annotations

import contextlib
import os
import random
import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qbdoctor.repair.restart import reach
from qbdoctor.target import log as server_log
from qbdoctor.target import log_rejections
from qbdoctor.target.log_cursor import LogEnd
from tests.support.doctor import qbdoctor

SECONDS = 3.0
"""For a megabyte on a busy machine; what was quadratic took minutes."""

HEAD = (
    "(W) 2026-11-22T18:41:03 - WebUI: Origin header & Target origin mismatch! Source IP: '127.0.0.1'. Origin header: '"
)
TAIL = "'. Target origin: 'localhost:8080'"
PIECES = [
    "a. ",
    ". ",
    "'",
    "' ",
    ": '",
    "«",
    "« ",
    ":",
    "1",
    "1.1.1.1 ",
    "::",
    "...",
    "https ",
    "http",
    "/:",
    ":/ ",
    "%a",
    "(",
    "v1.1.1",
]


def reads(lines: tuple[server_log.LogLine, ...]) -> list[object]:
    """Everything that a check asks of a log."""
    return [
        log_rejections.host_rejections(lines),
        server_log.login_failures(lines, "127.0.0.1", limit=5),
        server_log.login_addresses(lines),
        server_log.banned(lines, "127.0.0.1"),
        server_log.listening(lines),
        server_log.bind_failure(lines),
        server_log.https_fallback(lines),
        server_log.config_folder(lines),
        server_log.version(lines),
    ]


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("level", ["W", "N", "C"])
def test_a_log_of_one_client_is_read_in_time(piece: str, level: str) -> None:
    long = (HEAD.replace("(W)", f"({level})") + piece * (60_000 // len(piece)) + TAIL + "\n") * 17
    short = "(N) 2026-11-22T18:41:03 - qBittorrent v5.1.0 started\n"
    began = time.monotonic()
    reads(tuple(server_log.parse(short + long + piece * 300_000 + "\n")))
    assert time.monotonic() - began < SECONDS


OLD = {
    quote: re.compile(
        rf"(?<![^\s:：(]){quote}([^{closing}]*?)(?:[{closing}](?![^\s.,:;：。，、╱/)])|(?=\.?\s[^{closing}]*[:：]\s*{quote})|$)"
    )
    for quote, closing in (("'", "'"), ("«", "»"), ("„", "”“"))
}
"""How the values were found by one pattern: right, and quadratic."""


@pytest.mark.parametrize("quote", OLD)
def test_values_in_quotes_are_found_as_before(quote: str) -> None:
    rng = random.Random(20261128)
    closing = {"'": "'", "«": "»", "„": "”“"}[quote]
    for _ in range(20_000):
        text = "".join(rng.choice(f"ab .:{quote}{closing}/(，1") for _ in range(rng.randrange(24)))
        wanted = [match[1].strip() for match in OLD[quote].finditer(text)]
        assert log_rejections._quoted(text, 0, quote, closing) == wanted, text


@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
def test_a_log_that_is_no_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    log = tmp_path / "qbittorrent.log"
    makers: dict[str, Callable[[], object]] = {
        "fifo": lambda: os.mkfifo(log),
        "device": lambda: log.symlink_to("/dev/zero"),
        "folder": log.mkdir,
    }
    makers[kind]()
    rotated = tmp_path / "qbittorrent.log.bak"
    os.mkfifo(rotated)
    began = time.monotonic()
    assert server_log.read_tail(log).lines == ()
    assert "cannot be read" in str(server_log.read_tail(log).reason)
    assert LogEnd.now(log).lines_since() == ()
    log.rmdir() if kind == "folder" else log.unlink()
    log.write_text("(N) 2026-11-22T18:41:03 - something\n")
    assert len(server_log.read_tail(log).lines) == 1  # the rotated one is left out
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_a_source_that_is_no_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "client.py"
    os.mkfifo(source) if kind == "fifo" else source.symlink_to("/dev/zero")
    (tmp_path / "other.py").write_text("import requests\n")
    began = time.monotonic()
    named, below = qbdoctor("lint", str(source)), qbdoctor("lint", str(tmp_path))
    assert time.monotonic() - began < SECONDS
    assert (named.code, "is neither a file nor a folder" in named.err) == (2, True)
    assert (below.code, "of 1 files" in below.out) == (0, True)


@pytest.mark.parametrize("ending", ["go", "kt", "php", "js", "java", "cs", "rs", "sh", "py"])
@pytest.mark.parametrize("piece", [" ", "\n", '"', "'", "(", "\\"])
def test_a_source_of_one_character_is_linted_in_time(tmp_path: Path, ending: str, piece: str) -> None:
    source = tmp_path / f"client.{ending}"
    head = "#!/bin/sh\ncurl " if ending == "sh" else "x = "
    source.write_text(f'{head}"http://x/api/v2/auth/login"; y = "Ok."\nz = 1{piece * 10_000}\n//{piece * 3000}\n')
    began = time.monotonic()
    qbdoctor("lint", str(source))
    assert time.monotonic() - began < 2 * SECONDS


def test_a_config_of_unknown_keys_is_judged_in_time() -> None:
    from qbdoctor.config.key_lint import lint_keys
    from qbdoctor.config.settings import Settings

    data = "[Preferences]\n" + "".join(f"WebUI\\LocalHostAuht{number}=false\n" for number in range(22_000))
    began = time.monotonic()
    found = lint_keys(Settings.parse(data.encode()))
    assert time.monotonic() - began < 2 * SECONDS
    assert len(found) == 100


def test_deeply_nested_answers_are_no_preferences() -> None:
    """Each of these raised RecursionError before."""
    import http.server
    import threading

    nested = b"[" * 200_000

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = b"v5.1.0" if self.path.endswith("/version") else nested
            self.send_response(200)
            self.send_header("content-length", str(len(text)))
            self.send_header("x-content-type-options", "nosniff")
            self.send_header("x-xss-protection", "1; mode=block")
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        run = qbdoctor("check", "--json", "--url", url, "--write-probe", "-v", password="x" * 12)
    finally:
        server.shutdown()
    assert "RecursionError" not in run.out + run.err
    assert run.report["target"]["version"] == "5.1.0"


def test_a_restart_does_not_wait_for_an_answer_that_drips() -> None:
    """The process that was started again sends a byte now and then: each comes in time, the answer never does."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def drip() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=send, args=(server.accept()[0],), daemon=True).start()

        def send(one: socket.socket) -> None:
            with contextlib.suppress(OSError), one:
                one.recv(4096)
                one.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while True:
                    one.sendall(b"x")
                    time.sleep(0.2)

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        assert not reach.answers("127.0.0.1", server.getsockname()[1])
        assert time.monotonic() - began < 2 * reach.ANSWER_SECONDS + 1.0
