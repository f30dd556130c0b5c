"""A host of a fleet prints what it likes: its line stays its own, and it ends no other host's check."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.ansible.inventory import HostResult
from qbdoctor.cli.commands.fleet import _Run
from qbdoctor.diagnosis import engine
from qbdoctor.model.errors import UserError
from tests.support.strangers import run

GOOD = engine.error_report(UserError("host-failed", "Nothing answers.", 3), datetime.now(UTC)).to_json()
FORGED = "x\nother.host  healthy  all is well\x1b[2J"


def headline(one: Any) -> None:
    one["verdict"]["headline"] = FORGED


def state(one: Any) -> None:
    one["verdict"]["state"] = FORGED


def cause(one: Any) -> None:
    one["causes"] = [{"id": f"ok; touch {FORGED}", "severity": "error"}]


def code(value: Any) -> Callable[[Any], None]:
    def change(one: Any) -> None:
        one["exit_code"] = value

    return change


def deep(one: Any) -> None:
    for _ in range(100_000):
        one["more"] = {"more": one.get("more")}


@pytest.mark.parametrize(
    "change", [headline, state, cause, deep, *map(code, (float("inf"), float("nan"), 10**30, -5, 256, "0", None, []))]
)
def test_a_hostile_host(change: Callable[[Any], None], capsys: pytest.CaptureFixture[str]) -> None:
    evil = copy.deepcopy(GOOD)
    change(evil)
    args = argparse.Namespace(format="human", output=None, quiet=False)
    told = _Run(args, 2, 10)
    assert told.each_host(iter((HostResult("evil", evil), HostResult("good", GOOD))), lambda: False) == 3
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines == ["evil", "good", "2"]


@pytest.mark.parametrize(
    "words", [("fleet", "--targets", "{}", "--resume", "/dev/zero"), ("trace", "--replay", "/dev/zero")]
)
def test_a_file_without_an_end(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "list").write_text("http://127.0.0.1:1\n")
    done = run(*(word.format(tmp_path / "list") for word in words), home=tmp_path, seconds=20)
    assert done.code == 2, done
    assert "it is no regular file" in done.err
