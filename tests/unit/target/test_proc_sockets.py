"""The kernel's tables of sockets, of networks made up here."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from qbdoctor.target import proc_sockets
from qbdoctor.target.proc_sockets import Network

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def row(address: str, port: int, state: str, user: int, inode: int) -> str:
    return (
        f"   0: {address}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {user} 0 {inode} 1\n"
    )


@pytest.fixture
def network(tmp_path: Path) -> Network:
    """A network with a server of user 1000, a connection that it took, one that it made, and another user's server."""
    rows = [
        row("0100007F", 8080, "0A", 1000, 11),
        row("0100007F", 8080, "01", 1000, 12),
        row("0100007F", 40000, "01", 1000, 13),
        row("0100007F", 9090, "0A", 1001, 14),
    ]
    (tmp_path / "tcp").write_text(HEAD + "".join(rows))
    (tmp_path / "udp").write_text(HEAD + row("0100007F", 6881, "07", 1000, 15))
    made = Network()
    made.folders.append(tmp_path)
    return made


def test_what_was_only_connected_is_not_told_as_listening(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose sockets may not be seen is judged by its user's, in a network of its own: those of connections are among them."""
    monkeypatch.setattr(proc_sockets, "inodes", lambda _pid: None)
    monkeypatch.setattr(proc_sockets, "_status", lambda _pid: ["Uid:\t1000\t1000\t1000\t1000"])
    held = network.held(1, apart=True)
    assert held == frozenset({"11", "12", "13", "15"})
    assert network.listening(held) == (("127.0.0.1", 8080),)
    assert network.datagram_ports(held) == (6881,)
    assert network.held(1, apart=False) is None


def test_a_socket_that_was_opened_after_the_tables_were_read_is_found(network: Network) -> None:
    network.read_ahead()
    assert network.listening(frozenset({"11"})) == (("127.0.0.1", 8080),)
    with (network.folders[0] / "tcp").open("a") as table:
        table.write(row("0100007F", 7070, "0A", 1000, 16))
    assert network.listening(frozenset({"16"})) == (("127.0.0.1", 7070),)
    assert network.listening(frozenset({"17"})) == ()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux' /proc")
def test_the_sockets_of_this_machine() -> None:
    with socket.create_server(("127.0.0.7", 0)) as server:
        port = server.getsockname()[1]
        found = [one for one in proc_sockets.listening_sockets() or () if one.port == port]
    assert [(one.address, one.user) for one in found] == [("127.0.0.7", os.getuid())]
