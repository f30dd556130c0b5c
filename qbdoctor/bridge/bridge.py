"""Passes requests on in the server's words and answers back in those of the spoken release."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from functools import lru_cache

from aiohttp import web

from qbdoctor.bridge import answers
from qbdoctor.bridge.cookies import CookieNames, session_name, session_of
from qbdoctor.bridge.dialect import LOGIN, Dialect, Speech
from qbdoctor.bridge.forms import FORM_MOST, Spool, translate
from qbdoctor.bridge.gate import Gate
from qbdoctor.bridge.streams import beginning, chained, once
from qbdoctor.bridge.tally import Client, Tally
from qbdoctor.bridge.upstream import NotProven, Upstream
from qbdoctor.forwarding.forwarder import (
    FAILURES,
    Forwarder,
    Headers,
    Incoming,
    Outgoing,
    decoded,
    failure,
    peer_of,
)
from qbdoctor.forwarding.rewriting import Names, is_chunked
from qbdoctor.releases import Version, cookie_expires
from qbdoctor.target.address import Address, parse_ip
from qbdoctor.trace.recorder import content_of, shown

_API = "/api/v2/"
_FORM = "application/x-www-form-urlencoded"
_NEVER_PASSED = ("expect", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")
"""Expect is answered here; what a client says of the way before it would be believed where the bridge is trusted."""


@dataclass
class Call:
    """One request on its way to the server."""

    request: web.Request
    client: Client
    dialect: Dialect
    cookies: CookieNames
    headers: Headers
    path: str
    query: str
    action: str = ""
    method: str = "GET"
    body: AsyncIterator[bytes] | None = None
    native: bool = False
    changes: list[tuple[str, str]] = field(default_factory=list)

    def header(self, name: str) -> str:
        """Return the last header of that name, "" for none."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name), "")

    def replace_header(self, name: str, value: str) -> None:
        """Set a header in the place of those of the same name."""
        self.headers = [*answers.headers_but(self.headers, name.lower()), (name, value)]


class Bridge:
    """One server behind, any number of clients in front."""

    def __init__(self, names: Names, speech: Speech, gate: Gate, tally: Tally, *, verify: bool | str = True) -> None:
        self.names = names
        self._speech = speech
        self._gate = gate
        self._tally = tally
        self._forwarder = Forwarder(names.target, self._exchange, verify=verify)
        self.upstream = Upstream(self._forwarder, names.target)

    def serving(self, sockets: list[socket.socket]) -> AbstractAsyncContextManager[None]:
        """Serve on these sockets for the length of the block."""
        return self._forwarder.serving(sockets)

    async def _exchange(self, request: web.Request) -> web.StreamResponse:
        peer = peer_of(request)
        address = peer[0] if peer else "unknown"
        refused = self._gate.refusal(address, request.headers.get("Host", ""))
        if refused is not None:
            return _own(*refused)
        if not request.raw_path.startswith("/"):
            return _own(400, "qbdoctor bridge: the request's target is no path.\n")
        client = self._tally.client(address, shown(request.headers.get("User-Agent", "")))
        client.requests += 1
        begun = False
        try:
            await self.upstream.prove()
            async with AsyncExitStack() as held:
                call = await self._translated(request, client, address, held)
                answer = await held.enter_async_context(
                    self._forwarder.ask(Outgoing(call.method, self._target(call), call.headers, call.body))
                )
                answer = await self._answered(call, answer)
                begun = True
                return await self._forwarder.give(request, answer)
        except NotProven as error:
            return _own(502, f"qbdoctor bridge: what answers at {self.names.target.url} is not qBittorrent: {error}.\n")
        except web.HTTPException:
            raise
        except FAILURES as error:
            if begun or isinstance(error, ConnectionResetError):
                if request.transport is not None:
                    request.transport.abort()  # the client sees what the server did: the answer breaks off
                return web.Response()
            self.upstream.lost()
            status = 504 if isinstance(error, TimeoutError) else 502
            return _own(status, f"qbdoctor bridge: no answer from {self.names.target.url}: {failure(error)}.\n")

    # --- to the server -----------------------------------------------------------------------------------------------

    def _target(self, call: Call) -> str:
        mark = "?" if call.query else ""
        return f"{self.names.target.path}{call.path}{mark}{call.query}"

    async def _translated(self, request: web.Request, client: Client, address: str, held: AsyncExitStack) -> Call:
        path, _, query = request.raw_path.partition("?")
        action = path.removeprefix(_API) if path.startswith(_API) else ""
        headers = self._passed(decoded(request.raw_headers), address)
        call = Call(request, client, self._dialect(), self._cookie_names(), headers, path, query, action)
        call.method = request.method
        call.native = call.header("authorization").lower().startswith("bearer ")
        call.headers, renamed = call.cookies.to_server(call.headers)
        if renamed:
            call.changes.append(("cookie-name", f"{call.cookies.spoken} ↔ {call.cookies.real}"))
        if action and action != LOGIN and self.upstream.known.version is None:
            await self._learn(call)
        if request.can_read_body:
            call.body = request.content.iter_any()
        if action:
            await self._call(call, held)
        if call.body is not None and is_chunked(call.headers):
            await self._with_length(call, held)
        for kind, what in call.changes:
            self._tally.note(client, kind, what)
        return call

    async def _call(self, call: Call, held: AsyncExitStack) -> None:
        """Put one call of the Web API into the server's words."""
        there = call.dialect.action(call.action)
        if there != call.action:
            call.changes.append(("endpoint", f"{call.action} → {there}"))
            call.action, call.path = there, f"{_API}{there}"
        if call.method == "GET" and call.dialect.turns_to_post(call.action):
            call.changes.append(("method", f"GET {call.action} → POST"))
            call.method = "POST"
            form = translate(call.dialect, call.action, call.query)
            call.query = ""
            _set_form(call, form.text, form.changes)
        elif call.method == "POST":
            await self._body(call, held)
        elif call.query:
            made = translate(call.dialect, call.action, call.query)
            call.query = made.text
            call.changes += made.changes
        if not call.native and (call.action == LOGIN or answers.reads_body(call.dialect, call.action)):
            call.replace_header("Accept-Encoding", "identity")

    async def _body(self, call: Call, held: AsyncExitStack) -> None:
        dialect, action, request = call.dialect, call.action, call.request
        if not (dialect.field_names(action) or dialect.standins(action) or action == "torrents/info"):
            return
        content = content_of(call.headers)
        if content == "multipart":
            spool = Spool()
            held.callback(spool.close)
            try:
                await spool.fill(request, dialect, action)
            except ValueError:
                raise web.HTTPBadRequest(text="qbdoctor bridge: the multipart body cannot be read.\n") from None
            call.body = spool.chunks()
            call.changes += spool.changes
            call.headers = answers.headers_but(call.headers, "transfer-encoding")
            call.replace_header("Content-Length", str(spool.length))
        elif content in ("form", ""):
            body = await beginning(request.content.iter_any(), FORM_MOST + 1) if request.can_read_body else b""
            if len(body) > FORM_MOST:
                call.body = chained(body, request.content.iter_any())
                return
            made = translate(dialect, action, body.decode("utf-8", "surrogateescape"))
            _set_form(call, made.text, made.changes)

    async def _with_length(self, call: Call, held: AsyncExitStack) -> None:
        """Give a body that comes in chunks a length: no release reads chunks."""
        assert call.body is not None  # noqa: S101 - the caller looked
        spool = Spool()
        held.callback(spool.close)
        try:
            await spool.take(call.body)
        except ValueError:
            raise web.HTTPBadRequest(text="qbdoctor bridge: the body is longer than qBittorrent takes one.\n") from None
        call.body = spool.chunks()
        call.headers = answers.headers_but(call.headers, "transfer-encoding")
        call.replace_header("Content-Length", str(spool.length))
        call.changes.append(("body", "in chunks → with its length"))

    def _passed(self, headers: Headers, address: str) -> Headers:
        """Return the client's headers with the server's names, and with the client's own address."""
        host = next((value for name, value in headers if name.lower() == "host"), "")
        passed = [("Host", self.names.target.authority)]
        for name, value in headers:
            match name.lower():
                case "host":
                    continue
                case lower if lower in _NEVER_PASSED:
                    continue
                case "origin" | "referer":
                    passed.append((name, self.names.source(value, host)[0]))
                case _:
                    passed.append((name, value))
        ip = parse_ip(address)
        if ip is not None and not ip.is_loopback:  # this machine's own address would open the bypass for localhost
            passed.append(("X-Forwarded-For", address))
        return passed

    def _foreign(self, call: Call) -> bool:
        """Whether the server may refuse the request for where it comes from."""
        if self.upstream.known.status == 401:  # it refuses the very name that it is called by
            return True
        site = call.header("sec-fetch-site").lower()
        for name in ("origin", "referer"):
            text = call.header(name)
            if text:
                return not text.startswith(f"{self.names.target.scheme}://{self.names.target.authority}")
        return site not in ("", "same-origin", "none")

    # --- back to the client ------------------------------------------------------------------------------------------

    async def _answered(self, call: Call, answer: Incoming) -> Incoming:
        changes: answers.Changes = []
        if call.native:
            return answer
        if call.action == LOGIN and call.method != "HEAD":
            answer, accepted, changes = await answers.login(call.dialect, answer, foreign=self._foreign(call))
            if accepted:
                await self._logged_in(call, answer)
        elif call.action and answer.body is not None:
            answer, changes = await answers.call(call.dialect, call.action, answer)
        given = session_name(answer.headers, login=call.action == LOGIN)
        if given is not None:
            self.upstream.known.cookie = given
        cookies = self._cookie_names()
        answer.headers, renamed = cookies.to_client(answer.headers, expires=cookie_expires(call.dialect.spoken))
        if renamed:
            changes.append(("cookie-name", f"{cookies.spoken} ↔ {cookies.real}"))
        answer.headers = [
            (name, self._location(value) if name.lower() == "location" else value) for name, value in answer.headers
        ]
        for kind, what in dict.fromkeys(changes):
            self._tally.note(call.client, kind, what)
        return answer

    def _location(self, text: str) -> str:
        """Return a redirect for the client: the server's own address is the bridge's, without the path of its URL."""
        led, ours, path = self.names.location(text), self.names.proxy.url, self.names.target.path
        head = ours if led != text else ""
        rest = led.removeprefix(head)
        return f"{head}{rest.removeprefix(path)}" if path and rest.startswith(f"{path}/") else led

    async def _logged_in(self, call: Call, answer: Incoming) -> None:
        """Ask for the release with the session that was just opened; it is not kept."""
        name = session_name(answer.headers, login=True)
        pair = session_of(answer.headers, name) if name is not None else None
        if pair is not None:
            await self.upstream.learn([("Cookie", pair)], fresh=True)
        elif self.upstream.known.version is None:
            await self._learn(call)

    async def _learn(self, call: Call) -> None:
        carried = [each for each in call.headers if each[0].lower() in ("cookie", "authorization", "x-forwarded-for")]
        await self.upstream.learn(carried)

    def _dialect(self) -> Dialect:
        real = self.upstream.known.version
        return _dialect(self._speech, real)

    def _cookie_names(self) -> CookieNames:
        known = self.upstream.known
        real, target = self.upstream.cookie_name, self.names.target
        return _cookie_names(_dialect(self._speech, known.version), real, target, sure=known.cookie is not None)


@lru_cache(maxsize=16)
def _dialect(speech: Speech, real: Version | None) -> Dialect:
    return Dialect(speech.to(real), real)


@lru_cache(maxsize=16)
def _cookie_names(dialect: Dialect, real: str, target: Address, *, sure: bool) -> CookieNames:
    name = real if dialect.real == dialect.spoken else dialect.cookie_name(target.port)
    return CookieNames(name, real, target.path, sure=sure)


def _set_form(call: Call, text: str, changes: list[tuple[str, str]]) -> None:
    raw = text.encode("utf-8", "surrogateescape")
    call.changes += changes
    call.headers = answers.headers_but(call.headers, "transfer-encoding")
    if raw or call.method == "POST":
        call.replace_header("Content-Type", call.header("content-type") or _FORM)
        call.replace_header("Content-Length", str(len(raw)))
    call.body = once(raw) if raw else None


def _own(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text)
