"""Which processes are looked at more closely, by /proc alone."""

from __future__ import annotations

import subprocess
import sys
import uuid

import pytest

from qbdoctor.target.engines import process_scan
from tests.kit import needs

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.mark.parametrize("own_mounts", [False, True])
def test_a_process_with_mounts_of_its_own_is_seen(own_mounts: bool) -> None:
    word = uuid.uuid4().hex
    before: list[str] = []
    if own_mounts:
        needs.mounts()
        before = [needs.program("unshare"), "-m"]
    assert not process_scan.is_any_apart(word)
    code = "print('here', flush=True); input()"
    with subprocess.Popen(
        [*before, sys.executable, "-c", code, word], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        assert process_scan.is_any_apart(word) is own_mounts
        assert [one.pid for one in process_scan.processes_with(word)] == [process.pid]
        process.communicate("\n", timeout=10)
