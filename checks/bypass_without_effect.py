"""Checks whether a bypass that is on can ever apply at the address that qBittorrent listens on."""

import ipaddress

from qbdoctor.api import Check, Evidence, Finding, Judgement, Observations, covers


def judge(seen: Observations) -> Judgement:
    """Judge LocalHostAuth and the whitelist against the addresses from which calls can come at all."""
    settings = seen.settings
    if settings is None:
        return Judgement("skip", "Not read", seen.settings_problem or "the config is not at hand")
    bound = _bound(settings.text("Address"))
    nets, bad = settings.whitelist()
    said: list[tuple[str, str]] = []
    # An empty list is none where its entries were dropped, which is a cause of its own.
    on = settings.boolean("AuthSubnetWhitelistEnabled")
    if on and not nets and not bad:
        said.append(("AuthSubnetWhitelist", "The subnet whitelist is on and empty: it lets nobody in"))
    if bound is not None and not bound.is_loopback and not settings.boolean("LocalHostAuth"):
        text = (
            f"LocalHostAuth is false, but Address is {bound}: calls from this machine then come from {bound}, not from "
            "localhost, so that they need a password all the same"
        )
        said += [] if on and covers(nets, str(bound)) else [("LocalHostAuth", text)]
    forwarded = settings.boolean("ReverseProxySupportEnabled") and bool(settings.trusted_proxies()[0])
    if on and nets and bound is not None and bound.is_loopback and not forwarded and not any(map(_local, nets)):
        shown = ", ".join(map(str, nets))
        text = (
            f"The whitelist holds {shown}, but Address is {bound} and X-Forwarded-For is not looked at: every call comes from "
            "this machine for qBittorrent, so that the list lets nobody in"
        )
        said.append(("AuthSubnetWhitelist", text))
    if not said:
        return Judgement("pass", "No bypass is on that could not apply")
    file = str(seen.target.config_file) if seen.target.config_file else None
    evidence = []
    for name, text in said:
        found = settings.found(name)
        evidence.append(Evidence.setting(name, None, text, file=file, line=found.line if found else None))
    text = "; ".join(text for _, text in said)
    values = {"setting": said[0][0], "one_address": "yes"}
    return Judgement(
        "pass", text, findings=(Finding("bypass-cannot-apply", "likely", text, tuple(evidence), values=values),)
    )


def _bound(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the one address that it listens on; None for all of them, or for what is no address."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return None if address.is_unspecified else address


def _local(net: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    return covers((net,), "127.0.0.1") or covers((net,), "::1")


CHECK = Check(
    id="bypass-without-effect",
    title="A bypass that cannot apply",
    order=82,
    judge=judge,
    causes=("bypass-cannot-apply",),
    about=(
        "Holds LocalHostAuth=false and the subnet whitelist against Address and the proxy settings in the config: with one "
        "address of a network, calls from the machine itself come from that address and not from localhost; with a loopback "
        "address and no trusted proxy, every call comes from localhost, whatever the whitelist holds. An info: it explains "
        "why a client is asked for a password. Sends nothing."
    ),
)
