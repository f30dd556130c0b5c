"""Checks that qBittorrent accepts the Host header that clients of this address send."""

import ipaddress

from qbdoctor.api import (
    Check,
    Comparison,
    Evidence,
    Finding,
    Judgement,
    Observations,
    Rejection,
    Remedy,
    container_words,
    is_public,
    passes_as_host,
    refusals,
)

HANDED_ON = {"proxy": "yes", "container": "no", "another_port": "no"}
"""Which remedies fit where a proxy hands a Host on: its line for that, not the numbers of ports."""


def judge(seen: Observations) -> Judgement:
    """Judge a 401 by the same request with another Host header: first without the wrong port, then another name."""
    first = seen.anonymous
    if not first.answered:
        return Judgement("skip", "Not judged", "no answer came")
    if seen.serves_qbittorrent is False:
        return Judgement("skip", "Not judged", "what answers is not qBittorrent")
    authority = seen.target.address.authority
    if first.status != 401:
        found = _others(seen)
        if found:
            return Judgement("warn", found[0].summary, findings=found)
        return Judgement("pass", f"Host: {authority} is accepted")
    if seen.first_request_log is not None and not seen.first_request_log.rejections:
        return Judgement(
            "skip",
            "Not judged",
            f"the 401 is about a login, by {seen.first_request_log.file}, not about the Host header",
        )
    compared = seen.comparisons.get("host-header")
    if compared is None:
        return Judgement("fail", f"Host: {authority} is refused with 401", wants=("host-header",))
    telling = [one for one in compared if one.differs]
    if not telling:
        return _by_log(seen) or _unexplained(seen, compared)
    ports = [one for one in telling if one.factor.startswith("the port")]
    names = [one for one in telling if one not in ports]
    told = [_port(seen, one) for one in ports[-1:]] + [_name(seen, one) for one in names[-1:]]
    if len(told) == 1:
        return told[0]
    found = tuple(finding for one in told for finding in one.findings)
    return Judgement("fail", f"Host: {authority} is refused for its port, and for its name as well", findings=found)


def _others(seen: Observations) -> tuple[Finding, ...]:
    """Find by the log what Host headers of others were refused since the start: theirs is another address than the one asked.

    What would pass now is left out, and so is a stranger of the Internet that names an address: it tries them all.
    """
    own = seen.target.instance is not None
    groups: dict[str, list[Rejection]] = {}
    for one in seen.rejected if own else seen.refused_before.rejections:
        if one.kind in {"host", "port"} and one.received and not _is_settled(seen, one):
            groups.setdefault(one.received, []).append(one)
    # A stranger's are told last, so that they hide nobody's own
    ordered = sorted(groups, key=lambda host: (not refusals.is_local_name(_name_of(host)), -len(groups[host]), host))
    return tuple(_refused(seen, host, groups[host]) for host in ordered[:3])


def _is_settled(seen: Observations, one: Rejection) -> bool:
    name = _name_of(one.received)
    if one.kind == "port" and one.expected != str(seen.target.server_port or one.expected):
        return True
    if one.kind == "host" and passes_as_host(seen, name):
        return True
    source = _network(one.source)
    return _network(name.strip("[]")) is not None and source is not None and is_public(source)


def _network(address: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(address)
    except ValueError:
        return None


def _name_of(host: str) -> str:
    """Return a Host header without its port."""
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host


def _refused(seen: Observations, host: str, lines: list[Rejection]) -> Finding:
    last = lines[-1]
    sources = ", ".join(sorted({one.source for one in lines})[:3])
    why = (
        f"its port is not the one qBittorrent listens on, {last.expected}"
        if last.kind == "port"
        else "that name is not in its list of domains"
    )
    text = f"Since its start qBittorrent refused {refusals.times(lines)} from {sources} for the Host header {host}: {why}. "
    strange = last.kind == "host" and not refusals.is_local_name(_name_of(host))
    text += (
        "If you do not know that name it is refused rightly: a stranger's page can have a name of its own lead here"
        if strange
        else "Whoever uses that address gets 401"
    )
    when = f", the last at {last.when:%Y-%m-%d %H:%M:%S}" if last.when else ""
    file = seen.target.log_file
    said = f"{file or 'the log'}: Received Host header: {host}, {refusals.times(lines)}{when}"
    evidence = (Evidence("log", said, {"count": len(lines)} | ({"file": str(file)} if file else {})),)
    if last.kind == "port":
        values = {"server_port": last.expected or "", "port": host.rpartition(":")[2]}
        if values["port"] in {"80", "443"}:  # no browser names these: a client does, to a proxy
            values |= HANDED_ON
        return Finding("host-port-mismatch", "likely", text, evidence, "warning", values)
    values = {"by_others": "yes"} | ({} if strange else {"name": _name_of(host)})
    return Finding("host-not-allowed", "likely", text, evidence, "warning", values)


def _sent_host(comparison: Comparison) -> str:
    return dict(comparison.b.sent).get("Host", "")


def _port(seen: Observations, compared: Comparison) -> Judgement:
    address = seen.target.address
    host = _sent_host(compared)
    inner = host.rpartition(":")[2] if host.rpartition(":")[2].isdigit() else None
    listens = (
        f", is not the port qBittorrent listens on, {inner};" if inner else ", is not the one qBittorrent listens on;"
    )
    changed = f"with {inner}" if inner else "without a port"
    summary = (
        f"The port in your Host header, {address.port}{listens} {changed} the same request answers "
        f"{compared.b.status} instead of {compared.a.status}"
    )
    values = {"server_port": inner} if inner else {}
    if seen.in_front and not seen.target.direct:  # what listens at that port is a proxy
        values |= HANDED_ON
    proof = (Evidence.experiment(compared),)
    found = Finding("host-port-mismatch", "proven", summary, proof, values=values, remedies=_in_container(seen, inner))
    return Judgement("fail", f"Host: {address.authority} is refused, Host: {host} is not", findings=(found,))


def _in_container(seen: Observations, inner: str | None) -> tuple[Remedy, ...]:
    """Return what to change at a container that publishes the port under another number; () where it is no container's."""
    target = seen.target
    one, published = target.container, target.published
    if one is None or published is None or inner is None or published.port != int(inner):
        return ()
    publisher = target.publisher or one
    # Where it is published under its own number as well, the address is all that is wrong.
    equal = [port for port in publisher.ports if port.port == port.host_port == published.port]
    if equal:
        return (container_words.use(equal[0], target.address.scheme),)
    return tuple(container_words.one_number(one, publisher, published.host_port, published.port, seen.compose_text))


def _name(seen: Observations, compared: Comparison) -> Judgement:
    address = seen.target.address
    host = _sent_host(compared)
    summary = (
        f"qBittorrent does not accept the name {address.host} in the Host header; with {host} the same request answers "
        f"{compared.b.status} instead of {compared.a.status}"
    )
    evidence = [Evidence.experiment(compared)]
    values = {"name": address.host}
    settings = seen.settings
    if settings is not None:
        domains = ";".join(settings.server_domains())
        found_setting = settings.found("ServerDomains")
        line = found_setting.line if found_setting else None
        text = (
            f"ServerDomains is {domains!r}"
            if domains
            else "ServerDomains is empty: only the server's own address passes"
        )
        evidence.append(Evidence.setting("ServerDomains", domains, text, file=_file(seen), line=line))
    found = Finding("host-not-allowed", "proven", summary, tuple(evidence), values=values)
    return Judgement("fail", f"Host: {address.authority} is refused, Host: {host} is not", findings=(found,))


def _file(seen: Observations) -> str | None:
    return str(seen.target.config_file) if seen.target.config_file else None


def _by_log(seen: Observations) -> Judgement | None:
    """Judge by the line that our own request left in a log of this machine: a proxy may send a Host of its own."""
    told = seen.first_request_log
    met = {one.received: one for one in told.rejections if one.kind in {"host", "port"}} if told else {}
    if told is None or len(met) != 1:
        return None  # nothing, or what others sent at the same moment as well
    host, refused = met.popitem()
    evidence = Evidence("log", f"{told.file}: the Host header {host!r} was refused", {"file": str(told.file)})
    if not host:
        text = (
            f"Requests to {seen.target.address.url} reach qBittorrent without any Host header, which its list of domains does "
            "not let pass: something on the way drops it"
        )
        said = (evidence, Evidence.response(seen.anonymous))
        found = Finding("host-header-missing", "likely", text, said, values={"proxy": "yes"})
        return Judgement("fail", text, findings=(found,))
    if refused.kind == "port":
        text = (
            f"qBittorrent, which listens on port {refused.expected}, gets {host} as Host: whatever is asked for at "
            f"{seen.target.address.url}, something on the way sends that, and calls are refused"
        )
        values = {"server_port": refused.expected or ""}
        found = Finding(
            "host-port-mismatch", "likely", text, (evidence, Evidence.response(seen.anonymous)), values=values
        )
    else:
        text = f"qBittorrent gets {host} as Host and does not accept that name, whatever is asked for"
        said = (evidence, Evidence.response(seen.anonymous))
        values = {"name": _name_of(host), "by_others": "yes"}  # a request of another's can have come at that moment
        found = Finding("host-not-allowed", "likely", text, said, values=values)
    return Judgement("fail", f"Host: {host} is what arrives, and it is refused", findings=(found,))


def _unexplained(seen: Observations, compared: tuple[Comparison, ...]) -> Judgement:
    tried = ", ".join(dict.fromkeys(_sent_host(one) for one in compared)) or "none"
    reason = (
        f"every call is refused with 401, and no other Host header changes that (tried: {tried}); the server's log names "
        "the reason; from 5.2 on, a proxy that adds an Authorization header looks the same from outside"
    )
    return Judgement("unknown", f"Host: {seen.target.address.authority} gets 401", reason)


CHECK = Check(
    id="host-header",
    title="The Host header",
    order=50,
    judge=judge,
    causes=("host-port-mismatch", "host-not-allowed", "host-header-missing"),
    about=(
        "A 401 to a request without cookie, Origin or Referer means that qBittorrent refused the Host header. The check "
        "sends the same request with the port that qBittorrent listens on (or without a port), then with the address "
        "instead of the name, and compares: an answer other than 401 proves which part is refused, or that both are. At most "
        "two more requests are sent after a 401; each refusal leaves a warning in the server's log. Where that log is on this "
        "machine, what it says of the first request is the witness when no other Host helps."
    ),
)
