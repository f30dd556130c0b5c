"""Decides what is translated between the release that clients are spoken to as and the server's own; pure look-ups.

Requests are put into the server's words whatever release the client was written for, since a renamed call or field
means one thing only. Answers are those of the spoken release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qbdoctor import releases
from qbdoctor.releases import KNOWN, Version, translations
from qbdoctor.releases.actions import ABSENT, NO_RESULT, POST_ONLY
from qbdoctor.releases.preferences_table import PREFERENCES
from qbdoctor.releases.response_fields import COMPUTED
from qbdoctor.releases.versions import known
from qbdoctor.releases.web_api import fields, webapi

LOGIN, ADD, INFO = "auth/login", "torrents/add", "torrents/info"
VERSION, WEB_API, READ_PREFERENCES = "app/version", "app/webapiVersion", "app/preferences"
_WITH_STATES = frozenset({INFO, "sync/maindata"})


@dataclass(frozen=True)
class Speech:
    """What clients are spoken to as. ``given``: it was asked for, so that an older server is spoken for as well."""

    series: tuple[int, int]
    version: Version
    given: bool

    @classmethod
    def parse(cls, text: str, *, given: bool) -> Speech | None:
        """Read ``5.1`` (the newest of that series) or ``5.1.2``; None for no release that is known."""
        version = Version.parse(text)
        if version is None:
            return None
        series = (version.major, version.minor)
        members = [each for each in KNOWN if (each.major, each.minor) == series]
        if text.strip().removeprefix("v").count(".") == 1 and members:
            version = members[-1]
        return cls(series, version, given) if version in KNOWN else None

    def to(self, real: Version | None) -> Version:
        """Return the release to be spoken to a server's clients: the server's own where there is nothing to translate."""
        if real is None:
            return self.version
        same = self.series == (real.major, real.minor)
        return real if same or (real < self.version and not self.given) else self.version


@dataclass(frozen=True)
class Dialect:
    """The two releases; ``real`` is None until the server's is known."""

    spoken: Version
    real: Version | None

    @property
    def differs(self) -> bool:
        """Whether there is anything to translate."""
        return self.real is not None and self.real != self.spoken

    # --- requests ----------------------------------------------------------------------------------------------------

    def action(self, name: str) -> str:
        """Return the action's name on the server."""
        return name if self.real is None else translations.action_name(name, self.real)

    def turns_to_post(self, action: str) -> bool:
        """Whether a GET that the spoken release takes must be a POST on the server."""
        since = POST_ONLY.get(action)
        if since is None or self.spoken >= known(since):
            return False
        return self.real is None or known(since) <= self.real.release  # every release takes the POST

    def field_names(self, action: str) -> Mapping[str, translations.FieldName]:
        """Return the fields of the action that the server has under another name."""
        return {} if self.real is None else translations.field_names(action, self.real)

    def standins(self, action: str) -> Mapping[str, str]:
        """Return the fields that the server requires, with what they are where the client leaves them out."""
        return {} if self.real is None else translations.standins(action, self.real)

    def filter_word(self, word: str) -> str:
        """Return the server's word for a filter of torrents/info."""
        return word if self.real is None else translations.filter_word(word, self.real)

    # --- answers -----------------------------------------------------------------------------------------------------

    def cookie_name(self, port: int) -> str:
        """Return the session cookie's name for clients."""
        return releases.cookie_name(self.spoken, port)

    def status(self, action: str, status: int) -> int:
        """Return the status for an answer without a body of interest: that of success, or of something absent."""
        if self.real is None:
            return status
        if action in NO_RESULT and status == releases.rule("status.no_result", self.real):
            return int(releases.rule("status.no_result", self.spoken))
        rows = ABSENT.get(action)
        if rows is not None and status == _of(rows, self.real) and not 200 <= status < 300:
            spoken = _of(rows, self.spoken)
            return status if 200 <= spoken < 300 else spoken
        return status

    def reason(self, status: int, reason: str) -> str:
        """Return the reason phrase: releases with an empty one make some HTTP libraries stumble."""
        return str(releases.rule("reason.ok", self.spoken)) if status == 200 and not reason else reason

    def version_text(self, action: str) -> str | None:
        """Return what app/version and app/webapiVersion say; None where it is what the server says."""
        if not self.differs:
            return None
        if action == VERSION:
            return f"v{self.spoken}"
        return webapi(self.spoken) if action == WEB_API else None

    @property
    def add_as_text(self) -> bool:
        """Whether torrents/add answers ``Ok.`` or ``Fails.`` where the server answers JSON."""
        if self.real is None:
            return False
        answered = releases.rule("add.answer", self.spoken), releases.rule("add.answer", self.real)
        return answered == ("text", "json")

    def states(self, action: str) -> tuple[tuple[bytes, bytes], ...]:
        """Return what to replace in an answer with torrents' states, both of one length."""
        if self.real is None or action not in _WITH_STATES:
            return ()
        return tuple(
            (b'"state":"%s"' % theirs.encode(), (b'"state":"%s"' % ours.encode()).ljust(len(theirs) + 10))
            for theirs, ours in translations.state_names(self.spoken, self.real)
            if len(ours) <= len(theirs)
        )

    @cached_property
    def gone_preferences(self) -> Mapping[str, Any]:
        """Return settings of app/preferences that the server has no more, as they are where they were never set."""
        if self.real is None or not self.differs:
            return {}
        there = fields(PREFERENCES, self.real)
        return {
            name: value
            for name, value in fields(PREFERENCES, self.spoken).items()
            if name not in there and value is not COMPUTED
        }


def _of(rows: tuple[tuple[str, int], ...], version: Version) -> int:
    found = [status for since, status in rows if known(since) <= version.release]
    return found[-1] if found else rows[0][1]
