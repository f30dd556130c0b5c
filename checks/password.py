"""Checks the password against the config's hash, without asking the server."""

from qbdoctor.api import Check, Confidence, Evidence, Finding, Judgement, Observations, Severity, port_rivals


def judge(seen: Observations) -> Judgement:
    """Judge what the offline check says; nothing is sent."""
    if seen.asked.api_key is not None:
        return Judgement("skip", "Not needed", "an API key is used, no password")
    offline = seen.offline
    file = str(seen.target.config_file) if seen.target.config_file else None
    username = seen.asked.username or "admin"
    values = {"username": username}
    stored = "***" if offline.line else None
    evidence = Evidence.setting("Password_PBKDF2", stored, offline.text, file=file, line=offline.line)
    findings: list[Finding] = []
    if offline.factory:
        text = "The Web UI's password is the factory one, adminadmin"
        findings.append(Finding("default-credentials", "likely", text, (evidence,), values=values))
    if offline.outcome == "malformed":
        text = f"No password can ever match: {offline.text}"
        found = Finding("malformed-password-hash", "likely", text, (evidence,), values=values)
        return Judgement("fail", text, findings=(found,))
    if offline.outcome == "mismatch":
        text = f"User name or password is wrong by the config: {offline.text}; no login was sent"
        # Under a bypass no password is looked at: calls work now and stop when it ends.
        bypassed = seen.anonymous.status == 200
        severity: Severity = "warning" if bypassed else "error"
        sure: Confidence = "likely"
        said: tuple[Evidence, ...] = (evidence,)
        if offline.slip:
            sure = "proven"
            text = f"The password that was given is right but for a slip: it fits {offline.slip}; no login was sent"
            said = (
                Evidence.reads(
                    "the password, as given or without the slip",
                    ("the stored hash held against the password as given", "does not fit"),
                    (f"the same hash held against it {offline.slip}", "fits"),
                    "The password in the config is the one that was meant",
                ),
                evidence,
            )
        else:
            clause, witnesses, known = port_rivals(seen)
            text, said, values = text + clause, (*said, *witnesses), values | known
        findings.append(Finding("wrong-credentials", sure, text, said, severity=severity, values=values))
        return Judgement("warn" if bypassed else "fail", text, findings=tuple(findings))
    if offline.outcome == "not-set":
        text = "No Web UI password is set: this release makes up a new one at each start, so stored ones stop working"
        if file is not None and file.endswith(".ini"):
            text = "No Web UI password is set: the desktop program keeps its Web UI off until one is"
        found = Finding("temporary-password", "likely", text, (evidence,), severity="warning", values=values)
        return Judgement("warn", text, findings=(found,))
    if offline.outcome == "match":
        if findings:
            return Judgement("warn", findings[0].summary, findings=tuple(findings))
        return Judgement("pass", f"The password fits the hash in the config (user {username})")
    return Judgement(
        "warn" if findings else "skip",
        findings[0].summary if findings else "Not compared",
        offline.text,
        findings=tuple(findings),
    )


CHECK = Check(
    id="password",
    title="The password, offline",
    order=90,
    judge=judge,
    causes=("wrong-credentials", "malformed-password-hash", "temporary-password", "default-credentials"),
    about=(
        "Computes PBKDF2-HMAC-SHA512 of the given password with the salt in the config and compares it with the stored "
        "key: it costs the server nothing and can never cause a ban. A hash that can never match, one of the factory "
        "password, a missing one (a temporary password from 4.6.1 on, adminadmin before) and another user name are told "
        "apart. Where it says no, no login is sent. The running server may hold another password than the file if the "
        "file was edited while it ran, so nothing here is more than likely."
    ),
)
