"""What a fix must be told: from ``--set NAME=VALUE``, else from what was found, else the fix's own default.

A secret never comes from the command line: it is asked twice at a terminal, made up there and shown once, or read from
a file.
"""

from __future__ import annotations

import argparse
import secrets as random
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qbdoctor import consent, credentials, output
from qbdoctor.model.basics import Secret
from qbdoctor.model.edits import Fix, Input
from qbdoctor.model.errors import UserError
from qbdoctor.model.report import Report

_LENGTH = 24
_LETTERS = string.ascii_letters + string.digits


def given(texts: Sequence[str], fixes: Iterable[Fix]) -> dict[str, str]:
    """Return the values of ``--set`` by their names. Raises UserError where one is none or no fix here takes it."""
    known = {one.name: one for fix in fixes for one in fix.inputs}
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UserError("usage", "--set wants NAME=VALUE, such as --set host=nas.lan.")
        if name not in known:
            takes = ", ".join(sorted(one.name for one in known.values() if not one.secret)) or "none"
            raise UserError("unknown-input", f"--set {name}: no fix here takes it; what they take: {takes}.")
        if known[name].secret:
            raise UserError(
                "secret-on-command-line",
                f"--set {name}: a secret does not belong on the command line, where others can read it: type it when "
                "asked, or give --new-password-file.",
            )
        if name in values:
            raise UserError("usage", f"--set {name} is given twice.")
        values[name] = _read(known[name], value)
    return values


def bind(fix: Fix, told: Mapping[str, Any], report: Report | None = None) -> Fix:
    """Return the fix with its values. Raises UserError (``input-missing``) where one is not known."""
    if not fix.inputs:
        return fix
    causes = report.causes if report is not None else ()
    found = {name: value for one in causes if one.id in fix.answers for name, value in one.values.items()}
    values = {one.name: _value(fix, one, told, found) for one in fix.inputs}
    return replace(fix, given=values)


def _value(fix: Fix, one: Input, told: Mapping[str, Any], found: Mapping[str, str]) -> Any:
    if one.name in told:
        return told[one.name]
    if one.found in found and one.found:
        return _read(one, found[one.found])
    if one.default:
        return _read(one, one.default)
    how = "--new-password-file FILE" if one.secret else f"--set {one.name}=VALUE"
    raise UserError("input-missing", f"{fix.id} must be told {one.about}: {how}.")


def _read(one: Input, text: str) -> str:
    try:
        return one.read(text)
    except ValueError as error:
        raise UserError("bad-input", f"--set {one.name}: {error}.") from None


# --- the secret one ---------------------------------------------------------------------------------------------------


def ask_secrets(args: argparse.Namespace, fixes: Iterable[Fix]) -> dict[str, Secret]:
    """Return the secrets that these fixes must be told, by their names. Raises UserError."""
    wanted = {one.name: one for fix in fixes for one in fix.inputs if one.secret}
    if args.new_password_file is not None and not wanted:
        raise UserError("usage", "--new-password-file is for the fix set-password: name it.")
    return {name: _secret(args, one) for name, one in wanted.items()}


def _secret(args: argparse.Namespace, one: Input) -> Secret:
    if args.new_password_file is not None:
        if [args.new_password_file, args.password_file, args.api_key_file].count("-") > 1:
            raise UserError("usage", "Only one secret can come from standard input: give the other as a file.")
        return _checked(one, credentials.from_file(args.new_password_file, "--new-password-file"))
    if args.dry_run:
        return Secret(_made_up())  # the plan shows none of it, so nobody need be asked
    if not consent.person_answers():
        raise UserError(
            "input-missing", f"{one.about[0].upper()}{one.about[1:]} is needed: give --new-password-file FILE."
        )
    return _typed(one)


def _typed(one: Input) -> Secret:
    import getpass  # noqa: PLC0415 - seldom needed
    import sys  # noqa: PLC0415

    try:
        first = getpass.getpass("New password (empty: one is made up and shown once): ", stream=sys.stderr)
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
