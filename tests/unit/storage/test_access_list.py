"""Security descriptors of Windows (MS-DTYP 2.4.6), as its API gives them."""

from __future__ import annotations

import struct

import pytest

from qbdoctor.storage import access_list

PRESENT, INHERIT_ON, INHERITED, PROTECTED, RELATIVE = 0x0004, 0x0100, 0x0400, 0x1000, 0x8000
ANN = struct.pack("<BB6sIIIII", 1, 5, b"\0\0\0\0\0\5", 21, 1, 2, 3, 1001)
EVERYONE = struct.pack("<BB6sI", 1, 1, b"\0\0\0\0\0\1", 0)


def entry(sid: bytes, rights: int, *, handed_down: bool = False) -> bytes:
    return struct.pack("<BBHI", 0, 0x10 if handed_down else 0, 8 + len(sid), rights) + sid


def descriptor(owner: bytes, *entries: bytes, control: int = 0, absent: bool = False) -> bytes:
    """As it comes from GetFileSecurity, with what follows in the buffer."""
    body = b"".join(entries)
    acl = b"" if absent else struct.pack("<BBHHH", 2, 0, 8 + len(body), len(entries), 0) + body
    head = struct.pack("<BBHIIII", 1, 0, RELATIVE | PRESENT | control, 20 + len(acl), 0, 0, 0 if absent else 20)
    return head + acl + owner + b"\0" * 100


def test_what_counts_of_a_descriptor() -> None:
    private = descriptor(ANN, entry(ANN, 0x1F01FF), control=PROTECTED)
    owner, listed = access_list.parts(private)
    assert owner == ANN
    assert entry(ANN, 0x1F01FF) in listed
    assert access_list.parts(private + b"\xff" * 900) == (owner, listed)
    for other in (
        descriptor(ANN, entry(ANN, 0x1F01FF)),
        descriptor(ANN, entry(ANN, 0x1F01FF), entry(EVERYONE, 0x1200A9), control=PROTECTED),
        descriptor(ANN, entry(ANN, 0x1F01FF, handed_down=True), control=PROTECTED),
        descriptor(ANN, control=PROTECTED),
        descriptor(ANN, control=PROTECTED, absent=True),
    ):
        assert access_list.parts(other)[0] == owner
        assert access_list.parts(other)[1] != listed, other
    assert access_list.parts(descriptor(EVERYONE, entry(ANN, 0x1F01FF), control=PROTECTED)) == (EVERYONE, listed)
    # Nobody may do anything, and no list, by which everybody may, are not the same.
    assert access_list.parts(descriptor(ANN))[1] != access_list.parts(descriptor(ANN, absent=True))[1]


@pytest.mark.parametrize(("read", "wanted"), [(INHERITED, INHERITED | INHERIT_ON), (PROTECTED, PROTECTED), (0, 0)])
def test_a_list_that_follows_its_folder_is_set_so(read: int, wanted: int) -> None:
    """Without the bit that asks for it Windows would clear SE_DACL_AUTO_INHERITED."""
    assert access_list.as_set(descriptor(ANN, control=read)) == descriptor(ANN, control=wanted)
