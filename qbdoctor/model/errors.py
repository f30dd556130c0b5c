"""Names the errors that a person is told in one sentence."""

from __future__ import annotations

from qbdoctor.model import restarts


class UserError(Exception):
    """Bad input, told in one sentence: what, where, what to do. ``code`` is stable, ``exit_code`` is 2 or 3."""

    def __init__(self, code: str, message: str, exit_code: int = 2) -> None:
        super().__init__(restarts.fit(message))
        self.code = code
        self.message = restarts.fit(message)
        self.exit_code = exit_code


class Refused(UserError):
    """What was asked is not done, in one sentence, and the target is as it was. Exit code 4."""

    def __init__(self, reason: str, code: str = "refused") -> None:
        super().__init__(code, reason, 4)
        self.reason = self.message


class NotTaken(Refused):
    """The server answered that it does not take what was sent."""
