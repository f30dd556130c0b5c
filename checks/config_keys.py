"""Checks the config's Web UI settings: keys that nothing reads, values that Qt reads otherwise, settings that stand twice."""

from collections.abc import Iterable

from qbdoctor.api import (
    Check,
    Confidence,
    Evidence,
    Finding,
    Judgement,
    Observations,
    Oddity,
    Severity,
    Status,
    Version,
    as_read_by,
    calls_fail,
    calls_work,
    lint_keys,
    lint_values,
    releases,
)

CAUSES = (
    "empty-username",
    "config-from-newer-release",
    "ambiguous-setting",
    "settings-not-migrated",
    "misplaced-key",
    "unknown-key",
    "session-too-short",
)
SHORT = 60
"""Seconds: browsers and most programs ask less often than that now and then."""
NAMED = 3
FEW = 3
"""Fewer lines than that were written by a person in the wrong place; a migration that was left out leaves them all."""
NO_WEB_UI = "the Web UI does not start"
SUREST: tuple[Confidence, ...] = ("likely", "possible")


def judge(seen: Observations) -> Judgement:
    """Judge every key and value of the Web UI's areas as the release that runs reads them."""
    if seen.settings is None:
        return Judgement("skip", "Not read", seen.settings_problem or "the config is not at hand")
    settings = as_read_by(seen.settings, seen.version if seen.has("version") else None)
    found = [
        *_user_name(seen),
        *_migration(settings.migration, settings.version, lint_keys(settings)),
        *lint_values(settings),
        *_session(seen),
    ]
    findings = tuple(
        one
        for cause in CAUSES
        if (one := _finding(seen, cause, [odd for odd in found if odd.cause == cause])) is not None
    )
    if not findings:
        count = sum(settings.found(key.name) is not None for key in releases.KEYS)
        return Judgement("pass", f"All Web UI settings in the config are known and read as they look ({count} are set)")
    status: Status = "fail" if any(one.severity == "error" for one in findings) else "warn"
    if all(one.severity == "info" for one in findings):
        status = "pass"
    return Judgement(status, findings[0].summary, findings=findings)


def _migration(number: int | None, version: Version | None, odd: Iterable[Oddity]) -> list[Oddity]:
    """Take the keys that only a migration could have moved together: the file's number says that it was made."""
    found = list(odd)
    below = releases.rule("config.migrates_below", version) if version is not None else None
    lost = [one for one in found if one.cause == "misplaced-key" and one.section == "Preferences"]
    if below is None or (number or 0) < int(str(below)) or len(lost) < FEW:
        return found
    names = ", ".join(dict.fromkeys(one.name for one in lost))
    text = (
        f"MigrationVersion is {number}, which says that the settings were moved to [WebUI], but {len(lost)} of them "
        f"still stand in [Preferences], where {version} does not look ({names}): it runs with its defaults instead"
    )
    whole = Oddity("settings-not-migrated", "Meta/MigrationVersion", lost[0].line, text, severity="error")
    return [whole, *(one for one in found if one not in lost)]


def _finding(seen: Observations, cause: str, odd: list[Oddity]) -> Finding | None:
    """Make one finding of all oddities of a cause; the first ones are named, each is in the evidence."""
    # One of several that is an error or warning decides; an info stands alone.
    weighty = [one for one in odd if one.severity != "info"] or odd
    if not weighty:
        return None
    file = str(seen.target.config_file) if seen.target.config_file else None
    shown = list(dict.fromkeys(one.text for one in weighty))
    more = f" (and {len(shown) - NAMED} more)" if len(shown) > NAMED else ""
    said = "; ".join(shown[:NAMED])
    evidence = tuple(Evidence.setting(one.setting, None, one.text, file=file, line=one.line) for one in odd)
    values = {"setting": weighty[0].meant or weighty[0].setting}
    confidence = SUREST[min(SUREST.index(one.confidence) for one in weighty)]
    summary = f"{said[0].upper()}{said[1:]}{more}"
    return Finding(cause, confidence, summary, evidence, severity=_severity(seen, cause, weighty[0]), values=values)


def _severity(seen: Observations, cause: str, odd: Oddity) -> Severity | None:
    if odd.severity is not None:
        return odd.severity
    if cause == "config-from-newer-release":
        return "error" if calls_fail(seen) else "warning"
    if cause == "empty-username":
        # One that answers although it would not start so has another name in memory: the file was edited since.
        never_starts = releases.rule("username.when_empty", seen.release) == NO_WEB_UI
        return "warning" if calls_work(seen) or (never_starts and seen.anonymous.answered) else "error"
    return None


def _user_name(seen: Observations) -> list[Oddity]:
    settings = seen.settings
    found = settings.found("Username") if settings else None
    if settings is None or found is None or settings.text("Username"):
        return []
    happens = releases.rule("username.when_empty", seen.release)
    text = f"The user name is empty (line {found.line}): {happens}"
    return [Oddity("empty-username", "Username", found.line, text)]


def _session(seen: Observations) -> list[Oddity]:
    """Judge SessionTimeout: what the server runs with where it has said so, else what the file says."""
    settings = seen.settings
    if settings is None:
        return []
    found = settings.found("SessionTimeout")
    seconds = settings.integer("SessionTimeout")
    if seen.has("preferences") and seen.preferences is not None:
        seconds = int(seen.preferences.get("web_ui_session_timeout", seconds))
    if not 0 < seconds < SHORT:
        return []
    text = f"Sessions end after {seconds} s without a call (SessionTimeout): a client that asks less often gets 403"
    return [Oddity("session-too-short", "SessionTimeout", found.line if found else 0, text)]


CHECK = Check(
    id="config-keys",
    title="The settings in the config",
    order=131,
    judge=judge,
    causes=CAUSES,
    about=(
        "Reads every key of the Web UI's areas in the config as the running release does: keys that no release knows "
        "(with the nearest real one), keys in a section or layout that this release does not read, settings that stand "
        "twice with different values, values that Qt takes otherwise than they look (no and off are true, an empty "
        "value is false, an unquoted ; or , cuts), an empty user name, a session time under a minute. Other sections are "
        "not judged. Sends nothing. Only a file is read, so nothing is more than likely."
    ),
)
