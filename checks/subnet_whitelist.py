"""Checks the subnet whitelist: what the file says, whom it lets in, and which entries qBittorrent drops."""

import ipaddress
from contextlib import suppress

from qbdoctor.api import Check, Evidence, Finding, Judgement, Observations, cut_off, doors, is_public

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


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
    cut = cut_off(settings, "AuthSubnetWhitelist")
    return _judge_list(nets, bad, doors(seen), (file, line), cut)


def _without_file(seen: Observations) -> Judgement:
    preferences = seen.preferences
    if preferences is None or "bypass_auth_subnet_whitelist_enabled" not in preferences:
        return Judgement("skip", "Not read", seen.settings_problem or "the config is not at hand")
    if not preferences["bypass_auth_subnet_whitelist_enabled"]:
        return Judgement("pass", "app/preferences: the subnet whitelist is off")
    # qBittorrent shows only what survived its own parsing; what else may answer here shows anything.
    entries = str(preferences.get("bypass_auth_subnet_whitelist", "")).replace(",", " ").split()
    return _judge_list(tuple(net for entry in entries if (net := _network(entry)) is not None), (), doors(seen))


def _network(entry: str) -> Network | None:
    with suppress(ValueError):
        return ipaddress.ip_network(entry, strict=False)
    return None


def _judge_list(
    nets: tuple[Network, ...],
    bad: tuple[str, ...],
    values: dict[str, str],
    place: tuple[str | None, int | None] = (None, None),
    cut: str | None = None,
) -> Judgement:
    file, line = place
    shown = ", ".join(map(str, nets)) or "nothing"
    findings: list[Finding] = []
    public = [net for net in nets if is_public(net)]
    if public:
        names = ", ".join(map(str, public))
        text = f"AuthSubnetWhitelist lets {names} in without a password: addresses of the Internet"
        evidence = Evidence.setting("AuthSubnetWhitelist", shown, text, file=file, line=line)
        findings.append(Finding("exposed-bypass", "likely", text, (evidence,), values=values))
    if bad:
        names = ", ".join(repr(entry) for entry in bad)
        text = f"qBittorrent drops these entries of AuthSubnetWhitelist without a word: {names}"
        evidence = Evidence.setting("AuthSubnetWhitelist", shown, text, file=file, line=line)
        findings.append(Finding("whitelist-syntax", "likely", text, (evidence,)))
    if cut:
        text = (
            f"A ; ends the value of AuthSubnetWhitelist, so that {cut[:120]!r} does not count: its entries are separated by "
            "commas"
        )
        evidence = Evidence.setting("AuthSubnetWhitelist", shown, text, file=file, line=line)
        findings.append(Finding("whitelist-syntax", "likely", text, (evidence,)))
    if public:
        return Judgement("fail", findings[0].summary, findings=tuple(findings))
    if findings:
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
