"""Makes the sockets to the server: of those that it closes while it is still sent to, its answer is read."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class PatientSocket(socket.socket):
    """Takes what cannot be sent any more for sent, since the answer that came before the end is still to be read.

    qBittorrent answers a request that is too large (64 MiB) at its head and closes. asyncio gives a connection up whose
    sending fails, with the answer unread; a read gives that answer, then the end.
    """

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        """Send, as :meth:`socket.socket.send` does."""
        try:
            return super().send(data, flags)
        except (BrokenPipeError, ConnectionResetError):
            return memoryview(data).nbytes

    def sendmsg(self, buffers: Iterable[ReadableBuffer], /, *others: Any) -> int:
        """Send, as :meth:`socket.socket.sendmsg` does."""
        held = list(buffers)
        try:
            return super().sendmsg(held, *others)
        except (BrokenPipeError, ConnectionResetError):
            return sum(memoryview(each).nbytes for each in held)


def patient(address: tuple[Any, ...]) -> socket.socket:
    """Return a socket for an address as ``getaddrinfo`` gives it."""
    family, kind, protocol = address[:3]
    return PatientSocket(family, kind, protocol)
