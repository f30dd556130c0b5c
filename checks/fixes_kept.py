"""Judges whether the fixes that qbdoctor made and verified still hold."""

from datetime import datetime

from qbdoctor.api import Check, Evidence, Finding, Judgement, Observations, Remedy


def judge(seen: Observations) -> Judgement:
    """Judge by the rollback records of this target: a newer change of the same setting, or a rollback, ends an older one."""
    undone = seen.undone_changes
    if not undone:
        return Judgement("pass", "No verified fix of qbdoctor's was set back by something else")
    first = undone[0]
    since = _since(seen, first.verified)
    text = (
        f"The fix {first.fix}, verified {_time(first.verified)}, no longer holds: {first.setting} is {first.now} again and "
        f"not {first.wanted}{since}: look at what starts qBittorrent or edits its config"
    )
    evidence = tuple(
        Evidence.setting(
            one.setting,
            one.now,
            f"{one.setting} is {one.now} ({one.where}); record {one.record} made it {one.wanted}",
        )
        for one in undone
    )
    remedies = tuple(
        Remedy(
            "manual",
            f"See the record, find what set {one.setting} back (a start script of an image, a provisioning tool, a second "
            "config), change it there, and then make the fix again.",
            (f"qbdoctor history {one.record}", f"qbdoctor fix {one.fix}"),
        )
        for one in {one.fix: one for one in undone}.values()
    )
    finding = Finding("fix-undone-since", "likely", text, evidence, remedies=remedies)
    return Judgement("warn", text, findings=(finding,))


def _since(seen: Observations, verified: str) -> str:
    """Return since which start, where the process was started after the fix was verified."""
    instance = seen.target.instance
    if instance is None:
        return ""
    started = instance.started.astimezone()
    if started.timestamp() <= _moment(verified).timestamp():
        return ""
    return f"; qBittorrent was started again since, {started:%Y-%m-%d %H:%M}"


def _time(text: str) -> str:
    return f"{_moment(text):%Y-%m-%d %H:%M}"


def _moment(text: str) -> datetime:
    """Return a record's time in this machine's zone."""
    return datetime.fromisoformat(text).astimezone()


CHECK = Check(
    id="fixes-kept",
    title="Fixes made before",
    order=136,
    judge=judge,
    causes=("fix-undone-since",),
    about="Holds what qbdoctor's own rollback records say was made and verified against app/preferences, else the config. Sends "
    "nothing of its own.",
)
