"""Makes a look of what a check has seen already: sends nothing, and keeps no secret."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.looks import certificate
from qbdoctor.looks.look import ABSENT, Look, Setting
from qbdoctor.model import waiting
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.observe.session_cookie import session_cookie
from qbdoctor.target import log as server_log
from qbdoctor.values import frozen, replace

if TYPE_CHECKING:
    from qbdoctor.config.settings import Settings
    from qbdoctor.model.report import Report
    from qbdoctor.observe.base.observations import Observations
    from qbdoctor.observe.observer import Observer
    from qbdoctor.target.log import LogLine
    from qbdoctor.target.processes import Instance

Mark = Callable[[Secret], str]
"""Makes the keyed hash of a secret."""

_NOT_COMPARED = frozenset({"Locale", "MigrationVersion", "UseUPnP", "HTTPS/Certificate"})
_MAY_HOLD_SECRETS = frozenset({"CustomHTTPHeaders"})
_GIVEN_COST = {"n": 2**14, "r": 8, "p": 1}


def take(observer: Observer, report: Report, key: bytes | None, known: Path | None = None) -> Look:
    """Return the look of a check that was made. ``key`` makes the keyed hashes of secrets; None: none are kept.

    ``known`` is the config that the target had when it last worked, where nothing leads to one now.
    """
    mark = None if key is None else (lambda secret: keyed(key, secret))
    place = find(observer.seen, known)
    settings, source = _settings(observer.seen, place, mark)
    facts = {name: text for name, text in _facts(observer, report, place) if text}
    if mark is not None:
        facts |= dict(_secret_facts(observer.seen, place, mark))
    return Look(
        taken=report.started,
        tool_version=report.version,
        url=report.target.url or "",
        facts={name: observer.wire.masks.hide(text) for name, text in facts.items()},
        settings={name: Setting(observer.wire.masks.hide(one.value), one.explicit) for name, one in settings.items()},
        source=source,
    )


def keyed(key: bytes, secret: Secret) -> str:
    """Return a keyed hash: it tells whether two texts are the same, to nobody without the key."""
    return (
        "keyed:"
        + hashlib.blake2b(secret.reveal().encode("utf-8", "surrogatepass"), key=key, digest_size=16).hexdigest()
    )


@lru_cache(maxsize=4)
def _given(key: bytes, secret: Secret) -> Callable[[], str]:
    """Begin with the keyed hash of a password itself, slow to guess even for who has the key; return what waits for it."""
    text = secret.reveal().encode("utf-8", "surrogatepass")
    return waiting.begin(lambda: "keyed:" + hashlib.scrypt(text, salt=key, dklen=16, **_GIVEN_COST).hex())[1]


def hash_ahead(seen: Observations, key: bytes, *, is_new: bool) -> bool:
    """Begin with what :func:`with_given_password` will want, where the config's own hash will not tell that it is the same.

    Returns False where it is too early to say whether it will: right before the login the password was checked offline.
    """
    if not seen.has("offline"):
        return False
    given = seen.password if seen.has("password") else None
    if given and (seen.offline.outcome == "unknown" or (is_new and seen.offline.outcome == "match")):
        _given(key, given)
    return True


def with_given_password(now: Look, seen: Observations, key: bytes | None, before: Look | None) -> Look:
    """Return a look that holds the keyed hash of the given password, where one was tried.

    It takes 50 ms; where both times it fitted the same stored hash, it is the same.
    """
    given = seen.password if seen.has("password") else None
    if key is None or not given or not seen.has("sign_in"):
        return now
    if seen.sign_in.outcome not in {"accepted", "refused"} and seen.sign_in.why != "offline":
        return now
    names = ("given_password_fits", "stored_password")
    same = before is not None and all(name in now.facts and now.facts[name] == before.facts.get(name) for name in names)
    known = before.facts.get("given_password") if before is not None and same else None
    return replace(now, facts={**now.facts, "given_password": known or _given(key, given)()})


def _facts(observer: Observer, report: Report, place: Place) -> Iterator[tuple[str, str | None]]:
    seen, info = observer.seen, report.target
    process = info.process
    yield "release", info.version or place.release
    yield "release_range", info.version_range
    yield "webapi_version", info.webapi_version
    yield "cookie_name", info.cookie_name
    yield "client_address", info.client_address
    yield "config_file", info.config_file or (str(place.config) if place.config else None)
    started = place.instance.started.astimezone(UTC) if place.instance else None
    yield "started", started.isoformat(timespec="milliseconds").replace("+00:00", "Z") if started else None
    yield "pid", str(process.pid) if process else None
    container = info.to_json().get("container")
    if isinstance(container, dict):
        yield "container", str(container.get("name") or "")
        yield "container_id", str(container.get("id") or "")
        yield "image", str(container.get("image") or "")
    elif process is not None:
        yield "container", process.container
    if seen.has("anonymous"):
        first = seen.anonymous
        yield "resolved", first.peer
        if first.answered:
            yield "answered_by", _answered_by(seen)
    if observer.wire.certificate is not None:
        yield "certificate", certificate.digest(observer.wire.certificate)
        yield "certificate_until", certificate.end(observer.wire.certificate)
    if seen.has("asked"):
        yield "username", seen.asked.username
    yield from _session_facts(seen)


def _answered_by(seen: Observations) -> str:
    front = seen.in_front
    if front:
        return front
    return "qBittorrent" if seen.has("serves_qbittorrent") and seen.serves_qbittorrent else "something else"


def _session_facts(seen: Observations) -> Iterator[tuple[str, str | None]]:
    if not seen.has("sign_in") or seen.sign_in.outcome != "accepted" or seen.sign_in.exchange is None:
        return
    answer = seen.sign_in.exchange
    yield "login_answer", f"{answer.status} {answer.body.strip()[:20]}".strip()
    cookie = session_cookie(seen)
    if cookie is not None:
        parts = cookie.shown().split("; ")[1:]
        yield "cookie_attributes", "; ".join(part for part in parts if not part.startswith(("Expires", "Max-Age")))


@frozen
class Place:
    """What this machine shows of the server that is meant, whether or not it serves the address."""

    instance: Instance | None = None
    config: Path | None = None
    settings: Settings | None = None
    log: tuple[LogLine, ...] = ()
    log_file: Path | None = None

    @property
    def release(self) -> str | None:
        """The release of the running process by its log."""
        found = server_log.version(self.log) if self.instance is not None else None
        return found.removeprefix("v") if found else None


def find(seen: Observations, known: Path | None = None) -> Place:
    """Return what this machine shows of the server that is meant; ``known`` is its config by an earlier look."""
    target = seen.target
    settings = seen.settings if seen.has("settings") else None
    if target.instance is not None or settings is not None:
        log = seen.log if seen.has("log") else ()
        return Place(target.instance, target.config_file, settings, log, target.log_file)
    one = seen.suspect if seen.has("suspect") else None
    if one is not None:
        return Place(one.instance, one.instance.config_file, one.settings, one.log, one.instance.log_file)
    return Place() if known is None else _by_config(seen, known)


def _by_config(seen: Observations, config: Path) -> Place:
    """Return the process that uses this config, if one does, and the config as it is now."""
    from qbdoctor.config.settings import Settings as Read  # noqa: PLC0415 - seldom needed

    instance = next((one for one in seen.target.others if one.config_file == config), None)
    log: tuple[LogLine, ...] = ()
    if instance is not None and instance.log_file is not None:
        log = server_log.since_start(server_log.read_tail(instance.log_file).lines, instance.started)
    try:
        settings = Read.load(config, releases.Version.parse(server_log.version(log)))
    except UserError:
        settings = None
    return Place(instance, config, settings, log, instance.log_file if instance is not None else None)


def _secret_facts(seen: Observations, place: Place, mark: Mark) -> Iterator[tuple[str, str]]:
    settings = place.settings
    if settings is not None:
        for name in ("Password_PBKDF2", "APIKey"):
            stored = settings.secret(name)
            yield f"stored_{'password' if name.startswith('P') else 'api_key'}", mark(stored) if stored else ABSENT
    if seen.has("offline") and seen.offline.outcome == "match":
        yield "given_password_fits", "stored"


def _settings(seen: Observations, place: Place, mark: Mark | None) -> tuple[dict[str, Setting], str]:
    if place.settings is not None:
        return of_file(place.settings, mark), "file"
    preferences = seen.preferences if seen.has("preferences") else None
    if not preferences:
        return {}, ""
    made: dict[str, Setting] = {}
    for key in releases.KEYS:
        if key.json is None or key.json not in preferences or key.secret or key.name in _NOT_COMPARED:
            continue
        text = str(preferences[key.json])
        if key.name in _MAY_HOLD_SECRETS:
            if not text or mark is None:
                continue
            text = mark(Secret(text))
        made[key.name] = Setting(text, explicit=True)
    return made, "api"


def of_file(settings: Settings, mark: Mark | None) -> dict[str, Setting]:
    """Return the settings of a config as a look keeps them; ``mark`` makes the keyed hashes, None leaves such values out."""
    made: dict[str, Setting] = {}
    for key in releases.KEYS:
        if key.secret or key.name in _NOT_COMPARED or key.name.startswith("FileLogger"):
            continue
        text = settings.value_text(key.name)
        if key.name in _MAY_HOLD_SECRETS and text:
            if mark is None:
                continue
            text = mark(Secret(text))
        made[key.name] = Setting(text, settings.explicit(key.name))
    return made
