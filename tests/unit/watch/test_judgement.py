"""A watch's judgement with a clock that the test sets: each thing is told once, and nothing is told of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from qbdoctor.model.changes import FailingClient
from qbdoctor.watch.base.glances import Glance, Signs
from qbdoctor.watch.base.lengths import spell
from qbdoctor.watch.judgement import MOST_REFUSED, Judge

OK = Glance(
    1_000_000.0, 0.0, "ok", ms=20, status=200, with_session=True, release="5.3.0", peer="10.0.0.2", local="10.0.0.1"
)
DOWN = replace(OK, kind="down", status=None, release="", text="connection refused")
LOST = replace(OK, kind="asks-login", status=403, release="")
DAY = 86_400.0


def seen(looks: Sequence[tuple[Glance, dict[str, Any]]], every: float = 60.0) -> tuple[list[str], list[str]]:
    """What is told of these looks, one each `every` seconds, and for what a full check is wanted (and made)."""
    judge = Judge()
    judge.settled(OK)
    told: list[str] = []
    wanted: list[str] = []
    for number, (look, changes) in enumerate(looks, 1):
        at = number * every
        one = replace(look, **{"at": OK.at + at, "mono": at, **changes})
        told += [event.id for event in judge.see(one)]
        if judge.wants and not judge.hurries:
            wanted.append(judge.wants)
            judge.settled(one)
    return told, wanted


def run(*looks: Glance) -> list[tuple[Glance, dict[str, Any]]]:
    return [(look, {}) for look in looks]


SLOW, QUICK = replace(OK, ms=3000), replace(OK, ms=100)
GONE = replace(OK, signs=Signs(process="gone"))
EDITED = replace(OK, signs=Signs(config="other"))


@pytest.mark.parametrize(
    ("looks", "told", "wanted"),
    [
        (run(*[OK] * 50), [], []),
        (run(OK, DOWN, OK), [], ["back"]),
        (run(OK, DOWN, DOWN, DOWN, DOWN), ["unreachable"], ["down"]),
        (run(DOWN, DOWN, DOWN, OK, OK), ["unreachable", "reachable"], ["down", "back"]),
        (run(OK, LOST, OK), [], ["session", "answer"]),
        (run(OK, GONE, GONE, GONE), [], ["process"]),
        (run(OK, EDITED, EDITED, EDITED), [], ["config"]),
        (run(OK, replace(OK, release="5.4.0")), [], ["release"]),
        (run(OK, replace(OK, peer="10.0.0.9")), [], ["address"]),
        (run(OK, replace(OK, local="10.0.0.7")), [], ["address"]),
        (run(OK, replace(OK, kind="refused", status=401)), [], ["answer"]),
        (run(SLOW, SLOW), [], []),
        (run(SLOW, QUICK, SLOW, QUICK, SLOW), [], []),
        (run(*[SLOW] * 20), ["slow"], []),
        (run(*[SLOW] * 5, *[QUICK] * 20, *[SLOW] * 3), ["slow", "quick-again", "slow"], []),
        (run(*[replace(OK, certificate="a", certificate_until=OK.at + 15 * DAY)] * 3), [], []),
        (run(*[replace(OK, certificate="a", certificate_until=OK.at + 13 * DAY)] * 9), ["certificate-ending"], []),
        (
            run(*[replace(OK, certificate="a", certificate_until=OK.at + 90)] * 9),
            ["certificate-ending", "certificate-ended"],
            ["certificate"],
        ),
    ],
)
def test_each_thing_is_told_once(
    looks: list[tuple[Glance, dict[str, Any]]], told: list[str], wanted: list[str]
) -> None:
    assert seen(looks) == (told, wanted)


def test_silence_is_told_after_some_seconds_and_two_looks() -> None:
    assert seen(run(*[DOWN] * 9), every=1)[0] == []
    assert seen(run(*[DOWN] * 12), every=1)[0] == ["unreachable"]
    assert seen(run(DOWN), every=600)[0] == []
    assert seen(run(DOWN, DOWN), every=600)[0] == ["unreachable"]


@pytest.mark.parametrize("step", [3600.0, -3600.0, 10 * 366 * DAY, -400 * DAY])
def test_a_clock_that_was_set_is_told_and_nothing_else(step: float) -> None:
    """By the wall nothing lasts: how long a silence or a session took is counted by the other clock."""
    looks = [*run(OK, OK), *((OK, {"at": OK.at + step + 180 + 60 * n, "mono": 180.0 + 60 * n}) for n in range(9))]
    assert seen(looks) == (["clock-stepped"], [])
    asleep = [*run(OK), *((OK, {"at": OK.at + 36_000 + 60 * n, "mono": 36_000.0 + 60 * n}) for n in range(3))]
    assert seen(asleep) == ([], []), "asleep, both go on"


def test_a_ban_and_its_end_are_told_once() -> None:
    judge = Judge()
    judge.settled(OK)
    until = OK.at + 300
    banned = replace(OK, signs=Signs(ban_until=until))
    told = [event.id for n in range(4) for event in judge.see(replace(banned, at=OK.at + n * 60, mono=n * 60.0))]
    assert told == ["banned"]
    assert judge.wants == "banned"
    judge.settled(banned)
    assert judge.see(replace(OK, at=until - 1, mono=299.0)) == []
    assert judge.wants == ""
    assert judge.see(replace(OK, at=until + 1, mono=301.0)) == []
    assert judge.wants == "ban", "a full check is to see whether it is over"
    assert [event.id for event in judge.ban(None, until + 2, over=True)] == ["ban-ended"]
    assert judge.ban(None, until + 3, over=True) == []
    assert [event.id for event in judge.ban(None, until + 9, said=True)] == ["banned"], "another one"


def refused(address: str, count: int, what: str = "login", *, own: bool = False) -> FailingClient:
    return FailingClient(address, what, count, None, None, own=own, told=f"{address}: {count} failed logins")


def others(*looks: tuple[float, tuple[FailingClient, ...]]) -> list[str]:
    """What is told of who is refused, look by look, each with its hour."""
    judge = Judge()
    judge.settled(OK)
    return [
        f"{hours:g} h {event.id} {event.text}"
        for hours, failing in looks
        for event in judge.see(
            replace(OK, at=OK.at + 3600 * hours, mono=3600 * hours, signs=Signs(failing=failing))
        )
    ]  # fmt: skip


def test_a_client_that_is_refused_is_told_once_and_again_after_a_quiet_day() -> None:
    said = "client-refused The server refuses another client:"
    looks = [(n / 60, (refused("10.0.0.9", n),)) for n in range(1, 9)]
    assert others((0, ()), *looks) == [f"0.0166667 h {said} 10.0.0.9: 1 failed logins"]
    assert others(*[(n, (refused("10.0.0.9", 7),)) for n in range(50)]) == [], "it was before the watch, and is over"
    assert others((0, (refused("10.0.0.9", 7),)), (1, (refused("10.0.0.9", 8),))) == [
        f"1 h {said} 10.0.0.9: 8 failed logins"
    ], "it was before the watch, and goes on"
    again = [(0, ()), (1, (refused("10.0.0.9", 1),)), (20, (refused("10.0.0.9", 2),)), (40, (refused("10.0.0.9", 3),))]
    assert len(others(*again)) == 1, "never quiet for a day"
    assert len(others(*again, (65, (refused("10.0.0.9", 1),)))) == 2, "quiet for a day; the server was started again"
    two = (refused("10.0.0.9", 1, "host"), refused("10.0.0.9", 1), refused("10.0.0.8", 1))
    assert len(others((0, ()), (1, two), (2, two))) == 3


def test_of_our_own_address_one_failed_login_is_the_watchs_own() -> None:
    one, more = (refused("10.0.0.1", count, own=True) for count in (1, 2))
    assert others((0, ()), (1, (one,)), (2, (one,))) == []
    assert len(others((0, ()), (1, (one,)), (2, (more,)), (3, (more,)))) == 1
    assert others((0, ()), (1, (refused("10.0.0.1", 5, "banned", own=True),))) == [], "the ban is told by its name"


def test_thousands_of_addresses_do_not_fill_the_memory() -> None:
    judge = Judge()
    for number in range(3000):
        judge.see(replace(OK, mono=float(number), at=OK.at + number, signs=Signs(failing=(refused(str(number), 1),))))
    assert judge._refused is not None and len(judge._refused) <= MOST_REFUSED


@pytest.mark.parametrize(
    ("seconds", "text"), [(4, "4 s"), (119, "119 s"), (720, "12 min"), (3 * 3600, "3 h"), (5 * DAY, "5 d")]
)
def test_lengths_of_time_are_for_people(seconds: float, text: str) -> None:
    assert spell(seconds) == text
