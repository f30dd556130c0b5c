"""Checks a password offline against the config's hash, which costs no login."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from qbdoctor import releases
from qbdoctor.config import password_hash
from qbdoctor.model.basics import Secret
from qbdoctor.observe.base.observations import Observations
from qbdoctor.observe.base.observed_values import Offline

if TYPE_CHECKING:
    from qbdoctor.config.settings import Settings


def check_offline(seen: Observations, verifier: password_hash.Verifier) -> Offline:
    """Hold user name and password against the config. Nothing is sent."""
    settings = seen.settings
    if settings is None:
        return Offline("unknown", seen.settings_problem or "the config is not at hand")
    other = seen.other_server
    if other is not None:
        return Offline("unknown", f"process {other.pid}, which serves this address, uses another config")
    known = seen.releases
    keys = {releases.hash_key(known.lowest), releases.hash_key(known.highest)}
    if len(keys) > 1:
        # A release writes its own kind of hash: where only one stands in the file, that one is read.
        keys = {name for name in keys if settings.found(name) is not None} or keys
    if len(keys) > 1:
        return Offline("unknown", f"the release ({known}) is not known well enough to say which hash it reads")
    key = keys.pop()
    stored = settings.secret(key)
    found = settings.found(key)
    line = found.line if found else None
    if found is None:
        return _without_hash(seen, settings)
    parsed = password_hash.parse_hash(stored or Secret(""), "ha1" if key == "Password_ha1" else "pbkdf2")
    if isinstance(parsed, password_hash.Malformed):
        return Offline("malformed", f"{key} (line {line}) {parsed.reason}", line=line)
    names = _wrong_name(seen, settings)
    if names:
        return Offline("mismatch", names, verifier.is_factory(parsed), line)
    given = seen.password
    if given is None:
        return Offline("unknown", "no password was given to compare", verifier.is_factory(parsed), line)
    if verifier.verify(parsed, given):
        same = given.reveal() == password_hash.FACTORY_PASSWORD
        return Offline("match", f"the password fits {key} (line {line})", same, line)
    verifier.begin(parsed, Secret(password_hash.FACTORY_PASSWORD))
    slip = _slip(parsed, given)
    factory = verifier.is_factory(parsed)
    return Offline("mismatch", f"the password does not fit {key} (line {line})", factory, line, slip)


def _slip(stored: password_hash.StoredHash, given: Secret) -> str:
    """Return which common slip explains a password that does not fit, or an empty text. Costs a PBKDF2 each."""
    text = given.reveal()
    for variant, what in (
        (text.strip(), "without the blanks around it"),
        (text[1:-1] if text[:1] == text[-1:] and text[:1] in {'"', "'"} else text, "without the quotes around it"),
        (unquote_plus(text), "with its %XX and + decoded, so it was URL-encoded once too often"),
        (text.replace("$$", "$"), "with $ for $$, as compose files write it"),
        (text.replace("$", "$$"), "with $$ for $, of which a compose file or a shell took one away"),
        (text.swapcase(), "with upper and lower case exchanged (Caps Lock)"),
        (unicodedata.normalize("NFC", text), "with its accents as single characters (NFC)"),
    ):
        if variant and variant != text and password_hash.verify(stored, Secret(variant)):
            return what
    return ""


def _without_hash(seen: Observations, settings: Settings) -> Offline:
    """Judge a config that sets no password: adminadmin up to 4.6.0, a new one at each start from 4.6.1 on."""
    defaults = set(releases.possible("password.when_unset", seen.releases))
    if defaults == {"temporary"}:
        config = seen.target.config_file
        desktop = config is not None and config.suffix == ".ini"  # Windows' and macOS' is the desktop program
        then = (
            "the desktop program then keeps its Web UI off"
            if desktop
            else "this release then makes one up at each start"
        )
        return Offline("not-set", f"the config sets no password, and {then}")
    if defaults != {password_hash.FACTORY_PASSWORD}:
        return Offline("unknown", f"no password is set, and the release ({seen.releases}) is not known well enough")
    names = _wrong_name(seen, settings)
    if names:
        return Offline("mismatch", names, factory=True)
    given = seen.password
    if given is None:
        return Offline("unknown", "no password was given to compare", factory=True)
    same = given.reveal() == password_hash.FACTORY_PASSWORD
    text = "the config sets no password, so the factory one, adminadmin, holds"
    return Offline("match" if same else "mismatch", text, factory=True)


def _wrong_name(seen: Observations, settings: Settings) -> str:
    """Return what is wrong with the user name, if anything; the server compares it to the letter."""
    asked, configured = seen.asked.username, settings.text("Username")
    empty = settings.found("Username") if not configured else None
    if empty is not None:
        return f"the config's user name is empty (line {empty.line}), so that no login succeeds"
    if asked is None or asked == configured:
        return ""
    found = settings.found("Username")
    where = f"line {found.line}" if found else "the default"
    return f"the user name {asked!r} is not the config's {configured!r} ({where}); the server compares it to the letter"
