"""Begins the offline check of a password as soon as the target is known, beside all that is loaded and asked after that."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError

if TYPE_CHECKING:
    from qbdoctor.config.password_hash import Verifier
    from qbdoctor.target.description import Target


def begin_hash(target: Target, given: Secret | None) -> Verifier | None:
    """Begin the computation that the offline check will most likely want; None where no config is at hand."""
    path, handed = target.config_file, target.handed
    if path is None and handed is None:
        return None
    # Here, not above: a target elsewhere does without them.
    from qbdoctor.config.password_hash import FACTORY_PASSWORD, StoredHash, Verifier, parse_hash  # noqa: PLC0415
    from qbdoctor.config.settings import Settings  # noqa: PLC0415

    verifier = Verifier()
    with suppress(UserError):  # who needs the config says so
        settings = Settings.load(path) if path is not None else Settings.parse(handed.config if handed else b"")
        stored = settings.secret("Password_PBKDF2")
        parsed = parse_hash(stored) if stored is not None else None
        if isinstance(parsed, StoredHash):
            verifier.begin(parsed, given if given is not None else Secret(FACTORY_PASSWORD))
    return verifier
