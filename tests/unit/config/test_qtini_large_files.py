"""What makes settings quick leaves out nothing: the short ways find what the long ones find, and prove what they prove."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import iniparse
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qbdoctor.config import key_lint
from qbdoctor.config.qtini import document, hazards
from qbdoctor.config.qtini import edit as qtini_edit
from qbdoctor.config.qtini.document import QtIni
from qbdoctor.config.qtini.edit import EditRefused, opened, remove_key, set_value
from qbdoctor.config.settings import Settings
from qbdoctor.releases import Version
from tests.support.qt_oracle import CORPUS, READABLE, likely_files, wild_files

EXAMPLES = int(os.environ.get("QBDOCTOR_EXAMPLES", "2000"))
KEY = ("Preferences", r"WebUI\LocalHostAuth")
KEYS = [
    ("S", "W\\k"),
    ("S", "k"),
    ("General", "k"),
    ("S\\W", "k"),
    ("%General", "k"),
    ("T", "x y"),
    ("S", "%57\\K"),
    ("S", "é"),
]
_SLOW = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
_files = st.one_of(wild_files, likely_files(), likely_files(), st.lists(likely_files(), max_size=4).map(b"".join))


def large(size: int, line: bytes = b"Session\\Key%d=some value number %d of the file", end: bytes = b"\n") -> bytes:
    """A file of about this many bytes, with the key near its beginning."""
    lines = [
        b"[Meta]",
        b"MigrationVersion=8",
        b"",
        b"[Preferences]",
        KEY[1].encode() + b"=false",
        b"WebUI\\Port=8080",
        b"",
    ]
    held = 0
    while held < size:
        number = len(lines)
        lines.append(b"[Group%d]" % number if number % 500 == 0 else line.replace(b"%d", b"%d" % number))
        held += len(lines[-1]) + len(end)
    return end.join([*lines, b""])


def seconds(act: Callable[[], object], times: int = 3) -> float:
    """Processor time of the best of some tries."""
    tries = []
    for _ in range(times):
        document._kept.clear()
        began = time.process_time()
        act()
        tries.append(time.process_time() - began)
    return min(tries)


def same_look_ups(data: bytes, names: list[str], ignore_case: bool, whole: QtIni | None = None) -> None:
    whole = whole or QtIni.parse(data, ignore_case=ignore_case)
    part = QtIni.parse(data, ignore_case=ignore_case, keys=names)
    for section, key in KEYS:
        assert part.get(section, key) == whole.get(section, key), data
        assert part.all(section, key) == whole.all(section, key), data
        assert part.lookalikes(section, key) == whole.lookalikes(section, key), data
        assert part.end_of(section) == whole.end_of(section), data
    places = [part.header_before(at) for at in range(len(data) + 1)]
    assert places == [whole.header_before(at) for at in range(len(data) + 1)], data
    assert (part.entries, part.hazards) == (whole.entries, whole.hazards)


@pytest.mark.parametrize("name", READABLE)
def test_looking_for_a_few_keys_finds_them_as_in_the_whole_corpus(name: str) -> None:
    same_look_ups(CORPUS[name].read_bytes(), ["WebUI\\LocalHostAuth", "k"], ignore_case=False)


@pytest.mark.parametrize("kept", [False, True])
def test_looking_for_a_few_keys_finds_them_as_in_the_whole_file(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where what was read before is taken again, as it is of large files."""
    if kept:
        monkeypatch.setattr(document, "_WORTH_KEEPING", 0)
    near = st.sampled_from([None, lambda spelled: "W" in spelled])

    @settings(_SLOW, max_examples=EXAMPLES // 16)
    @given(_files, st.lists(st.sampled_from([key for _, key in KEYS]), max_size=3), st.booleans(), near)
    def run(data: bytes, names: list[str], ignore_case: bool, near: Callable[[str], bool] | None) -> None:
        whole = QtIni(data, None, ignore_case)
        QtIni.parse(data, ignore_case=ignore_case, keys=names, near=near)
        same_look_ups(data, names[:2], ignore_case, whole)

    run()


_SECTIONS = [
    "Preferences",
    "WebUI",
    "webui",
    "%57ebUI",
    "Preferences\\WebUI",
    "Core",
    "General",
    "WebAPI",
    "Locking",
    "RSS",
    "é",
]
_NAMES = [
    "WebUI\\Port", "webui\\port", "%57ebUI\\LocalHostAuth", "WebUI\\\\Port", "Port", "LocalHostAuth", "localhostauth",
    "LocalHost%41uth", "HTTPS\\Key", "HTTPS\\K%C3%A4y", "HTTPS\\\u212aey", "Session\\Port", "WebUI\\Locäl", "User", "WebUI\\User",
    "WebUI\\LocalHostAuth\\", "Password_PBKDF2", "password_pbkdf2", "x\\WebUI\\CSRFProtection", "#WebUI\\Port", "CSRFProtection",
]  # fmt: skip
_lines = st.one_of(
    st.sampled_from(_SECTIONS).map(lambda name: f"[{name}]"),
    st.tuples(st.sampled_from(_NAMES), st.booleans()).map(lambda one: f"{one[0]}={one[1]:d}"),
    st.sampled_from(["", "; WebUI\\Port=1", "WebUI", "a=1", 'b="1', "c=x;y"]),
)


def test_odd_keys_are_found_as_in_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not looked at would not have been named."""
    named: Counter[str] = Counter()

    @settings(_SLOW, max_examples=EXAMPLES // 4)
    @given(
        st.lists(_lines, max_size=12), st.sampled_from([None, "4.2.5", "5.3.0"]), st.sampled_from(["linux", "win32"])
    )
    def run(lines: list[str], version: str | None, platform: str) -> None:
        release = None if version is None else Version.parse(version)
        held = Settings.parse("\n".join(lines).encode(), release, platform=platform)
        found = key_lint.lint_keys(held)
        named.update(one.cause for one in found)
        with monkeypatch.context() as patch:
            patch.setattr(QtIni, "asked", property(lambda ini: ini.entries))
            assert key_lint.lint_keys(held) == found, lines
        assert held.ini.is_empty == (not held.ini.entries)

    run()
    assert min(named["unknown-key"], named["misplaced-key"]) > EXAMPLES / 40, named


def test_hazards_are_those_that_a_look_at_each_line_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(text: str, bom: bool) -> list[hazards.Hazard]:
        with monkeypatch.context() as patch:
            for name in ("_CERTAIN", "_EMPTY"):
                patch.setattr(hazards, name, re.compile(r"(?!)"))
            return list(hazards.hazards(text, bom=bom))

    found: Counter[bool] = Counter()

    @settings(_SLOW, max_examples=EXAMPLES // 10)
    @given(_files, st.booleans())
    def run(data: bytes, bom: bool) -> None:
        text = data.decode("ascii", "surrogateescape")
        expected = slow(text, bom)
        assert list(hazards.hazards(text, bom=bom)) == expected, data
        found[bool(expected)] += 1

    run()
    assert min(found.values()) > EXAMPLES / 50, found


def _with(pairs: list[tuple[str, str]], cut: qtini_edit._Cut) -> list[list[tuple[str, str]]]:
    """Every list that the cut may make of the file's entries."""
    after = [cut.after] if cut.after else []
    if cut.before is None:
        return [pairs[:at] + after + pairs[at:] for at in range(len(pairs) + 1)]
    return [pairs[:at] + after + pairs[at + 1 :] for at, pair in enumerate(pairs) if pair == cut.before]


def test_only_an_edit_that_changes_the_one_entry_is_proven() -> None:
    """Any bytes put anywhere: what passes the proof is what reading the whole file again says it is."""
    done: Counter[str] = Counter()
    texts = st.one_of(
        wild_files,
        st.sampled_from(
            [b"", b"true", b"x=1\n", b"x=1\r\n", b"k=true\n", b"[T]\n", b"\n", b";", b'"', b"\n[S]\nk=1", b"=", b"\\"]
        ),
    )
    pairs = st.sampled_from([("S/k", "1"), ("S/W/k", "true"), ("k", ""), ("x", "1"), ("S/x", "1")])

    @settings(_SLOW, max_examples=EXAMPLES // 2)
    @given(likely_files(), texts, st.integers(0, 400), st.integers(0, 12), st.integers(0, 5), pairs)
    def run(data: bytes, text: bytes, start: int, length: int, kind: int, pair: tuple[str, str]) -> None:
        try:
            old = opened(data, "k")
        except EditRefused:
            done["hazard"] += 1
            return
        entries = old.entries
        start, end = min(start, len(data)), min(start + length, len(data))
        before = after = None
        if entries and kind > 1:  # near what edits do: at an entry's value, or at its line
            entry = entries[start % len(entries)]
            before = (entry.path, entry.raw)
            start, end = entry.span if kind < 4 else qtini_edit._lines_of(old, *entry.span)
        elif kind == 1:  # or before a line
            start = end = old.data.rfind(b"\n", 0, start) + 1
        data = old.data[:start] + text + old.data[end:]
        try:
            seen = QtIni.parse(data).pairs
        except ValueError:
            seen = []
        if kind % 2:
            gone = Counter(old.pairs)
            after = next((one for one in seen if not gone[one] or gone.subtract([one])), None)
        elif kind:
            after = pair
        cut = qtini_edit._Cut(start, end, text, before, after)
        try:
            new = qtini_edit._carried_out(old, [cut])
        except EditRefused:
            done["refused"] += 1
            return
        done["removed" if not after else "changed" if before else "added"] += new.pairs != old.pairs
        assert new.pairs in _with(old.pairs, cut), (old.data, data, cut)

    run()
    assert min(done[each] for each in ("changed", "added", "removed", "refused")) > EXAMPLES / 250, done


def test_proof_fails_where_bytes_elsewhere_differ() -> None:
    old = opened(b"[a]\nk=1\nx=1\n[b]\ny=1\n", "k")
    cut = qtini_edit._Cut(6, 7, b"2", ("a/k", "1"), ("a/k", "2"))
    good = b"[a]\nk=2\nx=1\n[b]\ny=1\n"
    assert qtini_edit._is_proven(old, old.of_same_keys(good), [cut])
    for bad in (
        good.replace(b"x", b"z"),
        good.replace(b"y", b"z"),
        good + b"z=1\n",
        good[:-6],
        b"[c]" + good[3:],
        b"\n" + good,
    ):
        assert not qtini_edit._is_proven(old, old.of_same_keys(bad), [cut]), bad


def test_an_edit_that_makes_another_line_uncertain_is_refused() -> None:
    """Without the first key the indented one follows the comment, which Qt 5 takes for a part of it."""
    data = b"[S]\n; c\nk=1\n  x=2\n"
    set_value(data, "S", "k", "2")
    with pytest.raises(EditRefused, match="indented"):
        remove_key(data, "S", "k")


def test_200_kb_are_edited_and_verified_in_a_tenth_of_a_second() -> None:
    data = large(200_000)
    assert seconds(lambda: set_value(data, *KEY, "true")) < 0.1
    assert seconds(lambda: set_value(data, "WebUI", "LocalHostAuth", "true")) < 0.1
    assert seconds(lambda: remove_key(data, *KEY)) < 0.1


def test_time_grows_with_the_size_alone() -> None:
    one, two = large(2_000_000), large(4_000_000)
    assert seconds(lambda: set_value(two, *KEY, "true")) < 2.6 * seconds(lambda: set_value(one, *KEY, "true"))


def plain_iniparse(data: bytes) -> bytes:
    """What iniparse alone takes to read, change and write a file."""
    config = iniparse.INIConfig(io.StringIO(data.decode("ascii", "surrogateescape")), optionxformvalue=None)
    config[KEY[0]][KEY[1]] = "true"
    return str(config).encode("ascii", "surrogateescape")


@pytest.mark.extended
@pytest.mark.parametrize(
    ("line", "end"),
    [
        (b"Session\\Key%d=some value number %d of the file", b"\n"),
        (b"Session\\Key%d=some value number %d of the file", b"\r\n"),
        (b'Session\\Key%d="a value; with, quotes %d"', b"\n"),
        (b"Session\\Path%d=C:\\\\folder\\\\\\x4e\\x65w%d", b"\n"),
        (b"Some%20Key%d\\%C3%9C=some value", b"\n"),
        (b"key%d=value ; and why", b"\n"),
        (b"; a comment, number %d", b"\n"),
        (b"# what Qt takes no notice of, number %d", b"\n"),
        ("Schlüssel%d=Wert für %d".encode(), b"\n"),
    ],
    ids=["lf", "crlf", "quotes", "escapes", "percent", "comments-behind", "comments", "hashes", "utf-8"],
)
def test_10_mb_take_no_longer_than_with_iniparse_alone(
    line: bytes, end: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    data = large(10_000_000, line, end)
    plain = seconds(lambda: plain_iniparse(data), 2)
    ours = {
        "set": seconds(lambda: set_value(data, *KEY, "true"), 2),
        "add": seconds(lambda: set_value(data, "WebUI", "LocalHostAuth", "true"), 2),
        "remove": seconds(lambda: remove_key(data, *KEY), 2),
    }
    told = ", ".join(f"{name} {took:.2f} s" for name, took in ours.items())
    with capsys.disabled():
        sys.stdout.write(f"\n{len(data):,} bytes: iniparse {plain:.2f} s, {told}\n")
    assert max(ours.values()) <= plain


def child_seconds(*command: str) -> float:
    """Processor time of a program, its start included."""
    resource = pytest.importorskip("resource", reason="there is none on Windows")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float((after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime))


@pytest.mark.extended
def test_a_whole_fix_of_10_mb_takes_no_longer_than_iniparse_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Diagnosis before and after, plan, backup, record, edit, proof and reading back; iniparse reads and writes."""
    config = tmp_path / "qBittorrent.conf"
    data = large(10_000_000).replace(b"Port=8080", b"Port=1")  # where nobody serves
    code = "import sys, iniparse; p = sys.argv[1]; text = str(iniparse.INIConfig(open(p))); open(p, 'w').write(text)"
    words = ("require-localhost-auth", "--yes", "--config", str(config), "--state-dir", str(tmp_path / "state"))
    took = []
    for command in ([sys.executable, "-c", code, str(config)], [sys.executable, "-m", "qbdoctor", "fix", *words]):
        tries = []
        for _ in range(2):
            config.write_bytes(data)
            tries.append(child_seconds(*command))
        took.append(min(tries))
    assert config.read_bytes() == data.replace(b"Auth=false", b"Auth=true")
    with capsys.disabled():
        sys.stdout.write(f"\n{len(data):,} bytes: iniparse {took[0]:.2f} s, the whole fix {took[1]:.2f} s\n")
    assert took[1] <= took[0]
