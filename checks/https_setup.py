"""Checks that the server really speaks HTTPS where it is switched on."""

from qbdoctor.api import (
    Check,
    Confidence,
    Evidence,
    Exchange,
    Finding,
    Judgement,
    Observations,
    Severity,
    releases,
    witness,
)

SETTING = "HTTPS/Enabled"
POLICY = "upgrade-insecure-requests"
"""What every answer's policy holds while HTTPS is switched on (4.1.5 and later), also after its setup failed."""


def judge(seen: Observations) -> Judgement:
    """Judge by what the port speaks, the setting, the log and the certificate's files."""
    first = seen.anonymous
    switched_on = _switched_on(seen)
    if switched_on is None:
        return Judgement("skip", "Not judged", "neither the config nor the answers say whether HTTPS is switched on")
    if not switched_on:
        return Judgement("pass", "HTTPS is switched off in qBittorrent")
    if _may_be_plain(seen) and "scheme" not in seen.comparisons:
        return Judgement("pass", "HTTPS is switched on", wants=("scheme",))
    plain = _spoken_plainly(seen)
    line = witness.https_fallback(seen.log)
    # A file that was edited meanwhile says nothing of the running server; its answers and its log do.
    if plain is not None and line is None and POLICY not in (plain.header("content-security-policy") or ""):
        return Judgement("pass", "HTTPS is on in the file alone: the running server does not act so")
    if plain is not None and seen.target.address.scheme == "http" and "plain-http" not in seen.comparisons:
        return Judgement("fail", "HTTPS is switched on, and plain http is spoken", wants=("plain-http",))
    if plain is None and line is None:
        if not first.answered:
            return Judgement("skip", "Not judged", f"no answer came: {first.outcome()}")
        return Judgement("pass", "HTTPS is switched on, and nothing says that it failed")
    return _fallback(seen, plain, line)


def _switched_on(seen: Observations) -> bool | None:
    """Return what the setting is: by the file, else by the policy that it adds to every answer (4.1.5 and later)."""
    if seen.settings is not None:
        return seen.settings.boolean(SETTING)
    first = seen.anonymous
    if not first.answered or seen.in_front or not seen.serves_qbittorrent:
        return None
    return POLICY in (first.header("content-security-policy") or "")


def _may_be_plain(seen: Observations) -> bool:
    """Whether https was asked and no TLS came of it."""
    failure = seen.anonymous.failure
    return (
        seen.target.address.scheme == "https" and failure is not None and failure.kind in {"tls", "closed", "timeout"}
    )


def _spoken_plainly(seen: Observations) -> Exchange | None:
    """Return the answer that the server itself gave over plain http, if it gave one."""
    first = seen.anonymous
    if seen.target.address.scheme == "http":
        own = seen.target.direct or (seen.settings is None and not seen.in_front)
        return first if first.answered and own and seen.serves_qbittorrent else None
    compared = seen.compared("scheme")
    return compared.b if compared is not None and compared.differs and seen.target.direct is not False else None


def _setting(seen: Observations, text: str) -> Evidence:
    found = seen.settings.found(SETTING) if seen.settings is not None else None
    file = str(seen.target.config_file) if seen.target.config_file else None
    return Evidence.setting("HTTPS\\Enabled", "true", text, file=file, line=found.line if found else None)


def _fallback(seen: Observations, plain: Exchange | None, line: witness.LogLine | None) -> Judgement:
    fault = seen.certificate_fault
    severity = _severity(seen, plain)
    why = f": {fault}" if fault else ""
    text = f"HTTPS is switched on, but its setup failed and qBittorrent speaks plain http{why}"
    if severity == "error" and seen.target.address.scheme == "http":
        text += "; its cookie is marked Secure all the same, so clients do not send it back"
    evidence: list[Evidence] = []
    if line is not None:
        log = str(seen.target.log_file or "")
        evidence.append(Evidence("log", f"the log says: {line.shown}", {"file": log}))
    if seen.settings is not None:
        evidence.append(_setting(seen, f"HTTPS\\Enabled is true{f'; {fault}' if fault else ''}"))
    if plain is not None:
        evidence.append(
            Evidence.response(plain, f"{plain.method} {plain.url} is answered over plain http: {plain.outcome()}")
        )
        policy = plain.header("content-security-policy") or ""
        if POLICY in policy:
            said = f"the answer's policy tells browsers to use https ({POLICY}), as it does only where HTTPS is switched on"
            evidence.append(Evidence("response", said, {"content-security-policy": policy}))
    compared = seen.compared("scheme" if seen.target.address.scheme == "https" else "plain-http")
    confidence: Confidence = "likely"
    if plain is not None and compared is not None and compared.differs:
        evidence.insert(0, Evidence.experiment(compared))
        confidence = "proven"
    found = Finding("https-fallback", confidence, text, tuple(evidence), severity=severity)
    return Judgement("fail" if severity == "error" else "warn", text, findings=(found,))


def _severity(seen: Observations, plain: Exchange | None) -> Severity:
    """Return an error where calls fail for it: those by https, and by http those whose client keeps Secure cookies back."""
    if plain is None:
        return "warning"  # something in front makes the TLS; the setting waits for the day that it is gone
    if seen.target.address.scheme == "https":
        return "error"
    setting = seen.settings.boolean("SecureCookie") if seen.settings is not None else True
    secure = any("https" in reasons for reasons in releases.possible("cookie.secure", seen.releases))
    return "error" if plain.status == 403 and setting and secure else "warning"


CHECK = Check(
    id="https-setup",
    title="HTTPS of qBittorrent's own",
    order=27,
    judge=judge,
    causes=("https-fallback",),
    about=(
        "Where HTTPS is switched on (by the config, or by the policy that every answer then carries): does the port speak "
        "it? A certificate that cannot be used makes qBittorrent serve plain http on the same port and mark its cookie "
        "Secure all the same; its log says so once, at the start. That both stand at once, the switch (in every answer's "
        "policy) and plain http, is shown by the same request in both schemes. Certificate and key are loaded as a server "
        "does, where they may be read, to say what is wrong with them; nothing of them is kept."
    ),
)
