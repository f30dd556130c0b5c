"""Commands that the program prints begin with the name it was called by, and are those of the shell at hand."""

from __future__ import annotations

import subprocess
import sys

import pytest

from qbdoctor.cli import defaults, program

HELP = """import sys
from qbdoctor.model import shell
kind = sys.argv[1]
shell.at_hand = lambda: kind
sys.argv = ["qbdoctor", *sys.argv[2:], "--help"]
from qbdoctor.__main__ import main
main()
"""


@pytest.mark.parametrize("command", defaults.COMMANDS)
def test_every_command_is_named_as_it_was_called(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "name", lambda: "/opt/qb/bin/qbdoctor")
    assert program.named(f"see qbdoctor {command} --help") == f"see /opt/qb/bin/qbdoctor {command} --help"


@pytest.mark.parametrize("shell", ["cmd", "powershell"])
@pytest.mark.parametrize("command", ["", "check", "trace", "watch"])
def test_the_examples_have_nothing_of_a_posix_shell_on_windows(command: str, shell: str) -> None:
    """cmd.exe knows no variable before a command and no single quotes, PowerShell takes bare braces for code."""
    done = subprocess.run(
        [sys.executable, "-c", HELP, shell, *command.split()], capture_output=True, text=True, check=False, timeout=60
    )
    examples = done.stdout.partition("examples:\n")[2].partition("\n\n")[0]
    assert "qbdoctor" in examples, done.stdout + done.stderr
    assert "'" not in examples.replace("= '…'", "")
    assert "cat " not in examples
    assert "{url}" not in examples.replace('"{url}"', "")
    for line in examples.splitlines():
        if "QBDOCTOR_PASSWORD" in line:
            assert line.startswith({"cmd": '  set "QBDO', "powershell": "  $env:QBDO"}[shell]), line
