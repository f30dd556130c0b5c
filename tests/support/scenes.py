"""What the tests under kills and failing system calls share: a state folder, a config, and what is done to them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from qbdoctor.repair.journal.journal import Journal, SettingEdit
from qbdoctor.repair.journal.records import ChangeRequest, Record, RollbackRequest
from qbdoctor.repair.journal.store import IN_PLACE_NEW, IN_PLACE_OLD
from qbdoctor.storage import atomic
from tests.kit import needs
from tests.support import kill_driver

ENTRIES = "".join(f"WebUI\\Entry{n}={n}\r\n" for n in range(12))
OLD = f"[Meta]\r\nMigrationVersion=8\r\n\r\n[Preferences]\r\nWebUI\\LocalHostAuth=false\r\n{ENTRIES}".encode()
OLD += b"WebUI\\Port=1\r\n"  # where nobody serves
NEW = OLD.replace(b"LocalHostAuth=false", b"LocalHostAuth=true")
# Someone else's edit after the fix, so that only the setting goes back
OLD_EDITED, NEW_EDITED = (each.replace(b"Entry3=3", b"Entry3=thirty") for each in (OLD, NEW))
# Without the setting; and with it again, which goes to the end of its section then
GONE = OLD.replace(b"WebUI\\LocalHostAuth=false\r\n", b"")
PUT_BACK = GONE + b"WebUI\\LocalHostAuth=false\r\n"
OLD_HASH, NEW_HASH = (OLD + b'WebUI\\Password_PBKDF2="@ByteArray(%s-hash)"\r\n' % each for each in (b"old", b"new"))
EDIT = SettingEdit(*kill_driver.SETTING)


@cache
def strace() -> str:
    """The path of strace; without one that may trace, the test is skipped, or fails where the run insists."""
    path = needs.program("strace")
    tried = subprocess.run([path, "-f", "-o", "/dev/null", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        needs.without(f"strace may not trace here: {tried.stderr.strip()[:200]}")
    return path


@dataclass(frozen=True)
class Scene:
    """A state folder and a config, and what is done to them."""

    what: str
    how: str
    state: Path
    config: Path
    old: bytes
    new: bytes

    def run(self, *options: str) -> int:
        """Run the driver under strace; its exit code, negative for a signal."""
        script = str(Path(kill_driver.__file__))
        driver = [sys.executable, "-S", "-E", "-B", script, self.what, str(self.state), str(self.config), self.how]
        command = [strace(), "-f", "-qq", *options, *driver]
        environment = {"QBDOCTOR_KILL_PACKAGES": sysconfig.get_path("purelib"), "PATH": os.defpath}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode

    @property
    def journal(self) -> Journal:
        return Journal(self.state)


def applied(scene: Scene) -> None:
    record = scene.journal.apply_file(scene.config, [EDIT], ChangeRequest("require-localhost-auth", "requested", "r"))
    assert record is not None
    if scene.old != OLD:
        scene.config.write_bytes(scene.new)  # someone else's edit, with ours in it


def stored(scene: Scene) -> None:
    """A config with a password's hash, which the Web API takes and does not give."""
    scene.config.write_bytes(scene.old)


def applied_live(scene: Scene) -> None:
    stored(scene)
    kill_driver.make_live(scene.journal, scene.config)


def overruled(scene: Scene) -> None:
    """Somebody takes the setting out that the fix set; by force it is put back as it was."""
    applied(scene)
    scene.config.write_bytes(GONE)


def torn(scene: Scene) -> None:
    """A write in place that was cut short, and the record that says so."""
    applied(scene)
    (record,) = scene.journal.records()
    assert isinstance(record, Record)
    store = scene.journal.store
    store.keep(record, IN_PLACE_OLD, OLD)
    store.keep(record, IN_PLACE_NEW, NEW)
    held = record.to_json() | {"in_place": True, "state": "preparing", "states": record.to_json()["states"][:1]}
    (record.folder / "record.json").write_text(json.dumps(held))
    scene.config.write_bytes(NEW[:200] + OLD[200:])


def killed(scene: Scene) -> None:
    """What a run leaves that was killed before it renamed the new file: all that it was making is still there."""
    applied(scene)
    scene.config.write_bytes(OLD)
    (record,) = scene.journal.records()
    assert isinstance(record, Record)
    held = record.to_json() | {"state": "preparing", "states": record.to_json()["states"][:1]}
    (record.folder / "record.json").write_text(json.dumps(held))
    for path in (scene.config, record.folder / "record.json"):
        path.with_name(f".qbdoctor-{path.name}-0123456789abcdef.tmp").write_bytes(NEW[:9])
    new = record.folder.with_name(f".new-{record.id}")
    new.mkdir()
    (new / "before.conf").write_bytes(OLD)


@dataclass(frozen=True)
class Case:
    what: str
    how: str
    prepare: Callable[[Scene], None] | None = None
    old: bytes = OLD
    new: bytes = NEW
    torn_before: bool = False


CASES = {
    "apply": Case("apply", "rename"),
    "apply in place": Case("apply", "in-place"),
    "rollback": Case("rollback", "rename", applied),
    "rollback in place": Case("rollback", "in-place", applied),
    "rollback by setting": Case("rollback", "rename", applied, OLD_EDITED, NEW_EDITED),
    "rollback by setting, in place": Case("rollback", "in-place", applied, OLD_EDITED, NEW_EDITED),
    "apply live": Case("live", "rename", stored, OLD_HASH, NEW_HASH),
    "rollback of what was made live": Case("rollback", "rename", applied_live, OLD_HASH, NEW_HASH),
    "rollback by force": Case("force", "rename", overruled, PUT_BACK, GONE),
    "rollback by force, in place": Case("force", "in-place", overruled, PUT_BACK, GONE),
    "recovery of a torn file": Case("recover", "rename", torn, torn_before=True),
}


def dress(config: Path) -> None:
    """Give the file an owner, an attribute and an access control list, as far as this user and file system can."""
    if os.geteuid() == 0:
        os.chown(config, 1234, 2345)
    entries = [(1, 6, 0xFFFFFFFF), (2, 4, 4321), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)]
    packed = b"\2\0\0\0" + b"".join(
        tag.to_bytes(2, "little") + may.to_bytes(2, "little") + who.to_bytes(4, "little") for tag, may, who in entries
    )
    for name, value in (("user.note", b"mine"), ("system.posix_acl_access", packed)):
        try:
            os.setxattr(config, name, value)
        except OSError:
            return


def dressing(config: Path) -> tuple[Any, ...]:
    """What a file has beside its content."""
    found = config.stat()
    held = {name: os.getxattr(config, name) for name in os.listxattr(config)}
    return found.st_uid, found.st_gid, found.st_mode, held


def set_up(case: Case, folder: Path, dress: Callable[[Path], None] | None = None) -> Scene:
    """Make the scene; ``dress`` gives the config what a file may have beside its content."""
    scene = Scene(case.what, case.how, folder / "state", folder / "config" / "qBittorrent.conf", case.old, case.new)
    scene.config.parent.mkdir(parents=True)
    scene.config.write_bytes(OLD)
    scene.config.chmod(0o640)
    if dress is not None:
        dress(scene.config)
    if case.prepare is not None:
        case.prepare(scene)
    return scene


def judge(scene: Scene, *, may_be_torn: bool) -> list[str]:
    """What is wrong after a run that was ended: nothing, one hopes. Heals and rolls back on the way."""
    wrong = []
    data = scene.config.read_bytes()
    if data not in (scene.old, scene.new) and not (may_be_torn and atomic.is_torn(data, scene.old, scene.new)):
        wrong.append("torn")
    journal = scene.journal
    journal.recover()
    if scene.config.read_bytes() not in (scene.old, scene.new):
        wrong.append("torn after the recovery")
    for record in journal.records():
        assert isinstance(record, Record), record
        if record.standing:
            journal.rollback(record, RollbackRequest(via="file", force=scene.what == "force"))
    ends = {getattr(record, "state", "damaged") for record in journal.records()}
    if scene.config.read_bytes() != scene.old or not ends <= {"rolled-back", "abandoned"}:
        wrong.append(f"stuck ({ends})")
    left = [path.name for path in (*scene.config.parent.iterdir(), *scene.state.rglob("*")) if ".tmp" in path.name]
    new = [path.name for path in scene.state.rglob(".new-*")]
    if len(list(scene.config.parent.iterdir())) != 1 or left or new:
        wrong.append(f"left behind: {left} {new}")
    if scene.config.stat().st_mode & 0o7777 != 0o640:
        wrong.append("another mode")
    return wrong


CALLS = re.findall(
    r"\w+",
    "write writev pwrite64 pwritev fsync fdatasync sync_file_range fallocate rename renameat renameat2 mkdir mkdirat "
    "unlink unlinkat rmdir chmod fchmod fchmodat chown fchown lchown fchownat link linkat symlink symlinkat truncate "
    "ftruncate openat open creat setxattr lsetxattr fsetxattr utimensat flock copy_file_range sendfile",
)
