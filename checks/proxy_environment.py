"""Checks whether proxy variables of the environment lead ordinary clients away from this target."""

from qbdoctor.api import Check, Evidence, Finding, Judgement, Observations


def judge(seen: Observations) -> Judgement:
    """Judge by sending the free request once through the environment's proxy; qbdoctor itself goes directly."""
    variables = seen.proxy_variables
    if not variables:
        return Judgement("pass", "No proxy variable or system's proxy setting applies to this address")
    first = variables[0]
    if not seen.anonymous.answered:
        reason = f"{first.variable} applies, but the address does not answer directly either"
        return Judgement("skip", "Not compared", reason)
    compared = seen.compared("proxy-environment")
    if compared is None:
        return Judgement("warn", f"{first.variable} applies to this address", wants=("proxy-environment",))
    if not compared.differs:
        return Judgement("pass", f"{first.variable} applies, and the way through {first.shown} answers the same")
    summary = (
        f"{first.variable}{' ' if ' ' in first.variable else '='}{first.shown} sends ordinary clients of this address "
        f"through a proxy, where the same request ends with: {compared.b.outcome()}"
    )
    past = dict.fromkeys(("localhost", "127.0.0.1", "::1", seen.target.address.host))
    values = {"proxy_variable": first.variable, "no_proxy": ",".join(past)}
    # We got around it, so calls that go directly work: a warning, whatever those of other clients do.
    evidence = (Evidence.experiment(compared),)
    found = Finding("http-proxy-env", "proven", summary, evidence, severity="warning", values=values)
    return Judgement("warn", summary, findings=(found,))


CHECK = Check(
    id="proxy-environment",
    title="Proxy variables",
    order=40,
    judge=judge,
    causes=("http-proxy-env",),
    about=(
        "Looks at HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY in this environment, and on Windows and macOS at the "
        "system's own proxy setting, as requests, curl and most clients do. qbdoctor itself never uses them. Where one "
        "applies to the target, the request without cookie is "
        "sent once directly and once through that proxy, without credentials; different answers prove that the "
        "variable gets in the way of clients started from this environment."
    ),
)
