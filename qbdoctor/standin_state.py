"""What the stand-in of :mod:`qbdoctor.standin` knows: its config file, its sessions, and who failed to log in."""

from __future__ import annotations

import base64
import json
import re
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from qbdoctor import releases
from qbdoctor.model import Secret
from qbdoctor.password import StoredHash, make_hash, parse_hash, verify
from qbdoctor.qtini import path_of
from qbdoctor.qtvalues import from_bool, from_bytes, from_list, from_text, is_bytes, is_invalid, to_bytes, to_list
from qbdoctor.releases import Key, Version
from qbdoctor.settings import Settings
from qbdoctor.subnets import covers, parse_subnets

_YEAR = 31_556_952  # seconds, as std::chrono::years has it: how long the cookie of an endless session lasts


class Refusal(Exception):
    """An answer that is an error, with its body; None: the reason phrase, as the release has it."""

    def __init__(self, status: int, body: str | None = None) -> None:
        self.status = status
        self.body = body


class Config:
    """The config file, held in memory as qBittorrent holds it. ``dirty``: memory is not what was written last."""

    def __init__(self, file: Path, version: Version) -> None:
        self.file = file
        self.version = version
        self.settings = Settings.load(file, version)
        self._pairs = dict(self.settings.ini.pairs)
        if len(self.settings.layouts) > 1:  # what stands in the old place wins, and is moved
            for key in filter(releases.moved, releases.KEYS):
                old, new = (path_of(*releases.place(key.name, layout)) for layout in self.settings.layouts)
                if old in self._pairs:
                    self._pairs[new] = self._pairs.pop(old)
            section, name = releases.place("MigrationVersion", "WebUI")
            self._pairs[path_of(section, name)] = str(releases.rule("config.migrates_below", version))
        self.settings = Settings.parse(self._text(), version)
        self.dirty = True

    def set(self, name: str, raw: str) -> None:
        """Give a setting the text ``raw``, unless that changes nothing."""
        before = self._pairs.get(place := path_of(*self.settings.place(name)))
        held = self.settings.value_text(name)
        self._pairs[place] = raw
        changed = Settings.parse(self._text(), self.version)
        if changed.value_text(name) == held and not releases.key(name).secret:
            self._pairs.pop(place) if before is None else self._pairs.update({place: before})
            return
        self.settings = changed
        self.dirty = True

    def save(self) -> None:
        """Write the whole file beside the old one and rename it over it."""
        beside = self.file.with_name("qBittorrent_new.conf")
        beside.write_bytes(self._text())
        beside.replace(self.file)
        self.dirty = False

    def _text(self) -> bytes:
        """The file as QSettings writes it: sections and keys sorted, comments gone, values in Qt's own spelling."""
        sections: dict[str, list[str]] = {}
        for path, raw in sorted(self._pairs.items()):
            section, slash, key = path.partition("/")
            if not slash:
                section, key = "General", path
            sections.setdefault(section, []).append(f"{key.replace('/', chr(92))}={self._respelled(raw)}\n")
        text = "\n".join(f"[{section}]\n{''.join(lines)}" for section, lines in sections.items())
        return text.encode("ascii", "surrogateescape")

    def _respelled(self, raw: str) -> str:
        utf8 = releases.qt_reads_utf8(self.version)
        if is_invalid(raw):
            return "@Invalid()"
        return from_bytes(to_bytes(raw)) if is_bytes(raw) else from_list(to_list(raw, utf8=utf8), utf8=utf8)


class Session:
    """One session: when it was used last, and when its cookie is due to be sent again."""

    def __init__(self, renew_at: float) -> None:
        self.used = time.monotonic()
        self.renew_at = renew_at


class StandIn:
    """What the server knows: its settings, its sessions and who failed to log in. One request at a time."""

    def __init__(self, config: Config, port: int) -> None:
        self.config = config
        self.version = config.version
        self.port = port
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.temporary: Secret | None = None
        if self.settings.secret(releases.hash_key(self.version)) is None:
            length, alphabet = releases.rule("password.temporary_form", self.version)
            self.temporary = Secret("".join(secrets.choice(alphabet) for _ in range(length)))
        self._sessions: dict[str, Session] = {}
        self._failures: dict[str, int] = {}
        self._banned: dict[str, float] = {}

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self.config.settings

    def save(self) -> None:
        """Rewrite the file if memory differs; every cookie that expires is then sent anew."""
        if self.config.dirty:
            self.config.save()
            for session in self._sessions.values():
                session.renew_at = 0.0

    def uses(self, sid: str) -> bool:
        """Whether the session lives; it counts as used."""
        session = self._sessions.get(sid)
        seconds = self.settings.integer("SessionTimeout")
        if session is None or 0 < seconds < time.monotonic() - session.used:
            self._sessions.pop(sid, None)
            return False
        session.used = time.monotonic()
        return True

    def start_session(self) -> str:
        """A new session's id; above the release's limit the least recently used one goes."""
        sid = base64.b64encode(secrets.token_bytes(24)).decode()
        limit = releases.sessions_limit(self.version) and self.settings.integer("SessionsCountLimit")
        while limit and len(self._sessions) >= limit:
            del self._sessions[min(self._sessions, key=lambda each: self._sessions[each].used)]
        self._sessions[sid] = Session(self._renewal())
        return sid

    def renewed_cookie(self, sid: str) -> str:
        """The Set-Cookie header, where a session's cookie expires and half of its time is over; else nothing."""
        session = self._sessions[sid]
        if not releases.cookie_expires(self.version) or time.monotonic() < session.renew_at:
            return ""
        session.renew_at = self._renewal()
        return self.cookie(sid)

    def _renewal(self) -> float:
        seconds = self.settings.integer("SessionTimeout")
        return time.monotonic() + (seconds if seconds > 0 else _YEAR) // 2

    def end_session(self, sid: str) -> None:
        """Forget a session."""
        self._sessions.pop(sid, None)

    def bypassed(self, address: str) -> bool:
        """Whether a client needs no login."""
        settings = self.settings
        if not settings.boolean("LocalHostAuth") and releases.is_loopback_for(self.version, address):
            return True
        return settings.boolean("AuthSubnetWhitelistEnabled") and covers(settings.whitelist()[0], address)

    def banned(self, address: str) -> bool:
        """Whether logins from there are refused."""
        return self._banned.get(address, 0.0) > time.monotonic()

    def accepts(self, address: str, username: str, password: Secret) -> bool:
        """Check a login, and count it if it fails."""
        if username == self.settings.text("Username") and self._matches(password):
            self._failures.pop(address, None)
            return True
        limit = self.settings.integer("MaxAuthenticationFailCount")
        self._failures[address] = self._failures.get(address, 0) + 1
        if 0 < limit <= self._failures[address]:
            self._banned[address] = time.monotonic() + self.settings.integer("BanDuration")
            del self._failures[address]
        return False

    def accepts_key(self, key: str) -> bool:
        """Check an API key; one in the settings that has not the right form counts for nothing."""
        prefix, length = releases.rule("api_key.form", self.version)
        stored = self.settings.secret("APIKey")
        return key.startswith(prefix) and len(key) == length and stored == Secret(key)

    def _matches(self, password: Secret) -> bool:
        if self.temporary is not None:
            return password == self.temporary
        name = releases.hash_key(self.version)
        stored = parse_hash(self.settings.secret(name) or Secret(""), "ha1" if name.endswith("ha1") else "pbkdf2")
        return isinstance(stored, StoredHash) and verify(stored, password)

    def cookie(self, sid: str) -> str:
        """The Set-Cookie header for a session; without one, the header that ends it."""
        name = releases.cookie_name(
            self.version, self.settings.integer("Port"), self.settings.text("SessionCookieName")
        )
        csrf = self.settings.boolean("CSRFProtection")
        https, wanted = self.settings.boolean("HTTPS/Enabled"), self.settings.boolean("SecureCookie")
        secure = bool(sid) and releases.secure_cookie(self.version, https=https, setting=wanted)
        same_site = releases.same_site(self.version, csrf=csrf, secure=secure) if sid else None
        seconds = self.settings.integer("SessionTimeout")
        until = timedelta(seconds=seconds if seconds > 0 else _YEAR) if sid else -timedelta(days=1)
        expires = not sid or releases.cookie_expires(self.version)
        attributes = {
            "secure": "secure" if secure else "",
            "HttpOnly": "HttpOnly" if sid else "",
            "SameSite": f"SameSite={same_site}" if same_site else "",
            "expires": f"expires={datetime.now(UTC) + until:%a, %d-%b-%Y %H:%M:%S GMT}" if expires else "",
            "path": "path=/",
        }
        order = releases.rule("cookie.attribute_order", self.version)
        return "; ".join([f"{name}={sid}", *(attributes[each] for each in order if attributes[each])])

    # --- preferences ---------------------------------------------------------------------------------------------

    def preferences(self) -> dict[str, Any]:
        """The settings under their names in app/preferences, secrets left out."""
        return {
            key.json: self._shown(key)
            for key in releases.KEYS
            if key.json and key.readable and not key.secret and releases.reads(key, self.version)
        }

    def _shown(self, key: Key) -> bool | int | str:
        if key.kind == "bool":
            return self.settings.boolean(key.name) != key.inverted
        if key.kind == "int":
            return self.settings.integer(key.name)
        return "\n".join(map(str, self.settings.whitelist()[0])) if key.kind == "list" else self.settings.text(key.name)

    def set_preferences(self, text: str) -> None:
        """Apply a JSON object of preferences; text that is none changes nothing."""
        try:
            given = json.loads(text)
        except ValueError:
            given = None
        wanted = given if isinstance(given, dict) else {}
        username, password = (wanted.get(f"web_ui_{what}") for what in ("username", "password"))
        for what, value in (("username", username), ("password", password)):
            least = releases.rule(f"{what}.min_length", self.version)
            if value is not None and len(_as_text(value)) < least:
                raise Refusal(400, f"WebUI {what} must be at least {least} characters long")
        if username is not None and len(_as_text(username)) < 3:
            del wanted["web_ui_username"]  # older releases pass over it without a word
        for name, value in wanted.items():
            key = releases.key_for_json(name, self.version)
            if key is not None and key.writable:
                self.config.set(key.name, self._raw(key, value))
        self.save()

    def _raw(self, key: Key, value: Any) -> str:
        """What Qt makes of a JSON value, as it is spelled in the file."""
        utf8 = releases.qt_reads_utf8(self.version)
        match key.kind:
            case "bool":
                return from_bool(_as_bool(value) != key.inverted)
            case "int":
                return str(_as_number(value))
            case "list":
                entries = [each for each in re.split(r"[\n,]", _as_text(value)) if parse_subnets([each])[0]]
                return from_list(entries, utf8=utf8)
            case "bytes" if key.secret:
                self.temporary = None
                made = make_hash(Secret(_as_text(value))).reveal()
                return from_bytes(made.removeprefix("@ByteArray(").removesuffix(")").encode())
            case _:
                return from_text(_as_text(value), utf8=utf8)


def _as_bool(value: Any) -> bool:
    if isinstance(value, str):
        return value.lower() not in ("", "0", "false")
    return not isinstance(value, list | dict) and bool(round(value or 0))


def _as_number(value: Any) -> int:
    try:
        return round(value) if isinstance(value, int | float) else int(str(value))
    except ValueError:
        return 0


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return from_bool(value)
    return "" if value is None or isinstance(value, list | dict) else str(value)
