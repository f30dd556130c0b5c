"""Lists the files of a tree: which are looked at, which are not and why. Follows no link out of the tree, and none twice."""

from __future__ import annotations

import codecs
import glob
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from qbdoctor.lint import languages
from qbdoctor.lint.findings import Skipped
from qbdoctor.model import system
from qbdoctor.model.errors import UserError

LARGEST = 2_000_000
"""Bytes. Source that people write is far below; what is above is generated or data."""
VENDORED = frozenset(
    (
        "node_modules", "bower_components", "vendor", "third_party", "site-packages", "dist-packages", ".venv", "venv", ".tox",
        ".nox",
        ".git", ".hg", ".svn", "dist", "build", "target", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".eggs",
        ".gradle", ".idea", ".next", ".nuxt", ".cache", "coverage",
    )
)  # fmt: skip
_OTHERS = frozenset(("node_modules", "bower_components", "vendor", "third_party", "dist", "build", "target"))
"""Of these a person is told: what is wrong there is run all the same."""
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How files begin that Windows' editors write in UTF-16: PowerShell's, for one."""
GENERATED = (".min.js", ".bundle.js", ".min.mjs", ".d.ts")


def collect(paths: list[str], skipped: list[Skipped], unread: Counter[str]) -> Iterator[tuple[str, str]]:
    """Yield (name, language) of what is to be read, in order of names. Raises UserError for a path that is not there."""
    known: set[tuple[int, int]] = set()
    for given in _expanded(paths):
        path = Path(given)
        try:
            about = path.stat()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UserError("no-such-path", f"lint: {given} cannot be read: {reason}.") from None
        except ValueError:
            raise UserError("no-such-path", f"lint: {given!r} is no path.") from None
        if path.is_dir():
            yield from _tree(path, known, skipped, unread)
        elif not path.is_file():
            raise UserError("no-such-path", f"lint: {given} is neither a file nor a folder.")
        elif (about.st_dev, about.st_ino) not in known:
            known.add((about.st_dev, about.st_ino))
            language = _language(path, skipped)
            if language is not None:
                yield given, language
            elif not any(each.file == given for each in skipped):
                unread[path.suffix.lower()] += 1
                skipped.append(Skipped(given, "not in a language that lint knows"))


def _expanded(paths: list[str]) -> Iterator[str]:
    """Yield the paths; a pattern that is no file by itself as what it stands for, which cmd.exe leaves to the program."""
    for given in paths:
        alone = system.platform() != "win32" or os.path.lexists(given)
        found = [] if alone else sorted(glob.glob(given, recursive=True))  # noqa: PTH207 - a pattern may be absolute
        yield from found or (given,)


def _count(path: Path, unread: Counter[str]) -> None:
    """Count a file in a language that lint does not read: C only where it names qBittorrent's Web API."""
    suffix = path.suffix.lower()
    if suffix not in languages.UNREAD or not path.is_file():
        return
    if suffix in {".h", ".c"} and not languages.speaks_of_qbittorrent(load(str(path))[0]):
        return
    unread[suffix] += 1


def _tree(
    root: Path, known: set[tuple[int, int]], skipped: list[Skipped], unread: Counter[str]
) -> Iterator[tuple[str, str]]:
    def unreadable(error: OSError) -> None:
        skipped.append(Skipped(str(error.filename), f"cannot be read: {error.strerror}"))

    links: list[Path] = []
    for folder, folders, names in os.walk(root, onerror=unreadable):
        skipped.extend(
            Skipped(str(Path(folder, name)), "other people's code or built files: name it to have it read")
            for name in sorted(_OTHERS.intersection(folders))
        )
        folders[:] = sorted(name for name in folders if name not in VENDORED and not Path(folder, name).is_symlink())
        for path in (Path(folder, name) for name in sorted(names)):
            if path.is_symlink():
                links.append(path)
            else:
                yield from _one(path, known, skipped, unread)
    for path in links:  # after the files that they lead to, which are known by their own names then
        yield from _one(path, known, skipped, unread)


def _one(
    path: Path, known: set[tuple[int, int]], skipped: list[Skipped], unread: Counter[str]
) -> Iterator[tuple[str, str]]:
    """Yield a file of a tree with its language, unless it was met before, or is none to be read."""
    if path.name.endswith(GENERATED):
        return
    if not languages.may_be_code(path.name):
        _count(path, unread)
        return
    try:
        about = path.stat()
    except OSError as error:  # a link that leads nowhere, or in a circle
        skipped.append(Skipped(str(path), f"cannot be read: {error.strerror}"))
        return
    if (about.st_dev, about.st_ino) in known or not path.is_file():
        return
    known.add((about.st_dev, about.st_ino))
    language = _language(path, skipped)
    if language in languages.VALUES and not languages.talks_to_qbittorrent(str(path), load(str(path))[0]):
        return
    if language is not None:
        yield str(path), language


def _language(path: Path, skipped: list[Skipped]) -> str | None:
    try:
        with path.open("rb") as stream:
            beginning = stream.read(256)
    except OSError as error:
        skipped.append(Skipped(str(path), f"cannot be read: {error.strerror}"))
        return None
    return languages.of(str(path), beginning)


def load(name: str) -> tuple[bytes, str]:
    """Return a file's bytes, UTF-16 as UTF-8, and the reason why it is not to be looked at ("" for none)."""
    try:
        with Path(name).open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        return b"", f"cannot be read: {error.strerror}"
    if len(data) > LARGEST:
        return b"", f"larger than {LARGEST // 1_000_000} MB"
    if data.startswith(UTF_16):
        try:
            return data.decode("utf-16").encode(), ""
        except UnicodeDecodeError:
            return b"", "binary"
    if b"\0" in data[:8192]:
        return b"", "binary"
    return data, ""


def is_utf_16(name: str) -> bool:
    """Whether a file begins as one in UTF-16. Raises OSError."""
    with Path(name).open("rb") as stream:
        return stream.read(2) in UTF_16
