"""Finds whom the server takes us for: the address that bans, the whitelist and the loopback bypass go by.

Read from what is there already: our own socket, the server's log, the addresses of its network. Nothing is sent, and no
login is made for it; where one was made, the line that the server wrote about it says what it saw.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.observe.base.observed_values import Client
from qbdoctor.target import address
from qbdoctor.target import log as server_log
from qbdoctor.target.address import parse_ip

if TYPE_CHECKING:
    from qbdoctor.observe.base.observations import Observations


def client(seen: Observations) -> Client:
    """Return whom the server takes us for, as far as that can be known."""
    first, target = seen.anonymous, seen.target
    ours = address.plain_address(first.local) if first.local else None
    through = _through(seen)
    if through is None:
        return Client(ours if target.direct else None, "socket" if target.direct and ours else "", ours, None)
    logged = _logged(seen)
    if len(logged) == 1:
        return Client(logged[0], "log", ours, through)
    others = server_log.login_addresses(seen.log)
    if not logged and len(others) == 1 and _is_near(seen, others[0]):
        return Client(others[0], "log-others", ours, through)
    gateway = _gateway(seen)
    return Client(gateway, "network" if gateway else "", ours, through)


def _logged(seen: Observations) -> tuple[str, ...]:
    """Return the addresses in the lines that this run's login can have left; others log in, and fail to, at the same moment."""
    sent = seen.sign_in if seen.has("sign_in") else None
    if sent is None or sent.outcome not in {"accepted", "refused", "banned"}:
        return ()
    before, late = seen.log, seen.late_log
    new = seen.log_behind or (late[len(before) :] if late[: len(before)] == before else late)
    return server_log.login_addresses([line for line in new if (line.level == "N") == (sent.outcome == "accepted")])


def _is_near(seen: Observations, text: str) -> bool:
    """Return whether an address can be that of what stands between: the one that answers, this machine's, the container's net.

    From anywhere else it may be a stranger's, who fails to log in.
    """
    from qbdoctor.target.name_lookup import find_own_addresses  # noqa: PLC0415 - seldom needed

    ip, peer = parse_ip(text), parse_ip(seen.anonymous.peer or "")
    if ip is None or ip == peer or ip in find_own_addresses():
        return ip is not None
    inside = seen.target.instance.addresses if seen.target.instance is not None else ()
    return any(ip in ipaddress.ip_network(f"{one}/16", strict=False) for one in inside if "." in one)


def believes_forwarded(seen: Observations) -> bool | None:
    """Return whether the server takes the client's address from X-Forwarded-For at all; None where that is not known.

    The list decides whose header counts; one without a valid entry switches it off (measured on 4.5.2 to 5.3.0).
    """
    if not any(rule is not None for rule in releases.possible("proxy.support", seen.releases)):
        return False
    settings = seen.settings
    if settings is not None:
        return settings.boolean("ReverseProxySupportEnabled") and bool(settings.trusted_proxies()[0])
    preferences = seen.preferences if seen.has("version") else None
    if preferences is None or "web_ui_reverse_proxy_enabled" not in preferences:
        return None
    return bool(preferences["web_ui_reverse_proxy_enabled"]) and bool(preferences.get("web_ui_reverse_proxies_list"))


def _through(seen: Observations) -> str | None:
    """Return what stands between us and the server, in a few words; None where nothing is known to."""
    if seen.in_front:
        return f"the proxy in front ({seen.in_front})"
    target = seen.target
    if target.instance is None and target.here and any(one.shares_network is False for one in target.others):
        return "something that hands the port on, perhaps to a container"
    one = target.instance
    if one is None and target.container is not None and target.published is not None:
        return f"the port map of its container ({target.container.engine} {target.container.name})"
    if target.direct or one is None:
        return None
    if one.shares_network is False:
        return f"the network of its container{f' ({one.container})' if one.container else ''}"
    return "a port mapping or a proxy" if target.direct is False else None


def _gateway(seen: Observations) -> str | None:
    """Return the address that this machine has in the network of the server's container, if it has just one there.

    Userland port maps connect from it; so does a firewall's masquerading, for clients of this machine.
    """
    one = seen.target.instance
    if one is None or one.shares_network is not False or not one.addresses:
        return None
    first = parse_ip(seen.anonymous.local or "")
    if seen.target.mapped_by == "firewall" and (first is None or not first.is_loopback):
        return None  # what does not come from loopback need not be masqueraded, and the rules for that are not read
    import psutil  # noqa: PLC0415 - only a container's target needs it

    found = set()
    for entries in psutil.net_if_addrs().values():
        for entry in entries:
            if not entry.netmask or "." not in entry.address:
                continue
            net = ipaddress.ip_network(f"{entry.address}/{entry.netmask}", strict=False)
            # A /32 of a veth without a network, and this machine's own copies of the container's address, say nothing.
            if net.prefixlen < net.max_prefixlen and any(ipaddress.ip_address(text) in net for text in one.addresses):
                found.add(entry.address)
    return found.pop() if len(found) == 1 else None
