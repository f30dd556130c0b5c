"""Checks the config as a file: in use, readable and savable for qBittorrent, whole, and what lies beside it."""

from qbdoctor.api import (
    Check,
    ConfigPlace,
    Evidence,
    Finding,
    Judgement,
    Observations,
    Remedy,
    Severity,
    calls_fail,
    container_words,
    releases,
)

CAUSES = (
    "config-permission",
    "config-lost",
    "settings-not-saved",
    "leftover-new-file",
    "wrong-config-file",
)


def judge(seen: Observations) -> Judgement:
    """Judge owner, mode, mounts, space and neighbours of the file that the target is said to use."""
    place = seen.config_place
    if place is None:
        return Judgement("skip", "Not looked at", seen.settings_problem or "the config is not at hand")
    found = [
        *_other_file(seen, place),
        *_permission(seen, place),
        *_lost(seen, place),
        *_not_saved(seen, place),
        *_left_over(seen, place),
    ]
    if not found:
        return Judgement("pass", f"{place.file} is in order: nothing keeps it from being read and saved")
    failed = any(one.severity == "error" for one in found)
    return Judgement("fail" if failed else "warn", found[0].summary, findings=tuple(found))


def _evidence(place: ConfigPlace, text: str) -> Evidence:
    facts: dict[str, object] = {"file": str(place.file), "size": place.size}
    if place.mode is not None:
        facts |= {"owner": place.owner, "mode": f"{place.mode:04o}"}
    if place.folder_mode is not None:
        facts |= {"folder_owner": place.folder_owner, "folder_mode": f"{place.folder_mode:04o}"}
    if place.user is not None:
        facts["process_user"] = place.user
    return Evidence("file", text, facts)


def _values(seen: Observations, place: ConfigPlace) -> dict[str, str]:
    instance = seen.target.instance
    known = {"numbers": "no"} if _numbers(seen, place) else {}
    return known if instance is None else {"container": "yes" if instance.in_container else "no", **known}


def _worse(seen: Observations) -> Severity:
    """Take a file that keeps its server from working now for an error, one that will for a warning."""
    return "error" if calls_fail(seen) else "warning"


def _numbers(seen: Observations, place: ConfigPlace) -> tuple[Remedy, ...]:
    one = seen.target.container
    if one is None or place.user is None or place.folder_owner is None or place.folder_group is None:
        return ()
    owner = (place.folder_owner, place.folder_group)
    return tuple(container_words.numbers(one, place.file.parent, owner, place.user))


def _permission(seen: Observations, place: ConfigPlace) -> list[Finding]:
    owner = f"owner {place.owner}, mode {place.mode:04o}" if place.mode is not None else "not there"
    folder = f"owner {place.folder_owner}, mode {place.folder_mode:04o}" if place.folder_mode is not None else ""
    if place.readable is False:
        text = (
            f"qBittorrent runs as user {place.user} and may not read {place.file} ({owner}): it takes factory settings "
            "instead, and may put a new file with those in its place"
        )
        return [_refused(seen, place, text, _worse(seen))]
    if place.replaceable is False and not place.read_only:
        text = (
            f"qBittorrent runs as user {place.user} and may not write to the folder of its config, {place.file.parent} "
            f"({folder}): it cannot save settings, and from 4.4 on it would not start again"
        )
        return [_refused(seen, place, text, "warning")]
    if place.writable is False and _needs_the_file(seen):
        text = (
            f"qBittorrent runs as user {place.user} and may not write {place.file} ({owner}): this release then saves "
            "nothing, without a word, and changes last until it ends"
        )
        return [_refused(seen, place, text, "warning")]
    if seen.target.instance is None and place.owner_can_replace is False:
        text = (
            f"{place.file} belongs to user {place.owner}, who may not write to its folder ({folder}): a qBittorrent of that "
            "user cannot make its lock file there and ends at once, without a message"
        )
        return [Finding("config-permission", "possible", text, (_evidence(place, text),), severity="warning")]
    return []


def _refused(seen: Observations, place: ConfigPlace, text: str, severity: Severity) -> Finding:
    one = seen.target.instance
    alone = seen.target.container is None and place.user != place.folder_owner
    if one is not None and one.options.profile is not None and alone:
        text += f". Process {one.pid} names this profile, as any user's can: where it is none of yours, end it instead"
    evidence, values = (_evidence(place, text),), _values(seen, place)
    remedies = _numbers(seen, place)
    return Finding("config-permission", "likely", text, evidence, severity=severity, values=values, remedies=remedies)


def _needs_the_file(seen: Observations) -> bool:
    """Whether this release asks for the file's own permission before it saves, as far as the release is known."""
    return releases.possible("config.save_needs", seen.releases) == ("file",)


def _not_saved(seen: Observations, place: ConfigPlace) -> list[Finding]:
    if place.mounted_alone:
        text = (
            f"{place.file} is mounted by itself: qBittorrent saves by renaming a new file over it, which a mount does not "
            "allow, so that no change of a setting is kept"
        )
    elif place.read_only:
        text = f"{place.file} lies on a read-only mount: no change of a setting is kept"
    elif place.full:
        text = f"The disk of {place.file} is full ({place.free} bytes are free): the next save fails"
    else:
        return []
    values = {"container": "yes" if seen.target.instance and seen.target.instance.in_container else "no"}
    return [Finding("settings-not-saved", "likely", text, (_evidence(place, text),), severity="warning", values=values)]


def _left_over(seen: Observations, place: ConfigPlace) -> list[Finding]:
    if place.new_file is None or (new := seen.left_behind) is None:
        return []
    text = (
        f"{new.name} lies beside {place.file} and is not empty: qBittorrent takes it for the config at its next "
        "start, and what the config says is gone"
    )
    return [Finding("leftover-new-file", "likely", text, (_evidence(place, text),))]


def _other_file(seen: Observations, place: ConfigPlace) -> list[Finding]:
    other = seen.other_server
    if other is not None:
        text = (
            f"{place.file} is not the config in use: process {other.pid}, which serves {seen.target.address.url}, uses "
            f"{other.config_file}"
        )
        evidence = Evidence("process", text, {"pid": other.pid, "config_file": str(other.config_file)})
        return [Finding("wrong-config-file", "likely", text, (evidence,), values={"pid": str(other.pid)})]
    if place.named_by_log is not None:
        text = f"{place.file} is not the config in use: the log of this start names the folder {place.named_by_log}"
        evidence = Evidence("log", text, {"file": str(seen.target.log_file), "folder": str(place.named_by_log)})
        return [Finding("wrong-config-file", "likely", text, (evidence,))]
    refused = seen.has("sign_in") and (seen.sign_in.outcome == "refused" or seen.sign_in.why == "offline")
    fits = seen.fitting_config if refused else None
    if fits is not None:
        text = (
            f"The password does not fit {place.file}, but the one in {fits}, which no running qBittorrent uses: it was set "
            "in the wrong file"
        )
        return [Finding("wrong-config-file", "likely", text, (Evidence("file", text, {"file": str(fits)}),))]
    return []


def _lost(seen: Observations, place: ConfigPlace) -> list[Finding]:
    """Judge a file that is empty or at its factory values where an earlier start shows that it was not."""
    settings = seen.settings
    if settings is None or place.new_file is not None or seen.other_server is not None:
        return []
    started = seen.target.instance is not None and place.settled
    if settings.ini.is_empty and (started or place.used_before):
        since = "qBittorrent has used it" if place.used_before else "qBittorrent runs"
        text = f"{place.file} holds no setting at all ({place.size} bytes), though {since}: it was emptied or cut short"
    elif not settings.ini.is_empty and _half_a_line(settings.ini.data):
        text = f"{place.file} ends in the middle of a setting: it was cut short while it was written"
    elif place.port_before is not None and _factory(seen) and place.port_before != settings.integer("Port"):
        text = (
            f"{place.file} sets neither password nor port, but its server listened on port {place.port_before} in an earlier "
            "run: its settings were lost"
        )
    else:
        return []
    return [
        Finding(
            "config-lost", "likely", text, (_evidence(place, text),), severity=_worse(seen), values=_values(seen, place)
        )
    ]


def _factory(seen: Observations) -> bool:
    settings = seen.settings
    if settings is None:
        return False
    named = ("Port", "Username", releases.hash_key(seen.release))
    return not any(settings.explicit(name) or settings.elsewhere(name) is not None for name in named)


def _half_a_line(data: bytes) -> bool:
    """Whether the file's last line is no whole one: qBittorrent ends each with a line end and has = or ] in each."""
    last = data.rpartition(b"\n")[2].strip()
    return bool(last) and not last.startswith(b";") and b"=" not in last and not last.endswith(b"]")


CHECK = Check(
    id="config-file",
    title="The config as a file",
    order=132,
    judge=judge,
    causes=CAUSES,
    about=(
        "Looks at the config's owner and mode, at its folder, its mount and the free space there as qBittorrent's own "
        "user meets them; at a left-over qBittorrent_new.conf, which the next start takes instead; at a file that was "
        "emptied; and whether the process that serves the address uses this file at all (its command line, and the "
        "folder that its log names). Nothing is written or sent; whether a save fails shows only when one is tried, so "
        "nothing is more than likely."
    ),
)
