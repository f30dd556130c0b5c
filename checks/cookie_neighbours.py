"""Checks whether several Web UIs of this machine share the name of the session cookie."""

from qbdoctor.api import Check, Evidence, Finding, Judgement, Observations, releases

NAMED = releases.change_of("cookie.name").since


def judge(seen: Observations) -> Judgement:
    """Judge by the other qBittorrents that run here: cookies know hosts, not ports."""
    if seen.target.instance is None:
        return Judgement("skip", "Not judged", "the target is not a process of this machine")
    neighbours = seen.neighbours
    if not neighbours:
        return Judgement("pass", "No other Web UI of a qBittorrent runs here")
    version = seen.version if seen.has("version") else None
    ours = _our_name(seen)
    if ours is None:
        reason = "the name of this server's cookie is known after a login or a bypass only"
        return Judgement("skip", f"{len(neighbours)} other Web UI(s) run here", reason)
    same = [one for one in neighbours if ours in one.cookie_names]
    if not same:
        return Judgement("pass", f"The cookie {ours} is this server's alone")
    ports = f"port{'s' if len(same) > 1 else ''} {', '.join(str(one.port) for one in same)}"
    text = (
        f"The cookie {ours} is also that of the Web UI on {ports}: a client that uses both under one host name is "
        "logged out of one by the other"
    )
    evidence = tuple(
        Evidence(
            "process",
            f"process {one.pid} serves a Web UI on port {one.port}, cookie {ours}",
            {"pid": one.pid, "port": one.port},
        )
        for one in same
    )
    values = {"cookie_name": ours, **({"version": str(version)} if version else {})}
    return Judgement("warn", text, findings=(Finding("cookie-clobber", "likely", text, evidence, values=values),))


def _our_name(seen: Observations) -> str | None:
    for exchange in (seen.sign_in.exchange, seen.anonymous):
        for cookie in exchange.cookies if exchange is not None else ():
            if cookie.value:
                return cookie.name
    return None


CHECK = Check(
    id="cookie-neighbours",
    title="Other servers' cookies",
    order=112,
    judge=judge,
    causes=("cookie-clobber",),
    about=(
        f"Browsers and cookie jars keep cookies by host, not by port. Before {NAMED} every qBittorrent calls its session cookie "
        "SID, and since then by its own port, which two containers may have in common. Two of one name on one machine "
        "overwrite each other's in any client that uses both. Looks at the other qBittorrents that run here or are "
        "published here, and at their configs; sends nothing to them. That one client talks to both cannot be seen, so it "
        "stays likely."
    ),
)
