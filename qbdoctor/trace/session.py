"""Runs one trace: proxy, traced command, recorder and the time that is waited at the end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qbdoctor.forwarding.interrupts import ended_by_signals
from qbdoctor.forwarding.rewriting import Names, kind_of, proxy_host
from qbdoctor.model.errors import UserError
from qbdoctor.model.terminal_text import harmless
from qbdoctor.storage import own_programs
from qbdoctor.target.address import Address, parse_host_port, parse_ip
from qbdoctor.trace.exchange import Seen, Trace
from qbdoctor.trace.human import live
from qbdoctor.trace.result import TraceResult, result

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from qbdoctor.trace.proxy import Proxy


VARIABLE = "QBDOCTOR_TRACE_URL"
MOST_KEPT = 20_000
"""Exchanges that are kept; a trace that runs for days ends with what came first."""
AT_ONCE = frozenset(
    {
        "client-drops-cookie",
        "client-foreign-origin",
        "client-http-method",
        "client-json-login",
        "client-old-add-parameter",
        "client-unencoded-form",
        "host-not-allowed",
        "host-port-mismatch",
        "ip-banned",
        "secure-cookie-over-http",
    }
)
"""What is told as it happens: what the next request can still excuse waits for the end."""
SETTLE_SECONDS = 0.3
"""What the command's last request may still take when the command has ended."""


class Session:
    """One trace from the first socket to the last exchange."""

    def __init__(self, args: argparse.Namespace, target: Address, command: Sequence[str], verify: bool | str) -> None:
        self.target = target
        self.command = command
        self.quiet = bool(args.quiet)
        self.listen = parse_host_port(args.listen) if args.listen else None
        self.verify = verify
        self.seen: list[Seen] = []
        self.notes: list[str] = []
        self.told: set[tuple[str, str]] = set()
        self.stop = asyncio.Event()
        self.changed = asyncio.Event()

    async def run(self) -> Trace:
        """Serve until the command has ended, or until Ctrl-C."""
        from qbdoctor.trace.proxy import Proxy  # noqa: PLC0415 - as above

        sockets, names = self._bind()
        proxy: Proxy = Proxy(names, self._take, verify=self.verify)
        handed = f"{names.proxy.url}{self.target.path}"
        code: int | None = None
        with ended_by_signals(self.stop.set):
            async with proxy.serving(sockets):
                self._say(f"Listening at {handed}, passing on to {self.target.url}")
                telling = asyncio.create_task(self._tell())
                try:
                    code = await self._serve(handed)
                finally:
                    telling.cancel()
        return self._made(code)

    async def _serve(self, handed: str) -> int | None:
        if self.command:
            code = await self._command(handed)
            await asyncio.sleep(SETTLE_SECONDS)
            return code
        self._say("Point the program at that address as it stands; Ctrl-C ends the trace.")
        await self.stop.wait()
        return None

    def _bind(self) -> tuple[list[socket.socket], Names]:
        from qbdoctor.forwarding.forwarder import address_of, listen  # noqa: PLC0415 - as above

        host, same = proxy_host(self.target, self.listen[0] if self.listen else None, _leads_to)
        bound, port = self.listen or ("127.0.0.1" if host == "localhost" else host, 0)
        try:
            sockets = listen(bound, port, also_ipv6=host == "localhost" and self.listen is None)
        except OSError as error:
            raise UserError("cannot-listen", f"--listen: {bound}:{port} cannot be used: {error.strerror}.") from None
        if not same:
            self._note(
                f"The target is called by {_kind(self.target.host)}, this proxy by {_kind(host)}: "
                "clients treat cookies of the two differently, so the outcome may differ."
            )
        if self.target.scheme == "https":
            self._note(
                "The target has https and this proxy http: Secure is taken from cookies, else no client sends them."
            )
        return sockets, Names(address_of(sockets, host), self.target)

    async def _command(self, handed: str) -> int:
        arguments = [part.replace("{url}", handed) for part in self.command]
        arguments[0] = shutil.which(arguments[0]) or arguments[0]  # on Windows npm is npm.cmd
        stream = _stderr()
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments, stdout=stream, stderr=stream, env={**own_programs.without_proxies(), VARIABLE: handed}
            )
        except OSError as error:
            raise UserError("cannot-run", f"--run: {arguments[0]} cannot be started: {error.strerror}.", 3) from None
        return await self._ended(process)

    async def _ended(self, process: Process) -> int:
        waiting = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(self.stop.wait())
        await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():  # Ctrl-C reached the command too; SIGTERM did not
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(waiting), 5.0)
            if not waiting.done():
                process.kill()
        stopped.cancel()
        return await waiting

    # --- what came ---------------------------------------------------------------------------------------------------

    def _take(self, each: Seen) -> None:
        if len(self.seen) >= MOST_KEPT:
            if len(self.seen) == MOST_KEPT and not any("are kept" in note for note in self.notes):
                self._note(f"The first {MOST_KEPT} exchanges are kept; what came after them passed unrecorded.")
            return
        self.seen.append(each)
        self._say(live(each))
        if each.status is None or each.status >= 400 or each.stopped:
            self.changed.set()
        self._once_about(each)

    def _once_about(self, each: Seen) -> None:
        """Say once what the place of the proxy itself changes for a client."""
        wrong_kind = [note for note in each.notes if note.startswith("the client calls by")]
        if wrong_kind and not self.command and ("kind", each.host) not in self.told:
            self.told.add(("kind", each.host))
            self._note(f"{wrong_kind[0][0].upper()}{wrong_kind[0][1:]}; use the address that was printed.")
        ip = parse_ip(each.address)
        if ip is not None and not ip.is_loopback and ("far", "") not in self.told:
            self.told.add(("far", ""))
            self._note(
                "The server takes every client for this machine: a ban, a whitelist or the bypass for localhost "
                "then goes by this machine's address."
            )

    async def _tell(self) -> None:
        """Name what is found as soon as it shows, at most twice a second."""
        while True:
            await self.changed.wait()
            self.changed.clear()
            for client in self._judged().clients:
                for cause in client.causes:
                    key = (cause.id, client.conversation.who)
                    if cause.id in AT_ONCE and key not in self.told:
                        self.told.add(key)
                        self._say(f"  → {cause.severity.upper()} {cause.id} ({cause.confidence}): {cause.summary}")
            await asyncio.sleep(0.5)

    def _judged(self) -> TraceResult:
        return result(self._made(None))

    def _made(self, code: int | None) -> Trace:
        target = self.target
        seen = tuple(sorted(self.seen, key=lambda one: one.n))
        return Trace(
            target.url, target.scheme, target.host, target.port, kind_of(target.host), seen, code, tuple(self.notes)
        )

    def _note(self, text: str) -> None:
        self.notes.append(text)
        self._say(text)

    def _say(self, text: str) -> None:
        if not self.quiet:  # in one piece: the command writes there too
            sys.stderr.write(f"{harmless(text)}\n")
            sys.stderr.flush()


def _kind(host: str) -> str:
    return f"an address ({host})" if kind_of(host) == "ip" else f"a name ({host})"


def _leads_to(name: str, address: str) -> bool:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(entry[4][0] == address for entry in found)


def _stderr() -> int:
    """Return the descriptor of our standard error, for the command's output."""
    try:
        sys.stderr.flush()
        return sys.stderr.fileno()
    except (OSError, ValueError):  # replaced by something without one
        return 2
