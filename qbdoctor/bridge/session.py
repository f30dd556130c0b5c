"""Runs one bridge from the first socket to the sum of what it did."""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qbdoctor.bridge import human
from qbdoctor.bridge.dialect import Speech
from qbdoctor.bridge.gate import Gate, Network
from qbdoctor.bridge.result import BridgeResult
from qbdoctor.bridge.tally import Client, Tally
from qbdoctor.forwarding.interrupts import ended_by_signals
from qbdoctor.forwarding.rewriting import Names
from qbdoctor.model.errors import UserError
from qbdoctor.model.terminal_text import harmless
from qbdoctor.target.address import Address, parse_ip

if TYPE_CHECKING:
    from qbdoctor.bridge.bridge import Bridge


@dataclass(frozen=True)
class BridgeOptions:
    """What was asked for. ``listen`` None: a free port on loopback; ``consent``: a bypass may be handed on."""

    target: Address
    speech: Speech
    listen: tuple[str, int] | None
    allowed: tuple[Network, ...]
    verify: bool | str
    quiet: bool
    consent: bool


class Session:
    """One run."""

    def __init__(self, options: BridgeOptions) -> None:
        self.options = options
        self.tally = Tally(self._translated)
        self.stop = asyncio.Event()
        self._told: Client | None = None
        self._bypass = False

    async def run(self) -> BridgeResult:
        """Serve until Ctrl-C or SIGTERM. Raises :class:`UserError` where the server is not proven to be qBittorrent."""
        from qbdoctor.bridge.bridge import Bridge  # noqa: PLC0415 - only there is aiohttp needed

        with ended_by_signals(self.stop.set):
            sockets, names = self._bind()
            options = self.options
            gate = Gate(names, options.allowed)
            bridge = Bridge(names, options.speech, gate, self.tally, verify=options.verify)
            try:
                async with bridge.serving([]):
                    await self._prove(bridge)
            except BaseException:
                for one in sockets:
                    one.close()
                raise
            async with bridge.serving(sockets):
                self._say(human.begun(names, options.speech, bridge.upstream.known, options.allowed))
                if self._bypass:
                    self._say("Every client that --allow names is let in without a password.")
                await self.stop.wait()
                self._say("")  # what comes begins a line of its own behind a terminal's ^C
        return BridgeResult(names, options.speech, bridge.upstream.known.version, self.tally.clients)

    async def _prove(self, bridge: Bridge) -> None:
        from qbdoctor.bridge.upstream import NotProven  # noqa: PLC0415 - as above
        from qbdoctor.forwarding.forwarder import FAILURES, failure  # noqa: PLC0415 - as above

        url = self.options.target.url
        try:
            await bridge.upstream.prove()
            if self.options.allowed and await bridge.upstream.lets_in(_example(self.options.allowed)):
                self._hand_on_bypass()
        except NotProven as error:
            raise UserError(
                "not-qbittorrent",
                f"What answers at {url} is not qBittorrent: {error}. Nothing was passed on; qbdoctor check --url {url} says "
                "more.",
                3,
            ) from None
        except FAILURES as error:
            raise UserError(
                "not-running", f"No answer from {url}: {failure(error)}; qbdoctor check --url {url} says more.", 1
            ) from None

    def _hand_on_bypass(self) -> None:
        if not self.options.consent:
            raise UserError(
                "bypassed",
                "The server lets this machine in without a password, and so every client that --allow names would be let "
                "in through the bridge. Turn the bypass off (qbdoctor explain bypass-active), or repeat with --yes.",
            )
        self._bypass = True

    def _bind(self) -> tuple[list[socket.socket], Names]:
        from qbdoctor.forwarding.forwarder import address_of, listen  # noqa: PLC0415 - as above

        host, port = self.options.listen or ("localhost", 0)
        bound = parse_ip(host)
        if not self.options.allowed and not Address("http", host, port).is_loopback:
            raise UserError(
                "usage",
                f"--listen: {host} can be reached by other machines: name those that may use it, such as --allow 192.168.1.0/24.",
            )
        try:
            sockets = listen("127.0.0.1" if host == "localhost" else host, port, also_ipv6=host == "localhost")
        except OSError as error:
            raise UserError("cannot-listen", f"--listen: {host}:{port} cannot be used: {error.strerror}.") from None
        if bound is not None and bound.is_unspecified:
            host = _own_address(self.options.allowed) or socket.gethostname().lower()
        return sockets, Names(address_of(sockets, host), self.options.target)

    def _translated(self, client: Client, kind: str, what: str) -> None:
        if client is not self._told:  # each client's translations stand below its name
            self._told = client
            self._say(f"{client.who}:")
        self._say(human.translated(kind, what))

    def _say(self, text: str) -> None:
        if not self.options.quiet:
            sys.stderr.write(f"{harmless(text)}\n")
            sys.stderr.flush()


def _example(allowed: tuple[Network, ...]) -> str:
    """Return an address of the networks, such as a client has that comes from there."""
    network = allowed[0]
    return str(network[1] if network.num_addresses > 1 else network[0])


def _own_address(allowed: tuple[Network, ...]) -> str | None:
    """Return the address of this machine that faces the first network; nothing is sent for it."""
    there = _example(allowed)
    family = socket.AF_INET6 if ":" in there else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect((there, 9))
            return str(asked.getsockname()[0])
        except OSError:
            return None
