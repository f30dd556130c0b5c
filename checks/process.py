"""Checks that the qBittorrent process is running."""

from qbdoctor.api import Check, Evidence, Finding, Judgement, Observations


def judge(seen: Observations) -> Judgement:
    """Judge by the process list; a target that no process here can serve counts as remote."""
    target = seen.target
    if target.instance is not None:
        one = target.instance
        who = f" as {one.user}" if one.user else ""
        return Judgement("pass", f"qBittorrent runs, process {one.pid}{who}, since {one.started:%Y-%m-%d %H:%M:%S} UTC")
    if target.container is not None:
        reason = f"it is one of container {target.container.name}, which is {target.container.state.status}: see there"
        return Judgement("skip", "The process cannot be seen from here", reason)
    if target.origin == "url" and not target.config_given:
        reason = "no process on this machine serves this address, so the target counts as remote"
        return Judgement("skip", "The target is remote", reason)
    if seen.anonymous.answered:
        reason = "the address answers, but the process behind it cannot be seen from here (another user, a container)"
        return Judgement("skip", "The process cannot be seen", reason)
    what = f"No running qBittorrent uses {target.config_file}"
    found = Finding(
        "not-running",
        "likely",
        f"qBittorrent is not running: no process uses {target.config_file}",
        (Evidence("process", what, {"config_file": str(target.config_file)}),),
    )
    return Judgement("fail", what, findings=(found,))


CHECK = Check(
    id="process",
    title="qBittorrent's process",
    order=10,
    judge=judge,
    causes=("not-running",),
    about=(
        "Looks for a running qBittorrent (qbittorrent, qbittorrent-nox, qbittorrent.exe, an AppImage, one started "
        "through a loader) that uses the target's config or listens at its address. Sends nothing. A target given by "
        "--url that no local process serves counts as remote; the check is then skipped."
    ),
)
