"""The offline check of a password: what the server takes for a hash, and what it does not."""

from __future__ import annotations

import hashlib
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbdoctor.config.password_hash import Malformed, StoredHash, Verifier, make_hash, parse_hash, verify
from qbdoctor.model.basics import Secret
from tests.support.password_hashes import PASSWORD, SALT, USABLE, K, S, b64, key

FACTORY = (
    "ARQ77eY1NUZaQsuDHbIMCA==:0WMRkYTUWVT9wVvdDtHAjU9b3b7uB8NR1Gur2hmQCvCDpm39Q+PsJRJPaCU51dEiz+dTzh8qbPsL8WkFljQYFQ=="
)


def url_safe(text: str) -> str:
    return text.replace("+", "-").replace("/", "_")


# And each of these kept it out.
MALFORMED = {
    "": "empty",
    "@ByteArray()": "empty",
    "@Invalid()": "empty",
    f"@bytearray({S}:{K})": "byte-array",
    f"@ByteArray({S}:{K}": "byte-array",
    f"@ByteArray{S}:{K})": "byte-array",
    f"@@ByteArray({S}:{K})": "byte-array",
    f"“@ByteArray({S}:{K})”": "byte-array",
    f"'@ByteArray({S}:{K})'": "byte-array",
    f"@ByteArray({S}:{K}) ": "byte-array",
    f" @ByteArray({S}:{K})": "byte-array",
    PASSWORD: "no-colon",
    f"@ByteArray({S}{K})": "no-colon",
    f"@ByteArray({S}:)": "salt-missing",
    f"@ByteArray(:{b64(key(b''))})": "salt-missing",
    f"@ByteArray({S}:{K}:x)": "parts",
    f"@ByteArray(100000:{S}:{K})": "parts",
    f"@ByteArray({SALT.hex()}:{key().hex()})": "hex",
    f"@ByteArray({url_safe(S)}:{url_safe(K)})": "url-safe",
    f"@ByteArray({K}:{S})": "swapped",
    f"@ByteArray({S}:{b64(key(size=32))})": "key",
    f"@ByteArray({S}:{b64(key(size=63))})": "key",
    f"@ByteArray({S}:{b64(key() + b'x')})": "key",
    f"@ByteArray({S}:{b64(key(size=128))})": "key",
    hashlib.md5(PASSWORD.encode()).hexdigest(): "another-hash",
    "$2b$12$abcdefghijklmnopqrstuv": "another-hash",
    "{SSHA}abcdef": "another-hash",
    "@Variant(\x00\x00\x00\x0c)": "another-hash",
}


def hashed(text: str) -> StoredHash:
    parsed = parse_hash(Secret(text))
    assert isinstance(parsed, StoredHash)
    return parsed


@pytest.mark.parametrize("text", USABLE.values(), ids=USABLE)
def test_what_the_server_reads_as_a_hash(text: str) -> None:
    stored = hashed(text)
    assert verify(stored, Secret(PASSWORD))
    assert not verify(stored, Secret(PASSWORD + " "))
    assert (stored.odd is None) == (text in {f"@ByteArray({S}:{K})", f"{S}:{K}"})


@pytest.mark.parametrize(
    ("text", "kind"), MALFORMED.items(), ids=[f"{k}-{n}" for n, k in enumerate(MALFORMED.values())]
)
def test_what_no_password_matches(text: str, kind: str) -> None:
    parsed = parse_hash(Secret(text))
    assert isinstance(parsed, Malformed)
    assert parsed.kind == kind
    for part in (S, K, S[:8], K[:8], PASSWORD, SALT.hex()[:8]):
        assert part not in parsed.reason


def test_the_reason_has_the_size() -> None:
    parsed = parse_hash(Secret(f"{S}:{b64(key(size=32))}"))
    assert isinstance(parsed, Malformed)
    assert "32 bytes" in parsed.reason
    assert "SHA-256" in parsed.reason


def test_the_factory_password() -> None:
    assert Verifier().is_factory(hashed(FACTORY))
    made = parse_hash(make_hash(Secret("adminadmin")))
    assert isinstance(made, StoredHash)
    assert Verifier().is_factory(made)
    assert not Verifier().is_factory(hashed(f"{S}:{K}"))


@settings(max_examples=10, deadline=None)
@given(st.text())
def test_a_made_hash_fits_its_password_alone(password: str) -> None:
    stored = parse_hash(make_hash(Secret(password)))
    assert isinstance(stored, StoredHash)
    assert stored.odd is None
    assert verify(stored, Secret(password))
    assert not verify(stored, Secret(password + "x"))


def test_a_password_without_utf8_form() -> None:
    assert not verify(hashed(f"{S}:{K}"), Secret("\udcff"))


def test_nothing_of_a_hash_is_shown() -> None:
    shown = repr(hashed(f"{S}:{K}"))
    assert S not in shown
    assert repr(SALT) not in shown
    assert repr(key()) not in shown


def test_the_older_form() -> None:
    stored = parse_hash(Secret("f6fdffe48c908deb0f4c3bd36c032e72"), "ha1")
    assert isinstance(stored, StoredHash)
    assert Verifier().is_factory(stored)
    assert not verify(stored, Secret(PASSWORD))
    for text in ("", "F6FDFFE48C908DEB0F4C3BD36C032E72", "f6fd", f"@ByteArray({S}:{K})"):
        assert isinstance(parse_hash(Secret(text), "ha1"), Malformed)


@given(st.text(alphabet=string.printable + "“”’äß@:=-_", max_size=200) | st.text(max_size=60))
def test_any_value_is_judged_without_being_told(text: str) -> None:
    parsed = parse_hash(Secret(text))
    if isinstance(parsed, Malformed):
        assert parsed.reason.startswith(("is ", "has ", "spells ", "does ", "starts ", "looks "))
        if len(text) > 12:
            assert text not in parsed.reason
