"""Linux namespaces around real servers and clients, where the machine permits: containers without an engine.

`Net` is a network namespace joined to ours by a veth pair: 10.77.N.1 and fd77:N::1 are ours, 10.77.N.2 and fd77:N::2
its own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.kit import needs

# A userland port map as Docker's: its name and its options are what `find_mappings` knows it by.
_PORT_MAP = """
import socket, sys, threading
o = dict(zip(sys.argv[1::2], sys.argv[2::2]))
def copy(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass
def serve(client):
    server = socket.create_connection((o["-container-ip"], int(o["-container-port"])))
    threading.Thread(target=copy, args=(server, client), daemon=True).start()
    copy(client, server)
listener = socket.create_server((o["-host-ip"], int(o["-host-port"])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


def unavailable() -> str | None:
    """Why network namespaces cannot be made here; None if they can."""
    if missing := needs.missing("ip", "unshare", "nsenter"):
        return missing
    if os.geteuid() != 0:
        return "making a network namespace needs root"
    made = subprocess.run(["unshare", "-mn", "ip", "link", "set", "lo", "up"], capture_output=True, text=True)
    if made.returncode:
        return f"namespaces are not permitted: {made.stderr.strip()}"
    name = f"qbd{os.getpid() % 10000}p"
    pair = subprocess.run(
        ["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}x"], capture_output=True, text=True
    )
    if pair.returncode:
        return f"a veth pair cannot be made: {pair.stderr.strip()}"
    _run("ip", "link", "del", name)
    return None


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _free_number() -> int:
    """A number whose link is not there yet; test processes run side by side."""
    while True:
        number = secrets.randbelow(250) + 1
        if not Path(f"/sys/class/net/qbd{number}o").exists():
            return number


class Net:
    """A network namespace with a link to ours, kept by a process that sleeps in it."""

    def __init__(self) -> None:
        number = _free_number()
        self.outer, self.inner = f"10.77.{number}.1", f"10.77.{number}.2"
        self.outer6, self.inner6 = f"fd77:{number:x}::1", f"fd77:{number:x}::2"
        self.link = f"qbd{number}o"
        self._keeper = subprocess.Popen(["unshare", "-mn", "--propagation", "private", "sleep", "600"])
        self.pid = self._keeper.pid
        deadline = time.monotonic() + 5
        while Path(f"/proc/{self.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
            assert time.monotonic() < deadline, "no namespace came about"
            time.sleep(0.01)
        inside = f"qbd{number}i"
        _run("ip", "link", "add", self.link, "type", "veth", "peer", "name", inside)
        _run("ip", "link", "set", inside, "netns", str(self.pid))
        _run("ip", "addr", "add", f"{self.outer}/24", "dev", self.link)
        _run("ip", "-6", "addr", "add", f"{self.outer6}/64", "dev", self.link, "nodad")
        _run("ip", "link", "set", self.link, "up")
        self.run("ip", "addr", "add", f"{self.inner}/24", "dev", inside)
        self.run("ip", "-6", "addr", "add", f"{self.inner6}/64", "dev", inside, "nodad")
        self.run("ip", "link", "set", inside, "up")
        self.run("ip", "link", "set", "lo", "up")

    @property
    def enter(self) -> list[str]:
        """What a command begins with to run inside."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", f"--mount=/proc/{self.pid}/ns/mnt"]

    def run(self, *command: str, env: dict[str, str] | None = None, check: bool = True) -> str:
        """Run a command inside; its standard output."""
        done = subprocess.run([*self.enter, *command], capture_output=True, text=True, env=env)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def hide(self, folder: Path) -> None:
        """Put an empty folder in this one's place, inside only: what is here is then another file there."""
        self.run("mount", "-t", "tmpfs", "none", str(folder))

    def close(self) -> None:
        """End it; its link goes with it."""
        self._keeper.kill()
        self._keeper.wait()
        subprocess.run(["ip", "link", "del", self.link], capture_output=True)


@contextlib.contextmanager
def net() -> Iterator[Net]:
    """A namespace for a `with`."""
    made = Net()
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def published(
    folder: Path,
    host_port: int,
    net: Net,
    container_port: int,
    host_ip: str = "127.0.0.1",
    name: str = "docker-proxy",
) -> Iterator[None]:
    """A port of ours handed on to one inside, by a process of that name."""
    program = folder / name
    if not program.exists():
        program.symlink_to(os.path.realpath(sys.executable))
    script = folder / "map.py"
    script.write_text(_PORT_MAP)
    command: Sequence[str] = (
        *(str(program), str(script), "-proto", "tcp", "-host-ip", host_ip, "-host-port", str(host_port)),
        *("-container-ip", net.inner, "-container-port", str(container_port)),
    )
    process = subprocess.Popen(command, env={**os.environ, "PYTHONHOME": sys.base_prefix})
    try:
        deadline = time.monotonic() + 5
        while not _open(host_ip, host_port):
            assert time.monotonic() < deadline, "the port map did not come up"
            time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


def firewall_tool() -> str | None:
    """Which tool can hand a port on in the firewall here: nft or iptables; None without one."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return shutil.which("nft", path=path) or shutil.which("iptables", path=path)


def hand_on(net: Net, port: int, address: str, to_port: int) -> None:
    """Have the namespace's own firewall send what its processes send to this port of its own elsewhere."""
    tool = firewall_tool() or ""
    if tool.endswith("nft"):
        net.run(tool, "add table ip nat")
        net.run(tool, "add chain ip nat out { type nat hook output priority -100 ; }")
        net.run(tool, f"add rule ip nat out fib daddr type local tcp dport {port} counter dnat to {address}:{to_port}")
        return
    net.run(tool, "-t", "nat", "-N", "DOCKER", check=False)
    net.run(tool, "-t", "nat", "-A", "OUTPUT", "-m", "addrtype", "--dst-type", "LOCAL", "-j", "DOCKER")
    to = ("-j", "DNAT", "--to-destination", f"{address}:{to_port}")
    net.run(tool, "-t", "nat", "-A", "DOCKER", "!", "-i", "docker0", "-p", "tcp", "--dport", str(port), *to)


def _open(host: str, port: int) -> bool:
    import socket

    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False
