r"""Looks up what a release does in the tables of this package.

A look-up for a release newer than the newest known gives
what the newest does, for one older than 4.1.0 what 4.1.0 does; a pre-release counts as the release it leads to (its
rules are not known one by one).
"""

from __future__ import annotations

import ipaddress
from functools import cache
from typing import Any, Literal, NamedTuple, TypeVar

from qbdoctor.patterns import regex
from qbdoctor.releases.actions import POST_ONLY
from qbdoctor.releases.claims import CLAIMS
from qbdoctor.releases.log_texts import TEXTS
from qbdoctor.releases.routing_rules import ROUTING
from qbdoctor.releases.rule_table import RULES
from qbdoctor.releases.settings_table import KEYS, Default, Key
from qbdoctor.releases.versions import ANY, FUTURE, KNOWN, NEWEST, Version, VersionRange, known

Layout = Literal["Preferences", "WebUI"]
"""The section that holds the Web UI's settings: ``[Preferences] WebUI\\X`` or ``[WebUI] X``."""

_T = TypeVar("_T")
_COOKIE_NAME = regex(r"[A-Za-z0-9_-]{1,128}\Z")


class ReleaseRule(NamedTuple):
    """One row: what the releases ``since`` to ``until`` do (``until`` None: the newest still does), and how we know."""

    name: str
    since: Version
    until: Version | None
    value: Any
    source: str


@cache
def rules(name: str) -> tuple[ReleaseRule, ...]:
    """Every row of a rule, in order; together they cover all releases. Raises KeyError for an unknown name."""
    rows = RULES.get(name) or ROUTING.get(name) or CLAIMS.get(name) or TEXTS[name]
    starts = [known(since) for since, _, _ in rows]
    ends = [KNOWN[KNOWN.index(start) - 1] for start in starts[1:]]
    return tuple(
        ReleaseRule(name, since, until, value, source)
        for since, until, (_, value, source) in zip(starts, [*ends, None], rows, strict=True)
    )


def names() -> tuple[str, ...]:
    """Every rule's name, for tables and tests."""
    return (*RULES, *ROUTING, *CLAIMS, *TEXTS)


def change_of(name: str, number: int = 0) -> ReleaseRule:
    """Return the row with which a rule changed: its only change, or the one of this number, from 1.

    Raises KeyError for an unknown rule or number, and ValueError where a rule changed several times and none is given.
    """
    changes = rules(name)[1:]
    if number == 0 and len(changes) != 1:
        raise ValueError(f"{name} changed {len(changes)} times: say which change is meant, as {name}/1")
    if not 0 <= number <= len(changes):
        raise KeyError(f"{name}/{number}")
    return changes[number - 1]


def row(name: str, version: Version) -> ReleaseRule:
    """Return the row that holds for a release. Raises KeyError for an unknown name."""
    found = rules(name)
    return next((each for each in reversed(found) if each.since <= version.release), found[0])


def rule(name: str, version: Version) -> Any:
    """Return what a release does, by a rule's name. Raises KeyError for an unknown name."""
    return row(name, version).value


def possible(name: str, versions: VersionRange = ANY) -> tuple[Any, ...]:
    """Return the distinct values a rule has in a range of releases, in their order: one value means that it is certain."""
    lowest, highest = row(name, versions.lowest), row(name, versions.highest)
    values: list[Any] = []
    for each in rules(name):
        if lowest.since <= each.since <= highest.since and each.value not in values:
            values.append(each.value)
    return tuple(values)


def _as(kind: type[_T], name: str, version: Version) -> _T:
    value = rule(name, version)
    if not isinstance(value, kind):
        raise TypeError(f"{name} is no {kind.__name__}")
    return value


# --- login -----------------------------------------------------------------------------------------------------------


class ReleaseAnswer(NamedTuple):
    """An HTTP status and the body's text."""

    status: int
    body: str


def login_accepted(version: Version) -> ReleaseAnswer:
    """Return what auth/login answers to good credentials, under a bypass, or with a valid cookie."""
    return ReleaseAnswer(*_as(tuple, "login.accepted", version))


def login_refused(version: Version) -> ReleaseAnswer:
    """Return what auth/login answers to wrong credentials."""
    return ReleaseAnswer(*_as(tuple, "login.refused", version))


def login_banned(version: Version) -> ReleaseAnswer:
    """Return what auth/login answers to a banned address, right credentials or not."""
    return ReleaseAnswer(*_as(tuple, "login.banned", version))


def forbidden_body(version: Version) -> str:
    """Return the body of a 403 for want of a session."""
    return _as(str, "body.forbidden", version)


def hash_key(version: Version) -> str:
    """Return the setting that holds the password's hash."""
    return _as(str, "password.setting", version)


def default_ban_limit(version: Version) -> int:
    """Return the failed logins after which an address is banned, where the setting is absent."""
    return _as(int, "ban.limit", version)


def api_key_supported(version: Version) -> bool:
    """Whether ``Authorization: Bearer`` is looked at."""
    return _as(bool, "auth.api_key", version)


def basic_auth_supported(version: Version) -> bool:
    """Whether ``Authorization: Basic`` is looked at: then a wrong one is 401 on every path and counts towards a ban."""
    return _as(bool, "auth.basic", version)


def sessions_limit(version: Version) -> int | None:
    """How many sessions are kept where the setting is absent; None: all of them."""
    limit = rule("session.limit", version)
    return None if limit is None else int(limit)


# --- the cookie ------------------------------------------------------------------------------------------------------


def cookie_name(version: Version, port: int, configured: str = "") -> str:
    r"""Return the session cookie's name. ``port`` is ``WebUI\Port`` as configured, not that of a mapping in front.

    ``configured`` is ``[WebAPI] SessionCookieName``; releases that know no such key, and values that they do not accept
    (webapplication.cpp 4.6.0:132), leave the default name.
    """
    if _as(bool, "cookie.name_is_setting", version) and _COOKIE_NAME.match(configured):
        return configured
    return _as(str, "cookie.name", version).format(port=port)


def session_name_rank(name: str) -> int:
    """Return how sure it is by its name alone that a cookie is the session's: 0 not at all, 2 surest.

    A cookie named SID beside ``QBT_SID_<port>`` is another program's: the releases that give the latter give no SID.
    """
    return 2 if name.startswith("QBT_SID_") else 1 if name == "SID" else 0


def same_site(version: Version, *, csrf: bool = True, secure: bool = False) -> str | None:
    """Return the cookie's SameSite attribute by CSRFProtection and whether the cookie is Secure; None: it has none."""
    if not csrf and not secure:
        return None
    value = rule("cookie.same_site" if csrf else "cookie.same_site_without_csrf", version)
    return None if value is None else str(value)


def cookie_expires(version: Version) -> bool:
    """Whether the cookie carries an expiry date."""
    return _as(bool, "cookie.expires", version)


def secure_cookie(version: Version, *, https: bool, setting: bool = True, forwarded_https: bool = False) -> bool:
    r"""Whether the cookie is Secure.

    ``https``: the setting ``HTTPS\Enabled``, whatever the listener really speaks; ``setting``: SecureCookie;
    ``forwarded_https``: ReverseProxySupportEnabled, and the request says ``X-Forwarded-Proto: https``.
    """
    reasons = _as(tuple, "cookie.secure", version)
    by_https = "https" in reasons and https
    return setting and (by_https or ("forwarded-proto" in reasons and forwarded_https))


# --- requests --------------------------------------------------------------------------------------------------------


def server_domains_anchored(version: Version) -> bool:
    """Whether an entry of ServerDomains must match the whole name; else it matches a part of it."""
    return _as(bool, "host.domains_anchored", version)


def forwarded_host_rule(version: Version) -> str:
    """When X-Forwarded-Host stands in for Host in the Origin check: "always" or "with-proxy-support"."""
    return _as(str, "csrf.forwarded_host", version)


def forwarded_for_rule(version: Version) -> str:
    """Whom a trusted proxy speaks for: "peer" (the proxy itself), "leftmost-global" or "rightmost-untrusted"."""
    return _as(str, "proxy.client", version)


def sec_fetch_accepted(version: Version) -> tuple[str, ...] | None:
    """Return the values of Sec-Fetch-Site that pass, in lower case; None: it is not looked at."""
    return None if rule("csrf.sec_fetch_site", version) is None else _as(tuple, "csrf.sec_fetch_site", version)


def passes_by_sec_fetch(version: Version, value: str, *, source: bool) -> bool | None:
    """Whether a request with this Sec-Fetch-Site passes; None where Origin and Referer decide, not it.

    ``source``: it has an Origin or a Referer. An empty value is as none.
    """
    accepted = sec_fetch_accepted(version)
    value = value.strip().lower()
    if accepted is None or not value or (source and not _as(bool, "csrf.sec_fetch_wins", version)):
        return None
    return value in accepted


def csrf_exempt_paths(version: Version) -> tuple[str, ...]:
    """Return the paths that no Origin or Referer check guards."""
    return _as(tuple, "csrf.exempt_paths", version)


def options_root_status(version: Version) -> int:
    """Return the status of OPTIONS and every other method but GET, HEAD and POST, on every path; tells 4.5 from 4.6."""
    return _as(int, "status.other_method", version)


def unknown_api_status(version: Version) -> int:
    """Return the status of an unknown scope (``/api/v2/nope/x``) without a session."""
    return _as(int, "status.unknown_scope", version)


def post_only_since(action: str) -> Version | None:
    """Return the first release that answers 405 to GET for an action ("app/setPreferences"); None: not known to."""
    since = POST_ONLY.get(action)
    return None if since is None else known(since)


def add_parameter(version: Version) -> str:
    """Return the field of torrents/add that keeps a torrent from starting: "paused" or "stopped"; the other one is ignored."""
    return _as(str, "add.stopped_parameter", version)


def loopback_rule(version: Version) -> str:
    """Return what LocalHostAuth=false lets in: "exact" (127.0.0.1, ::1, ::ffff:127.0.0.1) or "127/8" (and ::1)."""
    return _as(str, "bypass.loopback", version)


def is_loopback_for(version: Version, address: str) -> bool:
    """Whether LocalHostAuth=false lets a client with this address in. False for text that is no address."""
    try:
        ip = ipaddress.ip_address(address.strip().strip("[]").partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return ip.is_loopback
        ip = ip.ipv4_mapped
    return ip.is_loopback if loopback_rule(version) == "127/8" else str(ip) == "127.0.0.1"


def text(name: str, version: Version) -> str | None:
    """Return a log or output text as this release writes it ("log.listening"), with its prefix; None: it writes none."""
    value = rule(name, version)
    return None if value is None else str(value).replace("{prefix}", _as(str, "log.prefix", version))


# --- settings --------------------------------------------------------------------------------------------------------


@cache
def _keys() -> dict[str, Key]:
    return {each.name.lower(): each for each in KEYS}


def key(name: str) -> Key:
    r"""Return the setting of that name, in any case, as ``HTTPS/Enabled`` or ``HTTPS\Enabled``. Raises KeyError."""
    return _keys()[name.replace("\\", "/").lower()]


def key_for_json(name: str, version: Version) -> Key | None:
    """Return the setting behind a name of app/preferences as this release has it, or None."""
    return next((each for each in KEYS if each.json == name and reads(each, version)), None)


def reads(setting: Key, version: Version) -> bool:
    """Whether a release reads the setting at all."""
    until = FUTURE if setting.until is None else known(setting.until)
    return known(setting.since) <= version.release <= until


def default(setting: Key, version: Version) -> Default:
    """Return the value that a release takes where the setting is absent (nox build)."""
    values = [value for since, value in setting.defaults if known(since) <= version.release]
    return values[-1] if values else setting.defaults[0][1]


def place(name: str, layout: Layout) -> tuple[str, str]:
    r"""Section and key of a setting in the file: ("Preferences", "WebUI\Port") or ("WebUI", "Port")."""
    setting = key(name)
    if setting.fixed is not None:
        return setting.fixed
    inner = setting.name.replace("/", "\\")
    return ("WebUI", inner) if layout == "WebUI" else ("Preferences", f"WebUI\\{inner}")


def layouts(version: Version | None, migration: int | None) -> tuple[Layout, ...]:
    """Return the places a release reads the Web UI's settings from, the one that wins first.

    ``migration`` is ``[Meta] MigrationVersion``, None where it is absent. A release that migrates moves what it finds
    in ``[Preferences]`` over ``[WebUI]`` at its start, so that both count (measured on 5.3.0). Without a version a file
    that carries no sign of the move counts as an old one.
    """
    number = migration or 0
    below = rule("config.migrates_below", version or NEWEST)
    if version is None:
        return ("WebUI",) if number >= below else ("Preferences",)
    if below is None:
        return ("Preferences",)
    return ("WebUI",) if number >= below else ("Preferences", "WebUI")


def moved(setting: Key) -> bool:
    r"""Whether the setting is older than the ``[WebUI]`` section: only those are taken over from ``[Preferences]``.

    Measured on 5.3.0: ``[Preferences] WebUI\SessionsCountLimit`` stays where it is, and has no effect.
    """
    return _as(str, "config.layout", known(setting.since)) == "Preferences"


def layout(version: Version | None, migration: int | None) -> Layout:
    """Return the place whose values win, which is where an edit of the file belongs; see :func:`layouts`."""
    return layouts(version, migration)[0]


def qt_reads_utf8(version: Version) -> bool:
    """Whether the file's bytes above 127 are taken for UTF-8 (Qt 6), else for Latin-1 (Qt 5).

    Releases 4.4 to 4.6 are built with either; the commoner of the two is taken: 5 up to 4.5, 6 for 4.6.
    """
    return _as(str, "config.encoding", version) == "utf-8"


# --- what an observation says of the release -------------------------------------------------------------------------
