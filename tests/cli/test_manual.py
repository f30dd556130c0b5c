"""The manual page that the wheel carries: made from the parser, so that it says what the program takes."""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

from qbdoctor.cli.defaults import COMMANDS
from qbdoctor.cli.parser import ADDERS, build, command
from tests.kit import needs
from tests.support import built


@pytest.fixture(scope="module")
def manual() -> str:
    if importlib.util.find_spec("argparse_manpage") is None:
        needs.without(f"{needs.MISSING}argparse-manpage (pip install '.[test]')")
    return str(built.setup_module().manual())


def shown(parser: argparse.ArgumentParser) -> set[str]:
    """The long options that the help shows."""
    return {
        option
        for action in parser._actions
        if action.help != argparse.SUPPRESS
        for option in action.option_strings
        if option.startswith("--")
    }


def test_every_command_and_option_stands_in_it(manual: str) -> None:
    plain = re.sub(r"\\f[BIR]|\\,|\\/", "", manual).replace("\\-", "-")
    for name in COMMANDS:
        assert f"qbdoctor {name}" in plain
        missing = {option for option in shown(command(name)) if option not in plain}
        assert missing <= {"--help"}, name
    assert shown(build()) - {"--help"} <= set(re.findall(r"--[a-z-]+", plain))
    assert set(ADDERS) == set(COMMANDS)
    # Options that all commands have stand once.
    assert len(re.findall(r"^\\fB\\-\\-ca\\-file", manual, re.MULTILINE)) == 1


def test_man_shows_it_without_a_warning(manual: str, tmp_path: Path) -> None:
    page = tmp_path / "qbdoctor.1"
    page.write_text(manual, encoding="utf-8")
    program = needs.program("groff")
    done = subprocess.run([program, "-man", "-ww", "-Kutf8", "-Tutf8", str(page)], capture_output=True, text=True)
    assert done.stderr == ""
    assert "for scripts; no option takes a secret as its value" in done.stdout
