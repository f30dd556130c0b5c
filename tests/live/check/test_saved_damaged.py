"""A saved look with any one value of another kind is judged without it or refused with a sentence; nothing breaks."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.cli.arguments import parse
from qbdoctor.cli.commands import check
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import diagnose

pytestmark = pytest.mark.live

OTHERS: tuple[Any, ...] = (
    *(None, -1, 10**30, [], {}, True, 1.5, "", [[[]]], {"is": "secret", "empty": False}),
    *({"is": "path", "text": "/x", "windows": True}, {"is": "Exchange", "with": {}}),
)


def places(held: Any, *way: str | int) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to each value of a JSON text, also to those that hold others."""
    if way:
        yield way
    for key, one in held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ():
        yield from places(one, *way, key)


@pytest.mark.parametrize("start", [0, *(pytest.param(one, marks=pytest.mark.extended) for one in (1, 2, 3))])
def test_any_value_of_another_kind(start: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "saved.json"
    with Server.start("5.3.0") as server:
        options = ("--profile", str(server.profile), "--state-dir", str(tmp_path / "state"))
        diagnose(*options, "--save", str(file), password=PASSWORD)
    held = json.loads(file.read_text())
    refused = 0
    found = list(places(held))
    for number, way in enumerate(found[start::4]):
        one = copy.deepcopy(held)
        inner = one
        for key in way[:-1]:
            inner = inner[key]
        inner[way[-1]] = OTHERS[number % len(OTHERS)]
        file.write_text(json.dumps(one))
        code = check.run(parse(["check", "--from", str(file), "--state-dir", str(tmp_path)]))
        said = capsys.readouterr().out
        assert "itself broke" not in said, f"{way}: {inner[way[-1]]!r}"
        refused += code == 2
    assert len(found) > 300
    assert 0 < refused < len(found) / 8, "most is judged without it"
