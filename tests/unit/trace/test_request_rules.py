"""Calls, fields and words that a release does not have: judged by the table of releases alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qbdoctor.model.findings import Finding
from qbdoctor.trace.conversations import split
from qbdoctor.trace.evidence import context
from qbdoctor.trace.exchange import Carried, Seen, Trace
from qbdoctor.trace.recorder import filter_word
from qbdoctor.trace.request_rules import judge

API = "/api/v2/"


def seen(n: int, path: str, status: int, **more: Any) -> Seen:
    base = Seen(n, float(n), "127.0.0.1", "agent", 1, "127.0.0.1:1", "ip", "POST", API + path, status)
    return Seen(
        **{**{name: getattr(base, name) for name in base.__slots__}, "cookies": (Carried("SID", "s-1"),), **more}
    )


def judged(version: str, *calls: Seen) -> list[Finding]:
    told = seen(1, "app/version", 200, version=version)
    trace = Trace("http://127.0.0.1:1", "http", "127.0.0.1", 1, "ip", (told, *calls))
    known = context(trace)
    return [finding for part in split(trace) for finding in judge(known, part)]


@pytest.mark.parametrize(
    ("version", "action", "new"),
    [
        ("v5.3.0", "torrents/pause", "torrents/stop"),
        ("v4.6.7", "torrents/start", "torrents/resume"),
        ("v5.1.0", "search/categories", None),
    ],
)
def test_a_call_that_the_release_does_not_have(version: str, action: str, new: str | None) -> None:
    (found,) = judged(version, seen(2, action, 404))
    assert (found.cause, found.confidence) == ("client-old-endpoint", "likely")
    assert (new is None) == ("is called" not in found.summary)
    assert new is None or new in found.summary


@pytest.mark.parametrize(("version", "action"), [("v5.3.0", "torrents/stop"), ("v5.3.0", "torrents/nonsense")])
def test_a_404_of_another_kind_is_none(version: str, action: str) -> None:
    assert judged(version, seen(2, action, 404)) == []


def test_fields_of_an_older_release() -> None:
    (found,) = judged("v5.3.0", seen(2, "torrents/setShareLimits", 400))
    assert found.cause == "client-old-endpoint"
    assert "shareLimitsMode" in found.summary
    assert judged("v4.5.2", seen(2, "torrents/setShareLimits", 400)) == [], "that is nothing of the release's"


def test_a_word_that_means_all_and_what_is_deleted_by_it() -> None:
    asked = seen(2, "torrents/info", 200, filter="paused")
    (found,) = judged("v5.1.0", asked)
    assert (found.cause, found.severity) == ("client-unknown-filter", None)
    assert "stopped" in found.summary
    (worse,) = judged("v5.1.0", asked, seen(3, "torrents/delete", 200))
    assert (worse.severity, "request 3" in worse.summary) == ("error", True)
    assert judged("v4.6.7", asked) == []
    assert judged("v5.1.0", seen(2, "torrents/info", 200, filter="stopped")) == []


@pytest.mark.parametrize(
    ("query", "word"), [("filter=paused", "paused"), ("sort=a&filter=all&x=1", "all"), ("filter=a%20b", ""), ("", "")]
)
def test_the_word_is_kept_and_nothing_else(query: str, word: str) -> None:
    assert filter_word(query) == word


@pytest.mark.parametrize(
    ("path", "told"), [("/query/torrents", "/api/v2/torrents/info"), ("/qbt/command/download", "/api/v2/torrents/add")]
)
def test_the_first_web_api_is_gone(path: str, told: str) -> None:
    (found,) = judged("v5.3.0", replace(seen(2, "", 404), path=path))
    assert found.cause == "client-old-endpoint"
    assert told in found.summary
    assert judged("v5.3.0", replace(seen(2, "", 404), path="/query")) == []


def test_a_client_that_gets_itself_banned_is_told_so() -> None:
    wrong = [seen(n, "auth/login", 401, cookies=()) for n in range(2, 7)]
    found = judged("v5.3.0", *wrong, seen(7, "auth/login", 403, cookies=(), answer="banned"))
    banned = next(one for one in found if one.cause == "ip-banned")
    assert "by its own failed logins: 5 before that" in banned.summary
    (alone,) = judged("v5.3.0", seen(7, "auth/login", 403, cookies=(), answer="banned"))
    assert "its own" not in alone.summary


def test_a_login_whose_fields_stand_in_the_address() -> None:
    path = API + "auth/login?username&password"
    (found,) = judged("v5.3.0", replace(seen(2, "", 401, cookies=()), path=path))
    assert found.cause == "client-http-method"
    assert "form in the body" in found.remedies[0].text
    (form,) = judged("v5.3.0", replace(seen(2, "", 401, cookies=(), content="form"), path=path))
    assert form.cause == "wrong-credentials"
