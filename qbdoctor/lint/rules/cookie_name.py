"""Finds ``client-wants-sid-name``: the session cookie is sought, or sent, under the name ``SID`` alone."""

from __future__ import annotations

from collections.abc import Iterator

from qbdoctor.lint.facts.program import Facts
from qbdoctor.lint.findings import Hit

_SUMMARIES = {
    "lookup": "The session cookie is looked up as SID, a name that qBittorrent from 5.2 on does not use",
    "compare": "Only a cookie named SID counts as the session; from 5.2 on it is called QBT_SID_<port>",
    "pattern": "This pattern finds the cookie SID and not QBT_SID_<port>, which 5.2 and later send",
    "build": "The session is sent back as a cookie named SID, which 5.2 and later do not read",
}
_REMEDIES = {
    "lookup": "Keep the cookies that the login set, whatever their names, and send all of them back; or take the one whose "
    "name is SID or begins with QBT_SID_.",
    "compare": "Accept SID and every name that begins with QBT_SID_, and send the cookie back under its own name.",
    "pattern": "Match the name as well, (SID|QBT_SID_\\d+)=([^;]+), and send name and value back as they came.",
    "build": "Send back the name=value that the login's Set-Cookie held, instead of a name of your own.",
}


def wants_sid_name(facts: Facts) -> Iterator[Hit]:
    """Every such place, unless the file knows the new name too."""
    if facts.knows_new_name():
        return
    for use in facts.sids:
        yield Hit("client-wants-sid-name", "likely", use.place, _SUMMARIES[use.kind], _REMEDIES[use.kind], use.mended)
