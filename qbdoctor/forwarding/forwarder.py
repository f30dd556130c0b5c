"""Forwards requests to one server and its answers back, by aiohttp; the one module of the room that needs it.

Requests and answers pass as they are given: status, reason, headers (order and case), bodies as they stream. What cannot
be kept, by aiohttp's parser: a header's bytes that are no UTF-8, trailers, the borders of chunks, requests that are no
valid HTTP (answered 400 here), a target in another form than ``/path``, and an answer whose end is the end of its
connection comes chunked. A connection to the server is used again only within a time in which the server does not close
it, so that no request is lost by one that it has just closed; the client's own connection is kept as the server says.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection

import aiohttp
from aiohttp import ClientHandlerType, web  # the first came with the middlewares of 3.12, which are needed
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from qbdoctor import releases
from qbdoctor.forwarding.rewriting import is_chunked
from qbdoctor.model import system
from qbdoctor.storage.own_programs import is_taken
from qbdoctor.target.address import Address

Headers = Sequence[tuple[str, str]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

KEEP_ALIVE_SECONDS = 7.0
"""How long qBittorrent keeps an idle connection (base/http/server.cpp, KEEP_ALIVE_DURATION)."""
REUSED_SECONDS = 3.0
"""How long an idle connection to the server is used again, well within the server's own time."""
CONNECT_SECONDS = 30.0
LINGERING_SECONDS = 30.0
"""How long a client that was answered while it still sent is listened to, so that it reads the answer; nginx' time."""
LONGEST_HEADER = 65536
REFUSED_SECONDS = 1.0
"""How long the answer to a request is waited for whose body is longer than any release takes one."""
_LARGEST: int = releases.rule("body.largest", releases.NEWEST)
AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
FAILURES = (TimeoutError, aiohttp.ClientError, OSError, ValueError)
"""What a request raises that got no answer, or whose answer broke off; :func:`failure` has the words."""
_ANSWER = "qbdoctor.answer"
_LOG = logging.getLogger("qbdoctor.forwarding")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


@dataclass
class Outgoing:
    """A request to the server; ``target`` is its path with the query, ``body`` None where it has none."""

    method: str
    target: str
    headers: Headers
    body: AsyncIterator[bytes] | None = None


@dataclass
class Incoming:
    """The server's answer; ``body`` is None after a HEAD."""

    status: int
    reason: str
    headers: Headers
    body: AsyncIterator[bytes] | None = None


class Forwarder:
    """Serves clients by ``handle`` and asks ``target``."""

    def __init__(self, target: Address, handle: Handler, *, verify: bool | str = True) -> None:
        self.target = target
        self._handle = handle
        self._session: aiohttp.ClientSession | None = None
        self._once: aiohttp.ClientSession | None = None
        self._tls = _context(verify) if target.scheme == "https" else None

    @contextlib.asynccontextmanager
    async def serving(self, sockets: list[socket.socket]) -> AsyncIterator[None]:
        """Serve on these sockets for the length of the block; with none of them, only :meth:`ask` works."""
        app = web.Application(middlewares=[self._middleware], client_max_size=0)  # it sees every path, routed or not
        app.on_response_prepare.append(self._as_they_are)
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_LOG,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
            auto_decompress=False,
            shutdown_timeout=2.0,
            lingering_time=LINGERING_SECONDS,
        )
        async with self._client(reused=True) as self._session, self._client(reused=False) as self._once:
            await runner.setup()
            try:
                for one in sockets:
                    await web.SockSite(runner, one).start()
                yield
            finally:
                await runner.cleanup()

    def _client(self, *, reused: bool) -> aiohttp.ClientSession:
        """Return a client of the server; ``reused``: whether its connections take more than one request."""
        connector = aiohttp.TCPConnector(
            ssl=self._tls or True,
            limit=0,
            use_dns_cache=False,
            force_close=not reused,
            keepalive_timeout=REUSED_SECONDS if reused else None,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            skip_auto_headers=AUTO_HEADERS,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
        )

    @web.middleware
    async def _middleware(self, request: web.Request, handler: object) -> web.StreamResponse:  # noqa: ARG002
        return await self._handle(request)

    # --- to the server -----------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def ask(self, sent: Outgoing) -> AsyncIterator[Incoming]:
        """Send a request with its headers to the letter; the answer's body streams within the block.

        Raises one of :data:`FAILURES`.
        """
        if sent.method == "HEAD":
            yield await self._head(sent)
            return
        assert self._session is not None and self._once is not None  # noqa: S101 - made before anything is served
        chunked = is_chunked(sent.headers)
        length = [value for name, value in sent.headers if name.lower() == "content-length"]

        async def exactly(asked: aiohttp.ClientRequest, send: ClientHandlerType) -> aiohttp.ClientResponse:
            asked.headers.clear()
            for name, value in sent.headers:
                asked.headers.add(name, value)
            return await send(asked)

        refused = length and length[-1].isdigit() and int(length[-1]) > _LARGEST
        body = _Hesitating(sent.body) if sent.body is not None and refused else sent.body
        # qBittorrent takes the chunks of a body for requests that follow: an answer to them must not meet another's request
        session = self._once if chunked else self._session
        answer = await session.request(
            sent.method,
            URL(f"{self.target.scheme}://{self.target.authority}{sent.target}", encoded=True),
            headers={"Content-Length": length[-1]} if length and not chunked else None,
            data=body,
            chunked=True if chunked else None,
            allow_redirects=False,
            middlewares=(exactly,),
        )
        try:
            yield Incoming(answer.status, answer.reason or "", decoded(answer.raw_headers), answer.content.iter_any())
        finally:
            answer.close()

    async def _head(self, sent: Outgoing) -> Incoming:
        """Ask by HEAD: older releases send a body after its answer, at which aiohttp's client gives up."""

        def ask() -> Incoming:
            target = self.target
            if self._tls is not None:
                connection: HTTPConnection = HTTPSConnection(target.host, target.port, context=self._tls)
            else:
                connection = HTTPConnection(target.host, target.port)
            with contextlib.closing(connection):
                connection.putrequest("HEAD", sent.target, skip_host=True, skip_accept_encoding=True)
                for name, value in sent.headers:
                    connection.putheader(name, value.encode("utf-8", "surrogateescape"))
                connection.endheaders()
                answer = connection.getresponse()
                return Incoming(answer.status, answer.reason, answer.getheaders())

        try:
            return await _in_thread(ask)
        except HTTPException as error:
            raise aiohttp.ClientError(type(error).__name__) from error

    # --- back to the client ------------------------------------------------------------------------------------------

    async def give(self, request: web.Request, answer: Incoming) -> web.StreamResponse:
        """Hand an answer to the client, its body as it comes; a short one in one piece with its headers."""
        request[_ANSWER] = answer.headers
        named = {name.lower(): value for name, value in answer.headers}
        length = int(named["content-length"]) if named.get("content-length", "").isdigit() else None
        first, broken = b"", None
        if answer.body is not None and length:
            try:
                first = await anext(answer.body, b"")
            except FAILURES as error:  # its beginning came, and goes on before it breaks off here too
                broken = error
        if length and len(first) == length:
            whole = web.Response(status=answer.status, reason=answer.reason, body=first)
            if named.get("connection", "").lower() == "close":
                whole.force_close()
            return whole
        response = web.StreamResponse(status=answer.status, reason=answer.reason)
        if is_chunked(answer.headers) and request.version >= (1, 1):
            response.enable_chunked_encoding()
        elif length is not None:
            response.content_length = length
        if named.get("connection", "").lower() == "close":
            response.force_close()
        await response.prepare(request)
        if broken is not None:
            raise broken
        if first:
            await response.write(first)
        if answer.body is not None:
            async for chunk in answer.body:
                await response.write(chunk)
        await response.write_eof()
        return response

    async def _as_they_are(self, request: web.Request, response: web.StreamResponse) -> None:
        """Replace what aiohttp would send by what the server sent; its own framing stays where the server had none."""
        raw: Headers | None = request.get(_ANSWER)
        if raw is None:
            return
        framing = response.headers.get("Transfer-Encoding")
        response.headers.clear()
        for name, value in raw:
            response.headers.add(name, value)
        if framing is not None and "Transfer-Encoding" not in response.headers:
            response.headers["Transfer-Encoding"] = framing


class _Hesitating(aiohttp.payload.AsyncIterablePayload):
    """A body whose length is refused: it is sent where no answer came to the headers.

    Of a server that is sent to when it has answered already, the answer can come twice (over TLS), or be lost.
    """

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write the body, after a pause."""
        writer.send_headers()
        await writer.drain()
        await asyncio.sleep(REFUSED_SECONDS)
        await super().write_with_length(writer, content_length)


def _context(verify: bool | str) -> ssl.SSLContext:
    own = verify if isinstance(verify, str) else None
    if own is None and system.is_macos():  # python.org's builds have an empty store; check uses this one
        import certifi  # noqa: PLC0415 - requests brings it

        own = certifi.where()
    context = ssl.create_default_context(cafile=own)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _in_thread(ask: Callable[[], Incoming]) -> Incoming:
    """Wait for a call that blocks, in a thread that does not keep the program alive: asyncio's own would."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Incoming] = loop.create_future()

    def settle(outcome: Incoming | Exception) -> None:
        if answer.done():
            return
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    def run() -> None:
        outcome: Incoming | Exception
        try:
            outcome = ask()
        except Exception as error:
            outcome = error
        with contextlib.suppress(RuntimeError):  # the run is over
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, daemon=True, name="qbdoctor-head").start()
    return await answer


def decoded(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """Return headers as text from which the bytes can be had back."""
    return [(name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")) for name, value in raw]


def peer_of(request: web.Request) -> tuple[str, int] | None:
    """Return the client's address and port, an IPv4 one mapped into IPv6 as IPv4; None for one that is gone."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return (str(peer[0]).removeprefix("::ffff:"), int(peer[1])) if peer else None


def failure(error: Exception) -> str:
    """Say why there was no answer."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "the target's certificate is not trusted (--ca-file or --insecure)"
        case aiohttp.ClientSSLError():
            return "TLS could not be spoken with the target"
        case aiohttp.ClientConnectorDNSError():
            return "the target's name is not known"
        case aiohttp.ClientConnectorError() | ConnectionRefusedError():
            return "the target cannot be connected to"
        case aiohttp.ServerDisconnectedError():
            return "the target closed the connection"
        case TimeoutError():
            return "the target did not take the connection in time"
    return type(error).__name__


def listen(host: str, port: int, *, also_ipv6: bool) -> list[socket.socket]:
    """Bind; port 0 asks for a free one. ``also_ipv6``: ``localhost`` means ::1 too. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if port and is_taken(host, port):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    first = socket.create_server((host, port), family=family)
    sockets = [first]
    if also_ipv6 and family == socket.AF_INET:
        with contextlib.suppress(OSError):  # a machine without IPv6, or the port is taken there
            sockets.append(socket.create_server(("::1", first.getsockname()[1]), family=socket.AF_INET6))
    return sockets


def address_of(sockets: list[socket.socket], host: str) -> Address:
    """Return the address to hand out."""
    return Address("http", host, int(sockets[0].getsockname()[1]))
