"""Checks that no lock of an instance that is gone keeps qBittorrent from starting."""

from qbdoctor.api import (
    Check,
    Confidence,
    Evidence,
    Finding,
    InstanceLock,
    Judgement,
    Observations,
    Version,
    releases,
    witness,
)

WHAT = {
    "no-lines": "it names no process, as an older release's",
    "earlier-boot": "it is from before this machine's last start",
    "other-machine": "it was written on another machine",
    "other-host": "it was written under another host name",
    "container": "it was written under another host name of this machine, as a container has one",
    "gone": "that process is gone",
    "other-program": "that number belongs to another program now",
    "taken": "that number belongs to another process of the same program now",
    "held": "that process lives, and is older than the lock",
    "unknown": "what that process runs cannot be seen",
}


def judge(seen: Observations) -> Judgement:
    """Judge by the lock's lines, the processes and the log of the last start."""
    if seen.target.instance is not None:
        return Judgement("pass", "qBittorrent runs; the lock is its own")
    if seen.target.config_file is None or seen.anonymous.answered:
        return Judgement("skip", "No folder to look into", "the config of a stopped qBittorrent is not at hand")
    lock = seen.instance_lock
    if lock is None:
        return Judgement("pass", "No lock lies beside the config")
    release = Version.parse(witness.version(seen.last_run))
    if release is not None and not releases.rule("start.stale_locks", release):
        return Judgement("pass", f"A lock that is left over keeps no {release} from starting")
    away = lock.kept_off(seen.last_run)
    blocks = lock.state in releases.rule("start.stale_locks", release or releases.NEWEST)
    said = f"{lock.file} names {lock.said}: {WHAT[lock.state]}"
    if not away and (not blocks or lock.state == "container"):
        return Judgement("pass", f"The lock keeps no start off: {said}")
    return _found(seen, lock, said, away=away)


def _found(seen: Observations, lock: InstanceLock, said: str, *, away: bool) -> Judgement:
    evidence = [Evidence("file", said, {"file": str(lock.file), "pid": lock.pid, "program": lock.program})]
    if lock.holder:
        evidence.append(Evidence("process", lock.holder))
        if lock.state == "taken":
            evidence.append(Evidence("process", "no qBittorrent that is to be seen uses this folder"))
    else:
        evidence.append(Evidence("process", "no living qBittorrent of this machine uses this folder"))
    if away:
        shown = "; ".join(one.shown for one in seen.last_run)
        evidence.append(Evidence("log", f"the last start ended at once: {shown}", {"file": str(seen.target.log_file)}))
    began = "ended at once at its last start, without a message" if away else "will end at once when it is started"
    text = f"qBittorrent {began}: it takes the lock that was left in {lock.file.parent} for another instance's"
    sure: Confidence = "possible" if lock.holder else "likely"
    values = {"lock_file": str(lock.file)}
    return Judgement("fail", text, findings=(Finding("stale-lockfile", sure, text, tuple(evidence), values=values),))


CHECK = Check(
    id="instance-lock",
    title="The lock of a running instance",
    order=12,
    judge=judge,
    causes=("stale-lockfile",),
    about=(
        "Where no qBittorrent is to be seen that uses the config, reads the lock beside it (lockfile) and holds its lines "
        "(process number, program, host name, machine, boot) against this machine and its processes, and the log's "
        "last start against the way a start ends that takes the lock for a living instance's. Sends and changes nothing. "
        "A lock that a living process may hold, on another machine for example, is possible at most."
    ),
)
