"""Judges what a change of the file opens, by the values that count before it and after it.

For fixes whose edits do not say so by themselves: a key that is moved to where it is read, a file that replaces another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.config.settings import Settings
from qbdoctor.config.subnets import Network
from qbdoctor.model.edits import AnyEdit, Edit, Fix
from qbdoctor.model.errors import UserError
from qbdoctor.repair.edits import file_plan
from qbdoctor.repair.edits.file_plan import FilePlan

if TYPE_CHECKING:
    from qbdoctor.observe.base.observations import Observations
    from qbdoctor.releases import Version

_OFF = {
    "LocalHostAuth": "callers from the server's own machine need no password (LocalHostAuth=false)",
    "CSRFProtection": "pages of other sites may send calls in a signed-in browser's name (CSRFProtection=false)",
    "HostHeaderValidation": "calls under any host name are served (HostHeaderValidation=false)",
    "ClickjackingProtection": "other sites may show the Web UI in a frame (ClickjackingProtection=false)",
    "SecureCookie": "the session cookie goes over plain http as well (SecureCookie=false)",
    "HTTPS/Enabled": "passwords and cookies go over plain http (HTTPS\\Enabled=false)",
}
_ON = {
    "Enabled": "the Web UI is served, which it was not (Enabled=true)",
    "UseUPnP": "the router is asked to let the internet in (UseUPnP=true)",
}
_OPENING_HEADER = "access-control-allow"
_FOREVER = 1 << 40


def of(fix: Fix, plan: FilePlan, version: Version | None = None) -> str:
    """Return what a fix opens by this plan, as one text; "" for nothing."""
    if not fix.by_value or not plan.changes:
        return fix.exposes
    try:
        before, after = (Settings.parse(data, version) for data in (plan.data, plan.result))
    except UserError:
        return fix.exposes
    found = between(before, after)
    return f"{'; '.join(found)}." if found else ""


def foreseen(fix: Fix, seen: Observations, edits: Sequence[AnyEdit]) -> str:
    """Return that a fix would open something in the target's file, or would be refused; "" for neither."""
    settings = seen.settings if fix.by_value else None
    own = [edit for edit in edits if not isinstance(edit, Edit)]
    if settings is None or settings.file is None or len(own) < len(edits):
        return ""
    try:
        plan = file_plan.plan_file(settings.file, own, version=settings.version)
    except UserError as error:
        return f"it would be refused: {error.message}"
    opens = of(fix, plan, settings.version)
    return f"it loosens security: {opens}" if opens else ""


def between(before: Settings, after: Settings) -> tuple[str, ...]:
    """Return what is open after and was not before, a sentence without a full stop each."""
    return tuple(_between(before, after))


def _between(before: Settings, after: Settings) -> Iterator[str]:
    for name, text in _OFF.items():
        if before.boolean(name) and not after.boolean(name):
            yield text
    for name, text in _ON.items():
        if after.boolean(name) and not before.boolean(name):
            yield text
    if more := _more(_let_in(before), _let_in(after)):
        yield f"callers from {more} need no password (AuthSubnetWhitelist)"
    if more := _more(_trusted(before), _trusted(after)):
        yield f"whoever is in {more} may name any address as a client's (TrustedReverseProxiesList)"
    if "*" in after.server_domains() and "*" not in before.server_domains():
        yield "calls under any host name are served (ServerDomains=*)"
    if _tries(after) > _tries(before):
        yield "a password may be guessed more often (MaxAuthenticationFailCount, BanDuration)"
    if _is_local(before) and not _is_local(after):
        yield f"other machines reach the Web UI (Address={after.text('Address')})"
    if _OPENING_HEADER in _headers(after) and _headers(before) != _headers(after):
        yield "pages of other sites may be let read answers (CustomHTTPHeaders)"
    yield from _credentials(before, after)


def _credentials(before: Settings, after: Settings) -> Iterator[str]:
    key = after.secret("APIKey")
    if key is not None and key != before.secret("APIKey"):
        yield "another API key lets its holders in (APIKey)"
    name = releases.hash_key(after.version or releases.NEWEST)
    default = releases.key(name).defaults[0][1]
    was, will = (one.secret(name) for one in (before, after))
    if will is not None and will != was and will.reveal() == default:
        yield "the password is the factory one, adminadmin"


def _let_in(settings: Settings) -> tuple[Network, ...]:
    return settings.whitelist()[0] if settings.boolean("AuthSubnetWhitelistEnabled") else ()


def _trusted(settings: Settings) -> tuple[Network, ...]:
    """Return the networks believed; one address is one proxy's, which is what the setting is for."""
    if not settings.boolean("ReverseProxySupportEnabled"):
        return ()
    return tuple(net for net in settings.trusted_proxies()[0] if net.prefixlen < net.max_prefixlen)


def _more(before: Sequence[Network], after: Sequence[Network]) -> str:
    new = [
        net
        for net in after
        if not any(net.version == old.version and net.subnet_of(old) for old in before)  # type: ignore[arg-type]
    ]
    return ", ".join(str(net) for net in new[:5]) + (" and others" if len(new) > 5 else "")


def _tries(settings: Settings) -> float:
    """Guesses an hour before a ban, as far as the settings limit them."""
    limit, seconds = settings.integer("MaxAuthenticationFailCount"), settings.integer("BanDuration")
    return _FOREVER if limit <= 0 or seconds <= 0 else limit / seconds


def _is_local(settings: Settings) -> bool:
    return settings.text("Address") in {"127.0.0.1", "::1", "localhost"}


def _headers(settings: Settings) -> str:
    return settings.text("CustomHTTPHeaders").lower() if settings.boolean("CustomHTTPHeadersEnabled") else ""
