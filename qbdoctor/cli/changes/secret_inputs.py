"""Asks for the secrets that a fix needs, or makes them up."""

from __future__ import annotations

import argparse
import secrets as random
import string
from collections.abc import Iterable

from qbdoctor.cli import credentials, output
from qbdoctor.cli.changes import prompts
from qbdoctor.model.basics import Secret
from qbdoctor.model.edits import Fix, Input
from qbdoctor.model.errors import UserError

_LENGTH = 24


_LETTERS = string.ascii_letters + string.digits


def ask_secrets(args: argparse.Namespace, fixes: Iterable[Fix], whose: str) -> dict[str, Secret]:
    """Return the secrets that these fixes must be told, by their names; ``whose`` is for the prompt. Raises UserError."""
    wanted = {one.name: one for fix in fixes for one in fix.inputs if one.secret}
    if args.new_password_file is not None and not wanted:
        raise UserError("usage", "--new-password-file is for the fix set-password: name it.")
    return {name: _secret(args, one, whose) for name, one in wanted.items()}


def _secret(args: argparse.Namespace, one: Input, whose: str) -> Secret:
    if args.new_password_file is not None:
        if [args.new_password_file, args.password_file, args.api_key_file].count("-") > 1:
            raise UserError("usage", "Only one secret can come from standard input: give the other as a file.")
        return _checked(one, credentials.from_file(args.new_password_file, "--new-password-file"))
    if args.dry_run:
        return Secret(_made_up())  # the plan shows none of it, so nobody need be asked
    if not prompts.person_answers():
        raise UserError(
            "input-missing", f"{one.about[0].upper()}{one.about[1:]} is needed: give --new-password-file FILE."
        )
    return _typed(one, whose)


def _typed(one: Input, whose: str) -> Secret:
    import getpass  # noqa: PLC0415 - seldom needed
    import sys  # noqa: PLC0415

    try:
        first = getpass.getpass(f"New password for {whose} (empty: one is made up and shown once): ", stream=sys.stderr)
        if not first:
            made = _made_up()
            output.say(f"The new password, shown this once: {made}")
            return Secret(made)
        again = getpass.getpass("The same once more: ", stream=sys.stderr)
    except EOFError:
        raise UserError("input-missing", "No new password was typed.") from None
    if first != again:
        raise UserError("bad-input", "The two were not the same: nothing was changed.")
    return _checked(one, Secret(first))


def _checked(one: Input, secret: Secret) -> Secret:
    try:
        one.read(secret.reveal())
    except ValueError as error:
        raise UserError("bad-input", f"The new password {error}.") from None
    return secret


def _made_up() -> str:
    return "".join(random.choice(_LETTERS) for _ in range(_LENGTH))
