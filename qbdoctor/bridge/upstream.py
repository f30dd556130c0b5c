"""Keeps what is known of the server: that it is qBittorrent, its release, and what its session cookie is called.

Nothing is passed on before the first is proven, and after each time that it could not be reached it is proven again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

from qbdoctor import releases
from qbdoctor.bridge.streams import beginning
from qbdoctor.forwarding.forwarder import FAILURES, Forwarder, Headers, Outgoing
from qbdoctor.model.exchanges import Exchange
from qbdoctor.releases import NEWEST, Version
from qbdoctor.target.address import Address
from qbdoctor.webui.recognise import answers_call, is_login_page

ASK = "/api/v2/app/version"
PROOF_SECONDS = 10.0
_PAGE_MOST = 64 << 10
_ASKED_MOST = 1000
_AGAIN_SECONDS = 5.0
_FAILED_SECONDS = 1.0


class NotProven(Exception):
    """What answers is not known to be qBittorrent; the text says why."""


@dataclass
class Known:
    """What is known of the server. ``status``: of a call without a session; 200 means that it lets this machine in."""

    proven: bool = False
    version: Version | None = None
    cookie: str | None = None
    status: int = 0


class Upstream:
    """Asks the server about itself."""

    def __init__(self, forwarder: Forwarder, target: Address) -> None:
        self._forwarder = forwarder
        self._target = target
        self._lock = asyncio.Lock()
        self._asked: dict[int, float] = {}
        self._failed: tuple[float, Exception | None] = (0.0, None)
        self.known = Known()

    @property
    def cookie_name(self) -> str:
        """The session cookie's name on the server, guessed from the URL's port until a login has shown it."""
        if self.known.cookie is not None:
            return self.known.cookie
        return releases.cookie_name(self.known.version or NEWEST, self._target.port)

    async def prove(self) -> None:
        """Make sure that the server is qBittorrent. Raises NotProven and what the forwarder raises."""
        async with self._lock:
            if self.known.proven:
                return
            when, before = self._failed
            if before is not None and time.monotonic() - when < _FAILED_SECONDS:
                raise before  # those who waited behind a server that hangs do not each wait for it again
            try:
                called = await self._proof()
            except (NotProven, *FAILURES) as error:
                self._failed = time.monotonic(), error
                raise
            self.known.proven, self.known.status = True, called.status or 0
            self.known.version = Version.parse(called.body) if called.status == 200 else self.known.version

    async def _proof(self) -> Exchange:
        called = await self.get(ASK)
        if not answers_call(called) and not is_login_page(await self.get("/")):
            raise NotProven(f"it answered {called.outcome()} to app/version, as qBittorrent never does")
        return called

    async def lets_in(self, address: str) -> bool:
        """Whether the server takes a call without a session that the bridge passes on for a client of this address."""
        return (await self.get(ASK, [("X-Forwarded-For", address)])).status == 200

    def lost(self) -> None:
        """Note that it could not be reached: it may be another program, or another release, when it is back."""
        self.known = Known(cookie=self.known.cookie)
        self._asked.clear()

    async def learn(self, headers: Headers, *, fresh: bool = False) -> None:
        """Ask for the release with a client's own session, once for each that may not have one.

        ``fresh``: the session is new, so that the release may have changed since the last one.
        """
        key = hash(tuple(headers))
        now = time.monotonic()
        if not fresh and (self.known.version or now - self._asked.get(key, -_AGAIN_SECONDS) < _AGAIN_SECONDS):
            return
        if len(self._asked) >= _ASKED_MOST:
            self._asked.clear()
        self._asked[key] = now
        with contextlib.suppress(*FAILURES):  # the client's own request goes on, and shows what is wrong
            answer = await self.get(ASK, headers)
            if answer.status == 200:
                self.known.version = Version.parse(answer.body) or self.known.version

    async def get(self, path: str, headers: Headers = ()) -> Exchange:
        """Ask for a path with these headers besides Host, and read the beginning of the answer."""
        asked = [("Host", self._target.authority), ("Accept", "*/*"), *headers]
        async with (
            asyncio.timeout(PROOF_SECONDS),
            self._forwarder.ask(Outgoing("GET", f"{self._target.path}{path}", asked)) as answer,
        ):
            body = await beginning(answer.body, _PAGE_MOST)
        return Exchange(
            "GET",
            self._target.join(path),
            status=answer.status,
            reason=answer.reason,
            headers=tuple(answer.headers),
            body=body.decode("utf-8", "replace"),
        )
