"""What a person reads fits: a verdict in 24 lines, and words whole at the terminal's width."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.kit.server import PASSWORD
from tests.terminal.screen import Screen, seen

OPEN = {"LocalHostAuth": "false", "AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}
SCENES = {
    "healthy": ({}, ()),
    "exposed": (OPEN, ()),
    "wrong port in the address": ({}, ("--url", "{base}/qbittorrent")),
    "https asked": ({}, ("--url", "https://127.0.0.1:{port}")),
    "secure cookie": ({"SecureCookie": "true"}, ()),
    "unreachable": ({}, ("--url", "http://nobody.invalid:1")),
}


def screen_rows(screen: Screen, columns: int) -> int:
    return sum(max(1, -(-len(line) // columns)) for line in screen.lines)


def too_long(screen: Screen, columns: int) -> list[str]:
    """The lines that go over the edge; a command, and a single word, may."""
    return [
        line
        for line in screen.lines
        if len(line) > columns
        and not line.startswith(" " * 7)
        and not re.match(r"\s*(?:Next: )?\S*(?:python3? -m )?qbdoctor ", line)
        and len(line.split()) > 2
    ]


@pytest.mark.parametrize("release", ["4.5.2", "5.3.0"])
def test_a_verdict_fits_the_screen(server: ServerFactory, tmp_path: Path, release: str) -> None:
    for name, (settings, options) in SCENES.items():
        running = server(release, settings=settings)
        url = [one.format(base=running.url, port=running.port) for one in options] or ["--url", running.url]
        for columns in (60, 80, 120):
            state = str(tmp_path / f"{name}-{columns}")  # each is a first run, without an earlier look
            _, screen = seen(*url, columns=columns, env={"QBDOCTOR_PASSWORD": PASSWORD, "QBDOCTOR_STATE_DIR": state})
            assert screen_rows(screen, columns) <= 24, (name, columns, screen.text)
            assert not too_long(screen, columns), (name, columns, screen.text)
            assert screen.lines[-1].startswith(("Next: ", "      (")), (name, columns, screen.text)
            if screen.text.startswith("✗"):
                assert "What helps" in screen.text, (name, columns, screen.text)
        running.close()


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("release", ["4.5.2", "5.3.0"])
def test_a_lost_password_s_way_out_is_on_the_screen(server: ServerFactory, release: str, columns: int) -> None:
    """Without -v: the command that sets a new one, as it works here, is not among what was left out."""
    running = server(release)
    _, screen = seen("--url", running.url, columns=columns, env={"QBDOCTOR_PASSWORD": "it was lost"})
    assert screen_rows(screen, columns) <= 24, screen.text
    assert re.search(r"^ {7}\S.*qbdoctor fix set-password --restart --url ", screen.text, re.MULTILINE), screen.text
    assert any(line.startswith("  Way: ") for line in screen.lines), screen.text


WRAPPED: list[tuple[str, ...]] = [
    ("explain",),
    ("explain", "host-port-mismatch"),
    ("explain", "set-password"),
    ("explain", "nothing-like-it"),
    ("history",),
    ("rollback",),
    ("--url", "ftp://nas"),
    ("clients", "--release", "5.3.0"),
    ("lint", "/nowhere"),
]


@pytest.mark.parametrize(
    ("arguments", "columns"),
    [
        # five seconds each: every day at the narrow one
        pytest.param(one, columns, marks=[pytest.mark.extended] if (one[0], columns) == ("clients", 80) else [])
        for one in WRAPPED
        for columns in (60, 80)
    ],
)
def test_everything_wraps(arguments: tuple[str, ...], columns: int) -> None:
    _, screen = seen(*arguments, columns=columns)
    assert not too_long(screen, columns), too_long(screen, columns)
    assert "Traceback" not in screen.text
