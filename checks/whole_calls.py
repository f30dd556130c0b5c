"""Checks that calls with a query, and those that post a form, reach qBittorrent whole through what stands in front."""

from qbdoctor.api import (
    Check,
    Comparison,
    Evidence,
    Exchange,
    Finding,
    Judgement,
    Observations,
    arrived_whole,
    bears_marks,
)

LOST = 400
"""qBittorrent's answer where the one parameter that the call needs did not arrive."""
OK = 200
REFUSED = 403
"""qBittorrent's own one is about the session, which other checks judge."""


def judge(seen: Observations) -> Judgement:
    """Judge the answers to a call about a torrent that does not exist, once by its query and once by its form."""
    if not seen.anonymous.answered or seen.serves_qbittorrent is False:
        return Judgement("skip", "Not asked", "no answer of qBittorrent's came")
    if seen.target.direct:
        return Judgement("pass", "Nothing stands between: the address leads to the process itself")
    asked = seen.whole_calls
    if not asked:
        return Judgement("skip", "Not asked", "there is no session to call with")
    for one in asked:
        if one.too_late and one.failure is not None:  # says nothing of what stands in front
            return Judgement("unknown", "No answer in time", one.failure.text)
    good = seen.session_call is not None and seen.session_call.status == 200
    odd = [one for one in asked if not arrived_whole(one) and not (_refused(one) and not good)]
    if not odd:
        return Judgement(
            "pass", "A call with a query and one that posts a form are answered by qBittorrent as they should"
        )
    if "whole-calls" not in seen.comparisons:
        return Judgement("fail", _text(seen, odd), wants=("whole-calls",))
    made = [one for one in seen.comparisons["whole-calls"] if one.differs]
    if not made and all(map(_refused, odd)):
        return Judgement("pass", "The session is over by now, so that nothing more was asked")
    if seen.comparisons["whole-calls"] and not made:
        return Judgement("unknown", _text(seen, odd), "qBittorrent itself answers them in the same way")
    return _judged(seen, odd, made)


def _judged(seen: Observations, odd: list[Exchange], made: list[Comparison]) -> Judgement:
    text = _text(seen, odd)
    if made and all(one.factor.startswith("the name") for one in made):
        name = dict(made[0].a.sent).get("User-Agent", "")
        text = (
            f"Through {seen.target.address.url} calls of a program that says User-Agent: {name} are answered by something in "
            f"front ({made[0].a.outcome()}); under another name the same calls get through"
        )
    evidence = tuple(map(Evidence.experiment, made)) or tuple(map(Evidence.response, odd))
    found = Finding("call-changed-on-the-way", "proven" if made else "likely", text, evidence, values={"proxy": "yes"})
    return Judgement("fail", text, findings=(found,))


def _text(seen: Observations, odd: list[Exchange]) -> str:
    return f"Through {seen.target.address.url} {' and '.join(map(_what, odd))}, although the session is good"


def _what(one: Exchange) -> str:
    kind = "calls that post a form" if one.method == "POST" else "calls with a query"
    if one.status == LOST and bears_marks(one):
        return f"{kind} reach qBittorrent without what was sent with them"
    if one.status == OK:
        return "long answers arrive in a form that nobody can read (their Content-Encoding is lost, or they are cut)"
    if _refused(one):
        return f"{kind}, with another cookie beside the session's, reach qBittorrent without the session"
    if not one.answered:
        return f"{kind} get no answer"
    return f"{kind} are answered by something in front ({one.status}), not by qBittorrent"


def _refused(one: Exchange) -> bool:
    return one.status == REFUSED and bears_marks(one)


CHECK = Check(
    id="whole-calls",
    title="Calls with a query and with a form",
    order=127,
    judge=judge,
    causes=("call-changed-on-the-way",),
    about=(
        "Where something may stand in front: asks torrents/properties with the session for a torrent that cannot exist, once "
        "by GET with a query and once by POST with a form. Every release answers 404 with its own headers where the call "
        "arrives whole, and 400 where what was sent with it is lost. Anything else comes from what stands in front: a method, "
        "a path or a query that it does not let through, though app/version and the login work. Where the process behind is "
        "known, the same calls go to it directly, which proves it. They bear a common "
        "library's name, which rules against robots know; one that fails is sent again under qbdoctor's own. A second "
        "cookie comes along, as other applications of the host set it. Nothing is changed. An answer "
        "of some length (app/preferences) that cannot be read counts as well."
    ),
)
