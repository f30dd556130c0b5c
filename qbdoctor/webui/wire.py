"""Sends every HTTP request of qbdoctor to one target, one after another.

Three things that HTTP clients do not give are made here. A *total* deadline: their timeout is per read, so a server
that drips a byte a second holds them for as long as it likes; each exchange runs in a daemon thread whose socket is shut
when its time is over. A size cap. And a record of what was really sent and answered, secrets masked at once, so that
nothing later can show one. No proxy, cookie jar or netrc of the environment plays a part unless it is asked for.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from qbdoctor.model.exchanges import Exchange, Failure, SetCookie
from qbdoctor.model.waiting import Meanwhile, until
from qbdoctor.values import replace
from qbdoctor.webui.call import REQUEST_SECONDS, VERSION_PATH, Call, parse_set_cookie
from qbdoctor.webui.masks import OF_EVERY_ANSWER, Deadline, Masks
from qbdoctor.webui.recognise import bears_marks, finds_none_alive
from qbdoctor.webui.transport import Answer, Job, run_job

if TYPE_CHECKING:
    from qbdoctor.target.address import Address

NOTICE_SECONDS = 1.0
"""A person at a terminal is told what is waited for after this long."""
AT_ONCE = 0.003
"""Seconds in which a server nearby answers what it need not compute: other work begins after that, for it cannot be left off."""
SHOWN_BODY = 2048
SESSION_LENGTH = 16
"""Characters. A shorter value of a cookie is no session's, but a server's number, a language, a theme (qBittorrent's have 32):
taken for a secret it would be looked for in every text, and `1` or `true` found in most."""
LIMITS = (429, 503)
"""Too Many Requests (RFC 6585), and what nginx's limit_req says unless told otherwise."""
PAUSES = (0.4, 1.2)
SPACING = 0.25
MOST_PAUSED = 5.0
"""Seconds that one run waits for limits of what stands in front, all in all."""
FAIR = 1.0
"""Seconds; silence in less, because the run's time was almost used up, says nothing about the server."""

SILENT_SECONDS = 1.5
"""What a request has at another address than the target's own where one before it waited for nothing."""


class Wire:
    """The requests of one run to one target.

    ``verify`` is what requests takes: True, False or the path of a CA file. ``exchanges`` keeps all that was sent, in
    order; ``waiting`` is told, where it is given, what an answer is awaited from. ``meanwhile`` is done while answers are
    awaited.
    ``opened`` every cookie that an answer set with the call it answered, so that sessions can be logged out.
    ``untrusted`` is a request that failed because the certificate is not trusted: from then on nothing is verified, and no
    secret is sent.
    ``limited`` are requests that something in front refused because too many came, each with the answer to the same one later.
    ``certificate`` is the one (DER) that the target's own address showed last.
    A name is looked up once: all later requests to a host and port go to the IP address that answered first, since another
    one of the same name may be another program's.
    """

    def __init__(self, address: Address, deadline: Deadline, masks: Masks, *, verify: bool | str = True) -> None:
        self.address = address
        self.deadline = deadline
        self.masks = masks
        self.verify = verify
        self.untrusted: Exchange | None = None
        self.waiting: Callable[[str], None] | None = None
        self.meanwhile = Meanwhile()
        self.exchanges: list[Exchange] = []
        self.opened: list[tuple[SetCookie, Call]] = []
        self.limited: list[tuple[Exchange, Exchange]] = []
        self.certificate: bytes | None = None
        self._paused = 0.0
        self._silent: set[tuple[str, str, int]] = set()
        self._peers: dict[tuple[str, int], str] = {}

    def send(self, call: Call) -> Exchange:
        """Send one request and return what came of it; never raises for what the network or the server does."""
        return self.read(call)[0]

    def read(self, call: Call) -> tuple[Exchange, bytes]:
        """Like :meth:`send`, with the answer's bytes. Redirects are not followed.

        What something in front refuses because too many requests came is sent again after a pause, but for a login. So is,
        once, what may have met a server that was busy just then.
        """
        if self.limited:
            self._pause(SPACING)
        exchange, raw = self._read(call)
        if self._may_be_late(call, exchange):
            exchange, raw = self._once_more(call, exchange)
        for seconds in PAUSES:
            if not self._is_limit(exchange) or "password" in (call.form or {}) or not self._pause(seconds):
                break
            refused = exchange
            exchange, raw = self._read(call)
            if exchange.answered and not self._is_limit(exchange):
                self.limited.append((refused, exchange))
        if self._is_limit(exchange) and not self.limited:
            self._paused = MOST_PAUSED  # waiting helps nothing here
        return exchange, raw

    def _may_be_late(self, call: Call, exchange: Exchange) -> bool:
        """Return whether silence may be a pause of a server that answers otherwise: a busy processor, a disk that wakes up.

        It answered before in this run, or has been asked nothing else yet.
        """
        if exchange.failure is None or exchange.failure.kind != "timeout":
            return False
        if min(call.seconds, self.deadline.remaining()) < REQUEST_SECONDS:
            return False
        where = call.address or self.address
        new = len(self.exchanges) == 1 and not exchange.failure.got
        return (call.method == "GET" or call.harmless) and (new or self._has_answered(where))

    def _has_answered(self, where: Address) -> bool:
        start = f"{where.scheme}://{where.authority}/"
        return any(one.answered and one.url.startswith(start) for one in self.exchanges)

    def _once_more(self, call: Call, late: Exchange) -> tuple[Exchange, bytes]:
        """Send it again, after a call that needs nothing: while that gets no answer, silence says nothing of this one."""
        if self._has_answered(call.address or self.address):
            free = self._read(Call("GET", VERSION_PATH, address=call.address, verify=call.verify))[0]
            if not free.answered:
                text = "no answer, and none to anything else at that time: the server is too busy to tell"
                return replace(late, failure=Failure("deadline", text)), b""
        return self._read(call)

    def _is_limit(self, exchange: Exchange) -> bool:
        """Return whether it may be our own speed that was refused: qBittorrent itself never answers with these statuses.

        503 also comes where nothing runs behind a proxy: it counts after an answer of qBittorrent's alone.
        """
        if exchange.status not in LIMITS or bears_marks(exchange) or finds_none_alive(exchange):
            return False
        return exchange.status == LIMITS[0] or any(bears_marks(one) for one in self.exchanges)

    def _pause(self, seconds: float) -> bool:
        """Wait, and return True, where the run's share of such pauses allows it."""
        if self._paused + seconds > MOST_PAUSED or self.deadline.remaining() < 2 * seconds:
            return False
        self._paused += seconds
        time.sleep(seconds)
        return True

    def _read(self, call: Call) -> tuple[Exchange, bytes]:
        where = call.address or self.address
        sent = call.sent_headers(where.authority)
        blank = Exchange(call.method, where.join(call.path), tuple((k, _shown_header(k, v)) for k, v in sent.items()))
        way = (where.scheme, where.host, where.port)
        if way in self._silent:
            call = replace(call, seconds=min(call.seconds, SILENT_SECONDS))
        budget = min(call.seconds, self.deadline.remaining())
        if budget <= 0.01:
            text = "the time for this run was used up before it could be sent (--deadline gives more)"
            return replace(blank, failure=Failure("deadline", text)), b""
        if self.untrusted is not None and self._holds_secret(call):
            text = "not sent: the certificate is not trusted (--ca-file FILE trusts it, --insecure takes any)"
            return replace(blank, failure=Failure("withheld", text)), b""
        if call.verify is None:
            call = replace(call, verify=self.verify)
        name = (where.host, where.port)
        if call.peer is None and call.proxy is None:
            call = replace(call, peer=self._peers.get(name))
        job = Job()
        began = time.perf_counter()
        worker = threading.Thread(target=run_job, args=(job, call, blank.url, sent, budget), daemon=True)
        worker.start()
        job.done.wait(AT_ONCE)
        self.meanwhile.work_while(lambda: not job.done.is_set())
        if not until(job.done, min(NOTICE_SECONDS, budget)):
            if self.waiting is not None:
                self.waiting(f"Waiting for {where.url} ({budget:.0f} s at most) …")
            if not until(job.done, budget - (time.perf_counter() - began)):
                job.give_up(budget)
        blank = replace(blank, ms=(time.perf_counter() - began) * 1000, local=job.local, peer=job.peer)
        if job.failure is not None or job.answer is None:
            failure = job.failure or Failure("closed", "no answer")
            if failure.kind in {"timeout", "connect-timeout"} and budget < min(call.seconds, FAIR):
                text = f"no answer in the {budget:.2g} s that were left for this run (--deadline gives more)"
                failure = Failure("deadline", text, failure.got)
            elif blank.ms >= SILENT_SECONDS * 1000 and where != self.address and not self._has_answered(where):
                self._silent.add(way)  # whether our time or the server's own was over
            exchange, raw = replace(blank, status=job.status, failure=failure), b""
        else:
            exchange, raw = self._record(blank, job.answer, show_body=call.show_body)
        if exchange.answered and exchange.peer and "%" not in exchange.peer and call.proxy is None:
            self._peers.setdefault(name, exchange.peer)
        if job.certificate is not None and where == self.address and call.proxy is None:
            self.certificate = job.certificate
        self.exchanges.append(exchange)
        self.opened.extend((cookie, call) for cookie in exchange.cookies if cookie.value)
        return exchange, raw

    def distrust(self, refused: Exchange) -> None:
        """Go on without verification, and without sending a secret, after a request that failed for the certificate."""
        self.untrusted, self.verify = refused, False

    def _holds_secret(self, call: Call) -> bool:
        """Return whether a call would hand on a password or a key; a session's cookie came from the same server."""
        parts = [f"{name}={value}" for name, value in (call.form or {}).items()]
        if any("password" in part for part in parts):
            return True
        parts += [call.bearer.reveal()] if call.bearer is not None else []
        return any(self.masks.hide(part) != part for part in parts)

    def _record(self, blank: Exchange, answer: Answer, *, show_body: bool) -> tuple[Exchange, bytes]:
        headers: list[tuple[str, str]] = []
        cookies: list[SetCookie] = []
        for name, value in answer.headers:
            cookie = parse_set_cookie(value) if name.lower() == "set-cookie" else None
            if cookie is not None:
                if len(cookie.value.reveal()) >= SESSION_LENGTH:
                    self.masks.add(cookie.value)
                cookie = self._masked(cookie)
                cookies.append(cookie)
            shown = self.masks.hide(cookie.shown()) if cookie else self.masks.hide_value(name, value)
            headers.append((self.masks.hide(name) if name.lower() not in OF_EVERY_ANSWER else name, shown))
        # More than is shown is looked through: a secret may lie across the end.
        text = (
            self.masks.hide(answer.raw[: 2 * SHOWN_BODY].decode("utf-8", "replace"))[:SHOWN_BODY]
            if show_body
            else "(not shown)"
        )
        exchange = replace(
            blank,
            status=answer.status,
            reason=self.masks.hide(answer.reason),
            headers=tuple(headers),
            body=text,
            size=len(answer.raw),
            cookies=tuple(cookies),
        )
        return exchange, answer.raw

    def _masked(self, cookie: SetCookie) -> SetCookie:
        """Return the cookie without a secret in its attributes; its value is one, and is never shown."""

        def hide(text: str | None) -> str | None:
            return None if text is None else self.masks.hide(text)

        return replace(
            cookie,
            same_site=hide(cookie.same_site),
            path=hide(cookie.path),
            domain=hide(cookie.domain),
            expires=hide(cookie.expires),
            max_age=hide(cookie.max_age),
        )


def _shown_header(name: str, value: str) -> str:
    """Return a header of ours as it may be shown; only these two ever hold a secret."""
    if name.lower() == "cookie":
        return re.sub(r"=[^;]*", "=***", value)
    if name.lower() == "authorization":
        return value.partition(" ")[0] + " ***"
    return value
