"""One change by the journal, run under strace by test_kills: kill_driver.py apply|live|rollback|force|recover STATE CONFIG HOW.

What is imported is little, since it starts hundreds of times. A look at a file that cannot exist marks where the
journal begins, so that the start of Python is not counted. HOW "in-place" plays a file that is a mount point.
"""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARK = "/qbdoctor-kill-test-begins-here"
HASH = "Password_PBKDF2"
SETTING = ("LocalHostAuth", "Preferences", "WebUI\\LocalHostAuth", "true")

if __name__ == "__main__":
    # Without the site module Python starts in half the time; the packages' folder comes from who starts us
    sys.path[:0] = [str(ROOT), os.environ["QBDOCTOR_KILL_PACKAGES"]]

import getpass  # noqa: E402 - what the journal imports when it is needed must be there before the mark
import platform  # noqa: E402

from qbdoctor.model import errors  # noqa: E402
from qbdoctor.model.basics import Secret  # noqa: E402
from qbdoctor.model.errors import UserError  # noqa: E402
from qbdoctor.repair import password_change  # noqa: E402
from qbdoctor.repair.journal.journal import LOCK_SECONDS, Journal, SettingEdit  # noqa: E402
from qbdoctor.repair.journal.records import ChangeRequest, Damaged, RollbackRequest, TargetRecord  # noqa: E402
from qbdoctor.storage import atomic, foreign, private  # noqa: E402


def play_mount_point(config: Path) -> None:
    """Make the file one that cannot be renamed over, and is written in short pieces."""
    rename = foreign.Place.rename

    def busy(self: foreign.Place, to: foreign.Place) -> None:
        if to.path == config:
            raise OSError(errno.EBUSY, "Device or resource busy")
        rename(self, to)

    def overwrite(
        place: foreign.Place, data: bytes, whole: Callable[[foreign.Place, bytes], None] = atomic.overwrite
    ) -> None:
        private._CHUNK = 60
        whole(place, data)
        private._CHUNK = 1 << 20

    foreign.Place.rename = busy  # type: ignore[method-assign]
    atomic.overwrite = overwrite


def preload() -> None:
    """Have everything in memory that the system is asked for once."""
    platform.node()
    with suppress(OSError):
        getpass.getuser()


def make_live(journal: Journal, config: Path) -> None:
    """Set the password through a Web API whose server writes it into its file: in one call, since a server is not killed."""

    def write(_: object) -> None:
        at = config.read_bytes().index(b"old-hash")
        handle = os.open(config, os.O_WRONLY)
        try:
            os.pwrite(handle, b"new-hash", at)
        finally:
            os.close(handle)

    journal.apply_api(
        {},
        {"web_ui_password": Secret("canary-password")},
        write,
        dict,
        ChangeRequest("set-password", "requested", "r", TargetRecord(config_file=str(config))),
        texts=lambda: password_change.texts(config, [HASH], None),
    )


def journal_work(what: str, state: Path, config: Path, *, lock_seconds: float = LOCK_SECONDS) -> tuple[int, str]:
    """Apply the one change, take all changes back, or recover; the exit code, and what was said."""
    journal = Journal(state, lock_seconds=lock_seconds)
    try:
        if what == "apply":
            journal.apply_file(
                config, [SettingEdit(*SETTING)], ChangeRequest("require-localhost-auth", "requested", "r")
            )
        elif what in ("rollback", "force"):
            for record in journal.records():
                if isinstance(record, Damaged):
                    raise errors.Refused(record.text())
                if record.standing:
                    journal.rollback(record, RollbackRequest(via="file", force=what == "force"))
        elif what == "live":
            make_live(journal, config)
        else:
            return 0, "\n".join(journal.recover())
    except UserError as error:
        return error.exit_code, error.message
    return 0, ""


def main(what: str, state: Path, config: Path, how: str) -> int:
    if how == "in-place":
        play_mount_point(config)
    preload()
    with suppress(OSError):
        os.stat(MARK)  # noqa: PTH116
    code, said = journal_work(what, state, config)
    if said and os.environ.get("QBDOCTOR_KILL_DRIVER_SAYS"):
        sys.stderr.write(f"{said}\n")
    return code


if __name__ == "__main__":
    os._exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]))
