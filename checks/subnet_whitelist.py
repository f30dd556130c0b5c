"""The subnet whitelist: what the file says, whom it lets in, and which entries qBittorrent drops."""

import ipaddress

from qbdoctor.api import Check, Evidence, Finding, Judgement, Observations

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SHARED = ipaddress.IPv4Network("100.64.0.0/10")
"""Carrier-grade NAT and overlay networks (RFC 6598): not global, though Python does not call it private either."""


def judge(seen: Observations) -> Judgement:
    """Judge the list by the addresses that it lets in without a password."""
    settings = seen.settings
    if settings is None:
        return _without_file(seen)
    enabled = settings.boolean("AuthSubnetWhitelistEnabled")
    nets, bad = settings.whitelist()
    if not enabled:
        return Judgement("pass", "AuthSubnetWhitelistEnabled is false: no subnet gets in without a password")
    file = str(seen.target.config_file) if seen.target.config_file else None
    found = settings.found("AuthSubnetWhitelist")
    line = found.line if found else None
    return _judge_list(nets, bad, file, line)


def _without_file(seen: Observations) -> Judgement:
    preferences = seen.preferences
    if preferences is None or "bypass_auth_subnet_whitelist_enabled" not in preferences:
        return Judgement("skip", "Not read", seen.settings_problem or "the config is not at hand")
    if not preferences["bypass_auth_subnet_whitelist_enabled"]:
        return Judgement("pass", "app/preferences: the subnet whitelist is off")
    # The server shows only what survived its own parsing, so every entry here is a network.
    entries = str(preferences.get("bypass_auth_subnet_whitelist", "")).replace(",", " ").split()
    return _judge_list(tuple(ipaddress.ip_network(entry, strict=False) for entry in entries), (), None, None)


def is_public(net: Network) -> bool:
    """Return True if the network holds addresses of the Internet."""
    if isinstance(net, ipaddress.IPv4Network):
        if net.subnet_of(SHARED):
            return False
    else:
        mapped = net.network_address.ipv4_mapped
        if mapped is not None and net.prefixlen >= 96:
            return is_public(ipaddress.IPv4Network((mapped, net.prefixlen - 96), strict=False))
    return not (net.is_private or net.is_loopback or net.is_link_local)


def _judge_list(nets: tuple[Network, ...], bad: tuple[str, ...], file: str | None, line: int | None) -> Judgement:
    shown = ", ".join(map(str, nets)) or "nothing"
    findings: list[Finding] = []
    public = [net for net in nets if is_public(net)]
    if public:
        names = ", ".join(map(str, public))
        text = f"AuthSubnetWhitelist lets {names} in without a password: addresses of the Internet"
        evidence = Evidence.setting("AuthSubnetWhitelist", shown, text, file=file, line=line)
        findings.append(Finding("exposed-bypass", "likely", text, (evidence,)))
    if bad:
        names = ", ".join(repr(entry) for entry in bad)
        text = f"qBittorrent drops these entries of AuthSubnetWhitelist without a word: {names}"
        evidence = Evidence.setting("AuthSubnetWhitelist", shown, text, file=file, line=line)
        findings.append(Finding("whitelist-syntax", "likely", text, (evidence,)))
    if public:
        return Judgement("fail", findings[0].summary, findings=tuple(findings))
    if bad:
        return Judgement("warn", findings[0].summary, findings=tuple(findings))
    if not nets:
        return Judgement("pass", "The subnet whitelist is on and empty: it lets nobody in")
    return Judgement("pass", f"The subnet whitelist lets {shown} in without a password; none of it is public")


CHECK = Check(
    id="subnet-whitelist",
    title="The subnet whitelist",
    order=80,
    judge=judge,
    causes=("exposed-bypass", "whitelist-syntax"),
    about=(
        "Reads AuthSubnetWhitelistEnabled and AuthSubnetWhitelist from the config as Qt and qBittorrent do (entries "
        "that are no network are dropped, a list in quotes is one bad entry, a semicolon cuts), or from app/preferences "
        "where the file is not at hand. A whitelist that holds public addresses is exposed-bypass whatever address the "
        "server listens on; it is read, not tried out, so it stays likely."
    ),
)
