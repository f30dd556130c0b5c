"""Holds an edit or a reading of a settings file against Qt's own."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, settings

from qbdoctor.config.qtini.document import QtIni, path_of
from qbdoctor.config.qtini.edit import Edited, remove_key, set_value
from tests.support.qt_oracle import Oracle, as_qt, is_comparable, is_plain

UNHURRIED = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def check_set(oracle: Oracle, data: bytes, section: str, key: str, raw: str) -> Edited:
    edited = set_value(data, section, key, raw)
    path = path_of(section, key)
    old, new = oracle.read(data), oracle.read(edited.data)
    value = oracle.read(b"[s]\nk=" + raw.encode("ascii", "surrogateescape"))["s/k"]
    assert new == old | {path: value}, (data, edited.data)
    assert edited.after == raw
    if edited.before is None:
        assert path not in old
        header = b"[" + section.encode().replace(b"\\", b"\\") + b"]"
        assert is_one_more_line(data, edited.data, f"{key}={raw}".encode("ascii", "surrogateescape"), header), data
    else:
        assert path in old
        assert only_the_value_changed(data, edited), (data, edited.data)
    assert set_value(edited.data, section, key, raw).data == edited.data
    return edited


def check_remove(oracle: Oracle, data: bytes, section: str, key: str) -> Edited:
    edited = remove_key(data, section, key)
    path = path_of(section, key)
    old = oracle.read(data)
    assert (edited.before is None) == (path not in old)
    assert oracle.read(edited.data) == {name: value for name, value in old.items() if name != path}, data
    gone = {entry.line for entry in QtIni.parse(data).all(section, key)}
    lines = data.split(b"\n")
    kept = [line for number, line in enumerate(lines, 1) if number not in gone]
    bom = b"\xef\xbb\xbf" if 1 in gone and data.startswith(b"\xef\xbb\xbf") else b""
    expected = bom + b"\n".join(kept)
    # The last line has no line end of its own; the one before it stays
    assert edited.data == expected + (b"\n" if len(lines) in gone and kept else b""), data
    return edited


def agrees(oracle: Oracle, data: bytes) -> None:
    file = QtIni.parse(data)
    expected = oracle.read(data)
    assert {entry.path for entry in file.entries} == set(expected), data
    for entry in file.entries:
        assert data[slice(*entry.span)] == entry.raw.encode("ascii", "surrogateescape"), data
        if "%5C" in entry.section + entry.key:
            continue  # a backslash in a name is not asked for by section and key
        assert path_of(entry.section, entry.key) == entry.path
        effective = file.get(entry.section, entry.key)
        assert effective is not None
        assert effective in file.all(entry.section, entry.key)
        if is_plain(entry.path) and is_comparable(expected[entry.path]):
            assert as_qt(effective.raw) == expected[entry.path], (data, entry)


def text(data: bytes) -> str:
    return data.decode("ascii", "surrogateescape")


def only_the_value_changed(old: bytes, edited: Edited) -> bool:
    """Whether one line differs, in the value, with the same spaces, comment and line end."""
    assert edited.line is not None
    before, after = text(old).split("\n"), text(edited.data).split("\n")
    at = edited.line - 1
    one, other = before.pop(at), after.pop(at)
    head = re.match(r'(?:[^="]|"[^"]*")*=[ \t]*', one if edited.before else other.replace(edited.after or "", "", 1))
    assert head is not None
    start = head.end()
    if not edited.before:  # the new value stands right after the equals sign, or what blanks there are follow it
        return before == after and any(
            one[:i] + (edited.after or "") + one[i:] == other for i, c in enumerate(one, 1) if c == "="
        )
    length = len(edited.before)
    return (
        before == after
        and one[start : start + length] == edited.before
        and (one[:start] + (edited.after or "") + one[start + length :] == other)
    )


def is_one_more_line(old: bytes, new: bytes, line: bytes, header: bytes) -> bool:
    """Whether the line was put in, with or without a new section, and the file ends as before."""
    for end in (b"\n", b"\r\n"):
        body = old.removeprefix(b"\xef\xbb\xbf")
        bom = old[: len(old) - len(body)]
        blank = b"" if body.endswith((b"\n\n", b"\n\r\n")) or body in (b"\n", b"\r\n") else end
        if not body and new == bom + header + end + line + end:
            return True
        if body.endswith(b"\n") and new == old + blank + header + end + line + end:
            return True
        if body and not body.endswith(b"\n") and new in (old + end + line, old + end * 2 + header + end + line):
            return True
        places = [match.end() for match in re.finditer(b"\n", old)]
        if any(new == old[:at] + line + end + old[at:] for at in places):
            return True
    return False
