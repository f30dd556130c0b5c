"""One lane to one target: every HTTP request that qbdoctor sends goes through here, one after another.

Three things ``requests`` alone does not give are made here. A *total* deadline: its timeout is per read, so a server
that drips a byte a second holds it for as long as it likes; each exchange runs in a daemon thread whose socket is shut
when its time is over. A size cap. And a record of what was really sent and answered, secrets masked at once, so that
nothing later can show one. No proxy, cookie jar or netrc of the environment plays a part unless it is asked for.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.client import BadStatusLine, HTTPException, LineTooLong, RemoteDisconnected
from http.cookies import CookieError
from typing import TYPE_CHECKING, Any

from qbdoctor import __version__
from qbdoctor.model.basics import Secret
from qbdoctor.model.exchanges import Exchange, Failure, SetCookie

if TYPE_CHECKING:
    import requests
    from requests.adapters import HTTPAdapter

    from qbdoctor.target.address import Address

BODY_CAP = 1 << 20
"""Bytes of an answer that are read at most; the largest that qbdoctor asks for, app/preferences, has about 10 kB."""
SHOWN_BODY = 2048
VERSION_PATH = "/api/v2/app/version"
REQUEST_SECONDS = 8.0
"""One request's share of the run: a loaded NAS answers in under two seconds, a hung server never."""
FAIR = 1.0
"""Seconds; silence in less, because the run's time was almost used up, says nothing about the server."""

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


def parse_set_cookie(header: str) -> SetCookie | None:
    """Take one Set-Cookie header apart; None where there is no name. Never decides whether a client would keep it."""
    first, *attributes = header.split(";")
    name, equals, value = first.partition("=")
    if not equals or not name.strip():
        return None
    known: dict[str, str] = {}
    for attribute in attributes:
        key, _, text = attribute.partition("=")
        known[key.strip().lower()] = text.strip()
    return SetCookie(
        name=name.strip(),
        value=Secret(value.strip()),
        http_only="httponly" in known,
        secure="secure" in known,
        same_site=known.get("samesite"),
        path=known.get("path"),
        domain=known.get("domain"),
        expires=known.get("expires"),
        max_age=known.get("max-age"),
    )


@dataclass
class _Job:
    """What one exchange's thread and its watcher share."""

    sock: socket.socket | None = None
    local: str | None = None
    peer: str | None = None
    status: int | None = None
    got: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    answer: tuple[requests.Response, bytes] | None = None
    failure: Failure | None = None

    def give_up(self, seconds: float) -> None:
        """End an exchange whose time is over: say so, and wake the thread that is blocked on its socket."""
        if self.sock is None:
            self.failure = Failure("connect-timeout", f"no connection within {seconds:.1f} s")
            return
        self.failure = Failure("timeout", f"connected, but no complete answer within {seconds:.1f} s", self.got)
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to be sent. ``path`` starts with ``/`` and goes behind the address's own path.

    ``seconds`` is the total time for it, capped by the run's deadline. ``address``, ``verify`` and ``source`` (the
    local address to come from) override the wire's; ``proxy`` is the URL of an HTTP proxy to go through.
    ``cap`` is how many bytes of an answer are read at most.
    ``show_body=False`` keeps the answer's text out of the exchange: app/preferences of 5.2 and later holds the API key.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    cookies: Mapping[str, Secret] = field(default_factory=dict)
    bearer: Secret | None = None
    address: Address | None = None
    verify: bool | str | None = None
    proxy: str | None = None
    source: str | None = None
    seconds: float = REQUEST_SECONDS
    show_body: bool = True
    cap: int = BODY_CAP

    def sent_headers(self, authority: str) -> dict[str, str]:
        """Return the headers as they go out, secrets and all."""
        sent = {
            "Host": authority,
            "User-Agent": f"qbdoctor/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **self.headers,
        }
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value.reveal()}" for name, value in self.cookies.items())
        if self.bearer is not None:
            sent["Authorization"] = f"Bearer {self.bearer.reveal()}"
        return sent


class Wire:
    """The requests of one run to one target.

    ``verify`` is what requests takes: True, False or the path of a CA file. ``exchanges`` keeps all that was sent, in
    order; ``opened`` every cookie that an answer set with the call it answered, so that sessions can be logged out.
    """

    def __init__(self, address: Address, deadline: Deadline, masks: Masks, *, verify: bool | str = True) -> None:
        self.address = address
        self.deadline = deadline
        self.masks = masks
        self.verify = verify
        self.exchanges: list[Exchange] = []
        self.opened: list[tuple[SetCookie, Call]] = []

    def send(self, call: Call) -> Exchange:
        """Send one request and return what came of it; never raises for what the network or the server does."""
        return self.read(call)[0]

    def read(self, call: Call) -> tuple[Exchange, bytes]:
        """Like :meth:`send`, with the answer's bytes. Redirects are not followed."""
        where = call.address or self.address
        sent = call.sent_headers(where.authority)
        blank = Exchange(call.method, where.join(call.path), tuple((k, _shown_header(k, v)) for k, v in sent.items()))
        budget = min(call.seconds, self.deadline.remaining())
        if budget <= 0.01:
            text = "the time for this run was used up before it could be sent (--deadline gives more)"
            return replace(blank, failure=Failure("deadline", text)), b""
        if call.verify is None:
            call = replace(call, verify=self.verify)
        job = _Job()
        began = time.perf_counter()
        worker = threading.Thread(target=_work, args=(job, call, blank.url, sent, budget), daemon=True)
        worker.start()
        if not job.done.wait(budget):
            job.give_up(budget)
        blank = replace(blank, ms=(time.perf_counter() - began) * 1000, local=job.local, peer=job.peer)
        if job.failure is not None or job.answer is None:
            failure = job.failure or Failure("closed", "no answer")
            if failure.kind in {"timeout", "connect-timeout"} and budget < min(call.seconds, FAIR):
                text = f"no answer in the {budget:.2g} s that were left for this run (--deadline gives more)"
                failure = Failure("deadline", text, failure.got)
            exchange, raw = replace(blank, status=job.status, failure=failure), b""
        else:
            exchange, raw = self._record(blank, *job.answer, show_body=call.show_body)
        self.exchanges.append(exchange)
        self.opened.extend((cookie, call) for cookie in exchange.cookies if cookie.value)
        return exchange, raw

    def _record(
        self, blank: Exchange, response: requests.Response, raw: bytes, *, show_body: bool
    ) -> tuple[Exchange, bytes]:
        headers: list[tuple[str, str]] = []
        cookies: list[SetCookie] = []
        for name, value in response.raw.headers.items():
            cookie = parse_set_cookie(value) if name.lower() == "set-cookie" else None
            if cookie is not None:
                self.masks.add(cookie.value)
                cookies.append(cookie)
            headers.append((name, cookie.shown() if cookie else self.masks.hide(value)))
        text = self.masks.hide(raw[:SHOWN_BODY].decode("utf-8", "replace")) if show_body else "(not shown)"
        exchange = replace(
            blank,
            status=response.status_code,
            reason=str(response.reason or ""),
            headers=tuple(headers),
            body=text,
            size=len(raw),
            cookies=tuple(cookies),
        )
        return exchange, raw


def _shown_header(name: str, value: str) -> str:
    """Return a header of ours as it may be shown; only these two ever hold a secret."""
    if name.lower() == "cookie":
        return re.sub(r"=[^;]*", "=***", value)
    if name.lower() == "authorization":
        return value.partition(" ")[0] + " ***"
    return value


def _work(job: _Job, call: Call, url: str, sent: Mapping[str, str], seconds: float) -> None:
    """Run one exchange in its own thread; the outcome goes into the job, never out as an exception."""
    import requests  # noqa: PLC0415 - not needed for --help, --version, history

    try:
        # urllib3 takes some zones for broken and looks the others up as URLs write them, which no resolver knows.
        bare, zone = _without_zone(url)
        with contextlib.closing(_adapter(job, call.source, zone)) as adapter:
            form = dict(call.form) if call.form is not None else None
            prepared = requests.Request(call.method, bare, headers=dict(sent), data=form).prepare()
            # The adapter alone: a session would follow redirects (or read their bodies whole), keep cookies, ask netrc.
            response = adapter.send(
                prepared,
                stream=True,
                timeout=seconds,
                verify=True if call.verify is None else call.verify,
                proxies={"http": call.proxy, "https": call.proxy} if call.proxy else {},
            )
            job.status = response.status_code
            raw = bytearray()
            while chunk := response.raw.read1(65536, decode_content=True):
                raw += chunk
                job.got = len(raw)
                if len(raw) > call.cap:
                    text = f"the answer ({response.status_code}) went on past {call.cap >> 20} MiB"
                    job.failure = Failure("too-large", text, len(raw))
                    return
            job.answer = (response, bytes(raw))
    except Exception as error:
        if job.failure is None:
            job.failure = classify(error, tls=url.startswith("https:"))
    finally:
        job.done.set()


def _chain(error: BaseException) -> list[BaseException]:
    """Return the error and all that it wraps: arguments, reasons, causes and contexts."""
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop(0)
        if one is None or one in seen or len(seen) > 20:
            continue
        seen.append(one)
        todo += [arg for arg in (*one.args, getattr(one, "reason", None)) if isinstance(arg, BaseException)]
        todo += [one.__cause__, one.__context__]
    return seen


def classify(error: BaseException, *, tls: bool) -> Failure:
    """Say what a failed exchange means, from the exceptions of requests, urllib3, http.client, ssl and the system.

    ``tls`` is True where the request was an https one.
    """
    import ssl  # noqa: PLC0415

    from urllib3 import exceptions as u3  # noqa: PLC0415

    chain = _chain(error)

    def has(*kinds: type[BaseException]) -> BaseException | None:
        return next((one for one in chain if isinstance(one, kinds)), None)

    if has(u3.ProxyError):
        return Failure("proxy", "the proxy did not carry the request")
    if (untrusted := has(ssl.SSLCertVerificationError)) is not None:
        why = getattr(untrusted, "verify_message", "") or "it could not be verified"
        return Failure("tls-untrusted", f"the certificate is not trusted: {why}")
    if (broken := has(ssl.SSLError)) is not None:
        return Failure("tls", f"TLS could not be spoken: {getattr(broken, 'reason', None) or 'handshake failed'}")
    if has(u3.NameResolutionError, socket.gaierror):
        return Failure("dns", "the host name could not be resolved")
    if has(ConnectionRefusedError):
        return Failure("refused", "connection refused")
    # NewConnectionError is a ConnectTimeoutError as well, whatever the system said (urllib3 2).
    silent = has(u3.ConnectTimeoutError)
    if silent is not None and (not isinstance(silent, u3.NewConnectionError) or has(TimeoutError)):
        return Failure("connect-timeout", "no answer to the connection attempt")
    if has(u3.ReadTimeoutError, TimeoutError):
        return Failure("timeout", "connected, but no complete answer in time")
    if has(ConnectionResetError, BrokenPipeError, u3.IncompleteRead, RemoteDisconnected):
        what = "TLS handshake" if tls else "complete answer"
        return Failure("closed", f"the connection was closed before a {what}")
    if has(BadStatusLine, LineTooLong, HTTPException, u3.HeaderParsingError, CookieError, u3.DecodeError, UnicodeError):
        return Failure("not-http", "what came back is not HTTP")
    if (system := has(OSError)) is not None and getattr(system, "errno", None):
        why = getattr(system, "strerror", "") or "network error"
        return Failure("unreachable", f"the address cannot be reached ({why})")
    return Failure("not-http", "what came back could not be understood")


def _without_zone(url: str) -> tuple[str, str]:
    """Return ``http://[fe80::1%25eth0]:1/x`` without its zone, and the zone as the system writes it, ``%eth0``."""
    found = re.match(r"(https?://\[[^]/%]+)%25([^]/]+)(\].*)", url, re.DOTALL)
    return (found[1] + found[3], f"%{found[2]}") if found else (url, "")


def _adapter(job: _Job, source: str | None, zone: str = "") -> HTTPAdapter:
    """Return requests' transport, telling the job its socket; it reads nothing from the environment.

    ``zone`` is put behind the host, an IPv6 address, where that is connected to.
    """
    from requests.adapters import HTTPAdapter as RequestsAdapter  # noqa: PLC0415
    from urllib3.connection import HTTPConnection, HTTPSConnection  # noqa: PLC0415
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool  # noqa: PLC0415
    from urllib3.exceptions import InsecureRequestWarning  # noqa: PLC0415

    def connected(sock: socket.socket) -> None:
        job.sock = sock
        with contextlib.suppress(OSError, IndexError):
            job.local, job.peer = sock.getsockname()[0], sock.getpeername()[0]

    # Hooked at _new_conn, not connect: a TLS handshake that hangs must already be killable.
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            self._dns_host += zone
            sock = super()._new_conn()
            connected(sock)
            return sock

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            self._dns_host += zone
            sock = super()._new_conn()
            connected(sock)
            return sock

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    class Adapter(RequestsAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            if source is not None:
                kwargs["source_address"] = (source, 0)
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}

    # Whoever says --insecure knows it; and the probes without verification send no credentials.
    warnings.filterwarnings("ignore", category=InsecureRequestWarning)
    return Adapter(max_retries=0)
