"""Lists of addresses and domains, read as the releases read them."""

from __future__ import annotations

import ipaddress
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qbdoctor.config.settings import Settings
from qbdoctor.config.subnets import covers, parse_subnet
from qbdoctor.releases import Version
from tests.kit import needs

MEASURED = ("4.2.5", "4.3.9", "4.5.2", "4.6.7", "5.1.0", "5.2.3", "5.3.0")


def read(text: str | bytes, version: str | None = None, *, platform: str = "linux") -> Settings:
    data = text if isinstance(text, bytes) else text.encode()
    return Settings.parse(data, Version.parse(version), platform=platform)


def web(name: str, raw: str, version: str | None = None) -> Settings:
    return read(f"[Preferences]\nWebUI\\{name}={raw}\n", version)


# --- lists of addresses -----------------------------------------------------------------------------------------------

HOSTS = ("127.0.0.1", "127.0.0.2", "::1")
WHITELIST: list[tuple[str, tuple[bool, bool, bool], str]] = [
    ("127.0.0.0/8", (True, True, False), "127.0.0.0/8"),
    ("127.0.0.0/8, 10.0.0.0/8", (True, True, False), "127.0.0.0/8 10.0.0.0/8"),
    ("10.0.0.0/8, 127.0.0.0/8", (True, True, False), "10.0.0.0/8 127.0.0.0/8"),
    ("127.0.0.0/8,10.0.0.0/8", (True, True, False), "127.0.0.0/8 10.0.0.0/8"),
    ('"127.0.0.0/8, 10.0.0.0/8"', (False, False, False), ""),
    ('"10.0.0.0/8,127.0.0.0/8"', (False, False, False), ""),
    ("127.0.0.0/8;10.0.0.0/8", (True, True, False), "127.0.0.0/8"),
    ('"10.0.0.0/8;127.0.0.0/8"', (False, False, False), ""),
    ("10.0.0.0/8", (False, False, False), "10.0.0.0/8"),
    ("127.0.0.1", (True, False, False), "127.0.0.1/32"),
    ("127.0.0.1/32", (True, False, False), "127.0.0.1/32"),
    ("127.0.0.2/32", (False, True, False), "127.0.0.2/32"),
    ("127.0.0.1/8", (True, True, False), "127.0.0.0/8"),
    ("127.0.0.1/255.0.0.0", (True, True, False), "127.0.0.0/8"),
    ("127.0.0.1/33", (False, False, False), ""),
    ("127.0.0.1/-1", (False, False, False), ""),
    ("127.0.0.1/", (False, False, False), ""),
    ("127.0.0.*", (False, False, False), ""),
    ("127.*", (False, False, False), ""),
    ("127.0.0.1-127.0.0.9", (False, False, False), ""),
    ("localhost", (False, False, False), ""),
    ("foo", (False, False, False), ""),
    ("foo, 127.0.0.0/8", (True, True, False), "127.0.0.0/8"),
    ("0.0.0.0/0", (True, True, False), "0.0.0.0/0"),
    ("::/0", (True, True, True), "::/0"),
    ("::1/128", (False, False, True), "::1/128"),
    ("::ffff:127.0.0.0/104", (True, True, False), str(ipaddress.ip_network("::ffff:127.0.0.0/104"))),
    ("::ffff:127.0.0.1/128", (True, False, False), str(ipaddress.ip_network("::ffff:127.0.0.1/128"))),
    ("", (False, False, False), ""),
    ("@Invalid()", (False, False, False), ""),
    (" 127.0.0.0/8 ", (True, True, False), "127.0.0.0/8"),
    ("127.0.0.0/8\\n10.0.0.0/8", (False, False, False), ""),
    ('"10.0.0.0/8\\n127.0.0.0/8"', (False, False, False), ""),
    ("127.0.0.0/08", (True, True, False), "127.0.0.0/8"),
    ("127/8", (True, True, False), "127.0.0.0/8"),
    ("127.0.0.0\\8", (False, False, False), "127.0.0.0/32"),
]


@pytest.mark.parametrize(("raw", "inside", "kept"), WHITELIST)
def test_whitelists_as_measured(raw: str, inside: tuple[bool, bool, bool], kept: str) -> None:
    for version in MEASURED:
        networks, _ = web("AuthSubnetWhitelist", raw, version).whitelist()
        assert tuple(covers(networks, host) for host in HOSTS) == inside
        assert " ".join(map(str, networks)) == kept


def test_bad_entries_are_named() -> None:
    assert web("AuthSubnetWhitelist", "foo, 10.0.0.0/8, bar").whitelist()[1] == ("foo", "bar")
    quoted = web("AuthSubnetWhitelist", '"127.0.0.0/8, 10.0.0.0/8"').whitelist()
    assert quoted == ((), ("127.0.0.0/8, 10.0.0.0/8",))


def test_covers_takes_mapped_addresses_for_what_they_are() -> None:
    ten = (ipaddress.ip_network("10.0.0.0/8"),)
    assert covers(ten, "::ffff:10.1.2.3")
    assert not covers(ten, "::ffff:11.1.2.3")
    assert not covers(ten, "no address")


def test_trusted_proxies() -> None:
    entries = '"10.0.0.1; 172.16.0.0/12 ;localhost;"'
    networks, bad = web("TrustedReverseProxiesList", entries, "5.1.0").trusted_proxies()
    assert list(map(str, networks)) == ["10.0.0.1/32", "172.16.0.0/12"]
    assert bad == ("localhost",)
    networks, bad = web("TrustedReverseProxiesList", entries, "4.4.5").trusted_proxies()
    assert list(map(str, networks)) == ["10.0.0.1/32"]
    assert set(bad) == {"localhost", "172.16.0.0/12"}
    assert web("TrustedReverseProxiesList", entries, "4.3.9").trusted_proxies() == ((), ())


@pytest.mark.parametrize(
    ("raw", "domains"),
    [
        ("*", ("*",)),
        ('"*.example; other.test ;"', ("*.example", "other.test")),
        ("*.example;other.test", ("*.example",)),
        ("", ()),
    ],
)
def test_server_domains(raw: str, domains: tuple[str, ...]) -> None:
    assert web("ServerDomains", raw, "5.1.0").server_domains() == domains


_NUMBERS = ("0", "1", "8", "10", "127", "255", "256", "32", "128")
_PIECES = (*_NUMBERS, ".", "..", "/", ":", "::", "ffff", " ", "+", "a", "0x")


@example("+0::")
@example("1: 2::0x3")
@example("::+1.2.3.4")
@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
def test_subnets_agree_with_qt(text: str) -> None:
    text = text.strip()
    address, bits = needs.qt("QtNetwork").QHostAddress.parseSubnet(text)
    ours = parse_subnet(text)
    theirs = None if bits < 0 else f"{ipaddress.ip_address(address.toString())}/{bits}"
    if theirs != (None if ours is None else str(ours)):
        # Qt's mask as an address may be short or of other bases, and Qt pads it; some blanks and octal numbers within an
        # IPv6 address pass, and masks that overflow: nobody writes that
        assert ours is None
        assert "." in text.partition("/")[2] or re.search(r" |\+0|[0-9]{10}", text)
