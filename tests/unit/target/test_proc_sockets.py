"""The kernel's tables of sockets, of networks made up here."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qbdoctor.target import proc_sockets, socket_diag
from qbdoctor.target.proc_sockets import Network, Networks

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


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """Set what the kernel has loaded; None: it loads no modules at all."""

    def set_modules(text: str | None) -> None:
        if text is not None:
            (tmp_path / "modules").write_text(text)
        monkeypatch.setattr(socket_diag, "_MODULES", str(tmp_path / "modules"))

    return set_modules


@linux
def test_the_kernel_tells_what_its_tables_tell(asked: Callable[[str | None], None]) -> None:
    """Of both families, an address of its own and all of them; connections are none."""
    with (
        socket.create_server(("127.0.0.7", 0)) as one,
        socket.create_server(("", 0)) as everywhere,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both,
        socket.create_connection(one.getsockname()[:2]),
    ):
        ports = [server.getsockname()[1] for server in (one, everywhere, six, both)]
        told = []
        for modules in (None, "tcp_diag 12288 0 - Live 0x0\n", "nfs 12288 0 - Live 0x0\n"):
            asked(modules)
            told.append({found for found in proc_sockets.listening_sockets() or () if found.port in ports})
    assert told[0] == told[1] == told[2]
    addresses = ("127.0.0.7", "0.0.0.0", "::1", "::")
    assert {(found.address, found.port) for found in told[0]} == set(zip(addresses, ports, strict=True))
    assert {found.user for found in told[0]} == {os.getuid()}


@linux
def test_a_module_is_loaded_for_nobody(asked: Callable[[str | None], None]) -> None:
    asked("inet_diag 12288 0 - Live 0x0\nxtcp_diag 1 0\n")
    with pytest.raises(OSError, match="not loaded"):
        socket_diag.ask()


@linux
def test_a_process_of_our_network_is_told_by_its_sockets(asked: Callable[[str | None], None]) -> None:
    with socket.create_server(("127.0.0.7", 0)) as server:
        for modules in (None, "nfs 12288 0 - Live 0x0\n"):
            asked(modules)
            network = Networks().of(os.getpid())
            assert network is not None
            held = proc_sockets.inodes(os.getpid()) or frozenset()
            assert ("127.0.0.7", server.getsockname()[1]) in network.listening(held)
            assert network.listening(frozenset({"1"})) == ()
