"""Sends one request in a thread that can be abandoned, and classifies why it failed."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import BadStatusLine, HTTPException, LineTooLong, RemoteDisconnected
from http.cookies import CookieError
from typing import TYPE_CHECKING, Any

from qbdoctor.model.exchanges import Failure
from qbdoctor.webui.call import Call

if TYPE_CHECKING:
    import requests
    from requests.adapters import HTTPAdapter


@dataclass
class Job:
    """What one exchange's thread and its watcher share."""

    sock: socket.socket | None = None
    local: str | None = None
    peer: str | None = None
    certificate: bytes | None = None
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


def run_job(job: Job, call: Call, url: str, sent: Mapping[str, str], seconds: float) -> None:
    """Run one exchange in its own thread; the outcome goes into the job, never out as an exception."""
    import requests  # noqa: PLC0415 - not needed for --help, --version, history

    try:
        # urllib3 takes some zones for broken and looks the others up as URLs write them, which no resolver knows.
        bare, zone = _without_zone(url)
        with contextlib.closing(_adapter(job, call.source, zone, call.peer)) as adapter:
            body = dict(call.form) if call.form is not None else call.content
            prepared = requests.Request(call.method, bare, headers=dict(sent), data=body).prepare()
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
        resolver = has(socket.gaierror)
        why = getattr(resolver, "strerror", None) or "no address was found"
        return Failure("dns", f"the host name cannot be resolved ({why})")
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
    # The exceptions of requests are OSErrors too, without a number: the system's own stands deeper in the chain.
    system = next((one for one in chain if isinstance(one, OSError) and one.errno), None)
    if system is not None:
        return Failure("unreachable", f"the address cannot be reached ({system.strerror or 'network error'})")
    return Failure("not-http", "what came back could not be understood")


def _without_zone(url: str) -> tuple[str, str]:
    """Return ``http://[fe80::1%25eth0]:1/x`` without its zone, and the zone as the system writes it, ``%eth0``."""
    found = re.match(r"(https?://\[[^]/%]+)%25([^]/]+)(\].*)", url, re.DOTALL)
    return (found[1] + found[3], f"%{found[2]}") if found else (url, "")


def _adapter(job: Job, source: str | None, zone: str = "", peer: str | None = None) -> HTTPAdapter:
    """Return requests' transport, telling the job its socket; it reads nothing from the environment.

    ``zone`` is put behind the host, an IPv6 address, where that is connected to; ``peer`` is connected to in its place.
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
            self._dns_host = peer or self._dns_host + zone
            sock = super()._new_conn()
            connected(sock)
            return sock

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            self._dns_host = peer or self._dns_host + zone
            sock = super()._new_conn()
            connected(sock)
            return sock

        def connect(self) -> None:
            super().connect()
            with contextlib.suppress(OSError, ValueError, AttributeError):
                job.certificate = getattr(self.sock, "getpeercert")(True)  # noqa: B009 - a TLS socket by now

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
