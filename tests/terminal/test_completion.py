"""The completion scripts, in the shells themselves."""

from __future__ import annotations

import subprocess

import pytest

from tests.kit import needs
from tests.support.doctor import qbdoctor


def script(shell: str) -> str:
    run = qbdoctor("completion", shell)
    assert run.code == 0, run.err
    return run.out


@pytest.mark.parametrize(
    ("typed", "offered", "not_offered"),
    [
        (["qbdoctor", "ro"], {"rollback"}, {"fix"}),
        (["qbdoctor", "fix", "set-"], {"set-password", "set-session-timeout", "set-tls-files"}, {"login"}),
        (["qbdoctor", "fix", "--res"], {"--restart"}, {"--write-probe"}),
        (["qbdoctor", "explain", "host-"], {"host-port-mismatch", "host-not-allowed", "host-header"}, {"--url"}),
        (["qbdoctor", "check", "--format", "j"], {"json", "junit"}, {"human"}),
        (["qbdoctor", "--url", ""], set(), {"check"}),
        (["qbdoctor", "completion", ""], {"bash", "zsh", "fish"}, {"--url"}),
    ],
)
def test_bash(typed: list[str], offered: set[str], not_offered: set[str]) -> None:
    needs.program("bash")
    words = " ".join(f"'{word}'" for word in typed)
    text = f"{script('bash')}\nCOMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _qbdoctor; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    run = subprocess.run(["bash", "--norc", "-c", text], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    found = set(run.stdout.split())
    assert offered <= found, found
    assert not not_offered & found


@pytest.mark.parametrize(("shell", "check"), [("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])])
def test_the_shell_can_read_it(shell: str, check: list[str]) -> None:
    text = script(shell)
    needs.program(shell, optional=True)
    run = subprocess.run([shell, *check], input=text, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_another_shell_is_refused() -> None:
    for words in ((), ("tcsh",), ("bash", "zsh")):
        run = qbdoctor("completion", *words)
        assert run.code == 2
        assert "bash, zsh, fish" in run.err
