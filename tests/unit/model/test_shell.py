"""Commands are worded for the shell at hand."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from qbdoctor.model import shell

MACHINE = r"C:\Program Files\WindowsPowerShell\Modules;C:\Windows\system32\WindowsPowerShell\v1.0\Modules"


@pytest.mark.parametrize(
    ("platform", "modules", "expected"),
    [
        ("linux", "", "sh"),
        ("darwin", "", "sh"),
        ("win32", "", "cmd"),
        ("win32", MACHINE, "cmd"),
        ("win32", rf"C:\Users\ann\Documents\WindowsPowerShell\Modules;{MACHINE}", "powershell"),
        ("win32", rf"C:\Users\ann\OneDrive\Documents\PowerShell\Modules;{MACHINE}", "powershell"),
    ],
)
def test_the_shell_is_told_by_what_it_leaves_in_the_environment(
    platform: str, modules: str, expected: shell.Shell
) -> None:
    assert shell.at_hand(platform, {"PSModulePath": modules}) == expected


WORDS = (r"C:\Users\Ann Lee\qb", "a&b", "100%", "plain", "--url", "http://nas.lan:8080/?a=1&b=2", "", "it's")


@pytest.mark.parametrize("word", WORDS)
def test_one_word_stays_one_word(word: str) -> None:
    assert shlex.split(shell.quote(word, "sh")) == [word]
    for kind in ("cmd", "powershell"):
        quoted = shell.quote(word, kind)
        assert shell.split(quoted, kind) == [word]
        assert quoted == word or quoted[0] == quoted[-1] == '"', "single quotes are none in cmd.exe"


def test_powershell_puts_nothing_in_and_calls_a_quoted_program() -> None:
    assert shell.quote("$HOME's `x", "powershell") == "'$HOME''s `x'"
    program = (r"C:\Program Files\Python\python.exe", "-m", "qbdoctor")
    assert shell.join(program, "powershell") == r'& "C:\Program Files\Python\python.exe" -m qbdoctor'
    assert shell.join(program, "cmd") == r'"C:\Program Files\Python\python.exe" -m qbdoctor'


def test_a_backslash_at_the_end_does_not_take_the_quote() -> None:
    assert shell.quote("D:\\my files\\", "cmd") == '"D:\\my files\\\\"'


def test_a_variable_is_set_for_a_command() -> None:
    told = "import os; print(os.environ['QBDOCTOR_PASSWORD'])"
    kind: shell.Shell = "cmd" if sys.platform == "win32" else "sh"
    line = shell.with_variable("QBDOCTOR_PASSWORD", "p", shell.join((sys.executable, "-c", told), kind), kind)
    assert subprocess.run(line, shell=True, capture_output=True, text=True, check=True).stdout == "p\n"
    assert shell.with_variable("A", "p", "qbdoctor", "powershell") == "$env:A = 'p'; qbdoctor"
