"""TODO docstring."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from qbdoctor.model.errors import Refused
from qbdoctor.repair.edits.changes import Beside
from qbdoctor.repair.edits.leftover_file import check_free, is_there
from qbdoctor.storage import private
from qbdoctor.storage.private import sha256


def remove(beside: Beside) -> None:
    """Take it away, durably. Raises Refused where it is not as it was, and OSError."""
    path = Path(beside.path)
    if not is_there(beside):
        raise Refused(f"{path} was changed by another program just now, so it was left alone.", "config-changed")
    path.unlink()
    private.sync_folder(path.parent)


def remove_ours(beside: Beside) -> None:
    """Take away what a run that was ended had brought back already. Raises OSError."""
    path = Path(beside.path)
    private.sweep(path.parent, path.name)
    if is_there(beside):
        remove(beside)


def restore(beside: Beside, backup: Path) -> None:
    """Bring it back as it was, durably and in one step. Raises Refused where another lies there, and OSError."""
    path = Path(beside.path)
    private.sweep(path.parent, path.name)
    if is_there(beside):
        return
    check_free(beside)
    data = backup.read_bytes()
    if sha256(data) != beside.side.sha256:
        raise Refused(f"The backup {backup} is not the file that was saved.", "record-damaged")
    temp = path.with_name(f"{private.TEMP_PREFIX}{path.name}-{os.urandom(8).hex()}.tmp")
    try:
        private.write_private(temp, data)
        if beside.side.uid is not None and beside.side.gid is not None:
            with suppress(PermissionError):  # whose it is matters less than what it says
                os.chown(temp, beside.side.uid, beside.side.gid, follow_symlinks=False)
        temp.chmod(int(beside.side.mode, 8))
        temp.rename(path)
    except BaseException:
        with suppress(OSError):
            temp.unlink()
        raise
    private.sync_folder(path.parent)
