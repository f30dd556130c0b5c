"""Opens files that belong to others: by descriptors, regular ones only, never waiting, never more than a limit.

A name in a folder that someone else may write can come to mean another file at any moment. So a folder is opened once,
and everything in it is reached through its descriptor. Root, whom no permission stops, also looks at the owners on
the way: folders, links and file must be root's or the file's owner's, else that owner could have root write, read or
give away what is not his.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qbdoctor.model.errors import Refused
from qbdoctor.patterns import regex
from qbdoctor.storage import private
from qbdoctor.values import field, frozen

_MOST_LINKS = 40  # as the kernel has it
_INSIDE = regex(r"/proc/(?:\d+|self|thread-self)/root(?=/|\Z)")
_BINARY = getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0) | _BINARY
_STAY = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_PATH = getattr(os, "O_PATH", None)
BY_DESCRIPTOR = hasattr(os, "O_DIRECTORY") and os.open in os.supports_dir_fd


class NotRegular(OSError):
    """What was to be read is no regular file: a folder, a FIFO, a device, a socket."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EINVAL, "it is no regular file", str(path))


class TooLarge(OSError):
    """The file is larger than anybody meant to read."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(errno.EFBIG, f"it is larger than {limit} bytes", str(path))


def read(path: Path, limit: int, *, follow: bool = True) -> bytes:
    """Return the content of a regular file of at most ``limit`` bytes. Raises OSError, also for any other file.

    Never waits: a FIFO is not waited for, a device not read. ``follow=False`` refuses a link as the last part.
    """
    with opened(path, follow=follow) as handle:
        return content(handle, path, limit)


def read_end(path: Path, limit: int) -> tuple[bytes, int]:
    """Return at most the last ``limit`` bytes of a regular file, and the offset of their first. Raises OSError."""
    with opened(path) as handle:
        offset = max(0, os.fstat(handle).st_size - limit)
        return _some(handle, offset, limit), offset


def read_from(path: Path, offset: int, limit: int) -> bytes:
    """Return at most ``limit`` bytes of a regular file from an offset on. Raises OSError."""
    with opened(path) as handle:
        return _some(handle, offset, limit)


@contextmanager
def opened(path: Path, *, follow: bool = True) -> Iterator[int]:
    """Open a regular file for reading and give its descriptor. Raises OSError, :class:`NotRegular` for any other."""
    if not stat.S_ISREG((path.stat() if follow else path.lstat()).st_mode):  # a device might act on being opened
        raise NotRegular(path)
    handle = os.open(path, _READ | (0 if follow else _STAY))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise NotRegular(path)
        yield handle
    finally:
        os.close(handle)


def _some(handle: int, offset: int, limit: int) -> bytes:
    os.lseek(handle, offset, os.SEEK_SET)
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(handle, min(limit, 1 << 20))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def content(handle: int, path: Path, limit: int) -> bytes:
    """Return all of a file that is open, of at most ``limit`` bytes. Raises OSError."""
    if os.fstat(handle).st_size > limit or len(data := _some(handle, 0, limit + 1)) > limit:
        raise TooLarge(path, limit)
    return data


def _dress(handle: int, temp: Place, found: os.stat_result | None) -> None:
    mode = 0o666 & ~private.umask() if found is None else stat.S_IMODE(found.st_mode) & 0o777
    if not hasattr(os, "fchmod"):
        temp.path.chmod(mode)
        return
    if found is not None and private.is_root():
        os.fchown(handle, found.st_uid, found.st_gid)
    os.fchmod(handle, mode)


# --- a folder that is written to ------------------------------------------------------------------------------------


@frozen
class Crossed:
    """A folder or link on the way to a file, and whose it is."""

    path: str
    uid: int
    link: bool
    open_to: int = 0  # who but its owner may write a folder: group and others, the sticky bit, as in its mode
    gid: int = 0


@frozen
class Place:
    """A file in a folder that was opened: all that is done with it goes through the folder's descriptor.

    ``path`` is what it is called, links resolved. ``descriptor`` is None where the system has none for folders.
    """

    path: Path
    descriptor: int | None = None
    crossed: tuple[Crossed, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """Its name in the folder."""
        return self.path.name

    @property
    def folder(self) -> Path:
        """What the folder is called, for messages."""
        return self.path.parent

    def beside(self, name: str) -> Place:
        """Return another file of the same folder."""
        return Place(self.path.with_name(name), self.descriptor, self.crossed)

    def lstat(self) -> os.stat_result:
        """Look at it; a link is not followed. Raises OSError."""
        if self.descriptor is None:
            return self.path.lstat()
        return os.stat(self.name, dir_fd=self.descriptor, follow_symlinks=False)

    def exists(self) -> bool:
        """Whether anything has this name. Raises OSError where that cannot be told."""
        try:
            self.lstat()
        except FileNotFoundError:
            return False
        return True

    def open(self, flags: int, mode: int = 0o600) -> int:
        """Open it, never through a link. Raises OSError."""
        flags |= _STAY | _BINARY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        if self.descriptor is None:
            return os.open(self.path, flags, mode)
        return os.open(self.name, flags, mode, dir_fd=self.descriptor)

    @contextmanager
    def opened(self, flags: int = os.O_RDONLY) -> Iterator[int]:
        """Open the file, which must be a regular one. Raises OSError, and :class:`Refused` where the owners do not fit."""
        handle = self.open(flags)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise NotRegular(self.path)
            self.check_owner(found)
            yield handle
        finally:
            os.close(handle)

    def read(self, limit: int) -> bytes:
        """Return the content, of a regular file of at most ``limit`` bytes. Raises OSError and :class:`Refused`."""
        with self.opened() as handle:
            return content(handle, self.path, limit)

    def check_owner(self, found: os.stat_result | None) -> None:
        """See, as root, that nobody but the file's owner and root has a hand in where it lies. Raises :class:`Refused`.

        None: it is to be made, and no link of another may lead to its folder.
        """
        if not private.is_root():
            return
        path, crossed = self.path, self.crossed
        if found is None and self.descriptor is not None:
            path, crossed = self.folder, tuple(one for one in crossed if one.link)
            found = os.fstat(self.descriptor)
        for one in crossed:
            if found is not None and one.uid not in (0, found.st_uid, private.unmapped_owner()):
                raise _foreign(path, found.st_uid, one)

    def create(self) -> int:
        """Make the file, which must not be there, for this user alone. Raises OSError."""
        return self.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL)

    def temporary(self) -> Place:
        """Return a new name beside it."""
        return self.beside(private.temp_name(self.path).name)

    def rename(self, to: Place) -> None:
        """Give it the name of another file of the same folder. Raises OSError."""
        if self.descriptor is None:
            private.rename_file(self.path, to.path)
        else:
            os.rename(self.name, to.name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def unlink(self) -> None:
        """Take it away. Raises OSError."""
        if self.descriptor is None:
            self.path.unlink()
        else:
            os.unlink(self.name, dir_fd=self.descriptor)

    def write_whole(self, data: bytes) -> None:
        """Make or replace it, all or nothing: whoever reads it meanwhile has the old one.

        It keeps its owner, mode and Windows' access list; a new one is as the umask has it. A link is replaced, not followed.
        Raises OSError and :class:`Refused`, and then nothing is left behind.
        """
        found = self.lstat() if self.exists() else None
        if found is not None and stat.S_ISLNK(found.st_mode):
            found = None
        self.check_owner(found)
        from qbdoctor.storage import access_list  # noqa: PLC0415 - history only reads

        temp = self.temporary()
        handle = temp.create()
        try:
            try:
                if found is not None:
                    access_list.keep(self.path, temp.path)
                private.write_all(handle, data)
                _dress(handle, temp, found)
            finally:
                os.close(handle)
            temp.rename(self)
        except BaseException:
            temp.discard()
            raise

    def discard(self) -> bool:
        """Take it away, on a second try if need be; returns whether it is gone."""
        for _ in range(2):
            try:
                self.unlink()
            except FileNotFoundError:
                return True
            except OSError:
                continue
            return True
        return False

    def sync_folder(self) -> None:
        """Make the names in the folder durable, where the system can. Raises OSError."""
        if self.descriptor is None:
            return
        try:
            os.fsync(self.descriptor)
        except OSError as error:
            if error.errno not in private.NO_FOLDER_SYNC:
                raise

    def leftovers(self) -> tuple[Place, ...]:
        """Return what killed runs left beside it. Nothing where the folder may not be read. Raises OSError."""
        try:
            entries = os.scandir(self.folder if self.descriptor is None else self.descriptor)
        except OSError as error:
            if error.errno in (
                (errno.ENOENT, errno.ENOTDIR, errno.EACCES) if self.descriptor is None else (errno.EBADF,)
            ):
                return ()  # a folder that may not be read is opened so that looking into it is EBADF
            raise
        with entries:
            return tuple(
                self.beside(entry.name)
                for entry in entries
                if private.is_leftover(entry.name, self.name) and entry.is_file(follow_symlinks=False)
            )

    def sweep(self) -> None:
        """Remove what killed runs left beside it, as far as possible."""
        with suppress(OSError):
            for leftover in self.leftovers():
                leftover.discard()


@contextmanager
def hold(path: Path, *, follow: bool = True) -> Iterator[Place]:
    """Open the folder of a file and give the file's :class:`Place` there, for the length of the block.

    ``follow``: the file's name may be a link, else only the folders on the way may. Raises :class:`Refused`.
    """
    descriptor: int | None = None
    try:
        try:
            place = find_place(path.absolute(), follow)
            descriptor = place.descriptor
        except OSError as error:
            raise Refused(
                f"{path} cannot be written: {private.why(error)}. Nothing was changed.", "config-not-written"
            ) from None
        yield place
    finally:
        if descriptor is not None:
            private.close_unwritten(descriptor)


def find_place(path: Path, follow: bool) -> Place:
    """Return the place; whoever asks closes its descriptor. Raises OSError."""
    if not BY_DESCRIPTOR or _PATH is None:
        real = Path(os.path.realpath(path if follow else path.parent, strict=True))
        real = real if follow else real / path.name
        return Place(real, _open_folder(str(real.parent), None) if BY_DESCRIPTOR else None)
    crossed: list[Crossed] = []
    inside = _INSIDE.match(str(path))
    start = inside[0] if inside else "/"
    top = os.open(start, _PATH | _FOLDER)
    try:
        return _resolve(start, top, str(path)[len(start) :], follow, crossed)
    finally:
        private.close_unwritten(top)


def _resolve(start: str, top: int, rest: str, follow: bool, crossed: list[Crossed]) -> Place:
    """Walk to the folder part by part, as the kernel would, links of the last part included where ``follow``."""
    assert _PATH is not None  # noqa: S101 - for the type checker: asked before
    todo = [part for part in rest.split("/") if part not in ("", ".")]
    trail: list[str] = []
    links = 0
    current = os.dup(top)
    try:
        while True:
            if not todo:
                raise IsADirectoryError(errno.EISDIR, "it is a folder", start + "/".join(trail))
            part = todo.pop(0)
            here = "/".join([start.rstrip("/"), *trail, part])
            if part == "..":
                trail = trail[:-1]
                current = _exchange(current, os.open("..", _PATH | _FOLDER, dir_fd=current) if trail else os.dup(top))
                continue
            if todo or follow:
                found = os.stat(part, dir_fd=current, follow_symlinks=False)
                if stat.S_ISLNK(found.st_mode):
                    links += 1
                    if links > _MOST_LINKS:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), here)
                    handle = os.open(part, _PATH | _STAY, dir_fd=current)
                    try:
                        found, text = os.fstat(handle), os.readlink("", dir_fd=handle)
                    finally:
                        os.close(handle)
                    crossed.append(Crossed(here, found.st_uid, True))
                    if text.startswith("/"):
                        trail = []
                        current = _exchange(current, os.dup(top))
                    todo = [each for each in text.split("/") if each not in ("", ".")] + todo
                    continue
            if not todo:
                return Place(Path(here), _open_folder(".", current), tuple(crossed))
            current = _exchange(current, os.open(part, _PATH | _FOLDER | _STAY, dir_fd=current))
            found = os.fstat(current)
            crossed.append(Crossed(here, found.st_uid, False, found.st_mode & (stat.S_ISVTX | 0o022), found.st_gid))
            trail.append(part)
    finally:
        private.close_unwritten(current)


def _exchange(old: int, new: int) -> int:
    private.close_unwritten(old)
    return new


def _open_folder(name: str, at: int | None) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=at)
    except PermissionError:
        if _PATH is None:
            raise
        return os.open(name, _PATH | _FOLDER, dir_fd=at)  # it may be written to, and not read


def _foreign(path: Path, owner: int, one: Crossed) -> Refused:
    what = "the link" if one.link else "the folder"
    whose = private.user_name(one.uid)
    return Refused(
        f"{path} belongs to {private.user_name(owner)}, and {what} {one.path} on the way to it to {whose}, who could have root "
        f"change a file that is not theirs. Nothing was changed: run qbdoctor as the user that owns it (sudo -u "
        f"{private.account(owner or one.uid)} qbdoctor …).",
        "config-owner",
    )
