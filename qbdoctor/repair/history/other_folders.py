"""Finds other state folders that may hold the record: root's, that of sudo's caller, the default one.

Records are kept for each user apart, as backups may hold what another must not read. So one made under sudo is in root's
folder, and one made in a container in the container's. Nothing here is written, and only names and records are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from qbdoctor.model.errors import Refused
from qbdoctor.repair.journal.reader import StoredRecords
from qbdoctor.repair.journal.records import Record
from qbdoctor.storage import files, private, state_folder, trust
from qbdoctor.storage.files import same_file
from qbdoctor.values import frozen

_IN_HOME = ".local/state/qbdoctor"
_AS_ROOT = f"root/{_IN_HOME}"  # of a container, in which people are root


@frozen
class Elsewhere:
    """A state folder and the records in it; None where this user may not look.

    ``whose`` says as whom they are used, where others may write there: what they hold is not believed then.
    """

    folder: Path
    records: tuple[str, ...] | None
    standing: int = 0
    whose: str = ""

    def text(self) -> str:
        """Return one sentence: what is there, and how it is used."""
        if self.records is None:
            return f"{self.folder} may hold records, which this user may not see: run qbdoctor with sudo."
        many = f"{len(self.records)} records" if len(self.records) != 1 else "1 record"
        how = f"--state-dir {self.folder} uses them" if not self.whose else f"run qbdoctor {self.whose} to use them"
        return f"{self.folder} holds {many} ({self.standing} applied): {how}."


def look(used: Path, environment: Mapping[str, str]) -> tuple[Elsewhere, ...]:
    """Return the other places that hold records, or may. ``used`` is the state folder that was looked into."""
    found = []
    for folder in dict.fromkeys(_places(environment)):
        if same_file(folder, used):
            continue
        try:
            there = (folder / "records").is_dir()
            whose = _whose(folder) if there else ""
            held = StoredRecords(folder / "records", trusted=not whose).all() if there else ()
        except (PermissionError, Refused):  # Python up to 3.13 raises where one may not look, later ones say no
            found.append(Elsewhere(folder, None))
            continue
        except OSError:
            continue
        if not there and not _may_look(folder):
            found.append(Elsewhere(folder, None))
        elif held:
            standing = sum(isinstance(each, Record) and each.standing for each in held)
            found.append(Elsewhere(folder, tuple(each.id for each in held), standing, whose))
    return tuple(found)


def name_other_folders(used: Path, environment: Mapping[str, str], name: str | None = None) -> str:
    """Return sentences about other places, each with a blank before it; of one record, those that it may be in."""
    return "".join(
        f" {place.text()}"
        for place in look(used, environment)
        if name is None or place.records is None or any(_is(name, each) for each in place.records)
    )


def rollback_command(used: Path, environment: Mapping[str, str]) -> str:
    """Return what takes the last run back, for who runs this: what sudo did is root's to take back."""
    if not _is_root() or environment.get("SUDO_USER", "root") == "root":
        return "qbdoctor rollback"
    return f"sudo qbdoctor rollback (the record is root's, in {used})"


def _is(name: str, record_id: str) -> bool:
    return bool(name) and (record_id.startswith(name) or record_id.endswith(f"-{name}"))


def _places(environment: Mapping[str, str]) -> Iterator[Path]:
    yield state_folder.state_folder({**environment, "QBDOCTOR_STATE_DIR": ""})
    caller = environment.get("SUDO_USER", "root")
    users = ([caller] if caller != "root" else []) if _is_root() else ["root"]
    for user in users:
        folder = state_folder.user_state_folder(user)
        if folder is not None:
            yield folder
    from qbdoctor.target.engines import process_scan  # noqa: PLC0415 - only where no record is found

    if not process_scan.is_any_apart("qbittorrent"):
        return
    from qbdoctor.target.processes import find_instances  # noqa: PLC0415 - 20 ms, for most machines in vain

    for instance in find_instances():
        if instance.in_container and instance.root is not None:
            yield instance.root / _AS_ROOT
            if instance.home is not None:
                yield instance.root / instance.home.relative_to(instance.home.anchor) / _IN_HOME


def _whose(folder: Path) -> str:
    """Return as whom the records there are used; "" where they are this user's own and nobody else's."""
    if str(folder).startswith("/proc/"):
        return "inside that container"
    try:
        trust.check_ours(folder)
    except Refused:
        return f"as {private.user_name(folder.stat().st_uid)}"
    return ""


def _is_root() -> bool:
    return not hasattr(os, "geteuid") or os.geteuid() == 0


def _may_look(folder: Path) -> bool:
    """Whether what is not to be seen is not there: else a folder on the way may not be entered."""
    for place in folder.parents:
        if files.is_folder(place):
            return os.access(place, os.X_OK)
    return True
