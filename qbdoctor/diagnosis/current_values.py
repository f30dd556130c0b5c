"""Reads what a setting is now, by the way it would be changed: the running server's word, or the file's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.config import server_domains
from qbdoctor.config.subnets import Network, parse_subnets

if TYPE_CHECKING:
    from qbdoctor.observe.base.observations import Observations


def integer_now(seen: Observations, setting: str, via: str) -> int | None:
    """Return a number ("MaxAuthenticationFailCount") as it is now; None where that is not known."""
    if via == "api":
        name = releases.key(setting).json
        value = (seen.preferences or {}).get(name or "")
        return value if isinstance(value, int) else None
    return None if seen.settings is None else seen.settings.integer(setting)


def whitelist_now(seen: Observations, via: str) -> tuple[bool, tuple[Network, ...]]:
    """Return whether the whitelist is on, and the subnets that it holds, on or off."""
    if via == "api" and seen.preferences is not None:
        listed = str(seen.preferences.get("bypass_auth_subnet_whitelist", "")).replace(",", "\n").splitlines()
        return bool(seen.preferences.get("bypass_auth_subnet_whitelist_enabled")), parse_subnets(listed)[0]
    settings = seen.settings
    if settings is None:
        return False, ()
    return settings.boolean("AuthSubnetWhitelistEnabled"), settings.whitelist()[0]


def passes_as_host(seen: Observations, name: str) -> bool:
    """Return whether a Host header with this name is certain to pass now, by the list of domains; False if not known."""
    anchored = releases.possible("host.domains_anchored", seen.releases)
    if seen.preferences is not None:
        checks = seen.preferences.get("web_ui_host_header_validation_enabled", True)
        domains = str(seen.preferences.get("web_ui_domain_list", "")).split(";")
    elif seen.settings is not None:
        checks, domains = seen.settings.boolean("HostHeaderValidation"), list(seen.settings.server_domains())
    else:
        return False
    listed = [one.strip() for one in domains if one.strip()]
    return not checks or all(server_domains.allow(listed, name, anchored=bool(one)) for one in anchored)
