"""What is translated between two releases, by the tables alone: names, fields, filters, statuses, the cookie."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbdoctor.bridge import answers
from qbdoctor.bridge.cookies import CookieNames, session_name
from qbdoctor.bridge.dialect import Dialect, Speech
from qbdoctor.bridge.forms import translate
from qbdoctor.forwarding.forwarder import Incoming
from qbdoctor.releases import KNOWN, Version
from qbdoctor.releases.action_fields import required
from qbdoctor.releases.actions import ACTIONS
from qbdoctor.releases.translations import RENAMED_FIELDS, STANDINS
from qbdoctor.releases.versions import known
from qbdoctor.releases.web_api import has_action


def between(spoken: str, real: str) -> Dialect:
    return Dialect(known(spoken), known(real))


TODAY = between("5.1.4", "5.3.0")
OLDER = between("4.6.7", "5.3.0")
BACK = between("5.1.4", "4.5.2")


@pytest.mark.parametrize(
    ("text", "given", "real", "spoken"),
    [
        ("5.1", False, "5.3.0", "5.1.4"), ("5.1", False, "5.1.0", "5.1.0"), ("5.1", False, "4.5.2", "4.5.2"),
        ("5.1", True, "4.5.2", "5.1.4"), ("5.1.2", True, "5.3.0", "5.1.2"), ("4.6", True, "5.3.0", "4.6.7"),
        ("5.3.0", True, "4.5.2", "5.3.0"), ("5.1", False, None, "5.1.4"), ("v5.0", True, "5.3.0", "5.0.5"),
    ],
)  # fmt: skip
def test_which_release_is_spoken(text: str, given: bool, real: str | None, spoken: str) -> None:
    speech = Speech.parse(text, given=given)
    assert speech is not None
    assert speech.to(Version.parse(real)) == known(spoken)


@pytest.mark.parametrize("text", ["", "6.0", "4.0.4", "new", "5.1.99", "5"])
def test_a_release_that_is_none(text: str) -> None:
    assert Speech.parse(text, given=True) is None


def test_renamed_calls() -> None:
    assert [TODAY.action(f"torrents/{name}") for name in ("pause", "resume", "stop", "info")] == [
        "torrents/stop", "torrents/start", "torrents/stop", "torrents/info",
    ]  # fmt: skip
    assert [BACK.action(f"torrents/{name}") for name in ("pause", "stop", "start")] == [
        "torrents/pause", "torrents/pause", "torrents/resume",
    ]  # fmt: skip
    assert Dialect(known("5.1.4"), None).action("torrents/pause") == "torrents/pause"


@pytest.mark.parametrize("real", [each for each in KNOWN if each.patch == 0 or each == KNOWN[-1]], ids=str)
def test_every_call_that_has_a_name_on_the_server_reaches_it(real: Version) -> None:
    for name in ACTIONS:
        there = Dialect(known("5.1.4"), real).action(name)
        assert there == name or (has_action(there, real) and not has_action(name, real))


def form(dialect: Dialect, action: str, text: str) -> str:
    return translate(dialect, action, text).text


def test_fields() -> None:
    add = "torrents/add"
    assert form(TODAY, add, "urls=a%26b&paused=true&skip_checking=true") == "urls=a%26b&stopped=true&seedMode=true"
    assert form(TODAY, add, "paused=false&stopped=true") == "paused=false&stopped=true"  # it knows both sides itself
    assert form(BACK, add, "stopped=true&seedMode=true") == "paused=true&skip_checking=true"
    assert form(TODAY, add, "root_folder=false") == "contentLayout=NoSubfolder"
    assert form(between("5.1.4", "4.2.5"), add, "contentLayout=Original") == "root_folder=true"
    assert form(TODAY, "torrents/editTracker", "hash=h&origUrl=a&newUrl=b") == "hash=h&url=a&newUrl=b"
    assert form(BACK, "torrents/editTracker", "hash=h&origUrl=a&newUrl=b") == "hash=h&origUrl=a&newUrl=b"
    limits = form(TODAY, "torrents/setShareLimits", "hashes=h&ratioLimit=2&seedingTimeLimit=9")
    assert limits == (
        "hashes=h&ratioLimit=2&seedingTimeLimit=9&inactiveSeedingTimeLimit=-2&shareLimitAction=Default&shareLimitsMode=Default"
    )
    assert form(BACK, "torrents/setShareLimits", "hashes=h&ratioLimit=2&seedingTimeLimit=9") == (
        "hashes=h&ratioLimit=2&seedingTimeLimit=9"
    )


@pytest.mark.parametrize(
    ("dialect", "word", "there"),
    [
        (TODAY, "paused", "stopped"), (TODAY, "resumed", "running"), (TODAY, "stopped", "stopped"),
        (TODAY, "all", "all"), (BACK, "stopped", "paused"), (BACK, "paused", "paused"), (TODAY, "nonsense", "nonsense"),
    ],
)  # fmt: skip
def test_a_filter_word_never_comes_to_mean_all(dialect: Dialect, word: str, there: str) -> None:
    assert form(dialect, "torrents/info", f"filter={word}&limit=1") == f"filter={there}&limit=1"
    assert form(dialect, "torrents/files", f"filter={word}") == f"filter={word}"


@given(st.text(alphabet="abc=&%+filter20stopped\u00e9", max_size=60))
def test_what_needs_no_translation_stays_to_the_byte(text: str) -> None:
    newest = Dialect(KNOWN[-1], KNOWN[-1])
    if "filter=" not in text:
        assert translate(newest, "torrents/info", text).text == text
    assert translate(newest, "app/preferences", text).text == text


def test_the_tables_name_fields_that_are_required_somewhere() -> None:
    for action, fields in STANDINS.items():
        assert set(fields) <= set(required(action, KNOWN[-1]))
    for action, rows in RENAMED_FIELDS.items():
        assert action in ACTIONS
        assert [known(row.since) for row in rows] == sorted(known(row.since) for row in rows)


def test_get_becomes_post_only_where_the_spoken_release_took_it() -> None:
    assert not TODAY.turns_to_post("torrents/delete")  # 5.1 answers 405, and so does the bridge
    assert between("4.3.9", "5.3.0").turns_to_post("torrents/delete")
    assert between("4.3.9", "5.3.0").turns_to_post("auth/login")
    assert not between("4.3.9", "5.3.0").turns_to_post("torrents/info")


# --- the cookie ------------------------------------------------------------------------------------------------------

NAMES = CookieNames("SID", "QBT_SID_8080")
THEN = "Thu, 01-Jan-1970 00:00:00 GMT"


@pytest.mark.parametrize(
    ("sent", "there"),
    [
        ("SID=a/b+c=", "QBT_SID_8080=a/b+c="),
        ("lang=de; SID=x", "lang=de; QBT_SID_8080=x"),
        ("QBT_SID_8080=old; SID=x", "QBT_SID_8080=x"),
        ("QBT_SID_8080=x", "QBT_SID_8080=x"),
        ("MYSID=x", "MYSID=x"),
    ],
)
def test_the_cookie_goes_by_the_servers_name(sent: str, there: str) -> None:
    assert NAMES.to_server([("Cookie", sent)])[0] == [("Cookie", there)]


def test_a_name_that_is_only_guessed_is_sent_beside_the_other() -> None:
    unsure = CookieNames("SID", "QBT_SID_8080", sure=False)
    assert unsure.to_server([("Cookie", "SID=x")]) == ([("Cookie", "SID=x; QBT_SID_8080=x")], False)


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("QBT_SID_8080=x; HttpOnly; SameSite=Lax; expires=Sat, 28-Nov-2026 14:01:30 GMT; path=/",
         "SID=x; HttpOnly; SameSite=Lax; path=/"),
        ("QBT_SID_8080=x; secure; HttpOnly; SameSite=None; Domain=nas.lan; path=/qb", "SID=x; HttpOnly; path=/"),
        (f"QBT_SID_8080=; expires={THEN}; path=/qb/", f"SID=; expires={THEN}; path=/"),
        (f"other=1; path=/qbx; expires={THEN}", f"other=1; path=/qbx; expires={THEN}"),
    ],
)  # fmt: skip
def test_the_cookie_as_clients_see_it(given: str, seen: str) -> None:
    names = CookieNames("SID", "QBT_SID_8080", "/qb")
    assert names.to_client([("set-cookie", given)], expires=False)[0] == [("set-cookie", seen)]


def test_which_cookie_is_the_session() -> None:
    long = "a" * 32
    assert session_name([("Set-Cookie", "QBT_SID_1=x; HttpOnly")], login=False) == "QBT_SID_1"
    assert session_name([("Set-Cookie", f"MINE={long}; HttpOnly")], login=True) == "MINE"
    assert session_name([("Set-Cookie", f"MINE={long}; HttpOnly")], login=False) is None
    assert session_name([("Set-Cookie", "SID=; expires=then")], login=True) is None
    both = [("Set-Cookie", "QBT_SID_1=x; HttpOnly"), ("Set-Cookie", "SID=another program's")]
    assert session_name(both, login=True) == session_name(both[::-1], login=False) == "QBT_SID_1"


# --- answers ---------------------------------------------------------------------------------------------------------


def incoming(status: int, body: bytes, *pieces: bytes, **headers: str) -> Incoming:
    async def parts() -> AsyncIterator[bytes]:
        for each in (body, *pieces):
            yield each

    return Incoming(status, "", [(name.replace("_", "-"), value) for name, value in headers.items()], parts())


async def _read(answer: Incoming) -> tuple[int, bytes, str]:
    body = b"".join([chunk async for chunk in answer.body]) if answer.body is not None else b""
    return answer.status, body, dict(answer.headers).get("content-length", "")


def called(dialect: Dialect, action: str, answer: Incoming) -> tuple[int, bytes, str]:
    async def run() -> tuple[int, bytes, str]:
        return await _read((await answers.call(dialect, action, answer))[0])

    return asyncio.run(run())


def logged_in(dialect: Dialect, answer: Incoming, *, foreign: bool = False) -> tuple[int, bytes, bool | None]:
    async def run() -> tuple[int, bytes, bool | None]:
        made, accepted, _ = await answers.login(dialect, answer, foreign=foreign)
        status, body, _ = await _read(made)
        return status, body, accepted

    return asyncio.run(run())


def test_the_answer_to_a_login() -> None:
    assert logged_in(TODAY, incoming(204, b"")) == (200, b"Ok.", True)
    assert logged_in(TODAY, incoming(401, b"Unauthorized")) == (200, b"Fails.", False)
    assert logged_in(TODAY, incoming(401, b"Unauthorized"), foreign=True) == (401, b"Unauthorized", None)
    assert logged_in(TODAY, incoming(403, b"Your IP address has been banned")) == (
        403, b"Your IP address has been banned", None,
    )  # fmt: skip
    assert logged_in(TODAY, incoming(502, b"no")) == (502, b"no", None)
    upwards = between("5.3.0", "4.5.2")
    assert logged_in(upwards, incoming(200, b"Ok.")) == (204, b"", True)
    assert logged_in(upwards, incoming(200, b"Fails.")) == (401, b"Unauthorized", False)


def test_other_answers() -> None:
    assert called(TODAY, "torrents/add", incoming(202, b"{}")) == (200, b"Ok.", "3")
    assert called(TODAY, "torrents/add", incoming(409, b"Conflict")) == (200, b"Fails.", "6")
    assert called(TODAY, "torrents/add", incoming(415, b"no torrent", content_length="10")) == (
        415,
        b"no torrent",
        "10",
    )
    assert called(TODAY, "torrents/addTrackers", incoming(204, b"")) == (200, b"", "0")
    assert called(TODAY, "torrents/editCategory", incoming(404, b"no"))[0] == 409
    assert called(TODAY, "torrents/info", incoming(403, b"Forbidden"))[:2] == (403, b"Forbidden")
    assert called(TODAY, "app/version", incoming(200, b"v5.3.0"))[1] == b"v5.1.4"
    assert called(BACK, "app/webapiVersion", incoming(200, b"2.8.19"))[1] == b"2.11.4"
    made = json.loads(called(TODAY, "app/preferences", incoming(200, b'{"save_path":"/d","queueing_enabled":true}'))[1])
    assert (made["save_path"], made["export_dir"]) == ("/d", "")


@given(st.integers(1, 40), st.text(max_size=30))
def test_states_in_a_stream_wherever_it_is_cut(size: int, name: str) -> None:
    """A torrent may be called what it likes: only the member ``state`` is changed, and the length stays."""
    held = [{"name": f'"state":"stoppedDL"{name}', "state": "stoppedDL"}, {"name": name, "state": "stoppedUP"}]
    body = json.dumps(held, separators=(",", ":")).encode()
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    status, made, _ = called(OLDER, "torrents/info", incoming(200, b"", *pieces))
    assert (status, len(made)) == (200, len(body))
    assert json.loads(made) == [{**held[0], "state": "pausedDL"}, {**held[1], "state": "pausedUP"}]
