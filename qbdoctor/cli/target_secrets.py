"""Fetches a named target's secret: from a command, the keyring, or a file."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from qbdoctor.cli import credentials
from qbdoctor.model import shell
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.storage import files

COMMAND_SECONDS = 60.0
"""A password manager may ask its owner something first."""
SERVICE = "qbdoctor"
"""The name of the service in the keyring: `keyring set qbdoctor NAME`."""
_KINDS = {"command": str, "keyring": bool, "file": str}


def checked(where: str, value: Any) -> Mapping[str, Any]:
    """Return the table of a secret. Raises UserError, which never repeats the value."""
    if isinstance(value, str):
        raise UserError(
            "secret-in-targets",
            f'{where} is a text: a secret does not belong in that file; write {{command = "pass show nas"}}, '
            '{keyring = true} or {file = "…"}.',
        )
    known = isinstance(value, dict) and len(value) == 1
    if not known or not all(name in _KINDS and isinstance(each, _KINDS[name]) and each for name, each in value.items()):
        raise UserError("targets-bad", f"{where} must be a table of one: command, keyring = true, or file.")
    table: Mapping[str, Any] = value
    return table


def fetch(name: str, kind: str, table: Mapping[str, Any], username: str) -> Secret:
    """Return the secret of a target. Raises UserError, without anything that a command has printed."""
    where = f"targets.{name}.{kind}"
    if "file" in table:
        return _from_file(str(table["file"]), where)
    if "keyring" in table:
        return _from_keyring(name, username, where)
    return _from_command(str(table["command"]), where)


def source(table: Mapping[str, Any]) -> str:
    """Return in a word where a secret comes from."""
    return next(iter(table), "")


def _from_file(text: str, where: str) -> Secret:
    path = files.expanded(text)
    try:
        found = path.stat()
    except OSError:
        found = None  # what is wrong with it is said where it is read
    if found is not None and hasattr(os, "getuid") and (found.st_mode & 0o022 or found.st_uid not in (0, os.getuid())):
        raise UserError(
            "secret-file-writable", f"{where}: {path} may be changed by others: chmod go-w, and make it yours."
        )
    return credentials.from_file(text, where)


def _from_keyring(name: str, username: str, where: str) -> Secret:
    try:
        import keyring  # noqa: PLC0415 - an extra, needed here alone
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        raise UserError(
            "no-keyring", f"{where}: the keyring needs the extra: pip install {shell.quote('qbdoctor[keyring]')}."
        ) from None
    try:
        found = keyring.get_password(SERVICE, username or name)
    except KeyringError as error:
        raise UserError("keyring-failed", f"{where}: the keyring cannot be read ({type(error).__name__}).") from None
    if not found:
        entry = f"{SERVICE} {username or name}"
        raise UserError("keyring-empty", f"{where}: the keyring has no entry: keyring set {entry}.")
    return Secret(found)


def _from_command(text: str, where: str) -> Secret:
    try:
        words = shell.split(text)
        words[0] = shutil.which(words[0]) or words[0]  # a .cmd is started by its whole name alone
        done = subprocess.run(  # noqa: S603 - the owner's own command; the file is refused where others may write it
            words, stdout=subprocess.PIPE, timeout=COMMAND_SECONDS, check=False
        )
    except (ValueError, IndexError):
        raise UserError("secret-command-bad", f"{where}: the command cannot be read: check its quotes.") from None
    except OSError as error:
        why = error.strerror or "it cannot be started"
        raise UserError("secret-command-failed", f"{where}: {words[0]} cannot be started: {why}.") from None
    except subprocess.TimeoutExpired:
        raise UserError(
            "secret-command-failed", f"{where}: {words[0]} did not end within {COMMAND_SECONDS:g} s."
        ) from None
    if done.returncode != 0:
        raise UserError("secret-command-failed", f"{where}: {words[0]} ended with exit code {done.returncode}.")
    try:
        found = done.stdout.decode("utf-8").splitlines()[0]
    except (UnicodeDecodeError, IndexError):
        found = ""
    if not found:
        raise UserError("secret-command-empty", f"{where}: {words[0]} printed no line of text.")
    return Secret(found)
