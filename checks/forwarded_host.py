"""Checks whether an Origin is refused as X-Forwarded-Host does not count any more (5.2.2 on, without proxy support)."""

from qbdoctor.api import Check, Evidence, Finding, Judgement, Observations, releases

RULE = "csrf.forwarded_host"


def judge(seen: Observations) -> Judgement:
    """Judge by release and settings: from outside it looks like any other Origin that is refused."""
    refused = [
        one
        for one in seen.comparisons.get("origin", ())
        if one.differs and one.factor.startswith(("the Origin", "the Referer"))
    ]
    if seen.target.direct:
        return Judgement("pass", "Nothing stands in between that could send X-Forwarded-Host")
    if not refused:
        return Judgement("skip", "Not judged", "no Origin is refused on the way through a proxy")
    exact = seen.version if seen.has("version") else None
    needed = {releases.rule(RULE, exact)} if exact is not None else set(releases.possible(RULE, seen.releases))
    if needed == {"always"}:
        return Judgement("pass", "This release reads X-Forwarded-Host from every proxy")
    if len(needed) > 1:
        return Judgement("skip", "Not judged", f"the release ({seen.releases}) is not known well enough")
    support, said = _support(seen)
    if support is None:
        return Judgement("skip", "Not judged", "whether reverse proxy support is on is not known")
    if support:
        return Judgement("pass", "Reverse proxy support is on, so X-Forwarded-Host counts")
    text = (
        "If the proxy sends X-Forwarded-Host, it is ignored: this release reads it only with reverse proxy support, and "
        "that is off"
    )
    evidence = (said, Evidence.experiment(refused[-1]))
    found = Finding("forwarded-host-ignored", "possible", text, evidence, values={"proxy": "yes", **_proxy(seen)})
    return Judgement("fail", text, findings=(found,))


def _proxy(seen: Observations) -> dict[str, str]:
    """Return the proxy's address as the server's log shows it, where something in front shows itself as one."""
    client = seen.client
    logged = client.source in {"log", "log-others"} and client.address is not None and bool(seen.in_front)
    return {"proxy_address": client.address or ""} if logged else {}


def _support(seen: Observations) -> tuple[bool | None, Evidence]:
    """Return whether proxy support works, which takes a list with at least one valid address, and what says so."""
    settings = seen.settings
    name = "ReverseProxySupportEnabled"
    if settings is not None:
        on = settings.boolean(name)
        usable = on and bool(settings.trusted_proxies()[0])
        found = settings.found(name)
        text = f"{name} is {settings.value_text(name)}" + (
            " but no trusted proxy is listed" if on and not usable else ""
        )
        file = str(seen.target.config_file) if seen.target.config_file else None
        line = found.line if found else None
        return usable, Evidence.setting(name, settings.value_text(name), text, file=file, line=line)
    preferences = seen.preferences if seen.has("version") else None
    value = None if preferences is None else preferences.get("web_ui_reverse_proxy_enabled")
    now = value if isinstance(value, bool) else None
    shown = "not known" if now is None else "true" if now else "false"
    return now, Evidence.setting("web_ui_reverse_proxy_enabled", shown, f"app/preferences: it is {shown}")


CHECK = Check(
    id="forwarded-host",
    title="X-Forwarded-Host",
    order=125,
    judge=judge,
    causes=("forwarded-host-ignored",),
    about=(
        "Sends nothing of its own. Where a browser's Origin is refused on the way through a proxy, release and settings "
        "say whether X-Forwarded-Host could count: from 5.2.2 on it does only with reverse proxy support. Whether the "
        "proxy sends that header cannot be seen from outside, so this is possible at most, and stands beside the refused "
        "Origin."
    ),
)
