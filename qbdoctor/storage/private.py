"""Creates, replaces and removes files of our own: readable by their owner alone, on disk before anything relies on them."""

from __future__ import annotations

import errno
import os
import re
import sys
import time
from _thread import allocate_lock
from contextlib import suppress
from pathlib import Path

from qbdoctor.model import system

TEMP_PREFIX = ".qbdoctor-"


_TEMP_SUFFIX = ".tmp"


_CHUNK = 1 << 20


_SHARING_SECONDS = 1.0  # how long another program's open handle is waited for on Windows


_SHARING_ERRORS = {5, 32, 33}  # access denied, sharing violation, lock violation


NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF}


_UMASK = allocate_lock()  # threading takes 1 ms to load


def umask() -> int:
    """Return this process's umask. Only setting tells it where the kernel does not; then one thread at a time."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("Umask:")), 8)
    with _UMASK:
        mask = os.umask(0o077)
        os.umask(mask)
    return mask


def write_private(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Make a new file with mode 0600; ``durable``: its content, but not its name in the folder. Raises OSError."""
    handle = create_file(path)
    try:
        write_all(handle, data)
        if durable:
            sync(handle)
    finally:
        os.close(handle)


def close_unwritten(handle: int) -> None:
    """Close a descriptor that nothing was written by: an error of that tells of no content that is lost."""
    with suppress(OSError):
        os.close(handle)


def make_private(folder: Path) -> None:
    """Make a folder with mode 0700, if it is not there yet. Raises OSError."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if folder.is_dir():
            return
        raise


def make_private_path(folder: Path) -> None:
    """Make a folder and those above it that are missing, each with mode 0700. Raises OSError."""
    for one in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        make_private(one)


def make_private_file(path: Path) -> None:
    """Make an empty file with mode 0600, if there is none yet. Raises OSError."""
    with suppress(FileExistsError):
        os.close(create_file(path))


def is_root() -> bool:
    """Whether no permission stops this user."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def has_users() -> bool:
    """Whether files and sockets have owners here (not on Windows)."""
    return hasattr(os, "geteuid")


def user_id(name: str) -> int | None:
    """Return the number of a user by name or number, None where there is no such name."""
    try:
        import pwd  # noqa: PLC0415 - not on Windows

        return int(name) if name.isascii() and name.isdigit() else pwd.getpwnam(name).pw_uid
    except (ImportError, KeyError, OverflowError):
        return None


def unmapped_owner() -> int:
    """Return whose everything seems to be that has no owner in this user namespace, -1 where all have: real root's, say."""
    try:
        if Path("/proc/self/uid_map").read_text(encoding="utf-8").split() == ["0", "0", "4294967295"]:
            return -1
        return int(Path("/proc/sys/kernel/overflowuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return -1


def user_name(uid: int) -> str:
    """Return a user for a sentence: the name, else "user 1234"."""
    name = account(uid)
    return f"user {name}" if name == str(uid) else name


def account(uid: int) -> str:
    """Return what a user is called, or the number for one without a name."""
    try:
        import pwd  # noqa: PLC0415 - not on Windows

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)


def of_another(user: str | None) -> str:
    """Return whose something is, to stand behind a noun, where it is neither root's nor this user's; "" else."""
    known = {None, account(0), account(os.geteuid())} if has_users() else {user}
    return "" if user in known else f" of user {user}"


def replace_private(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Make or replace a file of our own with mode 0600, durable when this returns, or soon after. Raises OSError."""
    temp = temp_name(path)
    try:
        write_private(temp, data, durable=durable)
        rename_file(temp, path)
    except BaseException:
        with suppress(OSError):
            temp.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def sync(handle: int) -> None:
    """Make a file durable. macOS' fsync leaves it in the drive's cache; where the volume cannot do more, fsync must do.

    Raises OSError.
    """
    if system.is_macos():
        import fcntl  # noqa: PLC0415 - not on Windows

        with suppress(OSError):  # a network volume, for one
            fcntl.fcntl(handle, getattr(fcntl, "F_FULLFSYNC", 51))
            return
    os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can. Raises OSError."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return  # a folder that may be written and not read
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
    finally:
        close_unwritten(handle)


def leftovers(folder: Path, name: str | None = None) -> tuple[Path, ...]:
    """Return what killed runs left in this folder, for one file or for any; with the lock held, else it may be in use.

    Nothing where the folder may not be read. Raises OSError where it could be and is not.
    """
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ()
    with entries:
        return tuple(
            Path(entry.path)
            for entry in entries
            if is_leftover(entry.name, name) and entry.is_file(follow_symlinks=False)
        )


def is_leftover(entry: str, name: str | None) -> bool:
    """Whether this is the name of a file that never got its own, which is ``name`` or any."""
    wanted = r".+" if name is None else re.escape(name)
    return re.fullmatch(re.escape(TEMP_PREFIX) + wanted + r"-[0-9a-f]{16}" + re.escape(_TEMP_SUFFIX), entry) is not None


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove what killed runs left in this folder, for one file or for any, as far as possible."""
    with suppress(OSError):
        for leftover in leftovers(folder, name):
            discard_file(leftover)


def discard_file(temp: Path) -> bool:
    """Remove a file that is not to get its name, on a second try if need be; returns whether it is gone."""
    for _ in range(2):
        try:
            temp.unlink()
        except FileNotFoundError:
            return True
        except OSError:
            continue
        return True
    return False


def temp_name(path: Path) -> Path:
    """Return a name beside the file that nobody can guess."""
    return path.with_name(f"{TEMP_PREFIX}{path.name}-{os.urandom(8).hex()}{_TEMP_SUFFIX}")


def create_file(path: Path) -> int:
    """Return the descriptor of a new file that only its owner may read. Raises OSError where the name is taken."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, 0o600)


def is_led_elsewhere(path: Path) -> bool:
    """Return whether a new file there would land in a private copy: the Microsoft Store's Python in AppData.

    Source: Microsoft, "Understanding how packaged desktop apps run on Windows".
    """
    if system.platform() != "win32" or "windowsapps" not in f"{sys.base_prefix} {sys.executable}".lower():
        return False
    places = (os.environ.get(name) for name in ("APPDATA", "LOCALAPPDATA"))
    whole = os.path.normcase(path.absolute())
    return any(place and whole.startswith(os.path.normcase(Path(place))) for place in places)


def write_all(handle: int, data: bytes) -> None:
    """Write every byte. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view[:_CHUNK]) :]


def rename_file(temp: Path, path: Path) -> None:
    """Put the new file in the old one's place, with patience where another program holds it on Windows. Raises OSError."""
    give_up = time.monotonic() + _SHARING_SECONDS
    while True:
        try:
            temp.replace(path)
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _SHARING_ERRORS or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return


_REASONS = {
    errno.ENOENT: "it does not exist",
    errno.ELOOP: "its symbolic links lead in a circle",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "this user may not",
    errno.EPERM: "this user may not",
}


_WINDOWS_REASONS = {
    5: "another program has it open, or this user may not",  # ERROR_ACCESS_DENIED: a rename over an open file has it, too
    32: "another program has it open",
    33: "another program has locked it",
}
_PRIVACY = "macOS's privacy protection keeps this program out: allow it in System Settings, Privacy & Security, Full Disk Access"


def why(error: OSError) -> str:
    """Return what went wrong, in words."""
    number = getattr(error, "winerror", None) or 0
    if not number and system.platform() == "win32" and error.errno == errno.EACCES:
        number = 5  # the C library, which opens a file, tells no more
    of_windows = _WINDOWS_REASONS.get(number)
    if of_windows is not None:
        return of_windows
    if system.is_macos() and error.errno == errno.EPERM:  # ownership is EACCES there
        return _PRIVACY
    return _REASONS.get(error.errno or 0, error.strerror or type(error).__name__)


def owned_by(path: Path) -> str:
    """Return whose the nearest thing there is, where it is another user's: what explains a refusal; else ""."""
    for place in (path, *path.parents):
        with suppress(OSError):
            owner = place.stat().st_uid
            if not hasattr(os, "geteuid") or owner == os.geteuid():
                return ""
            return f"; {place} belongs to {'root: use sudo' if owner == 0 else f'user {owner}'}"
    return ""


def sha256(data: bytes) -> str:
    """Return the digest in hexadecimal."""
    import hashlib  # noqa: PLC0415 - with its library of ciphers 5 ms

    return hashlib.sha256(data).hexdigest()
