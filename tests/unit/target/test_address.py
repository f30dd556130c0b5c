"""Web UI addresses: what is taken, how it is written, and what is refused in which words."""

from __future__ import annotations

import pytest

from qbdoctor.model.errors import UserError
from qbdoctor.target.address import Address, parse_host_port, parse_ip, parse_url


@pytest.mark.parametrize(
    ("text", "address", "url", "authority"),
    [
        ("http://localhost:8080", ("http", "localhost", 8080, ""), "http://localhost:8080", "localhost:8080"),
        ("http://localhost", ("http", "localhost", 80, ""), "http://localhost", "localhost"),
        ("https://Qbt.Example/", ("https", "qbt.example", 443, ""), "https://qbt.example", "qbt.example"),
        ("HTTP://h:443/", ("http", "h", 443, ""), "http://h:443", "h:443"),
        ("https://h:80/q/", ("https", "h", 80, "/q"), "https://h:80/q", "h:80"),
        ("http://h:80", ("http", "h", 80, ""), "http://h", "h"),
        ("http://h:08080/a/b//", ("http", "h", 8080, "/a/b"), "http://h:8080/a/b", "h:8080"),
        ("http://[::1]:8080", ("http", "::1", 8080, ""), "http://[::1]:8080", "[::1]:8080"),
        ("http://[0:0:0:0:0:0:0:1]", ("http", "::1", 80, ""), "http://[::1]", "[::1]"),
        ("http://[FE80::1%25eth0]:81", ("http", "fe80::1%eth0", 81, ""), "http://[fe80::1%25eth0]:81", "[fe80::1]:81"),
        ("http://[fe80::1%eth0]:81", ("http", "fe80::1%eth0", 81, ""), "http://[fe80::1%25eth0]:81", "[fe80::1]:81"),
        ("http://10.0.0.2:8080/x", ("http", "10.0.0.2", 8080, "/x"), "http://10.0.0.2:8080/x", "10.0.0.2:8080"),
        ("http://bücher.example", ("http", "xn--bcher-kva.example", 80, ""), None, "xn--bcher-kva.example"),
        ("http://BÜCHER.example", ("http", "xn--bcher-kva.example", 80, ""), None, "xn--bcher-kva.example"),
        ("http://qbt_1.lan./qé", ("http", "qbt_1.lan.", 80, "/q%C3%A9"), "http://qbt_1.lan./q%C3%A9", "qbt_1.lan."),
        ("http://h:65535", ("http", "h", 65535, ""), "http://h:65535", "h:65535"),
    ],
)
def test_taken(text: str, address: tuple[str, str, int, str], url: str | None, authority: str) -> None:
    parsed = parse_url(text)
    assert parsed == Address(*address)
    assert parsed.authority == authority
    if url is not None:
        assert parsed.url == url
    assert parse_url(parsed.url) == parsed, "the canonical form names the same address"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the URL is empty"),
        (" ", "holds a blank"),
        ("http://h ost:1", "holds a blank"),
        ("http://host:1\n", "holds a blank or a control"),
        ("http://host:1/a\x00", "control character"),
        ("//host:8080", "write http://host:8080."),
        ("http:/host:8080", "write http://host:8080."),
        ("https:host", "write https://host."),
        ("::1", "write http://[::1]:8080."),
        ("http", "write http://http."),
        ("http:", "write http://localhost:8080."),
        ("http:\\\\host", "backslash"),
        ("ftp://host", "neither http nor https"),
        ("file:///etc/passwd", "neither http nor https"),
        ("http://", "has no host"),
        ("http:///path", "has no host"),
        ("http://:8080", "has no host"),
        ("http://host:0", "a number from 1 to 65535"),
        ("http://host:65536", "a number from 1 to 65535"),
        ("http://host:99999999999999999999", "a number from 1 to 65535"),
        ("http://host:abc", "a number from 1 to 65535"),
        ("http://host:-1", "a number from 1 to 65535"),
        ("http://host:", "a number from 1 to 65535"),
        ("http://host:８０", "a number from 1 to 65535"),
        ("http://::1:8080", "needs brackets"),
        ("http://[::1", "between [ and ]"),
        ("http://[::1]8080", "between [ and ]"),
        ("http://[nonsense]", "no IPv6 address"),
        ("http://[::1%]", "no IPv6 address"),
        ("http://[127.0.0.1]", "no IPv6 address"),
        ("http://256.1.1.1", "no valid IPv4"),
        ("http://127.1:8080", "no valid IPv4"),
        ("http://-host", "no valid name"),
        ("http://a..b", "no valid name"),
        ("http://ho%73t", "no valid name"),
        ("http://ho*st", "no valid name"),
        ("http://" + "a" * 64, "no valid name"),
        ("http://" + "ü" * 80, "no valid name"),
        ("http://host/?a=b", "has a query"),
        ("http://host#x", "has a fragment"),
    ],
)
def test_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_url(text, what="--public-url")
    error = caught.value
    assert (error.code, error.exit_code) == ("bad-url", 2)
    assert error.message.startswith("--public-url: ")
    assert said in error.message
    assert error.message.endswith(".")
    assert all(char.isprintable() for char in error.message)
    assert len(error.message) < 300


@pytest.mark.parametrize(
    "text",
    [
        "http://admin:hunter2@host:8080",
        "admin:hunter2@host:8080",
        "http://hunter2@host",
        "https://admin:hunt/er2@host",
        "http://admin:hunt?er2@host",
        "http://admin:hunt er2@host",
        "http://admin%3Ahunter2%40host",
        "ftp://admin:hunter2@host",
    ],
)
def test_credentials_are_never_repeated(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_url(text)
    assert caught.value.code == "credentials-in-url"
    assert "hunt" not in caught.value.message
    assert "admin" not in caught.value.message
    assert "--password-file" in caught.value.message


def test_a_query_is_never_repeated() -> None:
    with pytest.raises(UserError) as caught:
        parse_url("http://host/?apikey=hunter2")
    assert "hunter2" not in caught.value.message
    with pytest.raises(UserError) as caught:
        parse_url("host:80/?apikey=hunter2")
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("host", "loopback", "ip"),
    [
        ("localhost", True, False),
        ("localhost.", True, False),
        ("qbt.localhost", True, False),
        ("notlocalhost", False, False),
        ("127.0.0.1", True, True),
        ("127.8.9.1", True, True),
        ("::1", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("fe80::1%eth0", False, True),
        ("10.0.0.1", False, True),
        ("0.0.0.0", False, True),
        ("example.org", False, False),
    ],
)
def test_kinds_of_host(host: str, loopback: bool, ip: bool) -> None:
    address = Address("http", host, 8080)
    assert (address.is_loopback, address.is_ip) == (loopback, ip)


def test_join() -> None:
    address = parse_url("https://h/base/")
    assert (
        address.join("/api/v2/app/version") == address.join("api/v2/app/version") == "https://h/base/api/v2/app/version"
    )
    assert Address("http", "::1", 8080).join("") == "http://[::1]:8080/"


def test_parse_ip() -> None:
    assert str(parse_ip("::ffff:10.0.0.1")) == "10.0.0.1"
    assert str(parse_ip("fe80::1%eth0")) == "fe80::1"
    assert parse_ip("localhost") is None
    assert parse_ip("") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:81", ("::1", 81)), ("localhost:8081", ("localhost", 8081))],
)
def test_host_port(text: str, expected: tuple[str, int]) -> None:
    assert parse_host_port(text) == expected


@pytest.mark.parametrize("text", ["", "localhost", ":0", "a:b:c", "::1:80", "host:x", "[::1]", "host:70000"])
def test_host_port_refused(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_host_port(text)
    assert caught.value.code == "bad-address"


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("8080", "http://localhost:8080"),
        ("localhost", "http://localhost:8080"),
        ("localhost:8080", "http://localhost:8080"),
        ("localhost:8080/", "http://localhost:8080"),
        ("nas.lan", "http://nas.lan:8080"),
        ("NAS.lan:80/qb/", "http://nas.lan/qb"),
        ("nas.lan/qb", "http://nas.lan/qb"),
        ("192.168.1.2", "http://192.168.1.2:8080"),
        ("[::1]", "http://[::1]:8080"),
        ("[fe80::1]:9000", "http://[fe80::1]:9000"),
    ],
)
def test_without_a_scheme_it_is_http(typed: str, url: str) -> None:
    assert parse_url(typed).url == url


@pytest.mark.parametrize("typed", ["0", "65536", "localhost:0", "nas.lan:99999", "1.2.3", "a b", "-x.lan"])
def test_without_a_scheme_it_must_still_be_an_address(typed: str) -> None:
    with pytest.raises(UserError):
        parse_url(typed)
