"""What a stream's encoding lacks is spelled, and our marks stay apart."""

from __future__ import annotations

import errno
import io
import subprocess
import sys
from pathlib import Path

import pytest

from qbdoctor.model import terminal_text
from tests.support import systems


def through(text: str, encoding: str) -> str:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding)
    terminal_text.takes_all(stream)
    stream.write(text)
    stream.flush()
    return buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "cp932", "ascii", "utf-8"])
def test_marks_differ_in_every_encoding(encoding: str) -> None:
    marks = [*terminal_text.MARKS, "?"]
    assert len({through(mark, encoding) for mark in marks if mark not in "–·"}) == len(marks) - 2


def test_letters_of_a_path_are_spelled_and_stay_apart() -> None:
    assert through("D:\\фильмы\\😀", "cp1252") == "D:\\\\u0444\\u0438\\u043b\\u044c\\u043c\\u044b\\\\ud83d\\ude00"
    assert through("D:\\фильмы", "cp1251") == "D:\\фильмы"


@pytest.mark.parametrize("words", [("explain", "client-drops-cookie"), ("lint", "ü.py"), ("fix", "--help")])
def test_no_command_fails_for_its_encoding(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "ü.py").write_text(
        "import aiohttp\n\nasync def жж():\n    session = aiohttp.ClientSession()\n"
        '    await session.post("http://10.0.0.2:8080/api/v2/auth/login", json={"username": "ж", "password": "x"})\n',
        encoding="utf-8",
    )
    for form in ("human", "json", "github") if words[0] == "lint" else ("human",):
        run = subprocess.run(
            [sys.executable, "-m", "qbdoctor", *words, *(() if form == "human" else ("--format", form))],
            cwd=tmp_path,
            env=systems.bare(PATH="", HOME=str(tmp_path), PYTHONIOENCODING="ascii:strict", LC_ALL="C.UTF-8"),
            capture_output=True,
            check=False,
        )
        assert run.returncode in {0, 1}, run.stderr
        assert run.stdout.decode("ascii")
        assert b"Traceback" not in run.stderr


def test_a_reader_that_went_away_is_known_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = OSError(errno.EINVAL, "Invalid argument")
    monkeypatch.setattr(sys, "platform", "linux")
    assert not terminal_text.reader_gone(gone)
    assert terminal_text.reader_gone(BrokenPipeError())
    monkeypatch.setattr(sys, "platform", "win32")
    assert terminal_text.reader_gone(gone)
    assert not terminal_text.reader_gone(OSError(errno.ENOSPC, "No space left on device"))
