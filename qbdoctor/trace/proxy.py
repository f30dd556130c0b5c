"""Records as a reverse proxy, served and forwarded by aiohttp; the one module of ``trace`` that needs it.

Requests and answers pass as they are: status, reason, headers (order and case), bodies as they stream. What cannot be
kept, by aiohttp's parser: a header's bytes that are no UTF-8, trailers, the borders of chunks, requests that are no
valid HTTP (answered 400 here), a target in another form than ``/path``, and an answer whose end is the end of its
connection comes chunked. Every request opens a connection of its own to the target, so that none is lost by
one that the target has just closed; the client's own connection is kept as the target says.
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
from collections.abc import AsyncIterator, Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection

import aiohttp
from aiohttp import ClientHandlerType, web  # the first came with the middlewares of 3.12, which are needed
from yarl import URL

from qbdoctor.model import system
from qbdoctor.storage.own_programs import is_taken
from qbdoctor.target.address import Address
from qbdoctor.trace.exchange import Seen
from qbdoctor.trace.recorder import Draft, Headers, Notebook
from qbdoctor.trace.rewriting import Names, kind_of, split_authority

KEEP_ALIVE_SECONDS = 7.0
"""How long qBittorrent keeps an idle connection (base/http/server.cpp, KEEP_ALIVE_DURATION)."""
LONGEST_HEADER = 65536
AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_LOG = logging.getLogger("qbdoctor.trace")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


class Proxy:
    """Forwards to ``names.target`` and hands every finished exchange to ``seen``."""

    def __init__(self, names: Names, seen: Callable[[Seen], None], *, verify: bool | str = True) -> None:
        self.names = names
        self.notebook = Notebook(names)
        self._seen = seen
        self._verify = verify
        self._connections: dict[object, int] = {}
        self._answers: dict[int, Headers] = {}
        self._session: aiohttp.ClientSession | None = None
        self._tls = self._ssl() if names.target.scheme == "https" else None

    @contextlib.asynccontextmanager
    async def serving(self, sockets: list[socket.socket]) -> AsyncIterator[None]:
        """Serve on these sockets for the length of the block."""
        app = web.Application(middlewares=[self._middleware])  # a middleware sees every path, routed or not
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
        )
        connector = aiohttp.TCPConnector(ssl=self._tls or True, limit=0, use_dns_cache=False)
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=30.0),
            skip_auto_headers=AUTO_HEADERS,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
        ) as self._session:
            await runner.setup()
            try:
                for one in sockets:
                    await web.SockSite(runner, one).start()
                yield
            finally:
                await runner.cleanup()

    def _ssl(self) -> ssl.SSLContext:
        own = self._verify if isinstance(self._verify, str) else None
        if own is None and system.is_macos():  # python.org's builds have an empty store; check uses this one
            import certifi  # noqa: PLC0415 - requests brings it

            own = certifi.where()
        context = ssl.create_default_context(cafile=own)
        if self._verify is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    # --- one exchange ----------------------------------------------------------------------------------------------

    @web.middleware
    async def _middleware(self, request: web.Request, handler: object) -> web.StreamResponse:  # noqa: ARG002
        return await self._exchange(request)

    async def _exchange(self, request: web.Request) -> web.StreamResponse:
        headers = _decoded(request.raw_headers)
        address, connection = self._client(request)
        draft = self.notebook.start(address, connection, request.method, request.raw_path, headers)
        try:
            return await self._forward(request, draft)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            if draft.status is None:
                draft.notes.append(_failure(error))
            else:
                went = "the client went away" if isinstance(error, ConnectionResetError) else "the target broke off"
                draft.notes.append(f"{went} before the answer's end")
            if request.transport is not None:
                request.transport.abort()  # as near to the target's silence as can be: no answer of our own
            return web.Response()
        finally:
            self._answers.pop(id(request), None)
            self._seen(self.notebook.finish(draft))

    async def _forward(self, request: web.Request, draft: Draft) -> web.StreamResponse:
        assert self._session is not None  # noqa: S101 - it is made before anything is served
        if not draft.target.startswith("/"):
            draft.notes.append("not passed on: its target is no path")
            draft.status = 400
            return web.Response(status=400)
        target = self.names.target
        sent = self._translated(draft)
        if request.method == "HEAD":
            return await self._head(request, draft, sent)
        chunked = any(name.lower() == "transfer-encoding" and "chunked" in value.lower() for name, value in sent)
        length = [value for name, value in sent if name.lower() == "content-length"]

        async def exactly(asked: aiohttp.ClientRequest, send: ClientHandlerType) -> aiohttp.ClientResponse:
            asked.headers.clear()
            for name, value in sent:
                asked.headers.add(name, value)
            return await send(asked)

        answer = await self._session.request(
            request.method,
            URL(f"{target.scheme}://{target.authority}{draft.target}", encoded=True),
            headers={"Content-Length": length[-1]} if length and not chunked else None,
            data=self._body(request, draft) if request.can_read_body else None,
            chunked=True if chunked else None,
            allow_redirects=False,
            middlewares=(exactly,),
        )
        try:
            return await self._answer(request, draft, answer)
        finally:
            answer.close()

    async def _head(self, request: web.Request, draft: Draft, sent: Headers) -> web.StreamResponse:
        """Forward a HEAD: older releases send a body after its answer, at which aiohttp's client gives up."""

        def ask() -> tuple[int, str, Headers]:
            target = self.names.target
            if self._tls is not None:
                connection: HTTPConnection = HTTPSConnection(target.host, target.port, context=self._tls)
            else:
                connection = HTTPConnection(target.host, target.port)
            with contextlib.closing(connection):
                connection.putrequest("HEAD", draft.target, skip_host=True, skip_accept_encoding=True)
                for name, value in sent:
                    connection.putheader(name, value.encode("utf-8", "surrogateescape"))
                connection.endheaders()
                answer = connection.getresponse()
                return answer.status, answer.reason, answer.getheaders()

        try:
            draft.status, reason, headers = await _in_thread(ask)
        except HTTPException as error:
            raise aiohttp.ClientError(type(error).__name__) from error
        response = self._begun(request, draft, headers, reason)
        await response.prepare(request)
        await response.write_eof()
        return response

    @staticmethod
    async def _body(request: web.Request, draft: Draft) -> AsyncIterator[bytes]:
        async for chunk in request.content.iter_any():
            draft.sent(chunk)
            yield chunk

    async def _answer(self, request: web.Request, draft: Draft, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        draft.status = answer.status
        response = self._begun(request, draft, _decoded(answer.raw_headers), answer.reason or "")
        await response.prepare(request)
        async for chunk in answer.content.iter_any():
            draft.came(chunk)
            await response.write(chunk)
        await response.write_eof()
        return response

    def _begun(self, request: web.Request, draft: Draft, headers: Headers, reason: str) -> web.StreamResponse:
        """Return the answer with the target's framing; :meth:`_as_they_are` gives it the headers."""
        draft.answer_headers = self._answered(draft, headers)
        self._answers[id(request)] = draft.answer_headers
        response = web.StreamResponse(status=draft.status or 502, reason=reason)
        named = {name.lower(): value for name, value in draft.answer_headers}
        if "chunked" in named.get("transfer-encoding", "").lower() and request.version >= (1, 1):
            response.enable_chunked_encoding()
        elif named.get("content-length", "").isdigit():
            response.content_length = int(named["content-length"])
        if named.get("connection", "").lower() == "close":
            response.force_close()
        return response

    async def _as_they_are(self, request: web.Request, response: web.StreamResponse) -> None:
        """Replace what aiohttp would send by what the target sent; its own framing stays where the target had none."""
        raw = self._answers.get(id(request))
        if raw is None:
            return
        framing = response.headers.get("Transfer-Encoding")
        response.headers.clear()
        for name, value in raw:
            response.headers.add(name, value)
        if framing is not None and "Transfer-Encoding" not in response.headers:
            response.headers["Transfer-Encoding"] = framing

    # --- what is translated ----------------------------------------------------------------------------------------

    def _translated(self, draft: Draft) -> Headers:
        host = next((value for name, value in draft.headers if name.lower() == "host"), "")
        here = kind_of(split_authority(host)[0])
        there = kind_of(self.names.target.host)
        if host and self.names.names_proxy(host) and here != there:
            said = {"ip": "an address", "name": "a name", "none": "nothing"}
            draft.notes.append(
                f"the client calls by {said[here]}, the target has {said[there]}: clients treat these differently"
            )
        translated = []
        for name, value in draft.headers:
            match name.lower():
                case "host":
                    translated.append((name, self.names.host(value)))
                case "origin" | "referer":
                    translated.append((name, self.names.source(value, host)[0]))
                case _:
                    translated.append((name, value))
        return translated

    def _answered(self, draft: Draft, headers: Headers) -> Headers:
        passed = []
        for name, value in headers:
            kept = value
            if name.lower() == "location" and (kept := self.names.location(value)) != value:
                draft.notes.append("the redirect to the target leads to this proxy")
            if name.lower() == "set-cookie" and self.names.target.scheme == "https":
                kept = "; ".join(part for part in value.split("; ") if part.strip(" ;").lower() != "secure")
                if kept != value:
                    draft.notes.append("Secure was taken from the cookie: the target has https, this proxy http")
            elif name.lower() == "set-cookie" and "secure" in value.lower() and not self.names.target.is_loopback:
                draft.notes.append(
                    "a Secure cookie over http: some clients (curl) send it to this machine, not to the target"
                )
            passed.append((name, kept))
        return passed

    def _client(self, request: web.Request) -> tuple[str, int]:
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        address = str(peer[0]) if peer else "unknown"
        number = self._connections.setdefault(peer, len(self._connections) + 1)
        return address.removeprefix("::ffff:"), number


async def _in_thread(ask: Callable[[], tuple[int, str, Headers]]) -> tuple[int, str, Headers]:
    """Wait for a call that blocks, in a thread that does not keep the program alive: asyncio's own would."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[int, str, Headers]] = loop.create_future()

    def settle(outcome: tuple[int, str, Headers] | Exception) -> None:
        if answer.done():
            return
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    def run() -> None:
        outcome: tuple[int, str, Headers] | Exception
        try:
            outcome = ask()
        except Exception as error:
            outcome = error
        with contextlib.suppress(RuntimeError):  # the trace is over
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, daemon=True, name="qbdoctor-head").start()
    return await answer


def _decoded(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    return [(name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")) for name, value in raw]


def _failure(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "no answer: the target's certificate is not trusted (--ca-file or --insecure)"
        case aiohttp.ClientSSLError():
            return "no answer: TLS could not be spoken with the target"
        case aiohttp.ClientConnectorDNSError():
            return "no answer: the target's name is not known"
        case aiohttp.ClientConnectorError() | ConnectionRefusedError():
            return "no answer: the target cannot be connected to"
        case aiohttp.ServerDisconnectedError():
            return "no answer: the target closed the connection"
        case TimeoutError():
            return "no answer: the target did not take the connection in time"
    return f"no answer: {type(error).__name__}"


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
