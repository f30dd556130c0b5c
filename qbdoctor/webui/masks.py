"""Masks secrets in every text that comes from outside, and keeps the deadline of a run."""

from __future__ import annotations

import contextlib
import re
import time
from typing import Any

from qbdoctor.model.basics import Secret

_API_KEY = re.compile(r"qbt_[A-Za-z0-9]{28}")


_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


class Deadline:
    """The time a run has, in seconds; waiting for a person can be taken out with :meth:`pause`."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left, 0 or more."""
        return max(0.0, self._end - time.monotonic())

    @contextlib.contextmanager
    def pause(self) -> Any:
        """Give back the time that passes inside the block."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._end += time.monotonic() - began


class Masks:
    """The secrets that must not show; :meth:`hide` takes them out of any text."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def add(self, secret: Secret | None) -> None:
        """Remember a secret. The factory password is none (contract); hiding two letters would only garble."""
        if secret and len(secret.reveal()) >= 4 and secret.reveal() != "adminadmin":
            self._known.add(secret.reveal())

    def hide(self, text: str) -> str:
        """Return the text with every known secret, API key and user:password of a URL replaced by ``***``."""
        for known in sorted(self._known, key=len, reverse=True):
            text = text.replace(known, "***")
        return _USERINFO.sub("***@", _API_KEY.sub("qbt_***", text))
