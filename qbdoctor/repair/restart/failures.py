"""Names what ends a restart: it did not stop, did not come up, or came up and is not well."""

from __future__ import annotations

from qbdoctor.model.errors import Refused


class NotStopped(Refused):
    """It did not stop in time; it was left alone."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "not-stopped")


class NotStarted(Refused):
    """It did not come up."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "not-started")


class NotHealthy(NotStarted):
    """It came up and serves, and its container's own health check says that it is not well."""
