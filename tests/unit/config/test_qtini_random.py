r"""The longer runs against QSettings: more random files, and files that Qt itself wrote."""

from __future__ import annotations

import ctypes
import os
import random
import sys
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbdoctor.config.qtini.document import QtIni, path_of
from qbdoctor.config.qtini.edit import EditRefused, remove_key, set_value
from tests.support.qt_checks import UNHURRIED, agrees, check_remove, check_set
from tests.support.qt_oracle import Oracle, likely_files, wild_files

FILES = int(os.environ.get("QBDOCTOR_FILES", "10000"))
NAMES = [
    "Preferences",
    "WebUI",
    "RSS",
    "General",
    "general",
    "%General",
    "Größe",
    "a b",
    "x=y",
    "50%",
    "#1",
    "a]b",
    "[c",
    "😀",
    "rem",
    ";",
    "k:v",
    '"q"',
    "@x",
    "\x01",
    "LegalNotice",
    "Main.Window",
    "A-b_C",
]
TEXTS = [
    "",
    "true",
    "a, b; c=d",
    'say "hi"',
    "C:\\Users\\x",
    "two\nlines\r\n",
    "\ttab ",
    " blanks ",
    "@home",
    "@ByteArray(x)",
    "värde €",
    "日本 😀",
    "\0",
    "a\x1fb9",
    "%41",
    "#c",
    "50%",
    "x" * 3000,
    "\ufeffmark",
    "192.168.0.0/16",
]
EDITS = [("Preferences", "WebUI\\LocalHostAuth", "true"), ("WebUI", "ServerDomains", '"a;b"'), ("RSS", "new", "a, b")]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle()


def keep_none() -> None:
    """Give back the reference to None that PySide6 6.12 on 3.11 drops in each call of a void function."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))


def written_by_qt(oracle: Oracle, chance: random.Random) -> bytes:
    """What QSettings makes of random settings: texts, lists, numbers, byte arrays, dates, sizes, names of all kinds."""
    core = oracle.core
    path = oracle._path()
    held = core.QSettings(str(path), core.QSettings.Format.IniFormat)
    for _ in range(chance.randrange(1, 30)):
        name = "/".join(chance.choices(NAMES, k=chance.randrange(1, 4)))
        value: Any = chance.choice(
            [
                chance.choice(TEXTS),
                "".join(chance.choices(TEXTS, k=3)),
                "".join(
                    chr(chance.choice([chance.randrange(1, 128), chance.randrange(160, 0x2FFF)])) for _ in range(9)
                ),
                chance.choices(TEXTS, k=chance.randrange(4)),
                chance.choice([True, False, 0, -1, 2**31, 1.5]),
                core.QByteArray(chance.randbytes(chance.randrange(60))),
                core.QSize(3, 4),
                core.QDateTime.currentDateTime(),
                {"a": 1, "b": "x"},
            ]
        )
        held.setValue(name, value)
        keep_none()
    held.sync()
    keep_none()
    data = path.read_bytes()
    path.unlink()
    return data


@pytest.mark.parametrize("files", [60, pytest.param(2000, marks=pytest.mark.extended)])
def test_files_that_qt_wrote_are_edited(oracle: Oracle, files: int, capsys: pytest.CaptureFixture[str]) -> None:
    """At least 95 of 100, whether the key is there or not; and the edit is exact."""
    chance = random.Random(files)
    done: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for _ in range(files):
        data = written_by_qt(oracle, chance)
        agrees(oracle, data)
        entry = chance.choice(QtIni.parse(data).entries)
        try:
            edits = list(EDITS)
            if "%5C" not in entry.section + entry.key:  # a backslash in a name is not asked for by section and key
                edits.append((entry.section, entry.key, '"new; value"'))
            for edit in edits:
                set_value(data, *edit)
            remove_key(data, *edits[-1][:2])
        except EditRefused as refused:
            done["refused"] += 1
            reasons[refused.reason] += 1
            continue
        for edit in edits:
            check_exact(oracle, data, *edit)
        done["edited"] += 1
    told = f"{done['edited']} edited, {done['refused']} refused {dict(reasons)}"
    with capsys.disabled():
        sys.stdout.write(f"\n{files} files written by Qt {oracle.core.qVersion()}: {told}\n")
    assert done["edited"] >= 0.95 * files, reasons


def check_exact(oracle: Oracle, data: bytes, section: str, key: str, raw: str) -> None:
    """The one value is new, every other is what it was; and gone again after a removal."""
    path = path_of(section, key)
    old = oracle.read(data)
    value = oracle.read(f"[s]\nk={raw}".encode())["s/k"]
    edited = set_value(data, section, key, raw).data
    assert oracle.read(edited) == old | {path: value}, (data, path)
    assert oracle.read(remove_key(edited, section, key).data) == {one: said for one, said in old.items() if one != path}


@pytest.mark.extended
def test_many_random_files(oracle: Oracle, capsys: pytest.CaptureFixture[str]) -> None:
    """Read as Qt reads them, and edited exactly or refused."""
    done: Counter[str] = Counter()
    keys = st.sampled_from(
        [("S", "W\\k"), ("S", "k"), ("General", "k"), ("%General", "k"), ("S\\W", "k"), ("T", "new")]
    )
    raws = st.sampled_from(["true", "", "a b", '"x ; y"', "a, b", "\udce9", 'q\\"', "@Invalid()", '"', "x\\", "a;b"])

    @settings(UNHURRIED, max_examples=FILES)
    @given(st.one_of(likely_files(), likely_files(), wild_files), keys, raws, st.integers(0, 99))
    def run(data: bytes, key: tuple[str, str], raw: str, choice: int) -> None:
        agrees(oracle, data)
        entries = [entry for entry in QtIni.parse(data).entries if "%5C" not in entry.section + entry.key]
        if entries and choice < 60:
            entry = entries[choice % len(entries)]
            key = (entry.section, entry.key)
        remove = choice % 3 == 0
        try:
            edited = check_remove(oracle, data, *key) if remove else check_set(oracle, data, *key, raw)
        except EditRefused:
            done["refused"] += 1
        else:
            done[
                "left" if edited.data == data else "removed" if remove else "changed" if edited.before else "added"
            ] += 1

    run()
    with capsys.disabled():
        sys.stdout.write(f"\n{sum(done.values())} random files read as Qt reads them; {dict(done)}\n")
    assert min(done[each] for each in ("changed", "added", "removed")) > FILES / 100, done
