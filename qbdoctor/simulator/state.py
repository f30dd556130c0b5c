"""Keeps what the stand-in knows: its settings, its sessions, its torrents, who failed to log in."""

from __future__ import annotations

import base64
import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from qbdoctor import releases
from qbdoctor.config.password_hash import StoredHash, parse_hash, verify
from qbdoctor.config.settings import Settings
from qbdoctor.config.subnets import covers, parse_subnets
from qbdoctor.model.basics import Secret
from qbdoctor.simulator.config import Config
from qbdoctor.simulator.torrents import Torrents

_YEAR = 31_556_952  # seconds, as std::chrono::years has it: how long the cookie of an endless session lasts
_EVERYWHERE = parse_subnets(["::/0"])[0]
_NOT_GLOBAL = parse_subnets(
    ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127", "fe80::/10", "ff00::/8"]
)[0]


class Clock:
    """Seconds that pass ``speed`` times as fast: what an hour decides is seen in a minute."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._began = time.monotonic()

    def now(self) -> float:
        """Seconds since it was made."""
        return (time.monotonic() - self._began) * self.speed


@dataclass
class Session:
    """One session: when it was used last, when its cookie is due to be sent again, whether an API key made it.

    ``sync`` is what sync/maindata remembers of its client.
    """

    used: float
    renew_at: float
    by_key: bool = False
    sync: dict[str, Any] = field(default_factory=dict)


class StandIn:
    """What the server knows. One request at a time: hold ``lock``.

    ``settings`` are those in effect; ``config`` may hold more where a change was refused halfway. ``changed`` is set
    when a change may have moved the listener.
    """

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self.config = config
        self.version = config.version
        self.clock = clock or Clock()
        self.launched = int(time.time())
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.changed = threading.Event()
        self.torrents = Torrents(self.version, config.file)
        self.other_preferences: dict[str, Any] = {}
        self.settings: Settings = config.settings
        self.temporary: Secret | None = None
        if self.settings.secret(releases.hash_key(self.version)) is None:
            length, alphabet = releases.rule("password.temporary_form", self.version)
            self.temporary = Secret("".join(secrets.choice(alphabet) for _ in range(length)))
        self._cookie_setting = self.settings.text("SessionCookieName")  # read at the start alone
        self._sessions: dict[str, Session] = {}
        self._failures: dict[str, int] = {}
        self._banned: dict[str, float] = {}

    @property
    def port(self) -> int:
        """The port as configured."""
        return self.settings.integer("Port")

    def apply(self) -> None:
        """Put what the config holds into effect, and rewrite the file if memory differs; cookies are then sent anew."""
        self.settings = self.config.settings
        if self.config.dirty:
            self.config.save()
            for session in self._sessions.values():
                session.renew_at = 0.0
        self.changed.set()

    # --- sessions ----------------------------------------------------------------------------------------------------

    def uses(self, sid: str) -> bool:
        """Whether the session of a cookie lives; it counts as used."""
        session = self._sessions.get(sid)
        if session is None or (session.by_key and not releases.rule("session.key_is_cookie", self.version)):
            return False
        if self._expired(session):
            del self._sessions[sid]
            return False
        session.used = self.clock.now()
        return True

    def session(self, sid: str) -> Session:
        """Return a session that lives."""
        return self._sessions[sid]

    def start_session(self) -> str:
        """Return a new session's id; above the release's limit the least recently used one goes."""
        sid = base64.b64encode(secrets.token_bytes(24)).decode()
        self._add(sid, by_key=False)
        return sid

    def use_key(self, key: str) -> None:
        """Go on with the session of an API key, or begin one."""
        if key in self._sessions:
            self._sessions[key].used = self.clock.now()
        else:
            self._add(key, by_key=True)

    def _add(self, sid: str, *, by_key: bool) -> None:
        for each in [each for each, session in self._sessions.items() if self._expired(session)]:
            del self._sessions[each]
        limit = releases.sessions_limit(self.version) and self.settings.integer("SessionsCountLimit")
        while limit and 0 < limit <= len(self._sessions):
            del self._sessions[min(self._sessions, key=lambda each: self._sessions[each].used)]
        self._sessions[sid] = Session(self.clock.now(), self._renewal(), by_key)

    def _expired(self, session: Session) -> bool:
        return 0 < self.settings.integer("SessionTimeout") < self.clock.now() - session.used

    def end_session(self, sid: str) -> None:
        """Forget a session."""
        self._sessions.pop(sid, None)

    def renewed_cookie(self, sid: str, *, secure: bool) -> str:
        """Return the Set-Cookie header, where a session's cookie expires and is due; else nothing."""
        session = self._sessions[sid]
        if not releases.cookie_expires(self.version) or self.clock.now() < session.renew_at:
            return ""
        session.renew_at = self._renewal()
        return self.cookie(sid, secure=secure)

    def _renewal(self) -> float:
        seconds = self.settings.integer("SessionTimeout")
        most = int(releases.rule("session.renewed_before", self.version))
        return self.clock.now() + min((seconds if seconds > 0 else _YEAR) // 2, most)

    # --- who needs no login, and who is kept out ----------------------------------------------------------------------

    def client(self, peer: str, forwarded: str) -> str:
        """Whom the server takes for the client: the peer, or, of a trusted proxy, whom that one speaks for."""
        rule = releases.forwarded_for_rule(self.version)
        trusted = self.settings.trusted_proxies()[0]
        if rule == "peer" or not forwarded or not self.behind_proxy() or not covers(trusted, peer):
            return peer
        entries = [each for each in forwarded.split(",") if each]
        if rule == "leftmost-global":
            found = [each for each in entries if _is_global(each)] or [each for each in entries[:1] if _address(each)]
            return _address(found[0]) if found else peer
        for each in reversed(entries):
            if not _address(each):
                return peer
            if not covers(trusted, _address(each)):
                return _address(each)
        return _address(entries[0]) if entries else peer

    def behind_proxy(self) -> bool:
        """Whether proxy support is on: a list without one valid entry switches it off."""
        return self.settings.boolean("ReverseProxySupportEnabled") and bool(self.settings.trusted_proxies()[0])

    def bypassed(self, address: str) -> bool:
        """Whether a client needs no login."""
        settings = self.settings
        if not settings.boolean("LocalHostAuth") and releases.is_loopback_for(self.version, address):
            return True
        return settings.boolean("AuthSubnetWhitelistEnabled") and covers(settings.whitelist()[0], address)

    def banned(self, address: str) -> bool:
        """Whether logins from there are refused; a ban that is over is forgotten with its failures."""
        until = self._banned.get(address)
        if until is None:
            return False
        if until > self.clock.now():
            return True
        del self._banned[address]
        self._failures.pop(address, None)
        return False

    def accepts(self, address: str, username: str, password: Secret) -> bool:
        """Check a login, and count it if it fails."""
        if username == self.settings.text("Username") and self._matches(password):
            if releases.rule("ban.success_resets", self.version):
                self._failures.pop(address, None)
            return True
        limit = self.settings.integer("MaxAuthenticationFailCount")
        if limit > 0:
            self._failures[address] = self._failures.get(address, 0) + 1
            seconds = self.settings.integer("BanDuration")
            if limit <= self._failures[address] and seconds >= 0:
                self._banned[address] = self.clock.now() + seconds
        return False

    def api_key(self) -> Secret | None:
        """Return the API key of the settings; one that has not the right form counts for nothing."""
        stored = self.settings.secret("APIKey") if releases.api_key_supported(self.version) else None
        if stored is None:
            return None
        prefix, length = releases.rule("api_key.form", self.version)
        return stored if stored.reveal().startswith(prefix) and len(stored.reveal()) == length else None

    def rotate_key(self) -> str:
        """Make a new API key and return it."""
        prefix, length = releases.rule("api_key.form", self.version)
        alphabet = releases.rule("password.temporary_form", self.version)[1]
        key = str(prefix) + "".join(secrets.choice(alphabet) for _ in range(length - len(prefix)))
        self.set_key(key)
        return key

    def set_key(self, key: str) -> None:
        """Take another API key, or none; the session of the one before ends."""
        before = self.settings.secret("APIKey") or Secret("")
        if before == Secret(key):
            return
        self.end_session(before.reveal())
        self.config.set("APIKey", key)
        self.apply()

    def _stored(self) -> StoredHash | None:
        name = releases.hash_key(self.version)
        stored = parse_hash(self.settings.secret(name) or Secret(""), "ha1" if name.endswith("ha1") else "pbkdf2")
        return stored if isinstance(stored, StoredHash) else None

    def _matches(self, password: Secret) -> bool:
        if self.temporary is not None:
            return password == self.temporary
        stored = self._stored()
        return stored is not None and verify(stored, password)

    # --- the cookie --------------------------------------------------------------------------------------------------

    def cookie_name(self) -> str:
        """Return the session cookie's name."""
        return releases.cookie_name(self.version, self.port, self._cookie_setting)

    def secure(self, forwarded_proto: str) -> bool:
        """Whether the cookie of an answer is Secure; ``forwarded_proto`` is the request's X-Forwarded-Proto."""
        settings = self.settings
        forwarded = self.behind_proxy() and forwarded_proto.lower() == "https"
        https, wanted = settings.boolean("HTTPS/Enabled"), settings.boolean("SecureCookie")
        return releases.secure_cookie(self.version, https=https, setting=wanted, forwarded_https=forwarded)

    def cookie(self, sid: str, *, secure: bool) -> str:
        """Return the Set-Cookie header for a session; without one, the header that ends it.

        It expires by the client's clock, so sooner where ours goes faster.
        """
        secure = secure and bool(sid)
        csrf = self.settings.boolean("CSRFProtection")
        same_site = releases.same_site(self.version, csrf=csrf, secure=secure) if sid else None
        seconds = self.settings.integer("SessionTimeout")
        lasts = timedelta(seconds=(seconds if seconds > 0 else _YEAR) / self.clock.speed)
        expires = not sid or releases.cookie_expires(self.version)
        until = datetime.now(UTC) + (lasts if sid else -timedelta(days=1))
        attributes = {
            "secure": "secure" if secure else "",
            "HttpOnly": "HttpOnly" if sid else "",
            "SameSite": f"SameSite={same_site}" if same_site else "",
            "expires": f"expires={until:%a, %d-%b-%Y %H:%M:%S GMT}" if expires else "",
            "path": "path=/",
        }
        order = releases.rule("cookie.attribute_order", self.version)
        return "; ".join([f"{self.cookie_name()}={sid}", *(attributes[each] for each in order if attributes[each])])


def _address(text: str) -> str:
    """Return the address as it is compared; "" for text that is none."""
    stripped = text.strip()
    return stripped if covers(_EVERYWHERE, stripped) else ""


def _is_global(text: str) -> bool:
    """As QHostAddress::isGlobal has it: private networks are global too, loopback and link-local are not."""
    address = _address(text)
    return bool(address) and not covers(_NOT_GLOBAL, address)
