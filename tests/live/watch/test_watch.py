"""`qbdoctor watch` at real servers: what happens to them is told once, by its name and in time, with one session."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit import matrix
from tests.kit.matrix import Release
from tests.kit.profile import password_hash
from tests.kit.server import Server
from tests.support.watching import Watching

OTHER = "another good one"


def settled(watch: Watching, *expected: str, seconds: float = 2.0) -> None:
    """Wait a little and see that nothing more was told."""
    time.sleep(seconds)
    assert watch.told == list(expected), [one["text"] for one in watch.events]


@pytest.mark.live
def test_an_upgrade_is_told_once_with_what_it_brings(tmp_path: Path) -> None:
    with Server.start("5.1.0") as server, Watching(tmp_path, "--url", server.url) as watch:
        server.stop()
        server.release = matrix.get("5.3.0")
        server.launch()
        told = watch.until("upgraded")
        assert (told["state"], "5.1.0 → 5.3.0" in told["text"], "cookie SID → QBT_SID_" in told["text"]) == (
            "healthy",
            True,
            True,
        )
        assert told["text"].startswith("qBittorrent 5.1.0")
        settled(watch, "upgraded")
        assert watch.stop() == 0
        assert watch.events[-1]["event"] == "watch-stopped"
        assert server.successful_logins() == 2
        assert not watch.errors


def change_password(server: Server) -> None:
    """As a person does in the Web UI: the server goes on, and saves its file some seconds later."""
    server.set_preferences({"web_ui_password": OTHER})
    server.forget_session()


def edit_while_stopped(server: Server) -> None:
    server.stop()
    text = server.config_file.read_text()
    server.config_file.write_text(re.sub(r"PBKDF2=.*", lambda _: f"PBKDF2={password_hash(OTHER)}", text))
    server.launch()


SCENES: dict[str, tuple[Callable[[Server], object], tuple[str, ...], str]] = {
    "restart": (Server.restart, ("restarted",), "healthy"),
    "ban": (lambda server: server.fail_logins(5), ("client-refused", "banned", "ban-ended"), "healthy"),
    "password": (change_password, ("password-changed",), "problem"),
    "setting": (
        lambda server: server.set_preferences({"web_ui_session_timeout": 4321}),
        ("config-edited",),
        "healthy",
    ),
    "stopped edit": (edit_while_stopped, ("restarted", "password-changed"), "problem"),
}


@pytest.mark.extended
@pytest.mark.parametrize("scene", SCENES)
def test_what_happens_to_a_server_is_told_once(release: Release, scene: str, tmp_path: Path) -> None:
    act, expected, state = SCENES[scene]
    bans = {"BanDuration": "8"} if scene == "ban" else {}
    with Server.start(release, settings=bans) as server, Watching(tmp_path, "--url", server.url) as watch:
        settled(watch, seconds=1)
        act(server)
        for name in expected:
            told = watch.until(name)
        settled(watch, *expected, seconds=3)
        assert told["state"] == state
        assert watch.stop(signal.SIGINT) == 0
        text = "".join(str(one) for one in watch.events) + "".join(watch.errors)
        assert OTHER not in text


@pytest.mark.extended
def test_a_session_that_is_not_used_expires(release: Release, tmp_path: Path) -> None:
    if release.version_tuple < (4, 2):
        pytest.skip("the time is fixed there")
    with (
        Server.start(release, settings={"SessionTimeout": "3"}) as server,
        Watching(tmp_path, "--url", server.url, every=5) as watch,
    ):
        told = watch.until("session-expired")
        assert "lasts 3 s" in told["text"]
        assert watch.stop() == 0


@pytest.mark.extended
def test_a_server_that_is_down_and_comes_back(release: Release, tmp_path: Path) -> None:
    with Server.start(release) as server, Watching(tmp_path, "--url", server.url) as watch:
        began = time.monotonic()
        server.stop()
        assert watch.until("unreachable")["state"] == "healthy", "told before the full check that it wants"
        assert time.monotonic() - began < 20
        time.sleep(3)
        server.launch()
        watch.until("restarted")
        settled(watch, "unreachable", "reachable", "restarted")
        assert watch.stop() == 0


@pytest.mark.extended
def test_two_watches_and_a_stop_in_the_middle_of_a_look(tmp_path: Path) -> None:
    with (
        Server.start("5.3.0") as server,
        Watching(tmp_path, "--url", server.url) as one,
        Watching(tmp_path, "--url", server.url) as other,
    ):
        server.restart()
        one.until("restarted")
        other.until("restarted")
        os.kill(other.process.pid, signal.SIGKILL)
        settled(one, "restarted")
        assert one.stop() == 0


def test_a_signal_ends_a_watch_that_waits_for_a_silent_server(tmp_path: Path) -> None:
    """It waited for the whole check: 21 s, with every way tried."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        watch = Watching(tmp_path, "--url", f"http://127.0.0.1:{silent.getsockname()[1]}")
        silent.accept()[0].settimeout(None)  # the first question is there, and gets no answer
        began = time.monotonic()
        assert watch.stop(signal.SIGINT) == 0
    assert time.monotonic() - began < 5
    assert watch.events == []


@pytest.mark.extended
def test_what_a_look_that_was_cut_short_saw_is_told_by_nobody(release: Release, tmp_path: Path) -> None:
    with Server.start(release) as server, Watching(tmp_path, "--url", server.url) as watch:
        settled(watch, seconds=1)
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(1.5)  # longer than --every: a look is under way, and waits
        began = time.monotonic()
        assert watch.stop(signal.SIGINT) == 0
        took = time.monotonic() - began
        os.kill(server.pid, signal.SIGCONT)
    assert took < 4, "the logout is tried, and not waited for long"
    assert not watch.told
    assert watch.events[-1]["event"] == "watch-stopped"
