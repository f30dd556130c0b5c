"""README's picture says what a report says today; where it does not: `python -m tests.support.picture`."""

from __future__ import annotations

import difflib
import re

import pytest

from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.server import PASSWORD
from tests.support import picture


def spoken(svg: str, listens: int, asked: int) -> str:
    """The words of a picture without what no two runs share: the ports that were free, and the time it took."""
    text = " ".join(picture.words(svg)).replace(str(asked), "ASKED").replace(str(listens), "LISTENS")
    # Another qBittorrent on this machine gives one more check something to look at.
    text = re.sub(r"\b\d+ (passed|skipped)\b", r"SOME \1", text)
    return re.sub(r"\b[\d.]+ m?s,", "SECONDS,", text)


def test_the_picture_is_of_today(server: ServerFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QBDOCTOR_PASSWORD", PASSWORD)
    running = server("5.1.0")
    with faults.PortMap(running.port) as mapped:
        drawn = picture.draw(running, mapped.url)
    today = spoken(drawn, running.port, int(mapped.url.rpartition(":")[2]))
    stored = spoken(picture.PICTURE.read_text("utf-8"), 8080, 8112)
    for word in ("ASKED", "LISTENS", "SECONDS", "host-port-mismatch"):
        assert word in stored
    # The title names the port that the picture is made with.
    was, now = (text.partition("✗")[2].split() for text in (stored, today))
    changed = " ".join(difflib.unified_diff(was, now, lineterm="", n=0))
    assert not changed, f"make it anew with python -m tests.support.picture: {changed}"


def test_no_picture_fetches_anything() -> None:
    svg = picture.PICTURE.read_text("utf-8")
    links = re.findall(
        r"(?:https?:)?//[\w.-]+", re.sub(r'xmlns="[^"]*"|<!--.*?-->|<text.*?</text>', "", svg, flags=re.DOTALL)
    )
    assert links == []
