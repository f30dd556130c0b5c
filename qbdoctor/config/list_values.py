"""Adds an entry to a setting that holds a list in one value, with all that is there kept.

The file separates the entries of ServerDomains and TrustedReverseProxiesList with ``;`` (so Qt writes quotes), those of
AuthSubnetWhitelist with commas; app/preferences has the former as they are and the latter one a line.
"""

from __future__ import annotations

import re

from qbdoctor import releases
from qbdoctor.config.qtini import values as qtini_values
from qbdoctor.config.subnets import parse_subnet
from qbdoctor.model.basics import Json

NAMES, SUBNETS = "ServerDomains", "AuthSubnetWhitelist"
_ALL_NAMES = "*"


def with_entry(setting: str, raw: str | None, entry: str) -> str | None:
    """Return the text in the file with this entry as well; what is there (None: absent) if it holds it already."""
    held = entries(setting, raw)
    if _holds(setting, held, entry):
        return raw
    if setting == SUBNETS:
        return qtini_values.from_list((*held, entry), utf8=False)
    return qtini_values.from_text(";".join((*held, entry)), utf8=False)


def contains(setting: str, raw: str | None, entry: str) -> bool:
    """Return whether the text in the file has this entry, or one that says at least as much."""
    return _holds(setting, entries(setting, raw), entry)


def with_entry_json(setting: str, value: Json, entry: str) -> Json:
    """Return the value of app/preferences with this entry as well; the same value if it holds it already."""
    text = value if isinstance(value, str) else ""
    held = _split(r"[\n,]" if setting == SUBNETS else ";", text)
    if _holds(setting, held, entry):
        return value
    return ("\n" if setting == SUBNETS else ";").join((*held, entry))


def holds_json(setting: str, value: Json, entry: str) -> bool:
    """Return whether the value of app/preferences has this entry, or one that says at least as much."""
    return isinstance(value, str) and _holds(setting, _split(r"[\n,]" if setting == SUBNETS else ";", value), entry)


def entries(setting: str, raw: str | None) -> tuple[str, ...]:
    """Return the entries of a list's text in the file; those of the default where the key is absent."""
    if raw is None:
        found = releases.default(releases.key(setting), releases.NEWEST)
        return found if isinstance(found, tuple) else _split(";", str(found))
    if setting == SUBNETS:
        return tuple(one for one in qtini_values.to_list(raw) if one.strip())
    return _split(";", qtini_values.to_text(raw))


def _split(separator: str, text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in re.split(separator, text) if one.strip())


def _holds(setting: str, held: tuple[str, ...], entry: str) -> bool:
    if setting == NAMES:
        return _ALL_NAMES in held or entry.lower() in {one.lower() for one in held}
    wanted = parse_subnet(entry)
    # Two of one family only: what holds an IPv4 address among IPv6 subnets is no matter for a list that people read.
    return any(
        wanted is not None and net is not None and net.version == wanted.version and wanted.subnet_of(net)  # type: ignore[arg-type]
        for net in map(parse_subnet, held)
    )
