"""Checks whom the server takes us for, and whether the whitelist and the bans go by that address."""

import ipaddress

from qbdoctor.api import (
    Check,
    Client,
    Confidence,
    Evidence,
    Finding,
    Judgement,
    Observations,
    Severity,
    covers,
    releases,
    ways_in,
    whitelist_now,
    witness,
)

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
SOURCES = {
    "socket": "we speak to the process itself",
    "log": "its log says so of this run's login",
    "log-others": "all logins in its log came from there",
    "network": "the address of this machine in its network",
}


def judge(seen: Observations) -> Judgement:
    """Judge the address that the server sees against the whitelist, and a ban against who else has that address."""
    first = seen.anonymous
    if not first.answered or seen.serves_qbittorrent is False:
        return Judgement("skip", "Not judged", "no answer of qBittorrent's came")
    client = seen.client
    hop = _hop(seen, client)
    made = (hop, _shared_ban(seen, client), _not_matching(seen, client), _not_localhost(seen, client))
    findings = [found for found in made if found is not None]
    if hop is not None:  # a whitelist entry for a proxy's address would open the door to everybody behind it
        findings = [found for found in findings if found.cause != "whitelist-not-matching"]
    worst = next((one for one in findings if one.severity == "error"), None)
    said = _said(client)
    if worst is not None:
        return Judgement("fail", worst.summary, findings=tuple(findings))
    if findings:
        return Judgement(
            "pass" if findings[0].severity == "info" else "warn", findings[0].summary, findings=tuple(findings)
        )
    if client.address is None:
        between = client.through or "something that does not show itself"
        return Judgement("skip", "Which address the server sees is not known", f"between us and it may stand {between}")
    return Judgement("pass", said)


def _said(client: Client) -> str:
    if client.address is None:
        return "Which address the server sees is not known"
    how = SOURCES.get(client.source, "")
    if not client.changed:
        return f"The server sees us as {client.address}" + (f" ({how})" if how else "")
    return f"The server sees {client.address} for us, not {client.ours} ({how}): between us stands {client.through}"


def _evidence(seen: Observations, client: Client) -> Evidence:
    if client.source in {"log", "log-others"}:
        return Evidence("log", _said(client), {"file": str(seen.target.log_file or "")})
    return Evidence("process", _said(client), {"address": client.address, "ours": client.ours})


def _hop(seen: Observations, client: Client) -> Finding | None:
    """X-Forwarded-For counts, and what it names last, from the right, is an inner proxy that the list of trusted ones lacks."""
    rules = releases.possible("proxy.forwarded_from", seen.releases)
    if "right" not in rules or seen.target.direct or not seen.believes_forwarded or client.ours is None:
        return None
    on, nets = whitelist_now(seen, "file" if seen.settings is not None else "api")
    address = client.address if client.source == "log" else None
    if not on or not nets:
        return None
    shown = ", ".join(map(str, nets))
    if seen.anonymous.status == 403 and address not in {None, client.ours} and not covers(nets, str(address)):
        text = (
            f"The server takes us for {address}, which X-Forwarded-For names last and the whitelist ({shown}) does not hold: "
            "where that is another proxy of yours, it is missing in the list of trusted proxies (this release reads the "
            "header from the right and stops at the first address that is not trusted)"
        )
        evidence = (_evidence(seen, client), Evidence.response(seen.anonymous))
        values = {"proxy_address": str(address), "address": str(address)}
        return Finding("proxy-hop-untrusted", "likely", text, evidence, _severity(seen, meant=True), values)
    if seen.anonymous.status == 200 and not ways_in(seen, client.ours):
        text = (
            f"Calls through {seen.target.address.url} get in without a password, though our address {client.ours} is none that "
            f"may: the server takes us for one of {shown}. Where that is a proxy's own address, everybody who comes through it "
            "gets in, the Internet too: it belongs into the list of trusted proxies, not the whitelist"
        )
        return Finding("proxy-hop-untrusted", "possible", text, (Evidence.response(seen.anonymous),), "warning")
    return None


def _not_matching(seen: Observations, client: Client) -> Finding | None:
    """Find whether the whitelist is on, and a call from here is refused all the same."""
    settings = seen.settings
    if settings is None or seen.anonymous.status != 403 or not settings.boolean("AuthSubnetWhitelistEnabled"):
        return None
    nets = settings.whitelist()[0]
    if not nets or client.ours is None:
        return None
    meant = covers(nets, client.ours)
    address = client.address
    if address is not None and covers(nets, address):
        return None  # it ought to match: file and server differ, which is another cause
    if meant and address is None and client.through is None:
        return None
    shown = ", ".join(map(str, nets))
    file = str(seen.target.config_file) if seen.target.config_file else None
    found = settings.found("AuthSubnetWhitelist")
    line = found.line if found else None
    listed = Evidence.setting("AuthSubnetWhitelist", shown, f"AuthSubnetWhitelist holds {shown}", file=file, line=line)
    seen_as = address or "another address"
    confidence: Confidence = "likely" if address is not None and client.source != "network" else "possible"
    if meant:
        text = (
            f"The whitelist holds our address {client.ours}, but the server sees {seen_as}: between us stands "
            f"{client.through}"
        )
    else:
        text = f"The whitelist ({shown}) does not hold {address or client.ours}, so calls from there need a login"
    values = {"address": address} if address else {}
    own = client.through is None or client.source == "network"
    # A port map hands bytes on: it names no visitor, and whoever trusted it would believe each of them. One that the kernel
    # makes (Docker without its proxy, Kubernetes) does not show itself, so a container's network is taken for no more.
    one = seen.target.instance
    mapped = seen.target.published is not None or (one is not None and one.shares_network is False)
    behind = not own and (not mapped or seen.in_front is not None)
    values |= {"own_address": "yes" if own else "no", "proxy": "yes" if behind else "no"}
    proxy = address or (client.ours if seen.target.here else None)
    distrusts = _distrusts(seen, proxy) if behind and proxy is not None else ""
    values["untrusted_proxy"] = "yes" if distrusts else "no"
    if distrusts and proxy is not None:
        text += f"; {distrusts}"
        values["proxy_address"] = proxy
    elif behind and seen.believes_forwarded and not client.changed and address is not None:
        text += (
            "; X-Forwarded-For counts here, and what the proxy sends in it is none that can be read: nothing, or an address with "
            "a port"
        )
    evidence = (listed, _evidence(seen, client), Evidence.response(seen.anonymous))
    return Finding("whitelist-not-matching", confidence, text, evidence, _severity(seen, meant=meant), values)


def _not_localhost(seen: Observations, client: Client) -> Finding | None:
    """Find whether the bypass for localhost is on, and a call from this machine's is none of localhost's for the server."""
    settings, one = seen.settings, seen.target.instance
    if settings is None or settings.boolean("LocalHostAuth") or seen.anonymous.status != 403 or client.ours is None:
        return None
    apart = one is not None and one.shares_network is False
    if (
        not apart
        or not covers(LOOPBACK, client.ours)
        or (client.address is not None and covers(LOOPBACK, client.address))
    ):
        return None
    file = str(seen.target.config_file) if seen.target.config_file else None
    found = settings.found("LocalHostAuth")
    said = "LocalHostAuth=false lets in what comes from localhost, which is the server's own network alone"
    listed = Evidence.setting("LocalHostAuth", "false", said, file=file, line=found.line if found else None)
    text = (
        f"The bypass for localhost is on, and calls from here are none of localhost's: the server sees "
        f"{client.address or 'another address'}, since between us stands {client.through or 'its own network'}"
    )
    confidence: Confidence = "likely" if client.address is not None else "possible"
    evidence = (listed, _evidence(seen, client), Evidence.response(seen.anonymous))
    values = {"setting": "LocalHostAuth", "one_address": "no"}
    # It may be meant for what runs in that network, which it does let in: no error.
    severity: Severity = "warning" if _severity(seen, meant=False) == "error" else "info"
    return Finding("bypass-cannot-apply", confidence, text, evidence, severity, values)


def _distrusts(seen: Observations, address: str) -> str:
    """Return why X-Forwarded-For is not looked at in what comes from this proxy's address; nothing where it is."""
    settings = seen.settings
    if settings is None or None in releases.possible("proxy.forwarded_from", seen.releases):
        return ""
    nets = settings.trusted_proxies()[0]
    if not settings.boolean("ReverseProxySupportEnabled"):
        return "reverse proxy support is off, so that X-Forwarded-For is not looked at"
    if covers(nets, address):
        return ""
    held = (
        f"holds {', '.join(map(str, nets))}, not {address}, from which the proxy's calls come"
        if nets
        else "holds no address"
    )
    return f"the list of trusted proxies {held}, so that X-Forwarded-For is not looked at"


def _severity(seen: Observations, *, meant: bool) -> Severity:
    """Return an error where the whitelist was all that could have let us in: nobody gave credentials to log in with."""
    works = (seen.has("session_call") and seen.session_call is not None and seen.session_call.status == 200) or (
        seen.has("sign_in") and seen.sign_in.outcome == "accepted"
    )
    if works or seen.asked.no_login:
        return "warning" if meant else "info"
    nothing_given = seen.password is None and seen.asked.api_key is None
    return "error" if meant or nothing_given else "info"


def _shared_ban(seen: Observations, client: Client) -> Finding | None:
    """Find whether the banned address is that of a proxy or gateway, and so everybody's who comes through it."""
    sign_in = seen.sign_in if seen.has("sign_in") else None
    if sign_in is None or client.through is None:
        return None
    address = client.address if client.source in {"log", "log-others"} else None
    if address is None or seen.believes_forwarded is not False:
        return None
    if sign_in.outcome == "banned":
        line = witness.banned(seen.late_log, address)
        said = f"the log says: {line.shown}" if line is not None else None
    else:
        enough = 0 < sign_in.limit <= witness.login_failures(seen.log, address)
        said = f"the log shows {sign_in.limit} failed logins from {address} since the last good one" if enough else None
    if said is None:
        return None
    text = f"qBittorrent has banned {address}, which is the address of everybody who comes through {client.through}"
    log = str(seen.target.log_file or "")
    evidence = [Evidence("log", said, {"file": log}), _evidence(seen, client)]
    if seen.settings is not None:
        on = seen.settings.value_text("ReverseProxySupportEnabled")
        why = "reverse proxy support is off, or its list holds no address: X-Forwarded-For is not looked at"
        file = str(seen.target.config_file) if seen.target.config_file else None
        evidence.append(Evidence.setting("ReverseProxySupportEnabled", on, why, file=file))
    values = {"address": address, "proxy_address": address, "proxy": "yes" if seen.in_front else "no"}
    return Finding("shared-address-ban", "likely", text, tuple(evidence), "error", values)


CHECK = Check(
    id="client-address",
    title="Whom the server takes us for",
    order=105,
    judge=judge,
    causes=("proxy-hop-untrusted", "whitelist-not-matching", "shared-address-ban", "bypass-cannot-apply"),
    about=(
        "Bans, the whitelist and the bypass for local callers go by the address that qBittorrent sees: ours where we speak "
        "to the process itself; behind a proxy, a port mapping or a container's network the gateway's, as its log shows "
        "for this run's login. Sends nothing of its own. A whitelist that is on and does not hold that address is an error "
        "only where no credentials were given, or where it holds our real address and was meant to let us in. A ban is "
        "called shared where the log names the address of what stands in front and X-Forwarded-For is not looked at. "
        "The same goes for a bypass for localhost that is on, asked through the network of a container. "
        "Clients that never log in leave no line in the log, so client-relies-on-bypass cannot be seen from here."
    ),
)
