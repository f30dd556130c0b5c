"""Checks a Web UI password against the hash in the config file, offline: it sends nothing and costs no login.

``Password_PBKDF2`` holds ``base64(salt):base64(key)``, the key being PBKDF2-HMAC-SHA512 of the password (UTF-8) with
100000 rounds; qBittorrent itself writes a salt of 16 bytes and a key of 64 and stores a QByteArray, which Qt spells
``@ByteArray(…)``. ``Password_ha1`` is the hex MD5 that releases up to 4.1.9.1 read.

What is read here is what the server reads, tried form by form on 4.2.5, 4.5.2, 5.1.0 and 5.3.0, which agree in all of
them: Qt's lenient base64 skips every character outside its alphabet (blanks, line ends, quotes, ``=``), so missing
padding is no fault; empty parts between colons do not count; a salt may have any length; the key must have 64 bytes.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os

from qbdoctor.config.qtini import values as qtini_values
from qbdoctor.model.basics import Secret
from qbdoctor.model.edits import NewPassword
from qbdoctor.model.waiting import Meanwhile, begin
from qbdoctor.patterns import regex
from qbdoctor.type_checking import TYPE_CHECKING
from qbdoctor.values import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    Scheme = Literal["pbkdf2", "ha1"]
    MalformedKind = Literal[
        "empty",  # no value, or one that Qt reads as none
        "byte-array",  # `@ByteArray(` misspelled, not closed, or with something around it
        "another-hash",  # a hash of another kind, or of another program
        "no-colon",
        "parts",  # more than two parts
        "salt-missing",
        "hex",
        "url-safe",
        "swapped",
        "salt",  # the salt holds what cannot have been meant
        "key",  # not 64 bytes
    ]

FACTORY_PASSWORD = "adminadmin"  # noqa: S105 - in public documentation, and no secret by the contract
ROUNDS = 100_000
SALT_BYTES = 16
KEY_BYTES = 64

_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_QUOTES = "\"'`´‘’‚‛“”„‟«»‹›"
_BYTE_ARRAY = "@ByteArray("
_MD5 = regex(r"[0-9a-fA-F]{32}")
_HEX = regex(r"[0-9a-fA-F]+")
# What the fields of other programs look like: crypt(3), PHC strings, LDAP schemes.
_FOREIGN = regex(r"\$[0-9A-Za-z][\w-]*\$|\{[A-Z][A-Z0-9-]*\}")


@frozen
class StoredHash:
    """A hash that a password can match. ``odd`` says how it differs from what qBittorrent writes, if it does.

    ``salt`` and ``key`` are bytes and never shown by ``repr()``; ``salt`` is empty for ``ha1``.
    """

    scheme: Scheme
    salt: bytes = field(repr=False)
    key: bytes = field(repr=False)
    odd: str | None = None


@frozen
class Malformed:
    """A value that no password matches: every login is refused, and no line in the log says why.

    ``reason`` completes "the password hash …" and holds nothing of the value but lengths.
    """

    kind: MalformedKind
    reason: str


def parse_hash(stored: Secret, scheme: Scheme = "pbkdf2") -> StoredHash | Malformed:
    """Return the hash as the server reads it, or why no password can match it.

    ``stored`` is the value after Qt's unquoting and unescaping, ``@ByteArray(…)`` still around it. A value that Qt
    splits into a list (an unquoted comma) is the caller's to see: the server reads it as empty.
    """
    text = stored.reveal()
    return _parse_ha1(text) if scheme == "ha1" else _parse_pbkdf2(text)


def verify(stored: StoredHash, password: Secret) -> bool:
    """Return whether the server lets this password in; takes some tens of milliseconds.

    False for a text that has no UTF-8 form (a lone surrogate): it cannot be sent.
    """
    try:
        given = password.reveal().encode()
    except UnicodeEncodeError:
        return False
    if stored.scheme == "ha1":
        computed = hashlib.md5(given, usedforsecurity=False).hexdigest().encode()
    else:
        computed = hashlib.pbkdf2_hmac("sha512", given, stored.salt, ROUNDS, KEY_BYTES)
    return hmac.compare_digest(computed, stored.key)


class Verifier:
    """Verifies passwords; one verification that was begun ahead runs beside other work and is waited for.

    hashlib lets other threads run while it computes; ``meanwhile`` is done while it is waited for.
    """

    def __init__(self) -> None:
        self.meanwhile = Meanwhile()
        self._begun: dict[tuple[StoredHash, Secret], tuple[Callable[[], bool], Callable[[], bool]]] = {}

    def begin(self, stored: StoredHash, password: Secret) -> None:
        """Begin to verify a password that will be asked for later, if that is not begun yet."""
        if (stored, password) not in self._begun:
            self._begun[stored, password] = begin(lambda: verify(stored, password))

    def verify(self, stored: StoredHash, password: Secret) -> bool:
        """Return whether the server lets this password in; see :func:`verify`."""
        begun = self._begun.get((stored, password))
        if begun is None:
            return verify(stored, password)
        is_busy, result = begun
        self.meanwhile.work_while(is_busy)
        return result()

    def is_factory(self, stored: StoredHash) -> bool:
        """Return whether it is a hash of the factory password, whatever its salt."""
        return self.verify(stored, Secret(FACTORY_PASSWORD))


def make_hash(password: Secret) -> Secret:
    """Return a new value for ``Password_PBKDF2``: ``@ByteArray(salt:key)``, without the quotes around it in the file.

    Raises :class:`UnicodeEncodeError` for a password that has no UTF-8 form.
    """
    salt = os.urandom(SALT_BYTES)
    key = hashlib.pbkdf2_hmac("sha512", password.reveal().encode(), salt, ROUNDS, KEY_BYTES)
    return Secret(f"{_BYTE_ARRAY}{_base64(salt)}:{_base64(key)})")


def hashed(password: Secret) -> NewPassword:
    """Return the password with a hash of it, for an edit. Raises as :func:`make_hash` does."""
    return NewPassword(password, make_hash(password))


def _parse_ha1(text: str) -> StoredHash | Malformed:
    """Read the older form. The server compares texts, and its own hex is in small letters."""
    if not text:
        return Malformed("empty", "is empty")
    if _MD5.fullmatch(text) and text == text.lower():
        return StoredHash("ha1", b"", text.encode())
    return Malformed("another-hash", "is not an MD5 in 32 small hex digits, the one form of releases up to 4.1.9.1")


def _parse_pbkdf2(text: str) -> StoredHash | Malformed:
    """Read the current form."""
    held = _unwrap(text)
    if isinstance(held, Malformed):
        return held
    parts = [part for part in held.split(":") if part]  # empty parts are skipped, measured
    if len(parts) != 2:
        return _no_two_parts(held, parts)
    salt, key = (_lenient_base64(part) for part in parts)
    if (wrong := _wrong_bytes(parts, salt, key)) is not None:
        return wrong
    return StoredHash("pbkdf2", salt, key, _oddity(text, parts, salt))


def _unwrap(text: str) -> str | Malformed:
    """Undo what QSettings makes of a value (a text that starts with ``@`` may be a typed one)."""
    if not text or text == "@Invalid()":
        return Malformed("empty", "is empty")
    if text.startswith("@") and text.endswith(")"):
        for opening in (_BYTE_ARRAY, "@String("):
            if text.startswith(opening):
                inner = text[len(opening) : -1]
                return inner or Malformed("empty", "is an empty @ByteArray()")
    if "bytearray" in text.lower():
        return Malformed("byte-array", _wrong_wrapping(text))
    if text.startswith(("@Variant(", "@DateTime(", "@Rect(", "@Size(", "@Point(")) and text.endswith(")"):
        return Malformed("another-hash", "is a Qt value of another type, not a byte array")
    return text[1:] if text.startswith("@@") else text


def _wrong_wrapping(text: str) -> str:
    """Say what is wrong with a value that holds ``ByteArray`` and is none."""
    start = text.lower().find("bytearray")
    before = text[:start]
    if text[start : start + 9] != "ByteArray":
        return "spells @ByteArray with other capitals, which Qt does not take for it"
    if before == "@":
        if text[start + 9 : start + 10] != "(":
            return "has no opening bracket after @ByteArray"
        return "does not end with the bracket that closes @ByteArray("
    if before == "@@":
        return "starts with @@, so Qt reads the rest as plain text"
    if any(character in _QUOTES for character in before):
        return "has typographic, single or doubled quotes around @ByteArray(…), which Qt takes for part of the value"
    if before.isspace() or not before.strip(" @"):
        return "has a blank before @ByteArray(…) inside the quotes"
    return "has other characters before @ByteArray(…)"


def _no_two_parts(held: str, parts: list[str]) -> Malformed:
    """Say what a value is that is not ``salt:key``."""
    size = len(held)
    if len(parts) > 2:
        return Malformed("parts", f"has {len(parts)} parts between colons where there should be two, salt:key")
    if _FOREIGN.match(held):
        return Malformed("another-hash", "is a hash of another program's form (crypt, PHC or LDAP), not salt:key")
    if _MD5.fullmatch(held):
        return Malformed("another-hash", "looks like the MD5 of releases up to 4.1.9.1, which later ones do not read")
    if parts and ":" in held:
        return Malformed("salt-missing", "has only one part, with nothing on the other side of the colon")
    if size >= 80:
        return Malformed("no-colon", f"has no colon between salt and key ({size} characters)")
    return Malformed("no-colon", f"has no colon ({size} characters); a password in plain text never matches")


def _wrong_bytes(parts: list[str], salt: bytes, key: bytes) -> Malformed | None:
    """Judge the two decoded parts."""
    if any("-" in part or "_" in part for part in parts):
        return Malformed("url-safe", "is in URL-safe base64 (- and _), which the server skips; it needs + and /")
    if len(key) == KEY_BYTES:
        return None
    if _FOREIGN.match(parts[0]):
        return Malformed("another-hash", "is a hash of another program's form (crypt, PHC or LDAP), not salt:key")
    if all(_HEX.fullmatch(part.strip()) for part in parts) and len(parts[1]) >= 32:
        return Malformed("hex", "is written in hex where base64 is needed")
    if len(key) == SALT_BYTES and len(salt) == KEY_BYTES:
        return Malformed("swapped", "has salt and key the wrong way round")
    return Malformed("key", f"has a key of {len(key)} bytes, not {KEY_BYTES}" + (_hint(len(key))))


def _hint(size: int) -> str:
    """Say what usually makes a key of this many bytes."""
    if size in {20, 32, 48}:
        return f" (as SHA-{ {20: 1, 32: 256, 48: 384}[size] } would give; it needs SHA-512)"
    return " (cut short)" if size < KEY_BYTES else ""


def _oddity(text: str, parts: list[str], salt: bytes) -> str | None:
    """Say how a hash that works differs from what qBittorrent writes."""
    if len(salt) != SALT_BYTES:
        return f"has a salt of {len(salt)} bytes where qBittorrent writes {SALT_BYTES}"
    canonical = f"{_base64(salt)}:{_base64(_lenient_base64(parts[1]))}"
    if text in {f"{_BYTE_ARRAY}{canonical})", canonical}:
        return None
    return "holds characters that the server skips, or lacks padding"


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()  # all that the module base64 would do here


def _lenient_base64(text: str) -> bytes:
    """Decode as ``QByteArray::fromBase64`` does by default: foreign characters skipped, left-over bits dropped."""
    kept = "".join(character for character in text if character in _ALPHABET)
    return binascii.a2b_base64(kept + "A" * (-len(kept) % 4))[: len(kept) * 6 // 8]


def fits(raw: str | None, plain: Secret) -> bool:
    """Return whether the text in the file is a hash of the password, whoever made it."""
    if raw is None:
        return False
    stored = parse_hash(Secret(qtini_values.to_bytes(raw).decode("utf-8", "replace")))
    return not isinstance(stored, Malformed) and verify(stored, plain)
