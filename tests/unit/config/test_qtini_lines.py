"""Lines of one key taken out of a file's bytes and put back: to the byte, or refused."""

from __future__ import annotations

import random

import pytest

from qbdoctor.config.qtini import lines as qtini_lines
from qbdoctor.config.qtini.document import QtIni
from qbdoctor.config.qtini.edit import EditRefused

KEY = ("Preferences", "WebUI\\Odd")
FILES: dict[str, bytes] = {
    "plain": b"[Preferences]\nWebUI\\A=1\nWebUI\\Odd=true\nWebUI\\B=2\n",
    "CRLF": b"[Preferences]\r\nWebUI\\A=1\r\nWebUI\\Odd=true\r\nWebUI\\B=2\r\n",
    "mixed line ends": b"[Preferences]\nWebUI\\A=1\r\nWebUI\\Odd=true\nWebUI\\B=2\r\n",
    "BOM": b"\xef\xbb\xbf[Preferences]\nWebUI\\Odd=true\nWebUI\\B=2\n",
    "no last line end": b"[Preferences]\nWebUI\\A=1\nWebUI\\Odd=true",
    "no last line end elsewhere": b"[Preferences]\nWebUI\\Odd=true\nWebUI\\A=1",
    "twice": b"[Preferences]\nWebUI\\Odd=1\nWebUI\\A=1\nWebUI\\Odd=2\n\n[Z]\na=b\n",
    "twice together": b"[Preferences]\nWebUI\\A=1\nWebUI\\Odd=1\nWebUI\\Odd=2\n",
    "in two sections of one name": b"[Preferences]\nWebUI\\Odd=1\n\n[A]\nb=c\n\n[Preferences]\nWebUI\\Odd=2\nx=y\n",
    "another spelling of the section": b"[Preferences\\WebUI]\nOdd=1\n\n[Preferences]\nWebUI\\A=1\n",
    "alone in its section": b"[A]\nb=c\n\n[Preferences]\nWebUI\\Odd=1\n\n[Z]\na=b\n",
    "with a comment": b"; mine\n[Preferences]\n  WebUI\\Odd = true ; why\n; after\nWebUI\\B=2\n",
    "quotes": b'[Preferences]\nWebUI\\Odd="a ; b, \\"c\\""\nWebUI\\B=2\n',
    "bytes above 127": b"[Preferences]\nWebUI\\Odd=\xc3\xb8\xff\nWebUI\\B=\xe9\n",
    "only this": b"[Preferences]\nWebUI\\Odd=1\n",
}


@pytest.mark.parametrize("name", FILES)
def test_out_and_back_to_the_byte(name: str) -> None:
    before = FILES[name]
    gone = qtini_lines.take_out(before, *KEY)
    kept = [line for line in before.splitlines(keepends=True) if b"Odd" not in line]
    assert gone.data == b"".join(kept)
    old = QtIni.parse(before)
    counts = old.get(*KEY)
    assert counts is not None
    assert (gone.raw, gone.line) == (counts.raw, counts.line)
    assert "Odd" not in repr(gone)
    back = qtini_lines.put_back(gone.data, before, *KEY)
    assert QtIni.parse(back).pairs == old.pairs
    if "mixed" not in name:
        assert back == before
    assert qtini_lines.put_back(back, before, *KEY) == back, "once more changes nothing"


def test_a_key_that_is_not_there() -> None:
    data = b"[Preferences]\nWebUI\\A=1\n"
    assert qtini_lines.take_out(data, *KEY) == qtini_lines.TakenOut(data)
    assert qtini_lines.put_back(data, data, *KEY) == data
    assert qtini_lines.put_back(FILES["plain"], data, *KEY) == qtini_lines.take_out(FILES["plain"], *KEY).data


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("Preferences", "WebUI\\\\LocalHostAuth"), "WebUI\\\\LocalHostAuth=false"),
        (("Preferences", "webui\\localhostauth"), "webui\\localhostauth=false"),
        (("Preferences", "WebUI\\#x"), "WebUI\\#x=1"),
        (("Preferences", "WebUI\\with blank"), "WebUI\\with blank=1"),
        (("Preferences", "WebUI\\with blank"), "WebUI\\with%20blank=1"),
    ],
)
def test_in_whatever_spelling_it_stands(key: tuple[str, str], line: str) -> None:
    before = f"[Preferences]\nWebUI\\A=1\n{line}\nWebUI\\LocalHostAuth=true\n".encode()
    gone = qtini_lines.take_out(before, *key)
    assert gone.data == b"[Preferences]\nWebUI\\A=1\nWebUI\\LocalHostAuth=true\n"
    assert qtini_lines.put_back(gone.data, before, *key) == before


CHANGED = [
    (b"[Preferences]\nWebUI\\A=9\nWebUI\\B=2\n", b"[Preferences]\nWebUI\\A=9\nWebUI\\Odd=true\nWebUI\\B=2\n"),
    (b"[Preferences]\nWebUI\\A=1\nWebUI\\B=9\n", b"[Preferences]\nWebUI\\A=1\nWebUI\\Odd=true\nWebUI\\B=9\n"),
    (b"[Preferences]\nWebUI\\B=2\nWebUI\\A=1\n", b"[Preferences]\nWebUI\\B=2\nWebUI\\A=1\nWebUI\\Odd=true\n"),
    (
        b"[Preferences]\r\nWebUI\\A=1\r\nWebUI\\B=2\r\n",
        b"[Preferences]\r\nWebUI\\A=1\r\nWebUI\\Odd=true\r\nWebUI\\B=2\r\n",
    ),
    (b"[Preferences]\nx=y\n[Z]\na=b\n", b"[Preferences]\nx=y\nWebUI\\Odd=true\n[Z]\na=b\n"),
    (b"[Z]\na=b\n", b"[Z]\na=b\n\n[Preferences]\nWebUI\\Odd=true\n"),
    (b"[Z]\nWebUI\\A=1\nWebUI\\B=2\n", b"[Z]\nWebUI\\A=1\nWebUI\\B=2\n\n[Preferences]\nWebUI\\Odd=true\n"),
    (b"[Preferences]\nWebUI\\A=1\nWebUI\\Odd=no\n", b"[Preferences]\nWebUI\\A=1\nWebUI\\Odd=true\n"),
    (b"", b"[Preferences]\nWebUI\\Odd=true\n"),
]


@pytest.mark.parametrize(("now", "back"), CHANGED)
def test_back_into_a_file_that_was_changed(now: bytes, back: bytes) -> None:
    assert qtini_lines.put_back(now, FILES["plain"], *KEY) == back


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'[Preferences]\nWebUI\\Odd="open\nWebUI\\B=2\n', 2),
        (b"[Preferences]\nWebUI\\Odd=a\\\nWebUI\\B=2\n", 2),
        (b"[Preferences]\nWebUI\\A=1\rWebUI\\Odd=1\n", 2),
        (b"[Preferences]\nWebUI\\Odd=1\n[Broken\na=b\n", 3),
        (b"[Preferences]\n\0WebUI\\Odd=1\n", 2),
    ],
)
def test_what_is_uncertain_is_refused(data: bytes, line: int) -> None:
    for work in (lambda: qtini_lines.take_out(data, *KEY), lambda: qtini_lines.put_back(data, FILES["plain"], *KEY)):
        with pytest.raises(EditRefused) as caught:
            work()
        assert caught.value.line == line


def test_random_files() -> None:
    """Taken out it is gone and all else as it was; put back into an untouched file, the file is the old one."""
    dice = random.Random(5)
    lines = ["WebUI\\Odd=1", "WebUI\\Odd=2", "WebUI\\A=1", "a=b", "", "; c", "[Preferences]", "[Z]", "[Preferences\\WebUI]",
             "Odd=3", "  WebUI\\B = 2 ; x", "[%General]", 'q="a;b"']  # fmt: skip
    done = 0
    for _ in range(600):
        chosen = [dice.choice(lines) for _ in range(dice.randrange(1, 12))]
        end = dice.choice(["\n", "\r\n"])
        before = (end.join(chosen) + (end if dice.random() < 0.7 else "")).encode()
        old = QtIni.parse(before)
        try:
            gone = qtini_lines.take_out(before, *KEY)
        except EditRefused:
            kept = b"".join(line for line in before.splitlines(keepends=True) if b"Odd" not in line)
            assert old.hazards or QtIni.parse(kept).hazards
            continue
        new = QtIni.parse(gone.data)
        assert new.all(*KEY) == ()
        assert [pair for pair in old.pairs if pair[0] != "Preferences/WebUI/Odd"] == new.pairs
        back = qtini_lines.put_back(gone.data, before, *KEY)
        value, was = QtIni.parse(back).get(*KEY), old.get(*KEY)
        assert (value and value.raw) == (was and was.raw)
        done += back == before
    assert done > 500, done
