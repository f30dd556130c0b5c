"""Names what happened between two full looks at a server: a restart, an upgrade, what became of the session, what was edited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from qbdoctor import releases
from qbdoctor.looks import comparing
from qbdoctor.looks.server_log import Start
from qbdoctor.model.changes import SeenChange
from qbdoctor.releases import Version
from qbdoctor.watch.base.events import Event
from qbdoctor.watch.base.glances import Between, FullLook

BANS = frozenset({"ip-banned", "shared-address-ban"})
_PLACES = frozenset({"resolved", "client_address", "Port", "Address"})
_FACTS = frozenset(
    {"cookie_name", "cookie_attributes", "webapi_version", "login_answer", "answered_by"}
)  # fmt: skip
_PASSWORDS = frozenset({"stored_password", "accepted_password"})
_OURS = frozenset({"given_password", "username"})
"""What the watch itself was given: a change of it is none of the server's."""
_LAUNCH_SECONDS = 5.0


def name(before: FullLook, now: FullLook, between: Between, starts: Sequence[Start] = ()) -> list[Event]:
    """Return what happened since ``before``, each thing once, the most telling first; no ban and no silence."""
    moment = datetime.fromtimestamp(now.at, UTC)
    changes = comparing.differences(before.look, now.look, now.causes, starts, moment=moment)
    found = {one.what: one for one in changes if one.what not in _OURS | {"certificate_until"}}
    told = _runs(before, now, between, found)
    if between.session_lost and not told:
        told.append(_lost_session(before, now, between))
    told += _joined("password-changed", now.at, [one for one in _taken(found, _PASSWORDS) if not _known(before, one)])
    told += _joined("certificate-replaced", now.at, _taken(found, {"certificate"}))
    told += _joined("address-changed", now.at, _taken(found, _PLACES))
    facts = _taken(found, _FACTS)
    told += _joined("config-edited", now.at, list(found.values()))
    told += _joined("server-changed", now.at, facts)
    return told + _state(before, now, told)


def _known(before: FullLook, change: SeenChange) -> bool:
    """Return whether the last full look told already that the password which worked is refused."""
    return change.what == "accepted_password" and bool(before.causes) and before.causes[0].id in change.explains


def _taken(found: dict[str, SeenChange], names: Iterable[str]) -> list[SeenChange]:
    """Return the changes of these things, and take them out of what is left."""
    return [found.pop(one) for one in list(found) if one in names]


def _joined(kind: str, at: float, changes: Sequence[SeenChange]) -> list[Event]:
    """Return one event for changes that belong together; none for none."""
    if not changes:
        return []
    text = "; ".join(one.told for one in changes)
    one = changes[0] if len(changes) == 1 else None
    explains = dict.fromkeys(cause for change in changes for cause in change.explains)
    if kind == "config-edited":
        text = f"Settings were changed: {text}"
    elif not text.startswith("qBittorrent"):
        text = text[:1].upper() + text[1:]
    return [Event(kind, at, text, one.before if one else None, one.after if one else None, tuple(explains))]


def _runs(before: FullLook, now: FullLook, between: Between, found: dict[str, SeenChange]) -> list[Event]:
    """Return that another run of the server is there: by its release, its container, its process or its own start time."""
    release = found.pop("release", None)
    containers = _taken(found, {"container_id", "image"})
    started = found.pop("started", None)
    down = f", after {between.down:.0f} s without an answer" if between.down is not None and between.down >= 1 else ""
    if release is not None:
        old, new = Version.parse(release.before or ""), Version.parse(release.after or "")
        later = old is None or new is None or new > old
        return _joined("upgraded" if later else "downgraded", now.at, [release, *_taken(found, _FACTS)])
    if containers:
        return _joined("container-recreated", now.at, containers)
    launched = None not in (before.launched, now.launched) and (
        (now.launched or 0.0) - (before.launched or 0.0) > _LAUNCH_SECONDS
    )
    if started is None and not launched:
        return []
    explains = started.explains if started is not None else ()
    when = started.after if started is not None else None
    return [Event("restarted", now.at, f"qBittorrent was started again{down}", after=when, explains=explains)]


def _lost_session(before: FullLook, now: FullLook, between: Between) -> Event:
    """Return why the session is gone though the same server runs on: not used for too long, or put out by others."""
    timeout = _timeout(before)
    if timeout is not None and between.idle >= timeout:
        text = f"The session ended: {between.idle:.0f} s without use, and it lasts {timeout} s (SessionTimeout)"
        return Event("session-expired", now.at, text, explains=("session-too-short",))
    release = Version.parse(before.look.facts.get("release", ""))
    limit = releases.rule("session.limit", release) if release is not None and release >= releases.OLDEST else None
    if limit is not None and _limited(before):
        text = "The session is gone though it was in use: the server keeps only so many, and others took its place"
        return Event("session-evicted", now.at, text, explains=("sessions-evicted",))
    return Event("session-lost", now.at, "The session is gone though it was in use, and nothing tells why")


def _timeout(look: FullLook) -> int | None:
    """Return after how many seconds without use the server ends a session; None for never."""
    held = look.look.settings.get("SessionTimeout")
    try:
        seconds = int(held.value) if held is not None else 3600
    except ValueError:
        return None
    return seconds if seconds > 0 else None


def _limited(look: FullLook) -> bool:
    held = look.look.settings.get("SessionsCountLimit")
    return held is None or held.value != "0"


def _state(before: FullLook, now: FullLook, told: Sequence[Event]) -> list[Event]:
    """Return that the verdict is another one, unless one of the events explains it already."""
    first = now.causes[0] if now.causes else None
    if now.state == "problem" and first is not None:
        same = before.state == "problem" and bool(before.causes) and before.causes[0].id == first.id
        explained = any(first.id in event.explains for event in told)
        if same or explained or first.id in BANS:
            return []
        return [Event("problem", now.at, now.headline, after=first.id, explains=(first.id,))]
    if now.state == before.state:
        return []
    if now.state == "healthy":
        return [Event("healthy", now.at, now.headline)]
    return [Event("unsettled", now.at, now.headline)]
