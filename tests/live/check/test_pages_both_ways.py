"""Every page's commands, run with the fault that it is about and in its healthy neighbour: only the first may tell of it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.diagnosis.catalogue import pages
from tests.kit.matrix import Release
from tests.support import page_scenes, page_scenes_calls, page_scenes_files
from tests.support.page_scenes import RELEASES, SCENES, Place

pytestmark = pytest.mark.in_turn
assert page_scenes_calls and page_scenes_files  # they enter the scenes

EVERYDAY = {"cookie-path-mismatch", "exposed-bypass", "misplaced-key", "wrong-port", "proxy-hop-untrusted"}
EVERY = [pytest.param(one, marks=() if one in EVERYDAY else pytest.mark.extended) for one in sorted(SCENES)]

NOT_PLAYED = {
    "proxy-goal-wrong": "the step asks the right place, which answers either way; tests/live/field/test_fronts has the fault",
    "client-auth-header-unsupported": "the step names the release; test_page_commands runs it",
    "client-drops-cookie": "the steps work on every server, the client does not; test_page_commands runs them",
    "client-sends-no-cookie": "the steps work on every server, the client does not; test_page_commands runs them",
    "cookie-renamed": "it is the release, of which the step shows the cookie; test_page_commands runs it",
    "api-too-old": "no release from before 4.1 is at hand",
    "client-never-logs-in-again": "two times are compared, of which one is the client's",
    "client-unencoded-form": "what the client sends is not run; the step logs in rightly on every server",
    "host-unreachable": "it asks the network of the reader's machine",
    "proxy-protocol-mismatch": "its step asks qBittorrent itself, the same in both; field/test_reports.py has that front",
    "samesite-browser-loop": "it is seen in a browser; there is no command",
    "server-cannot-write-there": "the reader puts the folder in",
    "settings-not-saved": "it asks a container engine; tests/live/containers has that scene",
    "third-party-403": "the fault is another site's",
    "too-many-requests": "its step sends many requests at once; tests/live/field/test_reports.py has that front",
}


def test_every_page_is_played_or_named() -> None:
    assert set(SCENES) | set(NOT_PLAYED) == set(pages.ids())
    assert not set(SCENES) & set(NOT_PLAYED)


@pytest.mark.parametrize("cause", EVERY)
def test_only_the_fault_is_told(release: Release, cause: str, tmp_path: Path) -> None:
    if not RELEASES[cause](release.version_tuple):
        pytest.skip("this release does not have the fault")
    told: dict[bool, Any] = {}
    for fault in (True, False):
        home = tmp_path / f"home-{fault}"
        home.mkdir()
        with ExitStack() as stack:
            place = Place(release, home, stack)
            values, tells = SCENES[cause](place, fault)
            out = place.outputs(cause, values)
            told[fault] = (tells(out), out)
    assert told[True][0], ("the fault is not told", told[True][1])
    assert not told[False][0], ("a healthy server is told to have it", told[False][1])
    assert page_scenes.ONLY_READ
