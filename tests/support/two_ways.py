"""What a report says of the two sides of an experiment, and that a server took no harm."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.kit.server import Server


@contextmanager
def unharmed(server: Server, *, failures: int = 0) -> Iterator[None]:
    """At most so many failed logins are added, and nobody is banned."""
    before = server.failed_logins()
    yield
    time.sleep(0.1)
    assert server.failed_logins() - before <= failures
    assert server.banned_logins() == 0


def experiment(found: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The requests' headers of the first experiment."""
    piece = next(piece for piece in found["evidence"] if piece["kind"] == "experiment")
    return piece["a"], piece["b"]


def sent(side: dict[str, Any]) -> dict[str, str]:
    return dict(side["request"]["headers"])
