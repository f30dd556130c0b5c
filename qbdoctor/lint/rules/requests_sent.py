"""Judges the other requests: 403 taken for final, methods, the field `paused`, headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from qbdoctor import releases
from qbdoctor.lint.facts.program import DEFAULT, HOLE, Facts
from qbdoctor.lint.findings import Hit
from qbdoctor.patterns import regex
from qbdoctor.releases.action_fields import RENAMED_FILTERS, means_all
from qbdoctor.releases.actions import RENAMED
from qbdoctor.releases.web_api import has_action


def never_logs_in_again(facts: Facts) -> Iterator[Hit]:
    """Yield a branch on 403 that gives up, in a program that runs on for ever and logs in once."""
    if not facts.endless or not facts.logins:
        return
    for refusal in facts.refusals:
        loop = facts.loop_around(refusal.place.line)
        again = [line for scope, line in facts.relogin_at if scope == refusal.scope]
        if loop is not None and any(loop.first <= line <= loop.last for line in again):
            continue
        if loop is None and refusal.scope != 0 and refusal.scope in facts.relogin:
            continue
        yield Hit(
            "client-never-logs-in-again",
            "likely",
            refusal.place,
            "A 403 is taken for final here: after a restart of qBittorrent or an hour without a call the session is gone, "
            "and a new login is all it needs",
            "On a 403, log in again once and send the call once more; never in a loop, since failed logins lead to a ban.",
        )


def kept_login(facts: Facts) -> Iterator[Hit]:
    """Yield a login behind a flag or a kept cookie that nothing clears, in a program or a library."""
    for each in facts.kept_logins:
        what = (
            f"`{each.name}` is set by the login and no 401 or 403 clears it"
            if each.name
            else "The login is made at the start alone, and nothing looks at how the calls after it are answered"
        )
        if each.unreached:
            what += " that is reached (a 403 is made another error before it is looked for)"
        yield Hit(
            "client-never-logs-in-again",
            "possible" if each.unreached or each.brief else "likely",
            each.place,
            f"{what}: after a restart of qBittorrent or an hour without a call every call is 403",
            "On a 403 (or 401), forget the session, log in again once and send the call once more; never in a loop, since "
            "failed logins lead to a ban.",
        )


def method(facts: Facts) -> Iterator[Hit]:
    """Yield a call by GET that newer releases take by POST only."""
    for request in facts.requests:
        if request.is_login and request.in_query and request.method == "POST":
            yield Hit(
                "client-http-method",
                "likely",
                request.place,
                "The login's fields stand in the address, where they are not read: an empty login, which counts towards a ban",
                "Send username and password as a form in the body.",
            )
        if request.method != "GET":
            continue
        since = releases.post_only_since(request.endpoint)
        if since is None:
            continue
        what = "The login" if request.is_login else f"The call {request.endpoint}"
        yield Hit(
            "client-http-method",
            "likely",
            request.place,
            f"{what} is sent by GET; from {since} on it is 405 Method Not Allowed",
            "Send it by POST, its fields as a form in the body.",
            request.mended_method,
            since=str(since),
        )


def old_endpoint(facts: Facts) -> Iterator[Hit]:
    """Yield a call that newer releases have under another name only, in a program that does not speak of that name."""
    asked = {request.endpoint for request in facts.requests}
    once = {(request.endpoint, request.scope): request for request in reversed(facts.requests)}
    for request in reversed(once.values()):
        new = RENAMED.get(request.endpoint)
        if new is None or has_action(request.endpoint, releases.NEWEST):
            continue
        if new in asked or facts.mentions(new) or new.rpartition("/")[2] in facts.strings:
            continue
        since = next(one for one in releases.KNOWN if has_action(new, one))
        yield Hit(
            "client-old-endpoint",
            "possible",  # the login works, and a program may be meant for the older releases
            request.place,
            f"The call {request.endpoint} is {new} from {since} on: 404 Not Found there",
            f"Call {new}, and {request.endpoint} where that is answered with 404: each release knows one of the two.",
            since=str(since),
        )


def old_add_parameter(facts: Facts) -> Iterator[Hit]:
    """Yield a torrent added with ``paused`` and not ``stopped``."""
    adds = [each for each in facts.requests if each.endpoint == "torrents/add"]
    if any(each.name == "stopped" for each in facts.fields) or "stopped" in facts.strings:
        return
    scopes = {request.scope for request in adds}
    for each in facts.fields:
        if each.name != "paused" or each.scope not in scopes:
            continue
        yield Hit(
            "client-old-add-parameter",
            "likely",
            each.place,
            "The torrent is added with `paused` alone, which 5.0 and later ignore: it starts at once",
            "Send both, paused=true and stopped=true: each release takes the one that it knows.",
            each.mended,
        )


def unknown_filter(facts: Facts) -> Iterator[Hit]:
    """Yield a list of some torrents that is one of all on some release, which does not know the word; worse before a delete."""
    words = {each.word for each in facts.filter_words}
    deletes = any(request.endpoint == "torrents/delete" for request in facts.requests)
    for each in facts.filter_words:
        other = RENAMED_FILTERS.get(each.word)
        lacking = [one for one in releases.KNOWN if means_all(each.word, one)]
        if len(lacking) < len(releases.KNOWN) and (other is None or other in words or facts.mentions(other)):
            continue  # the program chooses by the release; or a word that every release of today knows
        newest = means_all(each.word, releases.KNOWN[-1])
        where = (
            "no release knows"
            if len(lacking) == len(releases.KNOWN)
            else f"{lacking[0]} and later do not know"
            if newest
            else f"{lacking[-1]} and earlier do not know"
        )
        told = f"; it is called {other} there" if other and len(lacking) < len(releases.KNOWN) else ""
        then = ", and this program deletes torrents" if deletes else ""
        yield Hit(
            "client-unknown-filter",
            "likely" if deletes and newest else "possible",
            each.place,
            f"torrents/info is asked for filter={each.word}, a word that {where}{told}: they answer with all torrents{then}",
            "Choose the word by the release, or keep those whose `state` is meant; before a delete always the latter.",
            since=str(lacking[0]) if newest and len(lacking) < len(releases.KNOWN) else "",
        )


_OTHER_API = regex(r"api/v[13456]\b|/v1/|X-Emby|sonarr|radarr|prowlarr|jackett", re.IGNORECASE)
_SCHEMES = regex(r"\s*(basic|bearer)\b", re.IGNORECASE)


def auth_header(facts: Facts) -> Iterator[Hit]:
    """Headers that never authenticate, or only from 5.2 on."""
    if not facts.headers:
        return
    basic = next(row.since for row in releases.rules("auth.basic") if row.value)
    calls = {request.scope for request in facts.calls}
    elsewhere = any(_OTHER_API.search(text) for text in facts.strings)  # Sonarr and the like do read X-Api-Key
    for header in facts.headers:
        name = header.name.lower()
        if name in {"x-api-key", "api-key", "apikey"} and header.scope in calls and not elsewhere:
            yield Hit(
                "client-auth-header-unsupported",
                "likely",
                header.place,
                f"The header {header.name} is read by no release of qBittorrent",
                "Send an API key as `Authorization: Bearer KEY` (5.2 and later), or log in by /api/v2/auth/login and keep "
                "the cookie.",
            )
        elif name == "authorization" and header.scope in calls and not facts.logins and not elsewhere:
            scheme = _SCHEMES.match(header.value)
            if scheme and scheme[1].lower() == "basic":
                yield Hit(
                    "client-auth-header-unsupported",
                    "possible",
                    header.place,
                    f"Basic authentication is read from {basic} on only: every older release answers 403",
                    "Log in by /api/v2/auth/login and keep the cookie: that works on every release.",
                    since="",
                )


def foreign_origin(facts: Facts) -> Iterator[Hit]:
    """Yield an Origin or Referer of another host than the one that is called, both written out."""
    hosts = {urlsplit(request.url).netloc for request in facts.requests if _is_plain(request.url)}
    if not hosts or any(not _is_plain(request.url) for request in facts.requests if request.endpoint):
        return
    for header in facts.headers:
        if header.name.lower() not in {"origin", "referer"} or not _is_plain(header.value):
            continue
        if urlsplit(header.value).netloc not in hosts:
            yield Hit(
                "client-foreign-origin",
                "likely",
                header.place,
                f"{header.name} names another host than the one that is called: with CSRF protection on, that is 401",
                "Send neither Origin nor Referer, or qBittorrent's own address in it.",
            )


def _is_plain(url: str) -> bool:
    if not url.startswith(("http://", "https://")):
        return False
    authority = url.split("/")[2]
    return HOLE not in authority and DEFAULT not in authority and bool(authority)
