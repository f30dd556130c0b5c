r"""Values: read as the real QSettings reads them, written as it writes them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qbdoctor.config.qtini import values as qtini_values
from qbdoctor.config.qtini.document import QtIni
from tests.support.qt_oracle import Oracle, as_qt, is_comparable

_SLOW = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
_PIECES = [
    "a",
    "1",
    "8",
    "f",
    " ",
    "\t",
    '"',
    '"',
    "\\",
    "\\x",
    "\\x41",
    "\\0",
    "\\17",
    "\\n",
    ",",
    ",",
    "@",
    "@@",
    ")",
    "@ByteArray(",
    "@Invalid()",
    "@String(",
    "é",
    "€",
    "😀",
    "\\xe9",
    "\\xd83d\\xde00!",
    "=",
    "(",
    "\\?",
    "'",
    '\\"',
    "\\q",
    "#",
    "\x0b",
    "%",
    "\xa0",
    "\ufeff",
    "false",
    "true",
]


def _has_no_mark(text: str) -> bool:
    """PySide6 takes a byte order mark off a string on its way to Qt, and Qt off the first piece of a value."""
    return "\ufeff" not in text


_texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.lists(st.sampled_from(_PIECES), max_size=6).map("".join),
    st.text('\0a09 é,;="\\\n\x7f\x85', max_size=8),
).filter(_has_no_mark)


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle()


def raw_of(text: str) -> str:
    return text.encode().decode("ascii", "surrogateescape")


def test_random_values_are_read_as_qt_reads_them(oracle: Oracle) -> None:
    @settings(_SLOW, max_examples=300)
    @given(st.lists(st.lists(st.sampled_from(_PIECES), max_size=7).map("".join), min_size=10, max_size=10))
    def run(texts: list[str]) -> None:
        # An open quote would take in the next line
        data = "".join(f"[s{i}]\nk={text}\n" for i, text in enumerate(texts) if not closes_badly(text)).encode()
        file = QtIni.parse(data)
        for path, value in oracle.read(data).items():
            entry = file.get(*path.split("/"))
            assert entry is not None
            if is_comparable(value):
                assert as_qt(entry.raw) == value, (data, entry.raw)

    run()


def closes_badly(text: str) -> bool:
    return bool(QtIni.parse(f"k={text}\n".encode()).hazards)


def test_strings_are_written_as_qt_writes_them(oracle: Oracle) -> None:
    @settings(_SLOW, max_examples=800)
    @given(_texts)
    def run(text: str) -> None:
        raw = qtini_values.from_text(text)
        assert raw.encode("ascii", "surrogateescape") == oracle.written(text)
        if "@String(" not in raw:
            assert qtini_values.to_text(raw) == text
            assert qtini_values.to_text(qtini_values.from_text(text, utf8=False), utf8=False) == text

    run()


def test_lists_are_written_as_qt_writes_them(oracle: Oracle) -> None:
    @settings(_SLOW, max_examples=400)
    @given(st.lists(_texts, min_size=2, max_size=4))
    def run(texts: list[str]) -> None:
        raw = qtini_values.from_list(texts)
        assert raw.encode("ascii", "surrogateescape") == oracle.written(texts)
        if "@" not in raw:
            assert qtini_values.to_list(raw) == tuple(texts)

    run()


@pytest.mark.parametrize("value", [b"", b"abc", bytes(range(256)), b"\x009", b"\xffa", b" ; , =", b"AAAA==:BBBB=="])
def test_bytes_are_written_as_qt_writes_them(oracle: Oracle, value: bytes) -> None:
    raw = qtini_values.from_bytes(value)
    assert raw.encode() == oracle.written(value)
    assert qtini_values.to_bytes(raw) == value


@pytest.mark.parametrize("value", [True, False])
def test_booleans_are_written_as_qt_writes_them(oracle: Oracle, value: bool) -> None:
    assert qtini_values.from_bool(value).encode() == oracle.written(value)
    assert qtini_values.to_bool(qtini_values.from_bool(value)) is value


@pytest.mark.parametrize("raw", ["", "0", "false", "FALSE", "False", '"false"', '""', "\\x66\\x61lse", "@ByteArray(0)"])
def test_false(raw: str) -> None:
    assert qtini_values.to_bool(raw) is False


@pytest.mark.parametrize("raw", ["true", "1", "2", "no", "off", "n", "maybe", "00", "0.0", "'false'", "@Bool(false)"])
def test_true(raw: str) -> None:
    """Each of these asked for a login as ``LocalHostAuth`` of a real server."""
    assert qtini_values.to_bool(raw) is True


@pytest.mark.parametrize("raw", ["false,true", "@Invalid()"])
def test_no_boolean_at_all(raw: str) -> None:
    assert qtini_values.to_bool(raw) is True
    assert qtini_values.to_bool(raw, default=False) is False


@pytest.mark.parametrize(
    "raw", ["8080", " 8080 ", '" 8080 "', "+5", "-5", "", "x", "80x", "0x10", "1.5", "1e3", "1 2", "2147483647",
            "2147483648", "-2147483648", "-2147483649", "9" * 40, "1_0", "٣", "- 5"],
)  # fmt: skip
def test_integers(oracle: Oracle, raw: str) -> None:
    raw = raw_of(raw)
    assert qtini_values.to_int(raw, 7) == oracle.integer(qtini_values.to_text(raw))


@pytest.mark.parametrize("raw", ["1,2", "@Invalid()"])
def test_no_integer_at_all(raw: str) -> None:
    assert qtini_values.to_int(raw, 7) == 7


@pytest.mark.parametrize(
    ("raw", "texts"),
    [
        ("a", ("a",)), ("", ("",)), ("@Invalid()", ()), ("a, b", ("a", "b")), ('"a,b"', ("a,b",)),
        ('"a,b" ,c', ("a,b", "c")),
        ("a ,\tb ", ("a", "b")), (",", ("", "")), ("@@a, @@", ("@a", "@")), ('" a "', (" a ",)), (r"a\,b", ("ab",)),
    ],
)  # fmt: skip
def test_lists(raw: str, texts: tuple[str, ...]) -> None:
    assert qtini_values.to_list(raw) == texts
    assert qtini_values.is_list(raw) is (len(texts) > 1)
    assert qtini_values.to_text(raw) == (texts[0] if len(texts) == 1 else "")


def test_empty_list_and_list_of_one() -> None:
    assert qtini_values.from_list([]) == "@Invalid()"
    assert qtini_values.is_invalid("@Invalid()")
    assert not qtini_values.is_invalid("@@Invalid()")
    assert qtini_values.from_list([""]) == ""
    assert qtini_values.from_list(["a,b"]) == '"a,b"'


def test_qt_5_reads_bytes_as_latin_1_and_writes_escapes() -> None:
    assert qtini_values.to_text(raw_of("josé"), utf8=False) == "josÃ©"
    assert qtini_values.to_text(raw_of("josé")) == "josé"
    assert qtini_values.from_text("josé", utf8=False) == "jos\\xe9"
    assert qtini_values.from_text("éa", utf8=False) == "\\xe9\\x61"
    assert qtini_values.to_text("jos\\xe9", utf8=False) == "josé"


@pytest.mark.parametrize("raw", ["@ByteArray(abc)", '"@ByteArray(abc)"', "@ByteArray(a\\x62\\143)"])
def test_bytes(raw: str) -> None:
    assert qtini_values.to_bytes(raw) == b"abc"
    assert qtini_values.to_text(raw) == "abc"


def test_bytes_of_a_string() -> None:
    assert qtini_values.to_bytes(raw_of("é")) == "é".encode()
    assert qtini_values.to_bytes("a,b") == b""
