"""Finds the TCP ports that this machine hands on to a container (Linux): by Docker's proxy, or in the firewall alone.

No process stands behind such a port, so that only the firewall's rules tell of it, and only to root. They are listed,
never changed. What is not understood (ranges, rules of one interface, maps of nft) is left out: then it is not known
which container serves the port.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from qbdoctor.patterns import regex
from qbdoctor.target.engines.process_scan import processes_with
from qbdoctor.values import frozen

LIST_SECONDS = 2.0
_SYSTEM_PATH = "/usr/sbin:/sbin:/usr/local/sbin"
_IPTABLES = regex(
    r"-A \S+ (?P<match>.*)-j DNAT --to-destination (?:(?P<ip>[0-9.]+)|\[(?P<ip6>[0-9a-f:.]+)\]):(?P<port>\d{1,5})(?![-\d])"
)

Forward = tuple[str, int, str, int]
"""Address and port here (0.0.0.0: every address), address and port there."""


def forwards() -> tuple[Forward, ...]:
    """Return the ports that are handed on; () where there are none, or where this user may not list the rules."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return ()
    found = [*from_iptables(_listed("iptables-save")), *from_nft(_listed("nft", "-j", "list", "ruleset"))]
    return tuple(dict.fromkeys(found))


def _listed(*command: str) -> str:
    import shutil  # noqa: PLC0415 - root alone comes here
    import subprocess  # noqa: PLC0415

    program = shutil.which(command[0], path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_PATH}")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, that only list
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def from_iptables(rules: str) -> Iterator[Forward]:
    """Read what ``iptables-save`` prints."""
    for line in rules.splitlines():
        rule = _IPTABLES.search(line)
        found = _iptables(rule["match"]) if rule else None
        if rule is not None and found is not None:
            yield (*found, rule["ip"] or rule["ip6"], int(rule["port"]))


def _iptables(match: str) -> tuple[str, int] | None:
    """Return address and port that a rule is for; None where it is for something else, or for one interface alone."""
    words = match.split()
    given: dict[str, str] = {}
    for index, word in enumerate(words[:-1]):
        if word.startswith("-") and (index == 0 or words[index - 1] != "!"):
            given[word] = words[index + 1]
    port = given.get("--dport", "")
    if given.get("-p") != "tcp" or not port.isdigit() or "-i" in given or "-s" in given:
        return None
    return _single(given.get("-d", "0.0.0.0/0")), int(port)


def _single(network: str) -> str:
    address, _, length = network.partition("/")
    return address if length in {"", "32", "128"} else "0.0.0.0"  # noqa: S104 - a subnet: whether it holds is not asked


def from_nft(rules: str) -> Iterator[Forward]:
    """Read what ``nft -j list ruleset`` prints (libnftables-json(5))."""
    try:
        listed = json.loads(rules)["nftables"]
        expressions = [one["rule"]["expr"] for one in listed if "rule" in one]
    except (ValueError, RecursionError, KeyError, TypeError):
        return
    for expression in expressions:
        sent = next((one["dnat"] for one in expression if isinstance(one, dict) and "dnat" in one), None)
        if not isinstance(sent, dict) or not isinstance(sent.get("addr"), str) or not isinstance(sent.get("port"), int):
            continue
        found = _nft([one["match"] for one in expression if isinstance(one, dict) and "match" in one])
        if found is not None:
            yield (*found, sent["addr"], sent["port"])


def _nft(matches: Sequence[Any]) -> tuple[str, int] | None:
    """Return address and port that a rule is for, as :func:`_iptables` does."""
    address, port = "0.0.0.0", None  # noqa: S104
    for match in matches:
        left, right, equal = match.get("left"), match.get("right"), match.get("op") == "=="
        meta, field = (left.get(kind, {}) for kind in ("meta", "payload")) if isinstance(left, dict) else ({}, {})
        if equal and (meta.get("key") in {"iif", "iifname"} or field.get("field") == "saddr"):
            return None
        if equal and field.get("field") == "daddr" and isinstance(right, str):
            address = right
        if equal and (field.get("protocol"), field.get("field")) == ("tcp", "dport") and isinstance(right, int):
            port = right
    return None if port is None else (address, port)


@frozen
class PortMapping:
    """A published port of a container: what is sent to ``host_port`` here goes to ``container_port`` there.

    ``by`` says who does it: a process of Docker's, or the firewall alone.
    """

    host_ip: str
    host_port: int
    container_ip: str
    container_port: int
    by: Literal["docker-proxy", "firewall"] = "docker-proxy"


def find_mappings() -> tuple[PortMapping, ...]:
    """Return the TCP ports that are published on this machine: by ``docker-proxy`` processes, then by the firewall.

    Docker without its userland proxy and Podman publish in the firewall alone, whose rules only root may list: for
    anybody else those are not known.
    """
    import psutil  # noqa: PLC0415 - only a container's instance needs it

    found = []
    for process in processes_with("docker-proxy"):
        try:
            command = process.cmdline() if process.name() == "docker-proxy" else []
        except psutil.Error:
            continue
        values = {name.lstrip("-"): value for name, value in itertools.pairwise(command)}
        ports = [
            int(text) if text.isdigit() else 0
            for text in (values.get("host-port", ""), values.get("container-port", ""))
        ]
        if values.get("proto") == "tcp" and ports[0] and ports[1] and "container-ip" in values:
            found.append(PortMapping(values.get("host-ip", "0.0.0.0"), ports[0], values["container-ip"], ports[1]))  # noqa: S104
    return (*found, *(PortMapping(*one, by="firewall") for one in forwards()))
