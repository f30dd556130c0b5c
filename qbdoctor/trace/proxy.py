"""Records as a reverse proxy: what :mod:`qbdoctor.forwarding` forwards is noted and its names translated, nothing else."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from aiohttp import web

from qbdoctor.forwarding.forwarder import FAILURES, Forwarder, Headers, Incoming, Outgoing, decoded, failure, peer_of
from qbdoctor.forwarding.rewriting import Names, kind_of, split_authority
from qbdoctor.trace.exchange import Seen
from qbdoctor.trace.recorder import Draft, Notebook


class Proxy:
    """Forwards to ``names.target`` and hands every finished exchange to ``seen``."""

    def __init__(self, names: Names, seen: Callable[[Seen], None], *, verify: bool | str = True) -> None:
        self.names = names
        self.notebook = Notebook(names)
        self._seen = seen
        self._connections: dict[object, int] = {}
        self._forwarder = Forwarder(names.target, self._exchange, verify=verify)

    def serving(self, sockets: list[socket.socket]) -> AbstractAsyncContextManager[None]:
        """Serve on these sockets for the length of the block."""
        return self._forwarder.serving(sockets)

    async def _exchange(self, request: web.Request) -> web.StreamResponse:
        address, connection = self._client(request)
        headers = decoded(request.raw_headers)
        draft = self.notebook.start(address, connection, request.method, request.raw_path, headers)
        try:
            return await self._forward(request, draft)
        except FAILURES as error:
            if draft.status is None:
                draft.notes.append(f"no answer: {failure(error)}")
            else:
                went = "the client went away" if isinstance(error, ConnectionResetError) else "the target broke off"
                draft.notes.append(f"{went} before the answer's end")
            if request.transport is not None:
                request.transport.abort()  # as near to the target's silence as can be: no answer of our own
            return web.Response()
        finally:
            self._seen(self.notebook.finish(draft))

    async def _forward(self, request: web.Request, draft: Draft) -> web.StreamResponse:
        if not draft.target.startswith("/"):
            draft.notes.append("not passed on: its target is no path")
            draft.status = 400
            return web.Response(status=400)
        body = _noted(request.content.iter_any(), draft.sent) if request.can_read_body else None
        async with self._forwarder.ask(Outgoing(draft.method, draft.target, self._translated(draft), body)) as answer:
            draft.status = answer.status
            draft.answer_headers = self._answered(draft, answer.headers)
            came = None if answer.body is None else _noted(answer.body, draft.came)
            return await self._forwarder.give(
                request, Incoming(answer.status, answer.reason, draft.answer_headers, came)
            )

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
        peer = peer_of(request)
        number = self._connections.setdefault(peer, len(self._connections) + 1)
        return (peer[0] if peer else "unknown"), number


async def _noted(body: AsyncIterator[bytes], note: Callable[[bytes], None]) -> AsyncIterator[bytes]:
    async for chunk in body:
        note(chunk)
        yield chunk
