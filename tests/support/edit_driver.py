"""One edit of a line or of the whole file by the journal, run under strace by test_kills_edits.

edit_driver.py EDIT apply|rollback|recover STATE CONFIG HOW; see kill_driver, which does the like for a setting.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), os.environ["QBDOCTOR_KILL_PACKAGES"]]

from qbdoctor.model.edits import Move, Remove, RemoveLock, ReplaceFile, SourceLines
from qbdoctor.model.errors import UserError
from qbdoctor.repair.edits.file_plan import FileEdit
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import ChangeRequest, Record
from tests.support.kill_driver import MARK, play_mount_point, preload

EDITS: dict[str, FileEdit] = {
    "remove": Remove("Preferences", "WebUI\\BypassLocalAuth", "LocalHostAuth"),
    "move": Move("LocalHostAuth", "BitTorrent", "WebUI\\LocalHostAuth", "Preferences", "WebUI\\LocalHostAuth"),
    "adopt": ReplaceFile(),
    "lock": RemoveLock(),
    "source": SourceLines(2, 3, b"if answer.text != 'Ok.' and answer.status_code != 204:\r\n", "two lines", "one line"),
}


def work(edit: str, what: str, state: Path, config: Path) -> int:
    """Apply the edit, take all back, or recover; the exit code."""
    journal = Journal(state)
    try:
        if what == "apply":
            journal.apply_file(config, [EDITS[edit]], ChangeRequest(f"{edit}-fix", "requested", "r"))
        elif what == "rollback":
            for record in journal.records():
                if isinstance(record, Record) and record.standing:
                    journal.rollback(record)
        else:
            journal.recover()
    except UserError as error:
        return error.exit_code
    return 0


def main(edit: str, what: str, state: Path, config: Path, how: str) -> int:
    if how == "in-place":
        play_mount_point(config)
    preload()
    with suppress(OSError):
        os.stat(MARK)  # noqa: PTH116
    return work(edit, what, state, config)


if __name__ == "__main__":
    os._exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5]))
