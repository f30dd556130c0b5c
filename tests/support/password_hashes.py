"""Password hashes as real servers and people write them, all of one password."""

from __future__ import annotations

import base64
import functools
import hashlib

from qbdoctor.config.password_hash import make_hash
from qbdoctor.model.basics import Secret

PASSWORD = "a good one"


SALT = bytes([0xFB, 0xFF, *range(14)])  # holds both + and / in base64


@functools.cache
def key(salt: bytes = SALT, size: int = 64, password: str = PASSWORD) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 100_000, size)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


S, K = b64(SALT), b64(key())


# Each was tried on 4.2.5, 4.5.2, 5.1.0 and 5.3.0, and each let the right password in.
USABLE = {
    "as written": f"@ByteArray({S}:{K})",
    "bare": f"{S}:{K}",
    "a typed text": f"@String({S}:{K})",
    "salt of 8": f"@ByteArray({b64(SALT[:8])}:{b64(key(SALT[:8]))})",
    "salt of 32": f"@ByteArray({b64(SALT * 2)}:{b64(key(SALT * 2))})",
    "salt of 0": f"@ByteArray(==:{b64(key(b''))})",
    "no padding": f"@ByteArray({S.rstrip('=')}:{K.rstrip('=')})",
    "blanks inside": f"@ByteArray({S[:5]} {S[5:]} : {K[:9]}  {K[9:]})",
    "line end inside": f"@ByteArray({S}:{K}\n)",
    "colon before": f"@ByteArray(:{S}:{K})",
    "colon after": f"@ByteArray({S}:{K}:)",
    "two colons": f"@ByteArray({S}::{K})",
    "typographic quotes around the bare form": f"“{S}:{K}”",
    "single quotes around the bare form": f"'{S}:{K}'",
    "brackets": f"({S}:{K})",
    "padding in the middle": f"@ByteArray({S[:4]}=={S[4:]}:{K[:8]}=,;{K[8:]})",
}

# Few, since each needs a server of its own; the others were tried once and stand in the tables above.
LIVE_FORMS = {
    **{name: USABLE[name] for name in ("no padding", "salt of 8", "typographic quotes around the bare form")},
    "lower": f"@bytearray({S}:{K})",
    "hex": f"@ByteArray({SALT.hex()}:{key().hex()})",
    "key of 63": f"@ByteArray({S}:{b64(key(size=63))})",
    "made": make_hash(Secret(PASSWORD)).reveal(),
}
