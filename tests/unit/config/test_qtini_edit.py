r"""Edits are exact or refused, never wrong: no other byte changes, and QSettings sees the one change and no other."""

from __future__ import annotations

import os
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbdoctor.config.qtini.document import QtIni, path_of
from qbdoctor.config.qtini.edit import EditRefused, remove_key, set_value
from tests.support.qt_checks import UNHURRIED, check_remove, check_set
from tests.support.qt_oracle import CORPUS, READABLE, UNREADABLE, Oracle, likely_files, wild_files

EXAMPLES = int(os.environ.get("QBDOCTOR_EXAMPLES", "2000"))
KEY = ("Preferences", r"WebUI\LocalHostAuth")
PATH = path_of(*KEY)

_OPEN = "quote is left open"
_ODD = "control character"
_INDENT = "indented line follows a comment"
_RETURN = "carriage return"
_ALIAS = "stands in|stands before"
REFUSED = {
    "alias-general": (2, _ALIAS),
    "alias-general-overruled": (4, _ALIAS),
    "alias-no-section": (1, _ALIAS),
    "alias-percent": (2, _ALIAS),
    "alias-section": (2, _ALIAS),
    "alias-section-after": (4, _ALIAS),
    "alias-section-slash": (2, _ALIAS),
    "alias-slash": (2, _ALIAS),
    "backslash-at-end": (3, _OPEN),
    "backslash-crlf": (2, _OPEN),
    "backslash-newline": (2, _OPEN),
    "bom-before-key": (2, "byte order mark"),
    "bom-top-level-key": (1, "byte order mark"),
    "bom-twice": (1, "byte order mark"),
    "comment-hash-backslash": (2, _OPEN),
    "comment-hash-quote": (3, _OPEN),
    "control-in-key": (2, _ODD),
    "double-backslash": (2, "superfluous"),
    "indented-after-comment": (3, _INDENT),
    "indented-after-inline-comment": (4, _INDENT),
    "indented-section-after-comment": (2, _INDENT),
    "lf-cr": (2, _RETURN),
    "lone-cr": (1, _RETURN),
    "lone-cr-one": (2, _RETURN),
    "percent-odd": (2, "hexadecimal"),
    "quote-in-section": (1, _OPEN),
    "quote-open": (2, _OPEN),
    "quote-over-lines": (2, _OPEN),
    "section-unterminated": (1, "closing bracket"),
    "semicolon-in-section": (1, "closing bracket"),
    "tab-in-key": (2, _ODD),
    "vt-ff": (2, _ODD),
} | {name: (line, "NUL|UTF-16") for name, line in UNREADABLE.items()}
EDITABLE = [name for name in READABLE if name not in REFUSED]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle()


@pytest.mark.parametrize("name", EDITABLE)
@pytest.mark.parametrize("raw", ["true", "", '"a ; b,c"', "@Invalid()"])
def test_corpus_is_edited_exactly(oracle: Oracle, name: str, raw: str) -> None:
    data = CORPUS[name].read_bytes()
    check_set(oracle, data, *KEY, raw)
    check_set(oracle, data, "WebUI", "LocalHostAuth", raw)
    check_set(oracle, data, "General", "new", raw)


@pytest.mark.parametrize("name", EDITABLE)
def test_corpus_keys_are_removed_exactly(oracle: Oracle, name: str) -> None:
    data = CORPUS[name].read_bytes()
    check_remove(oracle, data, *KEY)
    added = set_value(data, "Preferences", "new", "1").data
    if data.endswith(b"\n") and b"[Preferences]" in data:
        assert check_remove(oracle, added, "Preferences", "new").data == data


@pytest.mark.parametrize("edit", [lambda data: set_value(data, *KEY, "true"), lambda data: remove_key(data, *KEY)])
@pytest.mark.parametrize("name", REFUSED)
def test_uncertain_files_are_refused_and_the_line_is_named(name: str, edit: object) -> None:
    assert callable(edit)
    with pytest.raises(EditRefused) as caught:
        edit(CORPUS[name].read_bytes())
    line, reason = REFUSED[name]
    assert caught.value.line == line
    assert re.search(reason, caught.value.reason)
    assert str(caught.value).startswith(f"line {line}: ")


def test_random_files_are_edited_exactly_or_refused(oracle: Oracle) -> None:
    done: Counter[str] = Counter()
    keys = st.sampled_from([("S", "W\\k"), ("S", "k"), ("General", "k"), ("%General", "k"), ("S\\W", "k")])
    good = ["true", "", "a b", '"x ; y"', "a, b", "\udce9", 'q\\"', "@Invalid()"]
    raws = st.sampled_from([*good * 3, '"', "x\\", "a;b", " x"])

    @settings(UNHURRIED, max_examples=EXAMPLES)
    @given(st.one_of(likely_files(), likely_files(), likely_files(), wild_files), keys, raws, st.integers(0, 99))
    def run(data: bytes, key: tuple[str, str], raw: str, choice: int) -> None:
        # A backslash in a name is not asked for by section and key
        entries = [entry for entry in QtIni.parse(data).entries if "%5C" not in entry.section + entry.key]
        if entries and choice < 80:
            entry = entries[choice % len(entries)]
            key = (entry.section, entry.key)
        remove = choice % 3 == 0
        try:
            edited = check_remove(oracle, data, *key) if remove else check_set(oracle, data, *key, raw)
        except EditRefused:
            done["refused"] += 1
        else:
            done["removed" if remove else "changed" if edited.before is not None else "added"] += edited.data != data

    run()
    # That the test tests something: how often each comes varies with the modules that hypothesis finds loaded (99 to 130).
    assert min(done[each] for each in ("changed", "added", "removed")) > EXAMPLES / 40, done


def test_duplicate_of_which_only_the_last_counts() -> None:
    edited = set_value(CORPUS["duplicate"].read_bytes(), *KEY, "true")
    assert (edited.line, edited.before, edited.after) == (4, "false", "true")
    assert edited.data == b"[Preferences]\nWebUI\\LocalHostAuth=true\na=1\nWebUI\\LocalHostAuth=true\n"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("empty", b"[Preferences]\nWebUI\\LocalHostAuth=true\n"),
        ("bom-only", b"\xef\xbb\xbf[Preferences]\nWebUI\\LocalHostAuth=true\n"),
        ("comment-only-no-newline", b"; nothing here yet\n\n[Preferences]\nWebUI\\LocalHostAuth=true"),
        ("absent-section-blank-end", b"[RSS]\nx=1\n\n[Preferences]\nWebUI\\LocalHostAuth=true\n"),
        ("absent", b"[Preferences]\nWebUI\\Port=8080\nWebUI\\LocalHostAuth=true\n\n[RSS]\nx=1\n"),
        ("section-header-at-end", b"[RSS]\nx=1\n[Preferences]\nWebUI\\LocalHostAuth=true"),
        ("section-empty", b"[Preferences]\nWebUI\\LocalHostAuth=true\n\n[RSS]\nx=1\n"),
        (
            "section-twice-absent",
            b"[Preferences]\na=1\n; first\n[RSS]\nx=1\n[Preferences]\nb=2\nWebUI\\LocalHostAuth=true\n\n; end\n",
        ),
        (
            "crlf-no-final-newline-absent",
            b"[BitTorrent]\r\nSession\\Port=6881\r\n\r\n[Preferences]\r\nWebUI\\LocalHostAuth=true",
        ),
        ("comment-inline-empty-value", b"[Preferences]\nWebUI\\LocalHostAuth=true   ;c\nb=\n"),
        ("spaces-around", b"[Preferences]\n\t WebUI\\LocalHostAuth \t =  true \t\n[ Padded ]\n a = b \n"),
    ],
)
def test_where_the_value_goes(name: str, expected: bytes) -> None:
    assert set_value(CORPUS[name].read_bytes(), *KEY, "true").data == expected


def test_absent_section_gets_one_blank_line() -> None:
    data = CORPUS["absent-section"].read_bytes()
    assert set_value(data, *KEY, "true").data == data + b"\n[Preferences]\nWebUI\\LocalHostAuth=true\n"


def test_windows_writes_its_line_ends_and_refuses_another_case() -> None:
    assert set_value(b"", *KEY, "true", ignore_case=True).data == b"[Preferences]\r\nWebUI\\LocalHostAuth=true\r\n"
    for name in ("case-key", "case-section"):
        with pytest.raises(EditRefused, match="line 2"):
            set_value(CORPUS[name].read_bytes(), *KEY, "true", ignore_case=True)
        set_value(CORPUS[name].read_bytes(), *KEY, "true")


@pytest.mark.parametrize("raw", ["a;b", '"a', "a\\", " a", "a ", "a\nb=1", "a\r", "é", "\0", "\n", "a\n[x]"])
def test_text_that_is_no_value_is_refused_and_not_told(raw: str) -> None:
    with pytest.raises(EditRefused, match="new value cannot be written") as caught:
        set_value(CORPUS["plain"].read_bytes(), *KEY, raw)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("key", ["", "\\", "a\\\\b", "a\\", "a\nb", "a\x7f"])
def test_names_that_are_none_are_refused(key: str) -> None:
    with pytest.raises(EditRefused, match="no name"):
        set_value(b"", "Preferences", key, "1")


def test_names_are_written_as_qt_writes_them(oracle: Oracle) -> None:
    for section, key in [("é ü", "a b\\c:d"), ("😀", "x=y"), ("General", "50%"), ("%General", "#1")]:
        data = set_value(b"", section, key, "1").data
        assert oracle.read(data) == {path_of(section, key): "1"}
        assert set_value(data, section, key, "2").data == data.replace(b"=1", b"=2")


def test_secrets_are_in_no_repr_and_no_error() -> None:
    data = b'[Preferences]\nWebUI\\Password=hunter2\nWebUI\\Other="hunter2\n'
    with pytest.raises(EditRefused) as caught:
        set_value(data, "Preferences", "a", "1")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(set_value(data[:37], "Preferences", "a", "hunter2"))


def test_full_files_stay_readable() -> None:
    data = b"[Preferences]\n" + b";" * (16 * 1024 * 1024 - 15) + b"\n"
    with pytest.raises(EditRefused, match="16 MiB"):
        set_value(data, *KEY, "true")
