"""What the firewall hands on, by its rules: as Docker, Podman and people write them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from qbdoctor.target.engines import port_mappings
from qbdoctor.target.engines.port_mappings import PortMapping, find_mappings
from tests.kit import namespaces, needs
from tests.support import systems

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


def nft(*expression: str) -> str:
    """One rule as ``nft -j list ruleset`` (1.0.6) prints it, its parts without the outer braces."""
    rule = f'{{"rule":{{"family":"ip","table":"nat","chain":"out","handle":2,"expr":[{",".join(expression)}]}}}}'
    return f'{{"nftables":[{{"metainfo":{{"version":"1.0.6"}}}},{{"table":{{"family":"ip","name":"nat"}}}},{rule}]}}'


def equals(left: str, right: str, op: str = "==") -> str:
    return f'{{"match":{{"op":"{op}","left":{left},"right":{right}}}}}'


PORT, DADDR, SADDR = (
    f'{{"payload":{{"protocol":"{protocol}","field":"{field}"}}}}'
    for protocol, field in (("tcp", "dport"), ("ip", "daddr"), ("ip", "saddr"))
)
LOCAL = equals('{"fib":{"result":"type","flags":"daddr"}}', '"local"')
INTERFACE = '{"meta":{"key":"iifname"}}'
TO = '{"dnat":{"addr":"10.77.197.1","port":8080}}'
COUNTER = '{"counter":{"packets":0,"bytes":0}}'


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (DOCKER, [("0.0.0.0", 8090, "172.17.0.2", 8080), ("127.0.0.1", 8091, "172.17.0.3", 8080)]),
        (PODMAN, [("0.0.0.0", 8090, "10.88.0.2", 8080), ("192.168.1.5", 8092, "10.88.0.2", 8080)]),
        # Not ours to understand: a range, one interface, one source, another protocol, a target without a port
        ("-A DOCKER -p tcp -m tcp --dport 8000:8010 -j DNAT --to-destination 10.0.0.2:8000-8010/8000", []),
        ("-A PRE -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080", []),
        ("-A PRE -s 10.0.0.9/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080", []),
        ("-A PRE -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2", []),
        ("-A PRE -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080", []),
        ("", []),
    ],
)
def test_rules_of_iptables(rules: str, expected: list[tuple[str, int, str, int]]) -> None:
    assert list(port_mappings.from_iptables(rules)) == expected


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (nft(LOCAL, equals(PORT, "8090"), COUNTER, TO), [("0.0.0.0", 8090, "10.77.197.1", 8080)]),
        (nft(equals(DADDR, '"192.168.1.5"'), equals(PORT, "8091"), TO), [("192.168.1.5", 8091, "10.77.197.1", 8080)]),
        (nft(equals(INTERFACE, '"docker0"', "!="), equals(PORT, "8090"), TO), [("0.0.0.0", 8090, "10.77.197.1", 8080)]),
        (
            nft(equals(DADDR, '{"prefix":{"addr":"10.0.0.0","len":24}}'), equals(PORT, "77"), TO),
            [("0.0.0.0", 77, "10.77.197.1", 8080)],
        ),
        (
            nft(equals(PORT, "8092"), '{"dnat":{"family":"ip6","addr":"fd00::2","port":8080}}'),
            [("0.0.0.0", 8092, "fd00::2", 8080)],
        ),
        # Not ours to understand: one interface, one source, a range, another protocol, a map, a target without a port
        (nft(equals(INTERFACE, '"eth0"'), equals(PORT, "80"), TO), []),
        (nft(equals(SADDR, '"10.0.0.9"'), equals(PORT, "80"), TO), []),
        (nft(equals(PORT, '{"range":[8000,8010]}'), TO), []),
        (nft(equals(PORT.replace("tcp", "udp"), "80"), TO), []),
        (nft(f'{{"dnat":{{"addr":{{"map":{{"key":{PORT},"data":{{"set":[[80,"10.0.0.5"]]}}}}}}}}}}'), []),
        (nft(equals(PORT, "80"), '{"dnat":{"addr":"10.0.0.2"}}'), []),
        (nft(equals(PORT, "80"), '{"redirect":{"port":8080}}'), []),
        (nft("null"), []),
        ("{}", []),
        ("[" * 100_000, []),
        ("", []),
    ],
)
def test_rules_of_nft(rules: str, expected: list[tuple[str, int, str, int]]) -> None:
    assert list(port_mappings.from_nft(rules)) == expected


def test_the_real_nft(tmp_path: Path) -> None:
    """What this machine's nft prints of rules that it was given, in a network namespace of its own."""
    if reason := namespaces.unavailable():
        needs.without(reason)
    tool, unshare = needs.program("nft"), needs.program("unshare")
    rules = "table ip nat {\nchain out {\ntype nat hook output priority -100;\n%s\n}\n}\n"
    rule = "fib daddr type local tcp dport 8090 counter dnat to 10.77.197.1:8080"
    (tmp_path / "rules").write_text(rules % rule)
    command = f"{tool} -f {tmp_path}/rules && {tool} -j list ruleset"
    listed = subprocess.run([unshare, "-n", "sh", "-c", command], capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    assert list(port_mappings.from_nft(listed.stdout)) == [("0.0.0.0", 8090, "10.77.197.1", 8080)]


@systems.linux_only("its firewall")
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
