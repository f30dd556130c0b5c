"""What live tests share."""

from __future__ import annotations

import psutil
import pytest

from qbdoctor.observe.base import first_request_log
from qbdoctor.target.description import Target


@pytest.fixture
def own_servers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The logs of other workers' servers are left out: one of them may be refused something at the same moment."""

    def mark(target: Target) -> first_request_log.Marks:
        children = {child.pid for child in psutil.Process().children()}
        return tuple(one for one in first_request_log.remember_log_ends(target) if one[0].pid in children)

    monkeypatch.setattr("qbdoctor.observe.observer.remember_log_ends", mark)
