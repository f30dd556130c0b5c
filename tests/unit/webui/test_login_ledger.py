"""The attempt ledger: whatever happens, qBittorrent never bans us for what we sent."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbdoctor.webui import login_entries
from qbdoctor.webui import login_ledger as module
from qbdoctor.webui.login_ledger import Ledger
from qbdoctor.webui.login_permit import LedgerUnavailable, LoginOutcome, Permit, Question
from tests.support import systems

SERVER, SOURCE = "192.0.2.1:8080", "192.0.2.9"
NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "attempts.json"


@pytest.fixture
def book(path: Path, clock: Clock) -> Ledger:
    return Ledger(path, clock=clock)


def ask(book: Ledger, **keywords: Any) -> Permit:
    since = keywords.pop("since", None)
    return book.allow(Question(SERVER, SOURCE, since=since.timestamp() if since else None, **keywords))


def send(book: Ledger, outcome: LoginOutcome | None, **keywords: Any) -> bool:
    """One attempt if it is allowed; with None the run dies before the end."""
    permit = ask(book, **keywords)
    if not permit.allowed:
        return False
    attempt = book.begin(permit)
    if outcome is not None:
        assert book.finish(attempt, outcome)
    return True


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize("outcome", ["refused", "unknown", None])
@pytest.mark.parametrize(("limit", "sent"), [(1, 0), (2, 0), (3, 1), (4, 2), (5, 3), (8, 6), (0, 10), (-1, 10)])
def test_ten_runs_with_a_wrong_password(path: Path, limit: int, sent: int, outcome: LoginOutcome | None) -> None:
    assert sum(send(Ledger(path), outcome, limit=limit) for _ in range(10)) == sent
    last = ask(Ledger(path), limit=limit)
    assert last.failures == sent
    if limit > 0:
        assert not last.allowed
        assert last.left == 0


@pytest.mark.parametrize("limit", [1, 2])
def test_a_small_limit_needs_the_offline_check(book: Ledger, limit: int) -> None:
    assert "--config" in ask(book, limit=limit).reason
    assert send(book, "refused", limit=limit, offline="match")  # the running server has another password
    assert not send(book, "refused", limit=limit, offline="match")


def test_a_password_that_cannot_match_is_never_sent(book: Ledger) -> None:
    for limit in (0, 1, 5, 100):
        permit = ask(book, limit=limit, offline="mismatch")
        assert not permit.allowed
        assert "does not match the hash" in permit.reason


def test_a_success_clears(book: Ledger, path: Path) -> None:
    assert [send(book, "refused") for _ in range(4)] == [True, True, True, False]
    assert not ask(book, offline="match").allowed  # it could still fail, and the limit be too near
    assert send(book, "accepted", limit=0)  # a login of ours that went all the same: the server bans nobody
    assert send(book, "refused")
    assert send(book, "accepted")
    assert ask(book).left == 3
    assert json.loads(path.read_text())["entries"] == []


def test_addresses_are_kept_apart(book: Ledger) -> None:
    for _ in range(3):
        send(book, "refused")
    assert book.allow(Question("192.0.2.1:8081", SOURCE)).left == 3
    assert book.allow(Question(SERVER, "192.0.2.10")).left == 3
    assert not book.allow(Question("[::ffff:192.0.2.1]:8080", "::ffff:192.0.2.9")).allowed


def test_the_servers_log_counts(book: Ledger) -> None:
    assert ask(book, log_failures=2).left == 1
    assert not ask(book, log_failures=3).allowed
    send(book, "refused")
    assert ask(book, log_failures=0).failures == 1
    assert ask(book, log_failures=2).failures == 2


def test_a_restart_clears(book: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_entries, "this_boot", lambda: ("boot", clock.now - NOW + 5000))
    for _ in range(3):
        send(book, "refused", since=moment(NOW - 50))
    clock.now += 100
    assert not ask(book, since=moment(NOW - 50)).allowed
    assert not ask(book).allowed
    assert ask(book, since=moment(NOW + 60)).left == 3


def test_time_alone_clears_nothing(book: Ledger, clock: Clock) -> None:
    for _ in range(3):
        send(book, "refused")
    clock.now += 10 * 365 * 86400
    assert not ask(book).allowed


@pytest.mark.parametrize("jump", [-3600.0, -86400.0 * 400, 3600.0])
def test_a_clock_that_is_set_resets_nothing(
    book: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    monkeypatch.setattr(login_entries, "this_boot", lambda: ("boot", 5000.0))
    start = NOW - 600  # as told by the server's log, so in the old time
    for _ in range(2):
        send(book, "refused", since=moment(start))
    clock.now += jump
    send(book, "refused", since=moment(start))
    assert not ask(book, since=moment(start)).allowed
    # as told by the process's age, so in the new time
    assert not ask(book, since=moment(start + jump)).allowed
    clock.now += 60
    assert not ask(book, since=moment(start + jump)).allowed


def test_a_first_attempt_after_a_clock_went_back(book: Ledger, clock: Clock) -> None:
    start = NOW - 600
    clock.now -= 3600
    send(book, "refused", since=moment(start))
    clock.now += 3500
    assert ask(book, since=moment(start)).failures == 1


def test_banned(book: Ledger, clock: Clock) -> None:
    send(book, "refused")
    send(book, "banned")
    clock.now += 3590
    permit = ask(book)
    assert not permit.allowed
    assert "banned" in permit.reason
    assert not ask(book, limit=0).allowed
    clock.now -= 7200
    assert not ask(book).allowed
    clock.now += 7200 + 20
    assert ask(book).left == 3
    clock.now -= 60
    assert ask(book, ban_seconds=4).left == 3


def test_a_ban_ends_with_a_restart(book: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_entries, "this_boot", lambda: (None, None))
    send(book, "banned")
    clock.now += 100
    assert not ask(book, since=moment(NOW - 100)).allowed
    assert ask(book, since=moment(NOW + 50)).allowed


def test_what_did_not_count_is_forgotten(book: Ledger) -> None:
    for _ in range(10):
        assert send(book, "not-counted")
    assert ask(book).failures == 0


def test_requests_through_an_unknown_path(path: Path) -> None:
    """Each may carry a wrong Basic header that something in front adds."""
    kind = {"kind": "authorization"}
    assert sum(send(Ledger(path), "refused", **kind) for _ in range(10)) == 3
    assert not ask(Ledger(path)).allowed  # and no login on top of them


@pytest.mark.parametrize(("limit", "sent"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 3), (50, 3), (0, 10)])
def test_the_limit_holds_there_too(path: Path, limit: int, sent: int) -> None:
    assert sum(send(Ledger(path), "refused", kind="authorization", limit=limit) for _ in range(10)) == sent


def test_another_answer_settles_the_requests_of_its_run(path: Path) -> None:
    earlier, now = Ledger(path), Ledger(path)
    assert send(earlier, "refused", kind="authorization")
    assert send(now, "refused", kind="authorization")
    assert ask(now, kind="authorization").failures == 2
    assert send(now, "not-counted", kind="authorization")  # 403 with another Host: so the 401 was about Host
    assert ask(now, kind="authorization").failures == 1  # the earlier run's proxy may have been another
    assert ask(now).left == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b'{"schema": 1}',
        b'{"schema":"qbdoctor.ledger/1","entries":[{}]}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file(book: Ledger, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(login_entries, "this_boot", lambda: (None, None))
    path.parent.mkdir()
    path.write_bytes(data)
    permit = ask(book)
    assert not permit.allowed
    assert "damaged" in permit.reason
    assert [each.read_bytes() for each in path.parent.glob("*.damaged-*")] == [data]
    assert not ask(book).allowed  # nor the next time
    assert not book.allow(Question("192.0.2.77:1", "192.0.2.77")).allowed
    assert not ask(book, limit=2, offline="match").allowed
    assert ask(book, log_failures=1).left == 2  # the server's own account
    clock.now += 100
    assert ask(book, since=moment(NOW + 50)).left == 3
    assert send(book, "accepted", limit=0)
    assert ask(book).left == 3
    send(book, "refused")
    assert ask(book).left == 2
    assert not book.allow(Question("192.0.2.77:1", "192.0.2.77")).allowed


def test_a_newer_ledger_is_left_alone(book: Ledger, path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"schema": "qbdoctor.ledger/2"}')
    with pytest.raises(LedgerUnavailable, match="newer"):
        ask(book)
    assert path.read_text() == '{"schema": "qbdoctor.ledger/2"}'


def test_what_is_on_disk(book: Ledger, path: Path) -> None:
    attempt = book.begin(ask(book))
    (entry,) = json.loads(path.read_text())["entries"]
    assert entry["outcome"] == "begun"
    assert attempt.id == entry["id"]
    assert set(entry) == {"id", "run", "server", "source", "kind", "outcome", "at", "since", "boot", "uptime"}
    assert systems.has_mode(path, 0o600)
    assert systems.has_mode(path.parent, 0o700)


@systems.posix_only("permission bits")
def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.chmod(0o755)
    Ledger(folder / "attempts.json").allow(Question(SERVER, SOURCE))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_no_place_to_write(tmp_path: Path, book: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailable, match="cannot be used"):
        Ledger(tmp_path / "file" / "state" / "attempts.json").allow(Question(SERVER, SOURCE))
    permit = ask(book)
    attempt = book.begin(permit)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LedgerUnavailable, match="No space left"):
        book.begin(permit)
    assert not book.finish(attempt, "accepted")
    assert path.read_bytes() == before
    assert sorted(each.name for each in path.parent.iterdir() if each.suffix != ".lock") == ["attempts.json"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(LedgerUnavailable):
        Ledger(tmp_path / "attempts.json").allow(Question(SERVER, SOURCE))
    tmp_path.chmod(0o700)


def test_a_lock_that_is_held(book: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import filelock

    monkeypatch.setattr(module, "LOCK_SECONDS", 0.1)
    path.parent.mkdir()
    with filelock.FileLock(f"{path}.lock"), pytest.raises(LedgerUnavailable, match="another run"):
        ask(book)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["right", "wrong", "dies", "restart", "set the clock", "new run"]), st.integers(-90_000, 90_000)
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(3, 7), st.booleans())
def test_no_story_gets_us_banned(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], limit: int, local: bool
) -> None:
    """A server as it counts, told of by the age of its process, which clock changes move along."""
    path = tmp_path_factory.mktemp("story") / "attempts.json"
    clock = Clock()
    true_time, started, failures = 0.0, -1000.0, 0
    original = login_entries.this_boot
    try:
        login_entries.this_boot = lambda: ("boot", true_time + 5000)
        book = Ledger(path, clock=clock)
        for step, number in steps:
            true_time += 30
            clock.now += 30
            since = moment(clock.now - (true_time - started)) if local else None
            if step in {"right", "wrong", "dies"}:
                if send(book, {"right": "accepted", "wrong": "refused", "dies": None}[step], limit=limit, since=since):
                    failures = 0 if step == "right" else failures + 1
                assert failures <= limit - 2
            elif step == "restart":
                started, failures = true_time, 0
                true_time += 30
                clock.now += 30
            elif step == "set the clock":
                clock.now += number
            else:
                book = Ledger(path, clock=clock)
    finally:
        login_entries.this_boot = original
