"""Masks what is written in the places of secrets, for lines that are shown: people write passwords into their programs."""

from __future__ import annotations

import re

from qbdoctor.patterns import regex

_NAME = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|sid|cookie|authorization|credentials?)"
_PLACEHOLDER = r"(?:(?:QBT_SID_\w{1,9}|SID)=)?(?:[$%{<]|\*\*\*|(?<=SID=)[\"'`])"
_LITERAL = regex(
    rf"(?P<before>\b\w*{_NAME}\w*[\"'`]?\]?\s{{0,9}}(?:=>|:=|[:=,])\s{{0,9}}(?:[a-z@$]{{0,2}}))"
    rf"(?P<quote>[\"'`])(?!{_PLACEHOLDER})(?P<secret>(?:\\.|(?!(?P=quote))[^\\\n]){{1,999}})(?P=quote)",
    re.IGNORECASE,
)
_IN_FORM = regex(
    r"(?P<before>(?:(?<=[&?\"'`])|(?<=-d )|(?<=--data )|(?<=--data-urlencode ))"
    rf"(?:pass(?:word)?|SID|QBT_SID_\w{{1,9}}|apikey)=)(?!{_PLACEHOLDER})(?P<secret>[^&\"'`\s;,(){{}}$]{{1,999}})",
    re.IGNORECASE,
)
_BEARER = regex(r"(?P<before>\b(?:Bearer|Basic)\s)(?P<secret>[A-Za-z0-9+/=._-]{6,999})")
_KEY = regex(r"(?P<before>\bqbt_)(?P<secret>[A-Za-z0-9]{28})")


def hide(text: str) -> str:
    """Return lines of source with ``***`` for every literal in the place of a password, key, token or cookie."""
    text = _LITERAL.sub(r"\g<before>\g<quote>***\g<quote>", text)
    for pattern in (_IN_FORM, _BEARER, _KEY):
        text = pattern.sub(r"\g<before>***", text)
    return text


def holds_any(text: str) -> bool:
    """Whether a literal stands in the place of a secret: such a line cannot be handed on to be applied."""
    return hide(text) != text
