"""The check of calls with a query and with a form."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from qbdoctor import registry
from qbdoctor.api import Exchange, Observations
from qbdoctor.model.exchanges import Failure
from qbdoctor.observe.pages import is_broken

URL = "http://nas.lan:8080/api/v2/torrents/properties"


@pytest.mark.parametrize(("kind", "expected"), [("deadline", "unknown"), ("closed", "fail")])
def test_a_call_that_the_run_had_no_time_for_is_no_finding(kind: str, expected: str) -> None:
    """Two of a fleet's thousand, which ran out of time on a busy machine, were said to stand behind a broken proxy."""
    check = next(one for one in registry.checks() if one.id == "whole-calls")
    lost = Exchange("GET", URL, failure=Failure(kind, "the time for this run was used up"))  # type: ignore[arg-type]
    call = Exchange("GET", URL, status=200)
    values = {
        "anonymous": Exchange("GET", URL, status=403),
        "serves_qbittorrent": True,
        "target": SimpleNamespace(direct=False, address=SimpleNamespace(url="http://nas.lan:8080")),
        "whole_calls": (lost,),
        "session_call": call,
    }
    assert check.judge(Observations(values)).status == expected


@pytest.mark.parametrize(("kind", "expected"), [("deadline", False), ("closed", True)])
def test_nor_is_a_part_of_the_page(kind: str, expected: bool) -> None:
    lost = Exchange("GET", URL, failure=Failure(kind, "the time for this run was used up"))  # type: ignore[arg-type]
    assert is_broken(lost) is expected
