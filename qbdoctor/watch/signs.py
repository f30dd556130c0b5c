"""Looks at what this machine shows of a server without asking it: its process, its config file, a ban in its log."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.config.settings import Settings
from qbdoctor.looks import taking
from qbdoctor.looks.failing import of_log, own_addresses
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.observe.base.login_budget import ban_rules, server_and_source
from qbdoctor.target import log as server_log
from qbdoctor.watch.base.glances import Signs

if TYPE_CHECKING:
    from qbdoctor.model.changes import FailingClient
    from qbdoctor.observe.observer import Observer
    from qbdoctor.releases import Version
    from qbdoctor.target.log import LogLine
    from qbdoctor.target.processes import Instance

_LOG_BYTES = 1 << 18
_START_SECONDS = 1.5
_Mark = tuple[int, int, int]


class LocalSigns:
    """The signs of one server, as the last full check found its process, its config and its log.

    A file is read again only where its size, its time or the file itself is another one.
    """

    def __init__(self, observer: Observer, version: Version | None) -> None:
        target = observer.target
        self._instance = target.instance
        self._config = target.config_file
        self._version = version
        self._log = target.log_file if target.instance is not None else None
        self._direct = target.direct
        self._ours = own_addresses(observer)
        self._hide = observer.wire.masks.hide
        self._failing: tuple[FailingClient, ...] = ()
        self._rules = ban_rules(observer)
        self._source = server_and_source(observer)[1]
        self._key = os.urandom(16)
        self._config_mark: _Mark | None = None
        self._digest = ""
        self._log_mark: _Mark | None = None
        self._ban_until: float | None = None

    def read(self, now: float) -> Signs:
        """Return the signs as they are; ``now`` is Unix time. Raises nothing for what cannot be read."""
        self._read_log(now)
        until = self._ban_until if self._ban_until is not None and self._ban_until > now else None
        return Signs(self._process(), self._settings(), until, self._failing)

    def _process(self) -> str:
        return "" if self._instance is None else _alive(self._instance)

    def _settings(self) -> str:
        mark = _mark(self._config)
        if mark is None or mark == self._config_mark or self._config is None:
            return self._digest  # a file that is just being replaced is not there for a moment
        with suppress(UserError, OSError):
            settings = Settings.load(self._config, self._version)
            self._digest = hashlib.sha256(repr(self._values(settings)).encode("utf-8", "surrogatepass")).hexdigest()
            self._config_mark = mark
        return self._digest

    def _values(self, settings: Settings) -> object:
        mark: Callable[[Secret], str] = lambda secret: taking.keyed(self._key, secret)  # noqa: E731
        secrets = [settings.secret(name) for name in ("Password_PBKDF2", "APIKey")]
        return taking.of_file(settings, mark), [mark(one) if one else "" for one in secrets]

    def _read_log(self, now: float) -> None:
        mark = _mark(self._log)
        if mark is None or mark == self._log_mark or self._log is None or self._instance is None:
            return
        self._log_mark = mark
        started = self._instance.started
        lines = server_log.since_start(server_log.read_tail(self._log, _LOG_BYTES).lines, started)
        self._failing = of_log(lines, started, self._ours, self._hide, datetime.fromtimestamp(now, UTC))
        self._ban_until = self._ban(lines, now) if self._direct else None

    def _ban(self, lines: Sequence[LogLine], now: float) -> float | None:
        limit, seconds = self._rules
        # the log's times are local and have no zone
        moment = datetime.fromtimestamp(now)
        failures = server_log.login_failures(lines, self._source, limit=limit, ban_seconds=seconds, now=moment)
        last = server_log.last_failure(lines, self._source)
        return (last + timedelta(seconds=seconds)).timestamp() if 0 < limit <= failures and last is not None else None


def _alive(instance: Instance) -> str:
    """Return what tells this run of the server from another, "gone" where its process ended."""
    import psutil  # noqa: PLC0415 - start-up does without it

    with suppress(psutil.Error):
        process = psutil.Process(instance.pid)
        started = process.create_time()
        if abs(started - instance.started.timestamp()) < _START_SECONDS and process.status() != psutil.STATUS_ZOMBIE:
            return f"{instance.pid} {instance.started.timestamp():.0f}"
    return "gone"


def _mark(path: Path | None) -> _Mark | None:
    """Return what tells whether a file was written since; None for one that is not there or may not be looked at."""
    if path is None:
        return None
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ino
