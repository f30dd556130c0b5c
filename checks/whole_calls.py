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
    odd = [one for one in asked if not arrived_whole(one) and not (one.status == REFUSED and bears_marks(one))]
    if not odd:
        return Judgement(
            "pass", "A call with a query and one that posts a form are answered by qBittorrent as they should"
        )
    if "whole-calls" not in seen.comparisons:
        return Judgement("fail", _text(seen, odd), wants=("whole-calls",))
    made = [one for one in seen.comparisons["whole-calls"] if one.differs]
    if seen.comparisons["whole-calls"] and not made:
        return Judgement("unknown", _text(seen, odd), "qBittorrent itself answers them in the same way")
    return _judged(seen, odd, made)


def _judged(seen: Observations, odd: list[Exchange], made: list[Comparison]) -> Judgement:
    text = _text(seen, odd)
    evidence = tuple(map(Evidence.experiment, made)) or tuple(map(Evidence.response, odd))
    found = Finding("call-changed-on-the-way", "proven" if made else "likely", text, evidence, values={"proxy": "yes"})
    return Judgement("fail", text, findings=(found,))


def _text(seen: Observations, odd: list[Exchange]) -> str:
    return f"Through {seen.target.address.url} {' and '.join(map(_what, odd))}, although the session is good"


def _what(one: Exchange) -> str:
    kind = "calls that post a form" if one.method == "POST" else "calls with a query"
    if one.status == LOST and bears_marks(one):
        return f"{kind} reach qBittorrent without what was sent with them"
    if not one.answered:
        return f"{kind} get no answer"
    return f"{kind} are answered by something in front ({one.status}), not by qBittorrent"


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
        "known, the same calls go to it directly, which proves it. Nothing is changed."
    ),
)
