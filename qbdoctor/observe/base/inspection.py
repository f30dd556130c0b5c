"""Holds the state of one look at a target: address, credentials, settings at hand and what has been observed so far."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbdoctor.config.password_hash import Verifier
from qbdoctor.model.basics import Secret
from qbdoctor.model.changes import UndoneChange
from qbdoctor.observe.base.first_request_log import Marks
from qbdoctor.observe.base.observations import Observations
from qbdoctor.observe.base.observed_values import Asked
from qbdoctor.storage import state_folder
from qbdoctor.target.proc_sockets import listening_sockets
from qbdoctor.target.socket_diag import ListeningSocket
from qbdoctor.values import replace
from qbdoctor.webui.session import SessionClient, close_sessions
from qbdoctor.webui.wire import Wire

if TYPE_CHECKING:
    from qbdoctor.target.address import Address
    from qbdoctor.target.description import Target
    from qbdoctor.webui.login_ledger import Ledger

AskPassword = Callable[[str, str], Secret | None]
"""Asks a person for the password of a user (the first argument) of a server (its URL, the second)."""

RecordsReader = Callable[[Observations], tuple[UndoneChange, ...]]
"""Holds the rollback records, which other rooms keep, against what was seen of their target."""


class Inspection(ABC):
    """What one look at a target knows and may use. ``login_attempts`` counts the credentials that were sent: 0 or 1.

    ``records`` reads the rollback records, where there may be any.
    ``page_text`` is the start page's as it came, once that was asked for; it is shown nowhere.
    ``refused_authorisations`` counts the 401s after the first on a way that may add credentials of its own.
    """

    def __init__(
        self,
        target: Target,
        asked: Asked,
        wire: Wire,
        *,
        state: Path,
        password: Secret | None = None,
        environment: Mapping[str, str] | None = None,
        ask_password: AskPassword | None = None,
    ) -> None:
        self.target = target
        self.wire = wire
        self.state = state
        self.environment = os.environ if environment is None else environment
        self.ask_password = ask_password
        self._password = password
        self.login_attempts = 0
        self.refused_authorisations = 0
        self.log_marks: Marks = ()
        self.page_text = ""
        self.verifier = Verifier()
        self.records: RecordsReader | None = None
        self.session = SessionClient(wire)  # without the API key until it is proven who would get it
        for secret in (password, asked.api_key):
            wire.masks.add(secret)
        self._asked = asked
        self._ledger: Ledger | None = None
        self.seen = Observations({"target": target}, self.take)

    @abstractmethod
    def take(self, name: str) -> Any:
        """Take the observation of that name. Raises KeyError for an unknown one."""

    @property
    def address(self) -> Address:
        """The address that is asked."""
        return self.target.address

    @cached_property
    def listening(self) -> tuple[ListeningSocket, ...] | None:
        """The listening sockets of this machine as they were after the first answer; None where they cannot be read."""
        return listening_sockets()

    @property
    def ledger(self) -> Ledger:
        """The attempt ledger, one for the run: what a later answer settles, it settles for this run's requests."""
        from qbdoctor.webui.login_ledger import Ledger  # noqa: PLC0415

        if self._ledger is None:
            others = state_folder.callers_folder(self.environment)
            self._ledger = Ledger(self.state / "attempts.json", others=[one / "attempts.json" for one in others])
        return self._ledger

    @property
    def given_password(self) -> Secret | None:
        """The password that was given or typed; nobody is asked for one."""
        return self._password

    def give_password(self, secret: Secret) -> None:
        """Take a password that counts from now on. What was seen with the one before is looked at anew."""
        self.wire.masks.add(secret)
        self._password = secret
        self.seen.forget("password", "offline")

    def correct_target(self, *, served: bool) -> None:
        """Take back that the target's process serves the address: another program's socket answered there."""
        one = self.target.instance
        if served or one is None:
            return
        if self.target.config_given:
            self.target = replace(self.target, direct=False)
        else:
            # Nothing ties the answer to that process now: it is one of the others, and its config is not the target's.
            self.target = replace(
                self.target,
                direct=None,
                instance=None,
                others=(*self.target.others, one),
                config_file=None,
                profile=None,
                log_file=None,
                server_port=None,
                server_port_source=None,
            )
        self.seen.put("target", self.target)
        self.seen.forget("settings", "settings_problem", "asked", "log", "rejected", "config_place", "suspect")

    def close(self) -> None:
        """Log out what was opened. Never raises."""
        close_sessions(self.wire)
