"""What the firewall hands on, by its rules: as Docker, Podman and people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from qbdoctor.target.engines import port_mappings
from qbdoctor.target.engines.port_mappings import PortMapping, find_mappings

DOCKER = """*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8090 -j DNAT --to-destination 172.17.0.2:8080
-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p tcp -m tcp --dport 8091 -j DNAT --to-destination 172.17.0.3:8080
-A DOCKER ! -i docker0 -p udp -m udp --dport 6881 -j DNAT --to-destination 172.17.0.2:6881
COMMIT
"""
PODMAN = """-A NETAVARK-DN-1D8721804F16F -p tcp -m tcp --dport 8090 -j DNAT --to-destination 10.88.0.2:8080
-A NETAVARK-DN-1D8721804F16F -d 192.168.1.5/32 -p tcp -m tcp --dport 8092 -j DNAT --to-destination 10.88.0.2:8080
-A NETAVARK-DN-1D8721804F16F -s 10.88.0.0/16 -p tcp -m tcp --dport 8090 -j NETAVARK-HOSTPORT-SETMARK
"""
NFT = """table ip nat {
	chain out {
		type nat hook output priority -100; policy accept;
		fib daddr type local tcp dport 8090 counter packets 0 bytes 0 dnat to 10.77.197.1:8080
		ip daddr 192.168.1.5 tcp dport 8091 dnat ip to 10.88.0.2:8080
		tcp dport 8092 dnat ip6 to [fd00::2]:8080
	}
}
"""


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (DOCKER, [("0.0.0.0", 8090, "172.17.0.2", 8080), ("127.0.0.1", 8091, "172.17.0.3", 8080)]),
        (PODMAN, [("0.0.0.0", 8090, "10.88.0.2", 8080), ("192.168.1.5", 8092, "10.88.0.2", 8080)]),
        (
            NFT,
            [
                ("0.0.0.0", 8090, "10.77.197.1", 8080),
                ("192.168.1.5", 8091, "10.88.0.2", 8080),
                ("0.0.0.0", 8092, "fd00::2", 8080),
            ],
        ),
        # Not ours to understand: a range, one interface, one source, another protocol, a target without a port
        ("-A DOCKER -p tcp -m tcp --dport 8000:8010 -j DNAT --to-destination 10.0.0.2:8000-8010/8000", []),
        ("-A PRE -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080", []),
        ("-A PRE -s 10.0.0.9/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080", []),
        ("-A PRE -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2", []),
        ("-A PRE -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080", []),
        ('iifname "eth0" tcp dport 80 dnat to 10.0.0.2:8080', []),
        ("ip saddr 10.0.0.9 tcp dport 80 dnat to 10.0.0.2:8080", []),
        ("tcp dport 8000-8010 dnat to 10.0.0.2:8000", []),
        ("udp dport 80 dnat to 10.0.0.2:8080", []),
        ("tcp dport 80 dnat to tcp dport map { 80 : 10.0.0.2 }", []),
        ("", []),
    ],
)
def test_rules(rules: str, expected: list[tuple[str, int, str, int]]) -> None:
    assert list(port_mappings.parse(rules)) == expected


def test_only_root_asks_and_what_fails_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in (("iptables-save", f"cat <<'E'\n{DOCKER}E"), ("nft", "echo no; exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert port_mappings.forwards() == ()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert [one[1] for one in port_mappings.forwards()] == [8090, 8091]
    assert PortMapping("0.0.0.0", 8090, "172.17.0.2", 8080, by="firewall") in find_mappings()
    monkeypatch.setattr(port_mappings, "LIST_SECONDS", 0.1)
    (tmp_path / "iptables-save").write_text("#!/bin/sh\nexec sleep 5\n")
    assert port_mappings.forwards() == ()
