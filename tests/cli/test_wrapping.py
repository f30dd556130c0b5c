"""What is broken at the terminal's width, and what is not: commands are copied, messages are read."""

from __future__ import annotations

import pytest

from qbdoctor.cli import program
from qbdoctor.cli.wrapping import wrapped


@pytest.mark.parametrize("name", ["qbdoctor", "/opt/python -m qbdoctor"])
def test_a_message_is_wrapped_and_a_command_is_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "name", lambda: name)
    message = "qbdoctor: " + "words of a message that is longer than the line " * 3
    assert max(map(len, wrapped(message, 60).split("\n"))) <= 60
    command = f"  {name} check --profile /a/folder/whose/name/is/long   (port 8080, pid 1234567)"
    assert wrapped(command, 60) == command
