"""Checks that the port is served, and in the scheme that was asked for."""

import sys

from qbdoctor.api import Check, Comparison, Evidence, Exchange, Finding, Judgement, Observations

UNREACHED = ("refused", "unreachable", "dns", "connect-timeout")
MAY_BE_THE_OTHER_SCHEME = ("closed", "tls", "timeout", "not-http")


def judge(seen: Observations) -> Judgement:
    """Judge by what became of the first request; a broken one asks for the same request in the other scheme."""
    first = seen.anonymous
    if seen.untrusted is not None:
        return _untrusted(seen, seen.untrusted)
    if first.failure is None:
        if _says_tls_expected(first):
            return _other_scheme(seen, first)
        return Judgement("pass", f"{seen.target.address.url} answers ({first.ms:.0f} ms)")
    kind = first.failure.kind
    if kind in UNREACHED:
        return _unreached(seen, first)
    if kind in {"deadline", "withheld"}:
        return Judgement("unknown", "No answer in time" if kind == "deadline" else "Not asked", first.failure.text)
    if kind in MAY_BE_THE_OTHER_SCHEME:
        return _other_scheme(seen, first)
    return Judgement("pass", f"{seen.target.address.url} is served by something: {first.failure.text}")


def _says_tls_expected(first: Exchange) -> bool:
    """Return True for a web server's own words that plain http came to its https port (nginx, Apache, Caddy, Go)."""
    return first.status == 400 and "https" in first.body.lower() and first.url.startswith("http:")


def _unreached(seen: Observations, first: Exchange) -> Judgement:
    address = seen.target.address
    kind, text = (first.failure.kind, first.failure.text) if first.failure else ("", "")
    instance = seen.target.instance
    if kind == "dns":
        return _failed("name-not-resolved", f"{address.host}: {text}", first)
    # Silence of this machine's own addresses is a full queue, or a firewall here; of another one it is the way there.
    if kind == "unreachable" or (kind == "connect-timeout" and instance is None and not seen.target.here):
        return _unreachable(f"{address.url}: {text}", first)
    summary = f"Nothing serves {address.url}: {text}"
    evidence = (Evidence.response(first),) if instance is None else (Evidence.response(first), _process(seen))
    # Why a process that runs does not serve it is another check's question, and the surer sentence.
    runs = instance is not None or (seen.suspect is not None and seen.suspect.named)
    found = Finding("not-running", "possible" if runs else "likely", summary, evidence)
    return Judgement("fail", summary, findings=(found,))


def _unreachable(summary: str, first: Exchange) -> Judgement:
    if sys.platform == "darwin" and "No route to host" in summary:
        # macOS 15 says the same where its Local Network privacy keeps this program from the local network (TN3179).
        text = f"{summary}; macOS says so, too, of a program that may not use the local network"
        found = Finding("host-unreachable", "possible", text, (Evidence.response(first),))
        return Judgement("fail", text, findings=(found,))
    return _failed("host-unreachable", summary, first)


def _failed(cause: str, summary: str, first: Exchange) -> Judgement:
    found = Finding(cause, "likely", summary, (Evidence.response(first),))
    return Judgement("fail", summary, findings=(found,))


def _process(seen: Observations) -> Evidence:
    instance = seen.target.instance
    pid = instance.pid if instance else 0
    ports = sorted({port for _, port in instance.listening or ()}) if instance else []
    text = f"process {pid} listens on " + (", ".join(map(str, ports)) if ports else "no port that we may see")
    return Evidence("process", text, {"pid": pid, "ports": ports})


def _untrusted(seen: Observations, first: Exchange) -> Judgement:
    compared = seen.compared("certificate")
    text = first.failure.text if first.failure else ""
    if compared is None:
        return Judgement("fail", text, wants=("certificate",))
    evidence = _certificate(seen)
    other_name, expired = "mismatch" in text, "expired" in text
    values = {"wrong_name": "yes" if other_name else "no", "unknown_issuer": "no" if other_name or expired else "yes"}
    if evidence and values["unknown_issuer"] == "yes" and seen.self_signed_certificate:
        values["ca_file"] = seen.self_signed_certificate
    found = Finding(
        "tls-untrusted",
        "proven" if compared.differs else "likely",
        f"{seen.target.address.url} speaks TLS, but {text}: every client that verifies certificates fails",
        (Evidence.experiment(compared), *evidence),
        values=values,
    )
    return Judgement("fail", text, findings=(found,))


def _certificate(seen: Observations) -> tuple[Evidence, ...]:
    """Return which file the config names as the certificate, where the server's own TLS is meant."""
    settings = seen.settings
    if settings is None or seen.target.direct is False or not settings.boolean("HTTPS/Enabled"):
        return ()
    path, found = settings.text("HTTPS/CertificatePath"), settings.found("HTTPS/CertificatePath")
    if not path or found is None:
        return ()
    file = str(seen.target.config_file) if seen.target.config_file else None
    text = f"qBittorrent's certificate is the one in {path}"
    return (Evidence.setting("HTTPS\\CertificatePath", path, text, file=file, line=found.line),)


def _other_scheme(seen: Observations, first: Exchange) -> Judgement:
    compared = seen.compared("scheme")
    if compared is None:
        return Judgement("fail", first.outcome(), wants=("scheme",))
    if compared.differs:
        return _mismatch(seen, compared)
    summary = f"{seen.target.address.url}: {first.outcome()}"
    if first.failure is None or first.failure.kind == "not-http":
        return Judgement("pass", f"{seen.target.address.url} is served by something: {first.outcome()}")
    evidence: tuple[Evidence, ...] = (Evidence.response(first), Evidence.response(compared.b))
    if first.failure.kind == "timeout":
        began = f" after {first.failure.got} bytes of an answer" if first.failure.got else ""
        text = f"{seen.target.address.url} takes connections but does not complete an answer{began}"
        fault = None if first.failure.got else _unfit_pair(seen)
        if fault is not None:
            # Its port takes connections and every handshake hangs, though the log says that HTTPS was set up (measured).
            text = f"{seen.target.address.url} takes connections and finishes no TLS handshake: {fault}"
            file = str(seen.target.config_file) if seen.target.config_file else None
            evidence = (Evidence.setting("HTTPS\\KeyPath", None, fault, file=file), *evidence)
        found = Finding("web-server-hang", "likely", text, evidence)
    elif seen.target.published is not None:
        where = f"port {seen.target.published.port} of its container"
        text = f"{seen.target.address.url} is published by a container's engine, and nothing answers at {where}"
        found = Finding("not-running", "possible", text, evidence)
    elif (other := _torrents(seen, evidence)) is not None:
        found = other
    elif seen.target.direct:
        text = f"qBittorrent takes connections at {seen.target.address.url} and closes them without an answer"
        found = Finding("web-server-hang", "likely", text, evidence)
    else:
        text = (
            f"What listens at {seen.target.address.url} closes connections without an HTTP answer, as also the port does that "
            "qBittorrent has for torrents"
        )
        found = Finding("not-qbittorrent", "likely", text, evidence, values={"no_route": "no"})
    return Judgement("fail", summary, findings=(found,))


def _torrents(seen: Observations, evidence: tuple[Evidence, ...]) -> Finding | None:
    """Find whether this is the port that the server has for torrents, which speaks no HTTP."""
    one, port = seen.target.instance, seen.target.address.port
    if one is None or port not in one.torrent_ports:
        return None
    web = [str(each) for each in one.ports if each not in one.torrent_ports]
    where = f"; its Web UI is on port {' or '.join(web)}" if web else ""
    text = (
        f"Port {port} is the one that qBittorrent, process {one.pid}, has for torrents, where it speaks no HTTP{where}"
    )
    values = {"another_port": "no"}  # the one for torrents is no port for the Web UI
    if len(web) == 1:
        secure = seen.settings is not None and seen.settings.boolean("HTTPS/Enabled")
        values["server_port"] = web[0]
        values["real_url"] = (
            f"{'https' if secure else 'http'}://{seen.target.address.authority.removesuffix(f':{port}')}:{web[0]}"
        )
    return Finding("wrong-port", "likely", text, (_process(seen), *evidence), values=values)


def _unfit_pair(seen: Observations) -> str | None:
    """Return what is wrong with certificate and key if HTTPS is on and they do not fit each other."""
    if seen.settings is None or not seen.settings.boolean("HTTPS/Enabled"):
        return None
    fault = seen.certificate_fault
    return fault if fault and "belong together" in fault else None


def _mismatch(seen: Observations, compared: Comparison) -> Judgement:
    address = seen.target.address
    other = "https" if address.scheme == "http" else "http"
    summary = f"port {address.port} speaks {other}, not {address.scheme}: the same request over {other} is answered"
    values = {"real_url": compared.b.url.removesuffix("/api/v2/app/version")}
    found = Finding("tls-mismatch", "proven", summary, (Evidence.experiment(compared),), values=values)
    return Judgement("fail", summary, findings=(found,))


CHECK = Check(
    id="port-served",
    title="The port and its scheme",
    order=20,
    judge=judge,
    causes=(
        "host-unreachable",
        "name-not-resolved",
        "not-running",
        "wrong-port",
        "web-server-hang",
        "tls-mismatch",
        "tls-untrusted",
        "not-qbittorrent",
    ),
    about=(
        "Sends GET /api/v2/app/version without cookie or credentials, which costs nothing and never counts as a failed "
        "login. A name that is not known, a host that cannot be reached and a port that nobody has are told apart by what the "
        "system says. Where no answer comes it sends the same request in the other scheme (http or https, certificate not "
        "looked at): an answer there proves tls-mismatch. A certificate that is not trusted is proven by the same "
        "request with verification off. A server that takes the connection and does not finish its answer within the "
        "time is web-server-hang, at most likely."
    ),
)
