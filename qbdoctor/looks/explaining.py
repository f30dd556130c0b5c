"""Says which causes a change can explain; what is not in these tables explains nothing and is never accused."""

from __future__ import annotations

from qbdoctor import releases
from qbdoctor.releases import Version

_RULES: dict[str, tuple[str, ...]] = {
    "api-key-rejected": ("auth.api_key",),
    "authorization-header-collision": ("auth.basic",),
    "client-wants-ok-body": ("login.accepted",),
    "client-wants-sid-name": ("cookie.name",),
    "config-from-newer-release": ("config.layout",),
    "cookie-renamed": ("cookie.name",),
    "cross-site-blocked": ("csrf.sec_fetch_site",),
    "forwarded-host-ignored": ("csrf.forwarded_host",),
    "misplaced-key": ("config.layout",),
    "samesite-browser-loop": ("cookie.same_site",),
    "secure-cookie-over-http": ("cookie.secure",),
    "sessions-evicted": ("session.limit",),
    "settings-not-migrated": ("config.layout", "config.migrates_below"),
    "temporary-password": ("password.when_unset", "config.layout"),
}
"""A change of release explains a cause if one of these rules differs between the two."""

_LOCAL = ("bypass-active", "client-relies-on-bypass", "exposed-bypass")
_HOST = ("host-not-allowed", "host-port-mismatch", "host-header-missing")
_CSRF = ("cross-site-blocked", "origin-mismatch", "referer-mismatch")
_TLS = ("https-fallback", "tls-mismatch", "tls-untrusted")
_LISTENING = ("bind-failed", "not-running", "port-shared", "wrong-port")
_PROXY = (
    "forwarded-host-ignored",
    "origin-mismatch",
    "proxy-hop-untrusted",
    "shared-address-ban",
    "whitelist-not-matching",
)
_PASSWORD = ("default-credentials", "ip-banned", "malformed-password-hash", "temporary-password", "wrong-credentials")
_BAN = ("ip-banned", "shared-address-ban")

SETTINGS: dict[str, tuple[str, ...]] = {
    "APIKey": ("api-key-rejected",),
    "Address": (*_LISTENING, "host-unreachable"),
    "AlternativeUIEnabled": ("alt-webui-broken", "page-assets-missing"),
    "AuthSubnetWhitelist": (*_LOCAL, "whitelist-not-matching", "whitelist-syntax"),
    "AuthSubnetWhitelistEnabled": (*_LOCAL, "whitelist-not-matching", "whitelist-syntax"),
    "BanDuration": _BAN,
    "CSRFProtection": _CSRF,
    "CustomHTTPHeaders": ("referrer-policy-overridden", "third-party-403"),
    "CustomHTTPHeadersEnabled": ("referrer-policy-overridden", "third-party-403"),
    "Enabled": ("not-running", "webui-disabled"),
    "HTTPS/CertificatePath": _TLS,
    "HTTPS/Enabled": (*_TLS, "secure-cookie-over-http"),
    "HTTPS/KeyPath": _TLS,
    "HostHeaderValidation": _HOST,
    "LegalNotice/Accepted": ("waiting-at-legal-notice",),
    "LocalHostAuth": _LOCAL,
    "MaxAuthenticationFailCount": _BAN,
    "Port": (*_LISTENING, "cookie-renamed", "host-port-mismatch", "not-qbittorrent"),
    "ReverseProxySupportEnabled": _PROXY,
    "RootFolder": ("alt-webui-broken", "page-assets-missing"),
    "SecureCookie": ("secure-cookie-over-http",),
    "ServerDomains": _HOST,
    "SessionCookieName": ("client-wants-sid-name", "cookie-clobber"),
    "SessionTimeout": ("session-too-short",),
    "SessionsCountLimit": ("sessions-evicted",),
    "TrustedReverseProxiesList": _PROXY,
    "Username": ("empty-username", "ip-banned", "wrong-credentials"),
}

FACTS: dict[str, tuple[str, ...]] = {
    "accepted_password": _PASSWORD,
    "ban": _BAN,
    "bind_failed": _LISTENING,
    "answered_by": (
        "base-path", "cookie-stripped", "foreign-auth-in-front", "login-body-lost", "not-qbittorrent", "page-rewritten",
        "port-shared", "redirected",
    ),
    "certificate": ("tls-untrusted",),
    "certificate_until": ("tls-untrusted",),
    "client_address": (*_BAN, *_LOCAL, "proxy-hop-untrusted", "whitelist-not-matching"),
    "config_file": ("config-lost", "temporary-password", "wrong-config-file", "wrong-credentials"),
    "container_id": ("bind-failed", "config-lost", "host-port-mismatch", "settings-not-saved", "temporary-password"),
    "cookie_attributes": ("cookie-domain-mismatch", "cookie-path-mismatch", "samesite-browser-loop", "secure-cookie-over-http"),
    "cookie_name": ("client-wants-sid-name", "cookie-clobber", "cookie-renamed"),
    "given_password": ("ip-banned", "wrong-credentials"),
    "https_failed": _TLS,
    "image": ("config-lost", "env-override", "temporary-password"),
    "leftover_adopted": ("config-lost", "leftover-new-file", "temporary-password", "wrong-credentials"),
    "login_answer": ("client-wants-ok-body", "login-body-lost"),
    "not_saved": ("config-permission", "settings-not-saved"),
    "resolved": ("host-unreachable", "name-not-resolved", "not-qbittorrent", "not-running", "wrong-port"),
    "started": ("bind-failed", "env-override", "leftover-new-file", "stale-lockfile", "temporary-password"),
    "stored_api_key": ("api-key-rejected",),
    "stored_password": _PASSWORD,
    "username": ("wrong-credentials",),
}  # fmt: skip


NEW_CONTAINER = ("default-credentials", "ip-banned", "wrong-credentials")
"""What a new container explains as well where it has not, or does not show, the password that the one before had."""


def by_release(before: str, after: str) -> tuple[str, ...]:
    """Return the causes that a change from one release to another can explain; none where one of them is not known."""
    old, new = Version.parse(before), Version.parse(after)
    if old is None or new is None or old < releases.OLDEST or new < releases.OLDEST:
        return ()
    return tuple(
        cause
        for cause, rules in _RULES.items()
        if any(releases.rule(name, old) != releases.rule(name, new) for name in rules)
    )
