"""The folder for records, where Linux' environment settles it, is the one that platformdirs says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qbdoctor.storage import state_folder

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="platformdirs decides elsewhere")
VALUES = st.none() | st.sampled_from(
    [
        "",
        " ",
        "/",
        "/srv/state",
        "/srv/state/",
        "//x",
        "/a/../b",
        "rel",
        "./x",
        "~",
        "~/x",
        " /x",
        "/x ",
        "/x\n",
        "/$HOME",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(home=VALUES, state=VALUES)
def test_it_is_the_one_of_platformdirs(home: str | None, state: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HOME", home), ("XDG_STATE_HOME", state)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    found = state_folder.settled("XDG_STATE_HOME", "~/.local/state")
    assert found in {None, platformdirs.user_state_path("qbdoctor", appauthor=False)}


def test_the_usual_environment_settles_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    assert state_folder.settled("XDG_STATE_HOME", "~/.local/state") == Path("/home/me/.local/state/qbdoctor")
    monkeypatch.setenv("XDG_STATE_HOME", "/srv/state")
    assert state_folder.settled("XDG_STATE_HOME", "~/.local/state") == Path("/srv/state/qbdoctor")
    monkeypatch.setitem(os.environ, "ANDROID_ROOT", "/system")
    assert state_folder.settled("XDG_STATE_HOME", "~/.local/state") is None
