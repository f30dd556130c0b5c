r"""Reading: the same keys and values as the real QSettings, on a corpus of hazards and on random files."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qbdoctor.config.qtini.document import MAX_BYTES, QtIni, Unreadable
from tests.support.qt_checks import agrees
from tests.support.qt_oracle import CORPUS, READABLE, UNREADABLE, Oracle, likely_files, wild_files

KEY = ("Preferences", r"WebUI\LocalHostAuth")
_SLOW = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle()


@pytest.mark.parametrize("name", READABLE)
def test_corpus_is_read_as_qt_reads_it(oracle: Oracle, name: str) -> None:
    agrees(oracle, CORPUS[name].read_bytes())


def test_random_files_are_read_as_qt_reads_them(oracle: Oracle) -> None:
    @settings(_SLOW, max_examples=1500)
    @given(st.one_of(wild_files, likely_files()))
    def run(data: bytes) -> None:
        agrees(oracle, data)

    run()


def test_corpus_has_its_line_ends() -> None:
    assert len(CORPUS) >= 40
    assert b"\r\n" in CORPUS["crlf"].read_bytes()
    assert b"\n" not in CORPUS["lone-cr"].read_bytes()


@pytest.mark.parametrize(("name", "line"), UNREADABLE.items())
def test_binary_files_are_unreadable(name: str, line: int) -> None:
    with pytest.raises(Unreadable) as caught:
        QtIni.parse(CORPUS[name].read_bytes())
    assert caught.value.line == line


def test_large_files_are_unreadable() -> None:
    QtIni.parse(b";" * MAX_BYTES)
    with pytest.raises(Unreadable, match="16 MiB"):
        QtIni.parse(b";" * (MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("name", "raw", "line"),
    [
        ("plain", "false", 3),
        ("duplicate", "false", 4),
        ("section-twice", "true", 8),
        ("alias-section", "false", 2),
        ("alias-section-after", "false", 4),
        ("alias-general", "false", 2),
        ("alias-general-overruled", "true", 2),
        ("alias-percent", "false", 2),
        ("alias-slash", "false", 2),
        ("alias-no-section", "false", 1),
        ("bom-crlf", "false", 3),
        ("comment-inline", "false", 2),
        ("comment-inline-empty-value", "", 2),
        ("lone-cr", "false", 3),
        ("quote-over-lines", "false", 5),
        ("backslash-newline", "false", 4),
        ("quote-odd-escaped", '"false"', 4),
        ("spaces-around", "false", 2),
    ],
)
def test_value_and_line_that_count(name: str, raw: str, line: int) -> None:
    entry = QtIni.parse(CORPUS[name].read_bytes()).get(*KEY)
    assert entry is not None
    assert (entry.section, entry.key, entry.raw, entry.line) == (*KEY, raw, line)


@pytest.mark.parametrize("name", ["case-key", "case-section", "double-backslash", "comment-hash-quote", "bom-twice"])
def test_other_keys_are_not_taken_for_it(name: str) -> None:
    """The double BOM makes an unknown key of the first section's header."""
    assert QtIni.parse(CORPUS[name].read_bytes()).get(*KEY) is None


@pytest.mark.parametrize("name", ["case-key", "case-section", "plain"])
def test_windows_ignores_case(name: str) -> None:
    file = QtIni.parse(CORPUS[name].read_bytes(), ignore_case=True)
    entry = file.get("PREFERENCES", "WebUI/LOCALHOSTAUTH")
    assert entry is not None
    assert entry.raw == "false"
    assert file.all(*KEY) == (entry,)


def test_windows_merges_sections_and_keys_of_one_name() -> None:
    file = QtIni.parse(b"[A]\nk=1\n[a]\nK=2\n[b\\C]\nx=1\n[B]\nc\\X=2\n", ignore_case=True)
    assert [entry.raw for entry in file.all("A", "k")] == ["1", "2"]
    assert (file.get("a", "k"), file.get("b", "c\\x")) == (file.entries[1], file.entries[2])


def test_spelling_is_kept() -> None:
    entry = QtIni.parse(CORPUS["alias-section"].read_bytes()).entries[0]
    assert (entry.section, entry.key) == KEY
    assert (entry.spelled_section, entry.spelled_key) == (r"Preferences\WebUI", "LocalHostAuth")


def test_general_is_no_group_and_percent_general_is_one() -> None:
    file = QtIni.parse(CORPUS["general-names"].read_bytes())
    assert [(entry.section, entry.key, entry.path) for entry in file.entries] == [
        ("General", "top", "top"),
        ("General", "x", "x"),
        ("%General", "y", "General/y"),
        ("General", "z", "z"),
        ("%General", "x", "General/x"),
        ("%general", "x", "general/x"),
        ("%%General", "x", "%General/x"),
        ("%general", "w", "general/w"),
    ]


def test_superfluous_separators_make_a_lookalike() -> None:
    file = QtIni.parse(CORPUS["double-backslash"].read_bytes())
    assert [entry.line for entry in file.lookalikes(*KEY)] == [2]
    assert file.lookalikes("Preferences", r"WebUI\Port") == ()


@pytest.mark.parametrize(
    ("data", "newline"),
    [(b"", "\n"), (b"a=1", "\n"), (b"a\r\nb\r\nc\n", "\r\n"), (b"a\nb\nc\r\n", "\n"), (b"a\rb\r", "\r")],
)
def test_newline_is_the_usual_one(data: bytes, newline: str) -> None:
    assert QtIni.parse(data).newline == newline


def test_newline_of_an_empty_file_on_windows() -> None:
    assert QtIni.parse(b"", ignore_case=True).newline == "\r\n"


def test_values_are_in_no_repr() -> None:
    assert "hunter2" not in repr(QtIni.parse(b"[Preferences]\nWebUI\\Password=hunter2\n").entries)


@pytest.mark.parametrize(
    "data",
    [
        b"[a]\n" + b"k=v ; c\n" * 25_000,
        b"[a]\nk=" + b"x" * 200_000,
        b'[a]\nk="' + b'\\"' * 100_000,
        b"[a]\n" + b'"' * 200_001,
        b"[a]\n" + b"\\" * 200_001 + b"\n",
        b"[a]\n" + b" " * 200_000 + b"k=1" + b" " * 200_000 + b"x\n",
        b"[a]\nk=" + b'"" ' * 70_000 + b"x \n",
        b"%" * 200_000 + b"=1\n",
        b";" * 200_000,
        b"[" * 200_000,
    ],
)
def test_no_text_takes_long(data: bytes) -> None:
    """Linear: 0.03 s on the machine it was written on; one step of backtracking per byte would be minutes."""
    began = time.process_time()
    file = QtIni.parse(data)
    assert isinstance(file.entries, tuple)
    assert isinstance(file.hazards, tuple)
    assert time.process_time() - began < 2
