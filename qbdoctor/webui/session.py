"""Keeps a session for everything else: whatever cookie the login set, sent back by itself, whatever its name.

Every client library has its own opinion of which cookies to keep: aiohttp drops those of IP addresses, most drop
``Secure`` ones over http, hand-made ones look for ``SID``. qbdoctor must not share any of those faults, so it keeps
name and value of whatever came and writes the Cookie header explicitly, by IP address, name and IPv6 alike.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping

from qbdoctor.model.basics import Json, Secret
from qbdoctor.model.exchanges import Exchange
from qbdoctor.values import replace
from qbdoctor.webui.call import BODY_CAP, LOGOUT_PATH, Call
from qbdoctor.webui.masks import Deadline
from qbdoctor.webui.wire import Wire

LOGOUT_SECONDS = 2.0
"""Logging out may take this long even when the run's time is over: 5.3 keeps 15 sessions and evicts other clients'."""


class SessionClient:
    """Calls with a session. ``sign_in`` makes the one login; None for a session got by a bypass or an API key."""

    def __init__(
        self, wire: Wire, sign_in: Callable[[], Exchange | None] | None = None, *, api_key: Secret | None = None
    ) -> None:
        self.wire = wire
        self.cookies: dict[str, Secret] = {}
        self.api_key = api_key
        self._sign_in = sign_in
        self._signed_in_again = False

    def adopt(self, exchange: Exchange) -> None:
        """Keep every cookie that an answer set; an emptied one is dropped (5.2 and later renew theirs now and then)."""
        for cookie in exchange.cookies:
            if cookie.value:
                self.cookies[cookie.name] = cookie.value
            else:
                self.cookies.pop(cookie.name, None)

    def call(
        self, method: str, path: str, form: Mapping[str, str] | None = None, *, show_body: bool = True
    ) -> Exchange:
        """Make one call with the session; see :meth:`read`."""
        return self.read(method, path, form, show_body=show_body)[0]

    def read(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        show_body: bool = True,
        cap: int = BODY_CAP,
    ) -> tuple[Exchange, bytes]:
        """Make one call with the session and return its bytes too.

        A 403 to a session that had been good means that it is gone (restart, timeout, eviction): sign in once more,
        once in this client's life and only where ``sign_in`` still permits it, and make the call again.
        """
        request = Call(
            method, path, form=form, cookies=dict(self.cookies), bearer=self.api_key, show_body=show_body, cap=cap
        )
        exchange, raw = self.wire.read(request)
        self.adopt(exchange)
        lost = exchange.status == 403 and bool(request.cookies)
        if not lost or self._sign_in is None or self._signed_in_again:
            return exchange, raw
        self._signed_in_again = True
        again = self._sign_in()
        if again is None or not again.cookies:
            return exchange, raw
        self.cookies.clear()
        self.adopt(again)
        exchange, raw = self.wire.read(replace(request, cookies=dict(self.cookies)))
        self.adopt(exchange)
        return exchange, raw

    def read_preferences(self) -> tuple[Exchange, dict[str, Json] | None]:
        """Return app/preferences, whole, secrets included; None where the answer does not hold them."""
        exchange, raw = self.read("GET", "/api/v2/app/preferences", show_body=False)
        if exchange.status != 200:
            return exchange, None
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError):
            return exchange, None
        return exchange, found if isinstance(found, dict) else None

    def write_preferences(self, values: Mapping[str, Json]) -> Exchange:
        """Send these preferences; qBittorrent leaves the others as they are."""
        form = {"json": json.dumps(dict(values))}
        return self.call("POST", "/api/v2/app/setPreferences", form, show_body=False)

    def log_out(self) -> None:
        """End this client's session, and no other."""
        self.wire.send(Call("POST", LOGOUT_PATH, cookies=dict(self.cookies)))

    def close(self) -> None:
        """Log out every session that this run opened, bypassed calls' included. Never raises."""
        close_sessions(self.wire)


def close_sessions(wire: Wire) -> None:
    """Log out every session that answers on this wire opened; each the way (Host header, scheme) it was opened."""
    seen: set[tuple[str, Secret]] = set()
    opened, wire.opened = wire.opened, []
    wire.deadline = Deadline(max(LOGOUT_SECONDS, min(wire.deadline.remaining(), 2 * LOGOUT_SECONDS)))
    for cookie, call in opened:
        if (cookie.name, cookie.value) in seen:
            continue
        seen.add((cookie.name, cookie.value))
        with contextlib.suppress(Exception):
            wire.send(
                Call(
                    "POST",
                    LOGOUT_PATH,
                    headers=call.headers,
                    cookies={cookie.name: cookie.value},
                    address=call.address,
                    verify=call.verify,
                    proxy=call.proxy,
                    source=call.source,
                    seconds=LOGOUT_SECONDS,
                )
            )


NO_SUCH_KEY = Secret("qbdoctor-asks-whether-a-bypass-lets-it-in")
"""Never valid (a key is qbt_ and 28 characters), never counted as a failed login, never logged (measured, 5.2.3, 5.3.0)."""
