"""Tells how a change is taken back: the command of qbdoctor, and every step by hand, each with what can be typed.

The steps by hand need nothing of ours but the backup. They are for who must answer for a change, and for the day on
which qbdoctor is not there. No secret stands in them: a secret value is named by the line of the backup that it is in.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath

from qbdoctor.config import conversions
from qbdoctor.model import restarts, shell
from qbdoctor.model.basics import Json
from qbdoctor.repair.edits.changes import Change
from qbdoctor.repair.journal import undo
from qbdoctor.repair.journal.records import Record
from qbdoctor.values import frozen


@frozen
class Action:
    """One step by hand. ``commands`` can be typed as they stand; ``lines`` are lines of the settings file."""

    text: str
    commands: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """Return the step as an object."""
        return {"text": self.text, "commands": list(self.commands), "lines": list(self.lines)}


@frozen
class Way:
    """One way to do it by hand, from the first step to the last."""

    title: str
    steps: tuple[Action, ...]

    def to_json(self) -> Json:
        """Return the way as an object."""
        return {"title": self.title, "steps": [step.to_json() for step in self.steps]}


@frozen
class TakingBack:
    """``needed`` is False where there is nothing to take back; then there is neither a command nor a way."""

    needed: bool
    text: str
    command: str | None = None
    also: tuple[str, ...] = ()
    by_hand: tuple[Way, ...] = ()

    def to_json(self) -> Json:
        """Return it as an object."""
        return {
            "needed": self.needed,
            "text": self.text,
            "command": self.command,
            "also": list(self.also),
            "by_hand": [way.to_json() for way in self.by_hand],
        }


def of(record: Record, newer: Sequence[str], state: Path, *, platform: str = sys.platform) -> TakingBack:
    """Return how this record is taken back.

    ``newer`` are applied records that hold the same settings, ``state`` is the state folder, ``platform`` what commands
    are for where the record's file does not tell.
    """
    if record.state in {"rolled-back", "abandoned"}:
        ended = record.states[-1]
        how = "was taken back" if record.state == "rolled-back" else "was never made, or undone at once"
        return TakingBack(False, f"It {how} ({ended.at}): nothing is left to take back.")
    windows = _is_windows(record, platform)
    command = _typed(("qbdoctor", "rollback", *newer, record.id, "--state-dir", str(state)), windows)
    if newer:
        text = f"With the newer {_listed(newer)}, which changed the same settings after it; all are taken back, the newest first."
    elif record.is_source:
        text = "At any time, as long as the file is what the fix made of it."
    elif record.via == "api" and undo.only_in_file(record):
        text = (
            "While qBittorrent is stopped, in its file; while it runs with --restart alone, which stops it and starts it "
            "again: the Web API does not take what was before."
        )
    elif record.via == "api":
        text = "While qBittorrent runs, through its Web API; while it is stopped, in its file."
    else:
        text = (
            "While qBittorrent is stopped, in its file; while it runs, through its Web API where that can, else with "
            "--restart, which stops it and starts it again."
        )
    text = restarts.fit(text)
    ways = (_in_file(record, windows, platform), _by_api(record, windows))
    order = ways if record.via == "file" else ways[::-1]
    first = (Action(f"Take back the newer {_listed(newer)} first: its own document says how."),) if newer else ()
    by_hand = tuple(Way(way.title, (*first, *way.steps)) for way in order if way is not None)
    return TakingBack(True, text, command, tuple(newer), by_hand)


def _is_windows(record: Record, platform: str) -> bool:
    path = record.file.path if record.file is not None else record.target.config_file
    return platform == "win32" if path is None else bool(PureWindowsPath(path).drive) and not path.startswith("/")


def _typed(words: Sequence[str], windows: bool) -> str:
    return shell.join(words, shell.at_hand("win32") if windows else "sh")


def _copied(old: str, new: str) -> str:
    """Return Windows' command that copies over a file."""
    if shell.at_hand("win32") == "powershell":  # its copy knows no /Y
        return _typed(("Copy-Item", "-Force", "-LiteralPath", old, "-Destination", new), windows=True)
    return _typed(("copy", "/Y", old, new), windows=True)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)


# --- in the file ------------------------------------------------------------------------------------------------------


def _in_file(record: Record, windows: bool, platform: str) -> Way | None:
    path = record.file.real if record.file is not None else record.target.config_file
    if path is None:
        return None
    steps = [*_put_back(record, path, windows, platform)]
    if not record.is_source:
        steps = [_stop(record), *steps, _start(record)]
    return Way(f"In {path}", tuple(steps))


def _stop(record: Record) -> Action:
    text = "Stop qBittorrent and wait until its process is gone: while it runs it writes the file from its memory."
    return Action(text, _service(record, "stop"))


def _start(record: Record) -> Action:
    return Action("Start qBittorrent as it was started before.", _service(record, "start"))


def _service(record: Record, verb: str) -> tuple[str, ...]:
    process = (record.diagnosis or {}).get("process")
    unit = process.get("unit") if isinstance(process, dict) else None
    if not isinstance(unit, str) or not isinstance(process, dict):
        return ()
    scope = ("--user",) if process.get("unit_scope") == "user" else ()
    return (shlex.join(("systemctl", *scope, verb, unit)),)


def _put_back(record: Record, path: str, windows: bool, platform: str) -> Iterator[Action]:
    edits = Action(
        "Change these lines of it, and no others; of two places, the one that is there.", (), tuple(_lines(record))
    )
    if record.file is None:
        yield edits
        return
    before, after = record.file.before, record.file.after
    yield Action(
        f"See whether the file is still what the fix made of it, with the SHA-256 {after.sha256}.",
        (_digest(path, windows, platform),),
    )
    owner = ("-o", str(before.uid), "-g", str(before.gid)) if before.uid is not None else ()
    copy = ("install", *owner, "-m", before.mode, str(record.backup_file), path)
    yield Action(
        f"If it is: put the backup in its place, with the owner and mode that it had. Its SHA-256 is then {before.sha256}.",
        (
            _copied(str(record.backup_file), path) if windows else shlex.join(copy),
            _digest(path, windows, platform),
        ),
    )
    who = "somebody" if record.is_source else "qBittorrent or somebody"
    yield Action(
        f"If it is not, {who} has written it since: change these lines of it, and no others.",
        lines=edits.lines,
    )
    if record.beside is not None:
        second = record.beside
        owned = ("-o", str(second.side.uid), "-g", str(second.side.gid)) if second.side.uid is not None else ()
        kept = str(record.folder / second.backup)
        put = ("install", *owned, "-m", second.side.mode, kept, second.path)
        yield Action(
            f"In both cases: put the file back that lay beside it, {second.path}"
            + ("." if second.is_lock else ", which qBittorrent takes at its next start."),
            (_copied(kept, second.path) if windows else shlex.join(put),),
        )


def _digest(path: str, windows: bool, platform: str) -> str:
    if windows:
        return _typed(("certutil", "-hashfile", path, "SHA256"), windows)
    return shlex.join((*(("shasum", "-a", "256") if platform == "darwin" else ("sha256sum",)), path))


def _lines(record: Record) -> Iterator[str]:
    """Return what to do with each line; what is removed has "-" in front, what it becomes "+"."""
    for change in record.changes:
        if record.beside is not None and change.section is None:
            continue  # the second file itself
        if change.is_source:
            yield from Change(change.setting, change.after, change.before, line=change.line).diff()
            continue
        for section, key in _places(change):
            if not change.secret:
                yield from Change(change.setting, change.after, change.before, False, section, key).diff()
            elif record.file is None and change.key is None:
                yield f" [{section}] {key}=… (its value before is not known: set it anew)"
            elif change.before is None:
                yield f"-[{section}] {key}=…"
            else:
                yield f" [{section}] {key}=… (as in {record.backup_file})"


def _places(change: Change) -> Sequence[tuple[str | None, str]]:
    """Return where the setting stands; both places where the file was not looked at: it is in one of them."""
    if change.key is not None:
        return [(change.section, change.key)]
    return [(place.section, place.key) for place in conversions.places(change.setting)] or [(None, change.setting)]


# --- through the Web API ----------------------------------------------------------------------------------------------


def _by_api(record: Record, windows: bool) -> Way | None:
    """Return the way by the Web API, None where that cannot bring the values before."""
    url = record.target.url
    known = {one.json.name: one.json.before for one in record.changes if one.json is not None}
    if url is None or undo.only_in_file(record):
        return None
    title = f"While it runs, through the Web API at {url}"
    says = ", ".join(f"{name} is {json.dumps(value)}" for name, value in known.items())
    if windows:
        return Way(title, (Action(f"Set this in the Web UI's options, where app/preferences then says: {says}."),))
    api = f"{url.rstrip('/')}/api/v2"
    wanted = json.dumps(known)
    cookies = "-b cookies.txt"
    return Way(
        title,
        (
            Action(
                "Log in: the password is asked for and kept nowhere.",
                (
                    'umask 077; printf "User name: "; read -r NAME; printf "Password: "; stty -echo; read -r WORD; stty echo',
                    f'printf %s "$WORD" | curl -fsS -c cookies.txt --data-urlencode "username=$NAME" --data-urlencode '
                    f"password@- {shlex.quote(f'{api}/auth/login')}",
                ),
            ),
            Action(
                "Set the values before (or set them in the Web UI's own options).",
                (
                    f"curl -fsS {cookies} --data-urlencode {shlex.quote(f'json={wanted}')} "
                    f"{shlex.quote(f'{api}/app/setPreferences')}",
                ),
            ),
            Action(
                f"See that they are there: {says}.",
                (f"curl -fsS {cookies} {shlex.quote(f'{api}/app/preferences')}",),
            ),
            Action(
                "Log out.",
                (f"curl -fsS {cookies} -d '' {shlex.quote(f'{api}/auth/logout')}; rm cookies.txt",),
            ),
        ),
    )
