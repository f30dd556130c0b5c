"""Judges what clients ask for: calls, fields and words that this release does not have, or calls otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from qbdoctor import releases
from qbdoctor.model.findings import Finding
from qbdoctor.patterns import regex
from qbdoctor.releases.action_fields import RENAMED_FILTERS, REQUIRED, means_all, required
from qbdoctor.releases.actions import ACTIONS, LEGACY_CALLS, RENAMED
from qbdoctor.releases.lookup import change_of
from qbdoctor.releases.versions import Version
from qbdoctor.releases.web_api import has_action
from qbdoctor.trace.conversations import Conversation
from qbdoctor.trace.evidence import Context, experiment, proof
from qbdoctor.trace.exchange import ADD, DELETE, INFO, Seen

CAUSES = ("base-path", "client-old-add-parameter", "client-old-endpoint", "client-unknown-filter")
_SHOWN = 4


def _add(known: Context, part: Conversation) -> Iterator[Finding]:
    bad = [
        each for each in part.seen if each.action == ADD and each.stopped == ("paused",) and each.status in (200, 409)
    ]
    if not bad or any(releases.add_parameter(version) == "paused" for version in known.candidates):
        return
    yield Finding(
        "client-old-add-parameter",
        "likely",
        f"{part.who} adds with `paused` and without `stopped` (request {bad[0].n}): this release ignores it and starts at once",
        tuple(map(proof, bad[:_SHOWN])),
    )


def _endpoint(known: Context, part: Conversation) -> Iterator[Finding]:
    """Yield an action that this release calls otherwise or has no more, or whose fields it calls otherwise."""
    gone = [
        each for each in part.seen if each.status == 404 and each.action in ACTIONS and _lacking(known, each.action)
    ]
    first_api = [each for each in part.seen if each.status == 404 and _legacy(each)]
    changed = [
        each
        for each in part.seen
        if each.status == 400
        and each.content != "json"
        and len(REQUIRED.get(each.action, ())) > 1
        and known.surely(lambda one, name=each.action: required(name, one) != REQUIRED[name][0][1])  # type: ignore[misc]
    ]
    if first_api:
        first, gone_since = first_api[0], change_of("route.legacy").since
        new = f"/api/v2/{LEGACY_CALLS[_legacy(first)][0]}" if _legacy(first) in LEGACY_CALLS else "under /api/v2"
        text = (
            f"{part.who} calls {first.path.partition('?')[0]} (request {first.n}), of the first Web API, which is gone since "
            f"{gone_since}: 404. It is {new} there"
        )
        yield Finding("client-old-endpoint", "likely", text, tuple(map(proof, first_api[:_SHOWN])))
    elif gone:
        first = gone[0]
        new = RENAMED.get(first.action, "")
        told = (
            f"; it is called {new} there"
            if new and all(has_action(new, one) for one in _lacking(known, first.action))
            else ""
        )
        text = f"{part.who} calls {first.action} (request {first.n}), which this release does not have{told}: 404"
        yield Finding("client-old-endpoint", "likely", text, tuple(map(proof, gone[:_SHOWN])))
    elif changed:
        first = changed[0]
        fields = ", ".join(required(first.action, known.candidates[-1]))
        text = f"{part.who} calls {first.action} (request {first.n}) with the fields of an older release: 400. It wants {fields}"
        yield Finding("client-old-endpoint", "likely", text, tuple(map(proof, changed[:_SHOWN])))


def _lacking(known: Context, action: str) -> list[Version]:
    """Return the releases that the server can be, none of which has the action; none where a 404 may mean something else.

    The pairs of 5.0 answer 404 for no other reason: of several releases it is one of those without.
    """
    without = [one for one in known.candidates if not has_action(action, one)]
    return without if action in RENAMED or len(without) == len(known.candidates) else []


def _legacy(each: Seen) -> str:
    """``query/torrents`` where an exchange is a call of the first Web API, else ""."""
    path = each.path.partition("?")[0].strip("/")
    if each.action:
        return ""
    if path in LEGACY_CALLS and (path != "login" or each.method == "POST") and path != "logout":
        return path
    found = re.search(r"(?:^|/)((?:query|command)/\w+)$", path)  # behind a proxy's prefix as well
    return found[1] if found else ""


def _filter(known: Context, part: Conversation) -> Iterator[Finding]:
    """Yield a list of some torrents that is one of all, because the release does not know the word; worse before a delete."""
    bad = [
        each
        for each in part.seen
        if each.action == INFO
        and each.filter
        and each.status == 200
        and known.surely(lambda one, word=each.filter: means_all(word, one))  # type: ignore[misc]
    ]
    if not bad:
        return
    first = bad[0]
    deleted = [each for each in part.seen if each.action == DELETE and each.n > first.n and each.status == 200]
    other = RENAMED_FILTERS.get(first.filter)
    told = f"; it is called {other} there" if other and not known.surely(lambda one: means_all(other, one)) else ""
    then = f" Torrents were deleted after that (request {deleted[0].n})." if deleted else ""
    text = (
        f"{part.who} asks for filter={first.filter} (request {first.n}), a word that this release does not know{told}: it gets "
        f"all torrents.{then}"
    )
    yield Finding(
        "client-unknown-filter",
        "likely",
        text.rstrip("."),
        tuple(map(proof, (*bad[:_SHOWN], *deleted[:1]))),
        severity="error" if deleted else None,
    )


_CALL = regex(r"/api/v\d+/+(\w+)/+(\w+)/*$", re.IGNORECASE)
_BY_LETTERS = {action.lower(): action for action in ACTIONS}


def _meant(each: Seen) -> str:
    """Return the path under which qBittorrent knows the call that a client seems to mean; "" where there is none."""
    found = _CALL.search(each.path.partition("?")[0])
    action = _BY_LETTERS.get(f"{found[1]}/{found[2]}".lower(), "") if found else ""
    return f"/api/v2/{action}" if action else ""


def _path(known: Context, part: Conversation) -> Iterator[Finding]:
    """Yield a call that exists, under a path that qBittorrent does not know: it reads paths to the letter."""
    bad = [each for each in part.seen if each.status == 404 and _meant(each) not in {"", each.path.partition("?")[0]}]
    if not bad:
        return
    first = bad[0]
    path, right = first.path.partition("?")[0], _meant(first)
    before = path.lower().partition("/api/v")[0]
    if before.strip("/") and any(
        each.path.lower().startswith(f"{before}/") and each.status not in {None, 404} for each in known.trace.seen
    ):
        return  # something serves that path: the 404 is about something else
    slashes = "//" in path or path.endswith("/")
    what = (
        "with a slash too many"
        if slashes
        else f"below {before}, which qBittorrent does not know"
        if before
        else "which it knows by other letters"
    )
    twins = [
        each for each in known.trace.seen if each.path.partition("?")[0] == right and each.status not in {None, 404}
    ]
    evidence = [proof(each) for each in bad[:_SHOWN]]
    if twins:
        evidence.insert(0, experiment("the path", first, twins[0], f"under {right} the same call is no 404"))
    yield Finding(
        "base-path" if slashes or before else "client-old-endpoint",
        "proven" if twins else "likely",
        f"{part.who} calls {path} (request {first.n}), {what}: 404. It is {right} there",
        tuple(evidence),
    )


RULES: tuple[Callable[[Context, Conversation], Iterator[Finding]], ...] = (_add, _endpoint, _path, _filter)
