"""Twenty other qBittorrent on this machine cost a check of a given server less than half a second of the processor."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import pytest

from qbdoctor.target.processes import find_instances
from tests.bench.measure import run
from tests.kit.server import PASSWORD, Server

MANY, MOST_SECONDS = 20, 0.5


def cost(url: str, state: Path) -> float:
    """Seconds of the processor, which other work on the machine does not change much."""
    command = [sys.executable, "-m", "qbdoctor", "check", "--url", url, "--json"]
    made = [run(command, {"QBDOCTOR_PASSWORD": PASSWORD, "QBDOCTOR_STATE_DIR": str(state)}) for _ in range(4)]
    assert {one.code for one in made} == {0}
    return median(one.cpu for one in made[1:])


@pytest.mark.live
@pytest.mark.extended
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="asks what a process used")
def test_a_check_beside_many_others(tmp_path: Path) -> None:
    with Server.start("4.5.2") as server, ExitStack() as stack:
        before, seen = cost(server.url, tmp_path), len(find_instances())
        others = [stack.enter_context(Server.start("4.5.2", wait=False)) for _ in range(MANY)]
        after = cost(server.url, tmp_path)
        assert len(find_instances()) >= seen + MANY * 0.8 and all(one.running for one in others)
        assert after - before < MOST_SECONDS, f"{before:.2f} s alone, {after:.2f} s beside {MANY}"
