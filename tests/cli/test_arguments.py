"""What is read by hand, to be quick, is what the standard library would have said."""

from __future__ import annotations

import os
import shutil
from itertools import product
from pathlib import Path

import pytest

from qbdoctor.cli import arguments, parser, program, wrapping
from qbdoctor.cli.defaults import COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_a_line_without_options_is_read_as_argparse_reads_it(command: str) -> None:
    read = 0
    for number in range(4):
        for more in product(("a word", "", "--json", "-"), repeat=number):
            words = [command, *more]
            by_hand = arguments._plain(words)
            if by_hand is not None:
                assert by_hand == parser.read(words), words
                read += 1
    assert read >= 2
    assert arguments._plain([command, "--yes"]) is None


def test_the_usual_options_of_check_are_read_as_argparse_reads_them() -> None:
    pool = (
        "--url",
        "--url=http://nas:8080/?a=b",
        "--config=",
        "--config",
        "--state-dir",
        "a word",
        "",
        "-",
        "-v",
        "--json",
    )
    read = set()
    for number in range(1, 5):
        for more in product(pool, repeat=number):
            words = ["check", *more]
            by_hand = arguments._plain(words)
            if by_hand is not None:
                assert by_hand == parser.read(words), words
                read.add(more)
    assert ("--url", "a word", "--url=http://nas:8080/?a=b", "--json") in read, "the last of a name counts"
    assert len(read) > 100
    for other in (["--url"], ["--state_dir", "x"], ["--urls", "x"], ["--deadline", "5"], ["cookie", "--url", "x"]):
        assert arguments._plain(["check", *other]) is None
    assert all(arguments._plain(["fix", f"--{name}", "x"]) is None for name in ("url", "config"))


@pytest.mark.parametrize("first", [["--json"], ["explain", "x", "--no-color"], ["--state-dir", "explain", "history"]])
def test_every_other_line_is_read_by_argparse(first: list[str]) -> None:
    assert arguments._plain(first) is None
    whole = vars(parser.build().parse_args(first))
    assert parser.read(first) == {**whole, "command": whole.get("command") or "check"}


def test_the_program_is_found_as_a_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, mode in enumerate((0o644, 0o755, 0o755)):
        (tmp_path / str(number)).mkdir()
        made = tmp_path / str(number) / "qbdoctor"
        made.touch()
        made.chmod(mode)
    (tmp_path / "folder" / "qbdoctor").mkdir(parents=True)
    for names in (["0", "1", "2"], ["folder", "2", "1"], ["none", "0"], ["0"]):
        monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in names))
        assert program._found() == (shutil.which("qbdoctor") or "")


@pytest.mark.parametrize("columns", ["33", "0", "-1", "none", None])
def test_the_terminal_is_as_wide_as_shutil_says(columns: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert (wrapping.terminal_columns() or 80) == shutil.get_terminal_size().columns
