"""Makes a history of thirty days for the tests of the page: restarts, a ban, silence, a slow night."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from qbdoctor.looks.look import Look
from qbdoctor.model.changes import FailingClient
from qbdoctor.model.report import Cause
from qbdoctor.watch.base.events import Event
from qbdoctor.watch.base.glances import FullLook, Glance
from qbdoctor.watch.history.store import History
from qbdoctor.watch.page.status import Status
from tests.unit.watch.fakes import FakeClock

URL = "https://nas.lan/qbittorrent-with-a-rather-long-path"
NOW = 1_700_000_000.0
DAY = 86_400.0
STRANGE = "<script>alert(1)</script> & \"it\" 'was'"


def made(state: Path) -> Status:
    """A history in that folder, and how things stand at its end."""
    history = History(state, URL, print)
    history.open()
    seen = Look("2023-11-14T22:13:20Z", "0", URL, {"release": "5.3.0"})
    cause = Cause("wrong-credentials", "error", "proven", "The password is wrong")
    well = FullLook(NOW - 30 * DAY, seen, "healthy", "The server is fine", session=True)
    ill = replace(well, at=NOW - 2 * DAY, state="problem", causes=(cause,), headline="The password is wrong")
    report = cast("Any", SimpleNamespace(failing=(), login_attempts=0))
    history.checked(well, report)
    step = 1200.0
    for number in range(int(30 * DAY / step) + 1):
        at = NOW - 30 * DAY + number * step
        look = Glance(at, at, "ok", ms=40 + number % 17 * 9, status=200, with_session=True, refreshed=number % 70 == 0)
        age = (NOW - at) / DAY
        if 11 < age < 11.3 or 0.3 < age < 0.4:
            look = replace(look, kind="down", status=None, text="connection refused")
        elif 5 < age < 5.4:
            look = replace(look, ms=2600)
        elif number in {500, 900, 1700, 2140}:
            look = replace(look, kind="asks-login", status=403)
        history.looked(look, "restarted")
    for age, name, text in (
        (20.0, "upgraded", "qBittorrent 5.1.0 → 5.3.0; cookie SID → QBT_SID_8080"),
        (11.3, "unreachable", "No answer comes: connection refused"),
        (11.0, "reachable", "Answers come again, after 7 h without"),
        (5.4, "slow", "Answers take long: 3 in a row over 2 s"),
        (5.0, "quick-again", "Answers come in time again: 3 in a row under 1 s"),
        (2.0, "password-changed", "The password in the config was changed"),
        (0.4, "unreachable", "No answer comes: connection refused"),
        (0.3, "reachable", "Answers come again, after 2 h without"),
        (0.2, "config-edited", f"Settings were changed: ServerDomains * → {STRANGE}"),
    ):
        explains = ("wrong-credentials",) if name == "password-changed" else ()
        history.happened(Event(name, NOW - age * DAY, text, explains=explains), "healthy")
    history.checked(ill, report)
    history.checked(replace(well, at=NOW - 1.5 * DAY), report)
    history.close()
    status = Status(URL, FakeClock(), 60.0)
    told = "203.0.113.9: 12 failed logins since yesterday 03:10, the last today 07:12"
    failing = FailingClient("203.0.113.9", "login", 12, None, None, told=told)
    status.checked(well, cast("Any", SimpleNamespace(failing=(failing,), login_attempts=0)))
    status.looked(Glance(NOW, NOW, "ok", ms=40, status=200, with_session=True), "")
    return status
