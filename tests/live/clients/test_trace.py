"""`qbdoctor trace` without a server: how conversations are judged, and the command itself."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from qbdoctor.diagnosis.catalogue import pages as catalogue
from qbdoctor.trace.exchange import Carried, LoginForm
from qbdoctor.trace.human import human
from qbdoctor.trace.session_rules import CAUSES
from tests.support.talk import Talk

NEVER_AGAIN = {"client-never-logs-in-again": "likely"}
S1, S2 = "session-1", "session-2"


def test_a_right_client_has_no_cause() -> None:
    for new in (False, True):
        talk = Talk(new=new).call(403).login().call(200, S1).call(200, S1).logout()
        assert (talk.found(), talk.judged().state) == ({}, "healthy")
        again = Talk(new=new).login().call(200, S1).call(403, S1).login(S2).call(200, S2)
        assert again.found() == {}
        parallel = Talk(new=new).login().call(200, S1).call(403, S1, at=3.0, took=5.0).call(403, S1, at=3.1, took=5.0)
        assert parallel.found() == {}  # both were under way: what it would have done next is not known
        assert Talk(new=new).login().call(200, S1).logout().login(S2).call(200, S2).found() == {}


def test_a_session_that_is_over() -> None:
    assert Talk().login().call(200, S1).call(403, S1).call(403, S1).found() == NEVER_AGAIN
    assert Talk().login().call(200, S1).call(403, S1).found() == {}  # once, at the end: it may be about to log in
    assert Talk().login().call(200, S1).call(403, S1).found(run_exit=1) == NEVER_AGAIN
    assert Talk().login().call(200, S1).logout().call(403, S1).found() == NEVER_AGAIN
    assert Talk().login().call(200, S1).logout().call(403).found() == NEVER_AGAIN
    assert Talk().call(200, "unknown").call(403, "unknown").call(403, "unknown").found() == NEVER_AGAIN
    # Its jar let the cookie go when its time was over
    expired = Talk().login(expires_in=1.0).call(200, S1)
    expired.connection = 2
    assert expired.call(403).call(403).found() == NEVER_AGAIN


def test_a_cookie_that_is_not_kept() -> None:
    assert Talk(agent="Python/3 aiohttp/3").login().call(403).found() == {"client-drops-cookie": "likely"}
    made = Talk(agent="Python/3 aiohttp/3").login().call(403).judged()
    assert "unsafe=True" in made.headline and made.exit_code == 1
    assert made.clients[0].causes[0].folded == ("client-sends-no-cookie",)
    assert Talk().login(secure=True).call(403).found() == {"secure-cookie-over-http": "likely"}
    assert Talk().login(secure=True).call(403).found(scheme="https") == {"client-drops-cookie": "likely"}
    assert Talk().login().call(200).found() == {}  # a bypass lets it in all the same
    assert Talk().login().call(403, "session-1 altered").found() == {"client-sends-no-cookie": "likely"}


def test_the_new_name() -> None:
    sid = {"client-wants-sid-name": "likely"}
    assert Talk().login().call(403, S1, "SID").found() == sid
    assert Talk().login().call(403, "empty", "SID").found() == sid
    assert Talk().login().call(403, "unknown", "SID").found() == sid
    both = (
        Talk().login().add("GET", "app/version", 200, cookies=(Carried("SID", "unknown"), Carried("QBT_SID_8080", S1)))
    )
    assert both.found() == {}  # an old cookie beside the right one
    assert Talk(new=False).login().call(200, S1).found() == {}


def test_a_client_that_stops_after_a_good_login() -> None:
    stops = {"client-wants-ok-body": "likely", "client-wants-sid-name": "possible"}
    assert Talk().login().found() == stops
    assert Talk().login().found(run_exit=1) == stops
    assert [cause.id for cause in Talk().login().judged().clients[0].causes] == list(stops)  # the surest first
    assert Talk().login().found(run_exit=0) == {"client-wants-ok-body": "possible"}  # or a login was all that it wanted
    assert Talk().login().judged(run_exit=0).state == "unknown"
    assert Talk(new=False).login().found(run_exit=1) == {}
    assert Talk().login().call(200, S1).login(S2).found() == {}


def test_logging_in_before_every_call() -> None:
    talk, asked = Talk(), Talk()
    for number in range(1, 4):
        talk.login(f"session-{number}").call(200, f"session-{number}")
        asked.login(f"session-{number}").call(200, f"session-{number}").call(403, f"session-{number}")
    assert (talk.found(), talk.judged().exit_code) == ({"client-logs-in-each-call": "likely"}, 0)
    assert "client-logs-in-each-call" not in asked.found()
    assert Talk().login().call(200, S1).login(S2).call(200, S2).found() == {}


def test_neighbours_are_told_apart() -> None:
    talk = Talk().login().call(200, S1)
    talk.connection = 2
    talk.call(403)
    talk.connection = 1
    talk.call(200, S1)
    made = talk.judged()
    assert [[cause.id for cause in client.causes] for client in made.clients] == [[], ["client-sends-no-cookie"]]
    assert Talk().call(403).call(403).found() == {"client-relies-on-bypass": "likely"}


def test_single_requests() -> None:
    assert Talk().add("POST", "auth/login", 400, content="json").found() == {"client-json-login": "likely"}
    assert Talk().call(405, action="auth/login").found() == {"client-http-method": "likely"}
    assert Talk().login().call(200, S1).call(405, S1, method="GET", action="app/setPreferences").found() == {
        "client-http-method": "likely"
    }
    proven = Talk().login().call(405, S1, action="torrents/stop").call(200, S1, method="POST", action="torrents/stop")
    assert proven.found() == {"client-http-method": "proven"}
    foreign = {"origin": "foreign", "source": "http://evil.example"}
    assert Talk().call(401, **foreign).found() == {"client-foreign-origin": "likely"}
    assert Talk().call(401, **foreign).call(403).login().call(200, S1).found() == {"client-foreign-origin": "proven"}
    assert Talk().call(403, **foreign).login().call(200, S1).found() == {}  # CSRF protection is off
    assert Talk().call(401, origin="own", referer="foreign", source="x").found() == {}  # the Origin is what counts
    assert Talk().call(401, fetch_site="cross-site").found() == {"cross-site-blocked": "possible"}
    told = Talk().call(200, version="v5.3.0").call(401, fetch_site="cross-site")
    assert told.found() == {"cross-site-blocked": "proven"}
    assert Talk(new=False).login().call(401, fetch_site="cross-site").found() == {}
    assert Talk().call(401, foreign_host=True, host="evil:8080").found() == {"host-not-allowed": "likely"}
    assert Talk().call(401, foreign_host=True, host="nas:81").found() == {"host-port-mismatch": "likely"}
    assert Talk().add("POST", "auth/login", 403, answer="banned").found() == {"ip-banned": "likely"}
    made = Talk().call(401).judged()
    assert (made.state, made.exit_code, made.clients[0].causes) == ("unknown", 3, ())


def test_sec_fetch_site_decides_alone_from_5_3_on() -> None:
    """There a foreign Origin passes as same-origin, and cross-site is refused with the right one; before it is not read."""
    foreign = {"origin": "foreign", "source": "https://dash.example"}

    def known(release: str) -> Talk:
        return Talk(new=release >= "v5.2").login().call(200, S1, version=release)

    crossed = {"cross-site-blocked": "proven"}
    for more in ({}, foreign, {"origin": "own"}, {"referer": "foreign", "source": "https://dash.example"}):
        assert known("v5.3.0").call(401, S1, fetch_site="cross-site", **more).found() == crossed
        assert known("v5.3.0").call(401, S1, fetch_site="junk", **more).found() == crossed
    alone = known("v5.3.0").call(401, S1, fetch_site="same-site", action="app/preferences")
    assert alone.found() == {"cross-site-blocked": "likely"}
    for release in ("v5.2.3", "v5.1.0"):
        assert known(release).call(401, S1, fetch_site="cross-site", **foreign).found() == {
            "client-foreign-origin": "proven"
        }
        assert known(release).call(401, S1, fetch_site="same-origin", **foreign).found() == {
            "client-foreign-origin": "proven"
        }
    # One client's browser gets through, another's program is refused: the first shows nothing of the second
    both = known("v5.3.0").call(200, S1, fetch_site="same-origin", **foreign)
    assert both.found() == {}
    assert both.call(401, S1, **foreign).found() == {"client-foreign-origin": "proven"}
    host = known("v5.3.0").call(401, S1, fetch_site="same-origin", foreign_host=True, host="evil:8080", **foreign)
    assert host.found() == {"host-not-allowed": "likely"}
    login = Talk().call(403, version="v5.3.0").add("POST", "auth/login", 401, content="form", fetch_site="cross-site")
    assert login.found() == {"cross-site-blocked": "likely"}  # and not the password
    typed = Talk().call(403, version="v5.3.0")
    typed.add("POST", "auth/login", 401, content="form", fetch_site="same-origin", **foreign)
    assert "wrong-credentials" in typed.found()
    unsure = Talk().call(401, fetch_site="cross-site", **foreign).found()
    assert unsure == {"client-foreign-origin": "likely", "cross-site-blocked": "possible"}
    assert Talk().call(401, fetch_site="same-origin", **foreign).found() == {"client-foreign-origin": "possible"}


def test_headers_instead_of_a_session() -> None:
    no = {"client-auth-header-unsupported": "likely"}
    assert Talk().call(403, authorization="basic").found() == no
    assert Talk().call(403, key_aside=True).found() == no
    assert Talk().call(200, authorization="bearer").found() == {}
    old = Talk(new=False).login().call(200, S1, version="v5.1.0").call(403, authorization="bearer")
    assert old.found() == no
    assert Talk().login().call(200, S1).call(403, authorization="bearer").found() == {"api-key-rejected": "likely"}
    assert Talk().login().call(200, S1).call(401, authorization="basic").found() == {"wrong-credentials": "likely"}


def test_adding_stopped() -> None:
    for version, found in (("v5.1.0", {"client-old-add-parameter": "likely"}), ("v4.6.7", {})):
        talk = Talk(new=False).login().call(200, S1, version=version)
        assert talk.call(200, S1, method="POST", action="torrents/add", stopped=("paused",)).found() == found
    talk = (
        Talk().login().call(200, S1).call(200, S1, method="POST", action="torrents/add", stopped=("paused", "stopped"))
    )
    assert talk.found() == {}
    unknown = (
        Talk(new=False).login().call(200, S1).call(200, S1, method="POST", action="torrents/add", stopped=("paused",))
    )
    assert unknown.found() == {}  # 4.x or 5.x: nothing tells


def test_credentials() -> None:
    wrong = Talk(new=False).add(
        "POST", "auth/login", 200, content="form", answer="fails", form=LoginForm(("username", "password"))
    )
    assert wrong.found() == {"wrong-credentials": "likely"}
    assert wrong.login().call(200, S1).found() == {}  # a slip, put right
    raw = LoginForm(("username", "password"), ("ampersand",), "password-1", "password-2")
    encoded = LoginForm(("username", "password"), (), "password-3", "password-1")
    talk = Talk().add("POST", "auth/login", 401, content="form", form=raw)
    assert talk.found() == {"client-unencoded-form": "likely"}
    assert talk.login(form=encoded).call(200, S1).found() == {"client-unencoded-form": "proven"}
    taken = Talk().login(form=raw).call(200, S1)
    assert taken.found() == {}  # it was accepted: whatever it is, it is the password


STEPS = ("login", "call", "bare", "dead", "logout", "wrong", "sid", "json")


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 3), st.booleans()), max_size=12),
    st.sampled_from([None, 0, 1]),
)
def test_no_trace_breaks_the_judge_and_every_result_fits_the_schema(
    steps: list[tuple[str, int, bool]], ended: int | None
) -> None:
    talk = Talk()
    for step, number, other in steps:
        talk.connection = number
        talk.agent = "curl/8" if other else "python-requests/2"
        match step:
            case "login":
                talk.login(f"session-{number}", expires_in=3.0 if other else None)
            case "call":
                talk.call(200, f"session-{number}")
            case "bare":
                talk.call(403)
            case "dead":
                talk.call(403, f"session-{number}")
            case "logout":
                talk.logout(f"session-{number}")
            case "wrong":
                talk.add("POST", "auth/login", 401, content="form", form=LoginForm(("username",), ("plus",), "a", "b"))
            case "sid":
                talk.call(403, "unknown", "SID")
            case _:
                talk.add("PUT", "auth/login", None, content="json")
    made = talk.judged(ended)
    talk.found(ended)
    human(made)
    assert sum(len(client.conversation.seen) for client in made.clients) == len(talk.seen)
    # Whoever carries its session on every call and never meets a refusal is right
    if all(step in ("login", "call") for step, _, _ in steps) and ended == 0:
        assert not [cause for client in made.clients for cause in client.causes if cause.severity == "error"]


def test_every_cause_has_a_page_and_goes_no_further_than_it() -> None:
    assert set(CAUSES) <= set(catalogue.ids())
    assert {name for name in catalogue.ids() if name.startswith("client-")} <= set(CAUSES)
    reach = {name: catalogue.page(name).reach for name in CAUSES}
    for name in (
        "client-drops-cookie",
        "client-json-login",
        "client-http-method",
        "client-foreign-origin",
        "client-unencoded-form",
    ):
        assert reach[name] == "proven"
