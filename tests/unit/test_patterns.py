"""A regular expression that is compiled later is, to its users, one that was compiled at once."""

from __future__ import annotations

import re

import pytest

from qbdoctor.patterns import regex


def test_it_does_what_a_compiled_one_does() -> None:
    later, now = regex(r"(?P<word>[a-z]+)\d", re.IGNORECASE), re.compile(r"(?P<word>[a-z]+)\d", re.IGNORECASE)
    for text in ("Ab1 c2", "1", ""):
        assert later.findall(text) == now.findall(text)
        assert later.sub("-", text) == now.sub("-", text)
        assert bool(later.match(text)) == bool(now.match(text))
    assert (later.pattern, later.flags, later.groupindex) == (now.pattern, now.flags, now.groupindex)
    assert regex(rb"\d+").findall(b"1 22") == [b"1", b"22"]


def test_it_is_compiled_when_it_is_used() -> None:
    wrong = regex("(")
    with pytest.raises(re.error):
        wrong.match("")
