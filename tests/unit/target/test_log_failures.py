"""Who else is refused, by the lines of a log; what strangers chose in them does no harm."""

from __future__ import annotations

from datetime import UTC, timedelta

from qbdoctor.target import log
from qbdoctor.target.log_failures import failing, zone_shift

TEXT = """(N) 2026-11-28T03:00:00 - qBittorrent v5.1.4 started. Process ID: 7
(W) 2026-11-28T03:10:00 - WebAPI login failure. Reason: invalid credentials, attempt count: 1, IP: 10.0.0.7, username: sonarr
(W) 2026-11-28T03:11:00 - WebAPI login failure. Reason: invalid credentials, attempt count: 2, IP: 10.0.0.7, username: sonarr
(N) 2026-11-28T03:12:00 - WebAPI login success. IP: 10.0.0.8
(W) 2026-11-28T03:13:00 - WebUI: Invalid Host header. Request source IP: '10.0.0.9'. Received Host header: 'evil\x1b[31m.example'
(W) 2026-11-28T03:14:00 - WebAPI login failure. Reason: IP has been banned, IP: 10.0.0.7, username: sonarr
(W) 2026-11-28T03:15:00 - WebUI: Cross-site request blocked. Source IP: '10.0.0.9'. Sec-Fetch-Site header: \
'Cross-Site'. Target origin: 'http://x'
(W) 2026-11-28T03:16:00 - File error alert. Torrent: "10.0.0.1 of mine". File: "/x"
"""


def test_they_are_counted_by_address_and_kind_the_latest_first() -> None:
    found = failing(tuple(log.parse(TEXT)))
    assert [(one.address, one.kind, one.count) for one in found] == [
        ("10.0.0.7", "banned", 1),
        ("10.0.0.9", "host", 1),
        ("10.0.0.7", "login", 2),
    ]
    login = found[2]
    assert login.first is not None
    assert login.last is not None
    assert login.last - login.first == timedelta(minutes=1)
    assert "sonarr" not in str(found)


def test_the_hours_are_those_of_the_logs_zone() -> None:
    lines = tuple(log.parse(TEXT))
    assert lines[0].when is not None
    started = (lines[0].when - timedelta(hours=3, seconds=1)).astimezone(UTC)
    assert zone_shift(lines[0], started) == timedelta(hours=3)
    assert lines[1].when is not None
    assert failing(lines, started)[2].first == (lines[1].when - timedelta(hours=3)).astimezone(UTC)
    assert zone_shift(None, started) == timedelta()


def test_many_strangers_do_not_make_a_long_list() -> None:
    line = "(W) 2026-11-28T03:10:00 - WebAPI login failure. Reason: no, attempt count: 1, IP: 10.1.{}.{}, username: x"
    many = "\n".join(line.format(number // 250, number % 250) for number in range(2000))
    assert len(failing(tuple(log.parse(many)))) == 50


def test_a_time_that_is_none() -> None:
    (one,) = failing(
        (log.LogLine("W", None, "WebAPI login failure. Reason: x, attempt count: 1, IP: 10.0.0.7, username: "),)
    )
    assert (one.first, one.last) == (None, None)


def test_a_ban_in_hungarian_has_no_colon() -> None:
    text = "WebAPI belépési hiba. Indok: IP cím tiltásra került, IP 127.0.0.1, felhasználónév: admin"
    line = log.LogLine("W", None, text)
    assert log.banned([line], "127.0.0.1") is line
