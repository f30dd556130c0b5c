"""What a container or a small system lacks: a home, a folder to write to, a name for the user, pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qbdoctor.cli import program
from qbdoctor.storage import files
from tests.kit import needs

ROOT = Path(__file__).parents[2]
NOBODY = 4444
"""A user id that no account has, as `docker run --user` gives."""
COMMANDS = (
    ["check", "--no-login", "--url", "http://127.0.0.1:1"],
    ["history"],
    ["rollback"],
    ["targets"],
    ["explain", "403"],
)


def _run(
    *arguments: str, before: tuple[str, ...] = (), env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-m", "qbdoctor", *arguments], env={"PATH": "/usr/bin:/bin", **(env or {})},
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip


def _held(done: subprocess.CompletedProcess[str]) -> None:
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in {0, 1, 2, 3}, done


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_user_without_account_and_home(arguments: list[str]) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        needs.without("root, to become a user without an account")
    as_nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    if subprocess.run([*as_nobody, sys.executable, "-c", "import qbdoctor"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("this Python or checkout is in a folder that other users may not read")
    _held(_run(*arguments, before=as_nobody))


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_folder_can_be_written_to(arguments: list[str], tmp_path: Path) -> None:
    alone = ("unshare", "-m", "sh", "-c", 'mount --bind / / && mount -o remount,ro,bind / && exec "$@"', "sh")
    if os.geteuid() != 0 or subprocess.run([*alone, "true"], capture_output=True).returncode:
        needs.without("root, to make a file system read-only for one program")
    _held(_run(*arguments, before=alone, env={"HOME": str(tmp_path)}))


@pytest.mark.parametrize(
    "option", ["--password-file", "--config", "--profile", "--ca-file", "--state-dir", "--api-key-file"]
)
def test_a_home_that_cannot_be_made_out(option: str) -> None:
    """A path of `~name` stays as it is where there is no such user."""
    _held(_run("check", "--no-login", "--url", "http://127.0.0.1:1", option, "~no-such-user/x"))
    assert files.expanded("~no-such-user/x") == Path("~no-such-user/x")


def test_an_environment_without_pip_is_told_of_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    assert " -m pip install " in program.lacks("trace", "aiohttp", "trace").message
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    told = program.lacks("trace", "aiohttp", "trace").message
    assert f"uv pip install --python {sys.executable} 'qbdoctor[trace]'" in told
