"""Keeps the access list of a file of Windows that is replaced: a new file has its folder's, which may let in more."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

from qbdoctor.model.errors import Refused

_OWNER, _LIST = 0x1, 0x4
_PRESENT, _PROTECTED, _INHERITS, _INHERITS_ON = 0x0004, 0x1000, 0x0400, 0x0100
_HAS_NONE = {1, 50}
"""ERROR_INVALID_FUNCTION and ERROR_NOT_SUPPORTED: the file system knows no access lists."""
_HEAD = struct.Struct("<2xHI8xI")
"""Of a self-relative security descriptor: control, where the owner stands, where the list stands (MS-DTYP 2.4.6)."""


def keep(old: Path, new: Path) -> tuple[str, ...]:
    """Give a new file the access list and the owner of the one whose place it takes; return what could not be kept.

    Both are set as they were read (GetFileSecurity, SetFileSecurity), so what was handed down stays told from what the file
    has for itself. Does nothing where they are the same, and on other systems. Raises :class:`Refused` where the list cannot
    be kept.
    """
    if sys.platform == "win32":
        return _keep(old, new)
    return ()


def parts(descriptor: bytes) -> tuple[bytes, bytes]:
    """Return of a security descriptor the owner, and the access list with whether its folder's entries are kept from it."""
    control, owner, at = _HEAD.unpack_from(descriptor)
    sid = descriptor[owner : owner + 8 + 4 * descriptor[owner + 1]] if owner else b""
    size = int.from_bytes(descriptor[at + 2 : at + 4], "little") if at else 0
    return sid, (control & (_PRESENT | _PROTECTED)).to_bytes(2, "little") + descriptor[at : at + size]


def as_set(descriptor: bytes) -> bytes:
    """Return a descriptor as it is given to be set: that the list follows its folder is then asked for by another bit."""
    control: int = _HEAD.unpack_from(descriptor)[0]
    if control & _INHERITS:
        control |= _INHERITS_ON
    return descriptor[:2] + control.to_bytes(2, "little") + descriptor[4:]


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    def _keep(old: Path, new: Path) -> tuple[str, ...]:
        try:
            descriptor = _read(old)
            wanted, has = parts(descriptor), parts(_read(new))
            if wanted[1] != has[1]:
                _set(new, _LIST, descriptor)
        except OSError as error:
            if error.winerror in _HAS_NONE:
                return ()
            raise Refused(
                f"The access list of {old} could not be kept: {error.strerror}. Nothing was changed.",
                "config-attributes",
            ) from None
        try:
            if wanted[0] != has[0]:
                _set(new, _OWNER, descriptor)
        except OSError as error:
            return (f"the owner of {old} could not be kept ({error.strerror})",)
        return ()

    def _read(path: Path) -> bytes:
        get = ctypes.WinDLL("advapi32", use_last_error=True).GetFileSecurityW
        get.argtypes = (wintypes.LPCWSTR, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p)
        size, wanted = 1024, wintypes.DWORD()
        while True:
            held = ctypes.create_string_buffer(size)
            if get(str(path), _OWNER | _LIST, held, size, ctypes.byref(wanted)):
                return held.raw
            if wanted.value <= size:
                raise ctypes.WinError(ctypes.get_last_error())
            size = wanted.value

    def _set(path: Path, what: int, descriptor: bytes) -> None:
        put = ctypes.WinDLL("advapi32", use_last_error=True).SetFileSecurityW
        put.argtypes = (wintypes.LPCWSTR, wintypes.DWORD, ctypes.c_char_p)
        if not put(str(path), what, as_set(descriptor)):
            raise ctypes.WinError(ctypes.get_last_error())
