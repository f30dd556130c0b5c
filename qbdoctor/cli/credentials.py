"""Reads secrets from a file, standard input, the environment or a terminal; never from an option's value."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.storage import files, foreign

MOST_BYTES = 64 * 1024


def from_file(name: str, option: str) -> Secret:
    """Return the secret in a file (``-``: standard input), without the one line end that editors add.

    Raises :class:`UserError` (``secret-file-…``) where the file is missing, not readable, no text, empty or too long.
    """
    if name == "-":
        data, where = sys.stdin.buffer.read(MOST_BYTES + 1), "standard input"
    else:
        data, where = _read(files.expanded(name), option), name
    if len(data) > MOST_BYTES:
        raise UserError("secret-file-too-large", f"{option}: {where} holds more than 64 KiB, so it is no password.")
    try:
        text = data.decode(files.encoding(data))
    except UnicodeDecodeError:
        raise UserError("secret-file-not-text", f"{option}: {where} is not UTF-8 text: save it as UTF-8.") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise UserError("secret-file-empty", f"{option}: {where} is empty: put the secret on its first line.")
    if "\n" in text or "\r" in text or "\0" in text:
        raise UserError(
            "secret-file-lines", f"{option}: {where} has more than one line: it must hold the secret alone."
        )
    return Secret(text)


def _read(path: Path, option: str) -> bytes:
    if files.is_folder(path):
        raise UserError("secret-file-is-folder", f"{option}: {path} is a folder: name the file with the secret in it.")
    try:
        with foreign.opened(path) as handle:
            return os.read(handle, MOST_BYTES + 1)
    except foreign.NotRegular:
        # A device or FIFO might never end; a shell's <(…) is one, and is served by `-`.
        raise UserError(
            "secret-file-not-regular", f"{option}: {path} is no regular file: use - for standard input."
        ) from None
    except FileNotFoundError:
        raise UserError("secret-file-missing", f"{option}: there is no {path}: check the path.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it cannot be opened"
        raise UserError("secret-file-unreadable", f"{option}: {path} cannot be read: {why}.") from None


def secret(file: str | None, option: str, variable: str, environment: Mapping[str, str]) -> Secret | None:
    """Return the secret from the option's file, else from the environment, else None."""
    if file is not None:
        return from_file(file, option)
    text = environment.get(variable)
    return Secret(_as_utf8(text, variable)) if text else None


def _as_utf8(text: str, variable: str) -> str:
    """Return a variable's value read as UTF-8, which is what qBittorrent hashes, whatever the locale made of its bytes."""
    try:
        return os.fsencode(text).decode()
    except UnicodeError:  # bytes that are no UTF-8, or no value of the environment
        pass
    if any("\udc80" <= letter <= "\udcff" for letter in text):
        raise UserError("secret-not-text", f"{variable} is not UTF-8 text: set it in UTF-8.")
    return text


def asker(*, present: bool = False) -> Callable[[str, str], Secret | None] | None:
    """Return how to ask a person for the password, or None where no terminal is there to ask."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    what = "Present password" if present else "Password"

    def ask(username: str, url: str) -> Secret | None:
        import getpass  # noqa: PLC0415

        try:
            typed = getpass.getpass(f"{what} of {username} at {url} (empty: no login): ", stream=sys.stderr)
        except (EOFError, KeyboardInterrupt) as ended:  # Ctrl-D or Ctrl-C, which leave the cursor behind the question
            sys.stderr.write("\n")
            if isinstance(ended, KeyboardInterrupt):
                raise
            return None
        return Secret(_as_utf8(typed, "what was typed")) if typed else None

    return ask
