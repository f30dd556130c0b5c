"""Takes the lock of an instance that is gone away, so that qBittorrent starts again."""

from qbdoctor.api import Effectiveness, Fix, Observations, RemoveLock, releases

SINCE = releases.rules("start.stale_locks")[1].since


def plan(seen: Observations, _cause: str | None) -> tuple[RemoveLock, ...]:
    """Return the one edit where there is a lock."""
    return () if seen.target.instance is None and seen.instance_lock is None else (RemoveLock(),)


def forbids(seen: Observations, via: str) -> str:
    """Refuse it where a living qBittorrent may hold the lock: two instances on one profile damage its data."""
    if seen.target.instance is not None:
        return f"qBittorrent runs (process {seen.target.instance.pid}), and the lock is its own: it needs no removing."
    if via == "api":
        return "the lock is a file, which the Web API cannot take away: use --via file."
    lock = seen.instance_lock
    if lock is None or not lock.holder:
        return ""
    return f"{lock.holder}: see to that first. Two instances with one folder damage its data."


def judge(_before: Observations, _after: Observations) -> Effectiveness:
    """Judge nothing: what it is good for shows at the next start."""
    return Effectiveness(None, "the lock is gone; start qBittorrent now")


FIX = Fix(
    id="remove-stale-lockfile",
    title="The lock that an ended qBittorrent left is taken away",
    order=83,
    answers=("stale-lockfile",),
    effect="keeps",
    plan=plan,
    judge=judge,
    forbids=forbids,
    file_only=True,
    changes="The file lockfile in the config's folder goes; the config itself stays as it is",
    about=(
        f"qBittorrent keeps a second start off by a lock beside its config. Where it was killed the lock stays, and from {SINCE} "
        "on a start may take it for a living instance's. The fix takes the lock away where no qBittorrent lives that uses the "
        "folder, as far as this machine's processes show it; else it is refused. A copy is kept, and a rollback puts it back "
        "to the byte."
    ),
)
