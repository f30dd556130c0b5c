"""Sends one request in a thread that can be abandoned, and classifies why it failed."""

from __future__ import annotations

import contextlib
import socket
import threading
import warnings
import zlib
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode, urlsplit

from qbdoctor.model.exchanges import Failure
from qbdoctor.values import frozen
from qbdoctor.webui.call import Call

if TYPE_CHECKING:
    from typing import Any


@frozen
class Answer:
    """What came back: the headers as they were sent, each line one; the body unpacked."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    raw: bytes


class Job:
    """What one exchange's thread and its watcher share."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self.local: str | None = None
        self.peer: str | None = None
        self.certificate: bytes | None = None
        self.status: int | None = None
        self.got = 0
        self.done = threading.Event()
        self.answer: Answer | None = None
        self.failure: Failure | None = None

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
    try:
        if call.proxy is None:
            _exchange(job, call, url, sent, seconds)
        else:
            _exchange_through_proxy(job, call, url, sent, seconds)
    except Exception as error:
        if job.failure is None:
            job.failure = classify(error, tls=url.startswith("https:"), connected=job.sock is not None)
    finally:
        job.done.set()


def _exchange(job: Job, call: Call, url: str, sent: Mapping[str, str], seconds: float) -> None:
    """Send one request over a connection of its own; the standard library's client, since importing requests costs 75 ms."""
    parts = urlsplit(url)
    host, port = unquote(parts.hostname or ""), parts.port or (443 if parts.scheme == "https" else 80)
    body = urlencode(dict(call.form)).encode() if call.form is not None else call.content
    with contextlib.closing(_connected(job, call, host, port, seconds)) as sock:
        if parts.scheme == "https":
            sock = _tls(job, sock, call.verify, host)  # noqa: PLW2901 - takes the socket over
        connection = HTTPConnection(host, port)
        connection.sock, connection.auto_open = sock, 0
        with contextlib.closing(connection):
            # As requests quotes it: what is quoted already stays so.
            target = quote(url.partition("://")[2].removeprefix(parts.netloc) or "/", safe="!#$%&'()*+,/:;=?@[]~")
            connection.putrequest(call.method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in _with_body(sent, call, body).items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            job.status = response.status
            raw = _read(job, response, call.cap)
            if raw is not None:
                job.answer = Answer(response.status, response.reason, tuple(response.headers.items()), raw)


def _with_body(sent: Mapping[str, str], call: Call, body: bytes | None) -> dict[str, str]:
    """Return the headers with those that a body needs, and that a POST without one needs."""
    given = {name.lower() for name in sent}
    made = dict(sent)
    if call.form is not None and "content-type" not in given:
        made["Content-Type"] = "application/x-www-form-urlencoded"
    if (body is not None or call.method == "POST") and "content-length" not in given:
        made["Content-Length"] = str(len(body or b""))
    return made


def _connected(job: Job, call: Call, host: str, port: int, seconds: float) -> socket.socket:
    """Return a socket that is connected to ``call.peer``, else to the host, and tell the job of it."""
    source = None if call.source is None else (call.source, 0)
    where: Any = call.peer or host
    if where.isascii():
        where = where.encode()  # else Python encodes it as an international name, whose tables take 1 ms to load
    sock = socket.create_connection((where, port), seconds, source)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    job.sock = sock
    with contextlib.suppress(OSError, IndexError):
        job.local, job.peer = sock.getsockname()[0], _reached(sock)
    return sock


def _reached(sock: socket.socket) -> str:
    """Return the address at the other end; a link-local one with its zone, without which nothing can be sent there again."""
    host, _, *rest = sock.getpeername()
    zone = rest[1] if len(rest) > 1 else 0
    return f"{host}%{socket.if_indextoname(zone)}" if zone and "%" not in host else str(host)


def _tls(job: Job, sock: socket.socket, verify: bool | str | None, host: str) -> socket.socket:
    """Return the socket with TLS on it; ``verify`` as :class:`qbdoctor.webui.wire.Wire` takes it."""
    import ssl  # noqa: PLC0415

    if verify is False:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        import certifi  # noqa: PLC0415

        context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    # The job has it before the handshake: one that hangs must already be killable.
    secured = context.wrap_socket(
        sock, server_hostname=host.partition("%")[0].rstrip("."), do_handshake_on_connect=False
    )
    job.sock = secured
    try:
        secured.do_handshake()
    except BaseException:
        secured.close()
        raise
    with contextlib.suppress(OSError, ValueError):
        job.certificate = secured.getpeercert(True)
    return secured


def _read(job: Job, response: HTTPResponse, cap: int) -> bytes | None:
    """Return the body, unpacked; None, and the failure in the job, where it goes on past the cap."""
    raw = bytearray()
    unpack = _unpacker(response.headers.get("Content-Encoding", ""))
    while chunk := response.read1(65536):
        raw += unpack(chunk, cap + 1 - len(raw))
        job.got = len(raw)
        if len(raw) > cap:
            text = f"the answer ({response.status}) went on past {cap >> 20} MiB"
            job.failure = Failure("too-large", text, len(raw))
            return None
    if response.length:
        raise IncompleteRead(bytes(raw), response.length)
    return bytes(raw)


def _unpacker(encoding: str) -> Callable[[bytes, int], bytes]:
    """Return what unpacks a body that was packed though we ask for none that is; its second argument is the most it gives."""
    if encoding.strip().lower() in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(wbits=32 + zlib.MAX_WBITS).decompress
    return lambda chunk, _most: chunk


def _exchange_through_proxy(job: Job, call: Call, url: str, sent: Mapping[str, str], seconds: float) -> None:
    """Send one request as requests does through the proxy of an environment; nothing is read from ours."""
    import requests  # noqa: PLC0415 - 75 ms, and seldom asked for
    from requests.adapters import HTTPAdapter  # noqa: PLC0415
    from urllib3.exceptions import InsecureRequestWarning  # noqa: PLC0415

    warnings.filterwarnings("ignore", category=InsecureRequestWarning)  # whoever says --insecure knows it
    with contextlib.closing(HTTPAdapter(max_retries=0)) as adapter:
        body = dict(call.form) if call.form is not None else call.content
        prepared = requests.Request(call.method, url, headers=dict(sent), data=body).prepare()
        # The adapter alone: a session would follow redirects (or read their bodies whole), keep cookies, ask netrc.
        response = adapter.send(
            prepared,
            stream=True,
            timeout=seconds,
            verify=True if call.verify is None else call.verify,
            proxies={"http": call.proxy or "", "https": call.proxy or ""},
        )
        job.status = response.status_code
        raw = response.raw.read(call.cap + 1, decode_content=True)
        if len(raw) > call.cap:
            text = f"the answer ({response.status_code}) went on past {call.cap >> 20} MiB"
            job.failure = Failure("too-large", text, len(raw))
            return
        job.answer = Answer(response.status_code, response.reason or "", tuple(response.raw.headers.items()), raw)


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


def classify(error: BaseException, *, tls: bool, connected: bool) -> Failure:
    """Say what a failed exchange means, from the exceptions of http.client, ssl, the system, and those of requests' way.

    ``tls`` is True where the request was an https one, ``connected`` where there was a connection when it failed.
    """
    import ssl  # noqa: PLC0415

    chain = _chain(error)

    def has(*kinds: type[BaseException]) -> BaseException | None:
        return next((one for one in chain if isinstance(one, kinds)), None)

    if any(type(one).__name__ == "ProxyError" for one in chain):  # of requests or urllib3
        return Failure("proxy", "the proxy did not carry the request")
    if (untrusted := has(ssl.SSLCertVerificationError)) is not None:
        why = getattr(untrusted, "verify_message", "") or "it could not be verified"
        return Failure("tls-untrusted", f"the certificate is not trusted: {why}")
    if (broken := has(ssl.SSLError)) is not None:
        return Failure("tls", f"TLS could not be spoken: {getattr(broken, 'reason', None) or 'handshake failed'}")
    if (resolver := has(socket.gaierror)) is not None:
        why = getattr(resolver, "strerror", None) or "no address was found"
        return Failure("dns", f"the host name cannot be resolved ({why})")
    if has(ConnectionRefusedError):
        return Failure("refused", "connection refused")
    if has(TimeoutError) or any(type(one).__name__ == "ReadTimeoutError" for one in chain):
        if connected:
            return Failure("timeout", "connected, but no complete answer in time")
        return Failure("connect-timeout", "no answer to the connection attempt")
    if has(ConnectionResetError, BrokenPipeError, IncompleteRead, RemoteDisconnected):
        what = "TLS handshake" if tls else "complete answer"
        return Failure("closed", f"the connection was closed before a {what}")
    if has(HTTPException, UnicodeError, zlib.error):
        return Failure("not-http", "what came back is not HTTP")
    system = next((one for one in chain if isinstance(one, OSError) and one.errno), None)
    if system is not None:
        return Failure("unreachable", f"the address cannot be reached ({system.strerror or 'network error'})")
    return Failure("not-http", "what came back could not be understood")
