"""Holds two looks against each other: what differs, and which causes of the report each difference explains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from qbdoctor.looks import explaining, words
from qbdoctor.looks.log_events import Dated
from qbdoctor.looks.look import ABSENT, Look
from qbdoctor.looks.server_log import Start, first_with
from qbdoctor.looks.server_log import before as surely_before
from qbdoctor.model.changes import SeenChange
from qbdoctor.model.report import Cause

_COMPARED = (
    "stored_password", "given_password", "username", "stored_api_key", "cookie_name", "cookie_attributes", "webapi_version",
    "login_answer", "resolved", "answered_by", "certificate", "client_address", "config_file", "image",
    "container_id",
)  # fmt: skip


def differences(
    before: Look,
    now: Look,
    causes: Sequence[Cause],
    starts: Sequence[Start] = (),
    dated: Sequence[Dated] = (),
    *,
    moment: datetime | None = None,
) -> tuple[SeenChange, ...]:
    """Return what changed, what explains the first cause first, what explains nothing last.

    ``starts`` and ``dated`` are what the server's log dates; of ``dated`` only what came after the first look is wanted.
    """
    known = {name: cause.id for cause in causes for name in (*cause.folded, cause.id)}
    clock = moment or datetime.now(UTC)
    found = [
        _change(what, old, new, when, possible, known, clock)
        for what, old, new, when, possible in _differing(before, now, starts)
    ]
    found += _of_log(dated, known, clock)
    return _ranked(found, causes)


def _ranked(found: Iterable[SeenChange], causes: Sequence[Cause]) -> tuple[SeenChange, ...]:
    """Return changes in the order of the causes that they explain; what explains nothing last."""
    rank = {cause.id: number for number, cause in enumerate(causes)}
    return tuple(sorted(found, key=lambda one: min((rank[id_] for id_ in one.explains), default=len(rank))))


def _of_log(dated: Sequence[Dated], known: dict[str, str], clock: datetime) -> list[SeenChange]:
    return [_change(one.what, None, one.value, one.when, explaining.FACTS[one.what], known, clock) for one in dated]


_Row = tuple[str, str | None, str | None, datetime | None, Iterable[str]]


def _differing(before: Look, now: Look, starts: Sequence[Start]) -> Iterator[_Row]:
    since = words.parsed(before.taken)
    yield from _release(before, now, starts, since)
    if before.source == now.source:
        for name, old in before.settings.items():
            new = now.settings.get(name)
            if new is None or old.value == new.value or not (old.explicit or new.explicit):
                continue
            secret = old.value.startswith("keyed:") or new.value.startswith("keyed:")
            values = (None, None) if secret else (old.value, new.value)
            when = _port_since(starts, new.value, since) if name == "Port" else None
            yield name, *values, when, explaining.SETTINGS.get(name, ())
    for name in _COMPARED:
        old_fact, new_fact = before.facts.get(name), now.facts.get(name)
        if old_fact is None or new_fact is None or old_fact == new_fact:
            continue
        hidden = old_fact.startswith("keyed:") or new_fact.startswith("keyed:")
        shown: tuple[str | None, str | None] = (None, None) if hidden else (old_fact, new_fact)
        if new_fact == ABSENT:
            shown = ("set", "not set")
        if name == "certificate":  # its digest tells a reader nothing
            shown = (before.facts.get("certificate_until"), now.facts.get("certificate_until"))
        possible = explaining.FACTS.get(name, ())
        if name in {"container_id", "image"} and before.facts.get("stored_password") != now.facts.get(
            "stored_password"
        ):
            possible += explaining.NEW_CONTAINER
        yield name, *shown, None, possible
    yield from _password(before, now)
    yield from _ended(before, now)
    yield from _restart(before, now)


def _password(before: Look, now: Look) -> Iterator[_Row]:
    """Yield that the password which worked is refused, where the config does not say that it was changed."""
    old, new = (one.facts.get("stored_password") for one in (before, now))
    same = before.facts.get("given_password") == now.facts.get("given_password")
    if same and "given_password" in now.facts and old == new and "login_answer" not in now.facts:
        yield "accepted_password", None, None, None, explaining.FACTS["accepted_password"]


def _ended(before: Look, now: Look) -> Iterator[_Row]:
    """Yield the end of a certificate that has come since, though it is still the same one."""
    until = now.facts.get("certificate_until", "")
    end, then, at = words.parsed(until), words.parsed(before.taken), words.parsed(now.taken)
    same = before.facts.get("certificate") == now.facts.get("certificate")
    if same and end is not None and then is not None and at is not None and then < end <= at:
        yield "certificate_until", "valid", "ended", end, explaining.FACTS["certificate_until"]


def _release(before: Look, now: Look, starts: Sequence[Start], since: datetime | None) -> Iterator[_Row]:
    old, new = before.facts.get("release"), now.facts.get("release")
    if old and new and old != new:
        yield "release", old, new, first_with(starts, new, since), explaining.by_release(old, new)


def _port_since(starts: Sequence[Start], port: str, since: datetime | None) -> datetime | None:
    last = starts[-1] if starts else None
    if last is None or str(last.port) != port or last.when is None or surely_before(last, since):
        return None
    return last.when


def _restart(before: Look, now: Look) -> Iterator[_Row]:
    """Yield a later start; a little later only where the process is another, as a start moves when the clock is set."""
    old, new = words.parsed(before.facts.get("started", "")), words.parsed(now.facts.get("started", ""))
    if old is None or new is None or new <= old:
        return
    if new - old > words.CLOSE or before.facts.get("pid") != now.facts.get("pid"):
        yield "started", before.facts["started"], now.facts["started"], new, explaining.FACTS["started"]


def _change(
    what: str,
    before: str | None,
    after: str | None,
    when: datetime | None,
    possible: Iterable[str],
    known: dict[str, str],
    now: datetime,
) -> SeenChange:
    explains = tuple(dict.fromkeys(known[id_] for id_ in possible if id_ in known))
    stamp = when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if when is not None else None
    dated = ""
    if when is not None:
        dated = f"started {words.at(when, now)}" if what in {"release", "Port"} else words.at(when, now)
    return SeenChange(what, before, after, stamp, explains, words.told(what, before, after), dated)


def by_log(
    starts: Sequence[Start], dated: Sequence[Dated], causes: Sequence[Cause], moment: datetime | None = None
) -> tuple[SeenChange, ...]:
    """Return what the log alone dates: the last change of release, and of the port, between two starts, and the rest."""
    known = {name: cause.id for cause in causes for name in (*cause.folded, cause.id)}
    clock = moment or datetime.now(UTC)
    found: dict[str, SeenChange] = {}
    for old, new in pairwise(starts):
        if old.release and new.release and old.release != new.release:
            possible = explaining.by_release(old.release, new.release)
            found["release"] = _change("release", old.release, new.release, new.when, possible, known, clock)
        before, after = old.port or old.failed_port, new.port or new.failed_port
        if before and after and before != after:
            possible = explaining.SETTINGS["Port"]
            found["Port"] = _change("Port", str(before), str(after), new.when, possible, known, clock)
    return _ranked([*found.values(), *_of_log(dated, known, clock)], causes)
