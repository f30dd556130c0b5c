"""What the tests of the journal share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qbdoctor.repair.journal.journal import Journal, SettingEdit
from qbdoctor.repair.journal.records import ChangeRequest, Record

KEY = "WebUI\\LocalHostAuth"
AUTH = SettingEdit("LocalHostAuth", "Preferences", KEY, "true")
LIST = SettingEdit("AuthSubnetWhitelistEnabled", "Preferences", "WebUI\\AuthSubnetWhitelistEnabled", "false")
OLD = b"[Meta]\nMigrationVersion=8\n\n[Preferences]\nWebUI\\AuthSubnetWhitelistEnabled=true\n"
OLD += b"WebUI\\LocalHostAuth=false\nWebUI\\Port=8080\n"
NEW = OLD.replace(b"Auth=false", b"Auth=true")


def apply(journal: Journal, config: Path, *edits: SettingEdit, **keywords: Any) -> Record:
    fix = "disable-subnet-whitelist" if edits == (LIST,) else "require-localhost-auth"
    record = journal.apply_file(config, edits or (AUTH,), ChangeRequest(fix, "requested", "run"), **keywords)
    assert record is not None
    return record


def states(record: Record) -> list[str]:
    return [step.state for step in record.states]


def on_disk(journal: Journal, record: Record) -> Record:
    found = journal.find(record.id)
    assert isinstance(found, Record)
    return found


def rewritten(config: Path, *, migrated: bool = False) -> None:
    """What a run of qBittorrent leaves: sorted, own keys added; 5.3 moves the Web UI's settings."""
    lines = {line for line in config.read_text().split("\n") if line.startswith("WebUI\\")}
    text = "".join(f"{line}\n" for line in sorted(lines, reverse=True))
    if migrated:
        text = "[WebUI]\n" + text.replace("WebUI\\", "")
    config.write_text(f"[BitTorrent]\nSession\\Port=6881\n\n[Meta]\nMigrationVersion={12 if migrated else 8}\n\n"
                      f"{'' if migrated else '[Preferences]'}\n{text}", newline="\n")  # fmt: skip


def left(journal: Journal, record: Record, state: str, *, in_place: bool = False) -> None:
    """Put the record back into a state that only a killed run leaves."""
    held = json.loads((record.folder / "record.json").read_text())
    held["states"].append({"state": state, "at": held["created"], "note": None})
    rollback = held["rollback"] or {"via": "api", "how": "api", "was": "applied", "real": None, "forced": False}
    held["rollback"] = {"from_sha256": None, "to_sha256": None, **rollback} if state == "rolling-back" else None
    (record.folder / "record.json").write_text(json.dumps(held | {"state": state, "in_place": in_place}))
    if in_place:
        journal.store.keep(record, "in-place.old", OLD if state == "preparing" else NEW)
        journal.store.keep(record, "in-place.new", NEW if state == "preparing" else OLD)
