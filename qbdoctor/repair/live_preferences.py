"""Reads and writes the preferences of a running qBittorrent, through its Web API."""

from __future__ import annotations

from collections.abc import Mapping

from qbdoctor.model.basics import Json, Secret
from qbdoctor.model.errors import NotTaken, Refused, UserError
from qbdoctor.model.exchanges import Exchange
from qbdoctor.observe.observer import Observer
from qbdoctor.repair import password_change
from qbdoctor.webui.masks import Deadline

WRITE_SECONDS = 5.0
"""One write may take this long even when the run's time is over."""


class Live:
    """The two functions that the journal is handed, within the run's session and its one login."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    def sign_on(self) -> None:
        """Get a session: by the API key or the bypass that is open, else by the one login of the run."""
        seen = self.observer.seen
        if seen.asked.api_key is not None:
            _ = seen.session_call  # which gives the session the key, once it is proven who gets it
        elif seen.anonymous.status != 200:
            _ = seen.sign_in

    def read(self) -> Mapping[str, Json]:
        """Return app/preferences, whole: only named members ever leave this class. Raises UserError without a session."""
        session = self.observer.session
        if not session.cookies and session.api_key is None and self.observer.seen.anonymous.status != 200:
            raise self._no_session()
        exchange, found = session.read_preferences()
        if exchange.status == 403:
            raise self._no_session()
        if exchange.status != 200:
            raise Refused(f"The preferences could not be read: {_outcome(exchange)}.", "api-failed")
        if found is None:
            raise Refused("The preferences could not be read: app/preferences did not answer with them.", "api-failed")
        return found

    def _no_session(self) -> UserError:
        sign_in = self.observer.seen.sign_in
        why = sign_in.text if sign_in.outcome != "accepted" else "the session is not accepted"
        return UserError(
            "no-session",
            f"The Web API at {self.observer.address.url} needs a session: {why.rstrip('.')}; or stop qBittorrent and use "
            "--via file, or have it restarted for that with --restart.",
            3,
        )

    def write(self, values: Mapping[str, Json]) -> None:
        """Send these preferences, and no others. Raises Refused."""
        # What was begun is brought to an end, also where the run's time is over.
        self.allow(WRITE_SECONDS)
        secrets = {name: value for name, value in values.items() if isinstance(value, Secret)}
        for secret in secrets.values():
            self.observer.wire.masks.add(secret)
        revealed = {name: secret.reveal() for name, secret in secrets.items()}
        exchange = self.observer.session.write_preferences({**values, **revealed})
        if exchange.status != 200:
            why = f"The preferences could not be written: {_outcome(exchange)}."
            # An answer of 500 or more may be that of something in front, after it was taken.
            refused = exchange.status is not None and 400 <= exchange.status < 500
            raise (NotTaken if refused else Refused)(why, "api-failed")
        password_change.check_saved(self.observer, secrets)

    def allow(self, seconds: float) -> None:
        """Give what was begun this long to come to an end."""
        wire = self.observer.wire
        wire.deadline = Deadline(max(seconds, wire.deadline.remaining()))


def _outcome(exchange: Exchange) -> str:
    name = exchange.url.rpartition("/api/v2/")[2]
    return f"{name}: {exchange.failure.text}" if exchange.failure else f"{name} answered {exchange.status}"
