"""What a log dates: each thing at the time when it began, only what still holds, whatever language and zone it is in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from qbdoctor.looks import comparing, explaining, words
from qbdoctor.looks.log_events import Dated, dated
from qbdoctor.model.report import Cause
from qbdoctor.target import log

DAY = "2026-11-28"
OURS = frozenset({"192.168.1.5"})


def lines(text: str) -> tuple[log.LogLine, ...]:
    """The lines of a log, each given as "LEVEL HH:MM:SS text"."""
    rows = (row.split(" ", 2) for row in text.strip().splitlines())
    return tuple(log.parse("\n".join(f"({level}) {DAY}T{clock} - {rest}" for level, clock, rest in rows)))


def told(text: str, **more: object) -> list[tuple[str, str | None, str]]:
    found = dated(lines(text), **more)  # type: ignore[arg-type]
    return [(one.what, one.value, f"{one.when.astimezone():%H:%M:%S}") for one in found]


START = "N {}:00:00 qBittorrent v5.1.0 started. Process ID: 1"
FAILED = "C {}:00:01 WebUI: Unable to bind to IP: *, port: {}. Reason: The bound address is already in use"
FAILED_DE = "C {}:00:01 Webinterface kann nicht an IP: *, Port {} gebunden werden. Grund: The bound address is in use"
HEARD = "N {}:00:01 WebUI: Now listening on IP: *, port: {}"
PLAIN_DE = "C {}:00:01 Webinterface: HTTPS-Setup fehlgeschlagen - HTTP wird verwendet"
LEFT = "W {}:59:59 Detected unclean program exit. Using fallback file to restore settings: /c/qBittorrent_new.conf"
UNSAVED = "C {}:30:00 An access error occurred while trying to write the configuration file."
WRONG = "W {}:10:0{} WebAPI login failure. Reason: invalid credentials, attempt count: {}, IP: {}, username: admin"
BANNED = "W {}:10:09 WebAPI login failure. Reason: IP has been banned, IP: {}, username: admin"
LET_IN = "N {}:20:00 WebAPI login success. IP: {}"


def log_of(*rows: tuple[str, ...]) -> str:
    return "\n".join(text.format(*values) for text, *values in rows)


def test_a_port_that_is_never_had_is_dated_by_the_first_of_the_starts_in_a_row() -> None:
    row = [(START, "01"), (HEARD, "01", "8080"), *((one, hour, *more) for hour in ("03", "04", "05") for one, *more in
           ((START,), (FAILED, "8080")))]  # fmt: skip
    assert told(log_of(*row)) == [("bind_failed", "8080", "03:00:01")]
    assert told(log_of(*row, (START, "06"), (HEARD, "06", "8080"))) == [], "it has it now"
    german = [(START, "01"), (FAILED_DE, "01", "80"), (START, "02"), (FAILED_DE, "02", "8080")]
    assert told(log_of(*german)) == [("bind_failed", "8080", "02:00:01")], "another port is another fault"


def test_https_left_over_settings_and_settings_that_are_not_saved() -> None:
    row = [(START, "01"), (LEFT, "02"), (START, "03"), (PLAIN_DE, "03"), (HEARD, "03", "8080"), (UNSAVED, "03"),
           (UNSAVED, "04")]  # fmt: skip
    assert told(log_of(*row)) == [
        ("https_failed", None, "03:00:01"),
        ("not_saved", None, "03:30:00"),
        ("leftover_adopted", "qBittorrent_new.conf", "02:59:59"),
    ]


def test_a_ban_begins_with_the_login_that_reached_the_limit_and_is_of_our_address() -> None:
    three = [(WRONG, "01", str(n), str(n), "192.168.1.5") for n in (1, 2, 3)]
    row = [(START, "01"), *three, (WRONG, "01", "4", "1", "10.0.0.9"), (BANNED, "01", "192.168.1.5")]
    assert told(log_of(*row), addresses=OURS) == [("ban", "192.168.1.5", "01:10:03")]
    assert told(log_of(*row), addresses=frozenset({"10.0.0.9"})) == []
    assert told(log_of(*row)) == [], "nobody knows which address is ours"
    assert told(log_of(*row, (LET_IN, "01", "192.168.1.5")), addresses=OURS) == [], "it was over"
    assert told(log_of(*row, (START, "05")), addresses=OURS) == [], "a start forgets it"
    assert told(log_of(*row[:-1]), addresses=OURS) == []
    assert told(log_of(*row[:-1]), addresses=OURS, ban_reached=True) == [("ban", "192.168.1.5", "01:10:03")]


def test_what_was_so_before_the_good_look_is_no_change() -> None:
    text = log_of((START, "01"), (PLAIN_DE, "01"), (UNSAVED, "02"))
    after = datetime.fromisoformat(f"{DAY}T01:30:00").astimezone(UTC)
    assert told(text, after=after) == [("not_saved", None, "02:30:00")]


def test_a_log_with_other_hours_is_dated_in_ours() -> None:
    started = datetime.fromisoformat(f"{DAY}T01:00:00").astimezone(UTC) - timedelta(hours=5, minutes=30)
    (found,) = dated(lines(log_of((START, "01"), (FAILED, "01", "8080"))), started)
    assert found.when == started + timedelta(seconds=1)


@pytest.mark.parametrize("what", ["ban", "bind_failed", "https_failed", "not_saved", "leftover_adopted"])
def test_each_has_its_words_and_causes(what: str) -> None:
    cause = Cause(explaining.FACTS[what][0], "error", "likely", "x")
    (change,) = comparing.by_log((), [Dated(what, "8080", datetime.now(UTC))], [cause])
    assert change.explains == (cause.id,)
    assert "→" not in change.told and what not in words.NAMES
    assert "today" in change.text()
