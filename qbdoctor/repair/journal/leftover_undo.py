"""Takes away the file that qBittorrent left beside its config, and brings it back, each in one durable step."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from qbdoctor.config.qtini.document import MAX_BYTES
from qbdoctor.model.errors import Refused
from qbdoctor.repair.edits.changes import Beside
from qbdoctor.repair.edits.leftover_file import check_free, is_there
from qbdoctor.storage import foreign, private
from qbdoctor.storage.foreign import Place
from qbdoctor.storage.private import sha256


def remove(beside: Beside) -> None:
    """Take it away, durably. Raises Refused where it is not as it was, and OSError."""
    with foreign.hold(Path(beside.path), follow=False) as place:
        _remove(place, beside)


def remove_ours(beside: Beside) -> None:
    """Take away what a run that was ended had brought back already. Raises OSError."""
    with foreign.hold(Path(beside.path), follow=False) as place:
        place.sweep()
        if is_there(beside):
            _remove(place, beside)


def _remove(place: Place, beside: Beside) -> None:
    try:
        same = sha256(place.read(MAX_BYTES)) == beside.side.sha256
    except (FileNotFoundError, foreign.NotRegular, foreign.TooLarge):
        same = False
    if not same:
        raise Refused(f"{place.path} was changed by another program just now, so it was left alone.", "config-changed")
    place.unlink()
    place.sync_folder()


def restore(beside: Beside, backup: Path) -> None:
    """Bring it back as it was, durably and in one step. Raises Refused where another lies there, and OSError."""
    with foreign.hold(Path(beside.path), follow=False) as place:
        place.sweep()
        if is_there(beside):
            return
        check_free(beside)
        data = backup.read_bytes()
        if sha256(data) != beside.side.sha256:
            raise Refused(f"The backup {backup} is not the file that was saved.", "record-damaged")
        temp = place.temporary()
        handle = temp.create()
        try:
            try:
                private.write_all(handle, data)
                _dress(handle, beside)
                private.sync(handle)
            finally:
                os.close(handle)
            temp.rename(place)
        except BaseException:
            temp.discard()
            raise
        place.sync_folder()


def _dress(handle: int, beside: Beside) -> None:
    """Give it its owner and mode, without setuid bits; by the descriptor, as its name may come to mean another file."""
    if not hasattr(os, "fchown"):
        return
    if beside.side.uid is not None and beside.side.gid is not None:
        with suppress(PermissionError):  # whose it is matters less than what it says
            os.fchown(handle, beside.side.uid, beside.side.gid)
    os.fchmod(handle, int(beside.side.mode, 8) & 0o777)
