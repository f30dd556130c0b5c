"""Reads targets.toml: targets by name, with the options that reach them and where their secrets come from.

A secret is never text in that file: it is a command's output, an entry of the keyring, or another file. A file that others
may write could have any command run, so it is refused.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qbdoctor.cli import target_secrets
from qbdoctor.cli.suggest import suggest
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.storage import files, foreign, state_folder
from qbdoctor.target.address import parse_url
from qbdoctor.values import field, frozen

FILE = "targets.toml"
MOST_BYTES = 1 << 20
TEXTS = ("url", "profile", "config", "container", "username", "public_url", "ca_file")
FLAGS = ("insecure",)
SECRETS = ("password", "api_key")
_PATHS = ("profile", "config", "ca_file")


@frozen
class NamedTarget:
    """One target of the file: options by their names, and where each secret comes from."""

    name: str
    options: Mapping[str, str | bool]
    secrets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def secret(self, kind: str) -> Secret | None:
        """Return the password or API key; None where the target names none. Raises UserError."""
        table = self.secrets.get(kind)
        return (
            None
            if table is None
            else target_secrets.fetch(self.name, kind, table, str(self.options.get("username", "")))
        )


def targets_file(environment: Mapping[str, str]) -> Path:
    """Return where targets.toml lies: in QBDOCTOR_CONFIG_DIR, else in the platform's config folder."""
    return state_folder.config_folder(environment) / FILE


def load(path: Path) -> dict[str, NamedTarget]:
    """Return the targets of the file by name; none where there is no file.

    Raises :class:`UserError` (``targets-…``) where others may write it, it is no TOML, or says what no target can.
    """
    try:
        return parse(path, _text(path, _read(path, f"{path}")))
    except FileNotFoundError:
        return {}


def load_list(path: Path) -> dict[str, NamedTarget]:
    """Return the targets of a file in the form of targets.toml, or with a URL a line (``#``: a comment), which is the name.

    ``-`` is standard input. Raises :class:`UserError` (``targets-…``).
    """
    if str(path) == "-":
        text = _text(Path("standard input"), sys.stdin.buffer.read(MOST_BYTES))
    else:
        what = f"--targets: {path}"
        try:
            text = _text(path, _read(path, what))
        except FileNotFoundError as error:
            raise UserError("targets-unreadable", f"{what} cannot be read: {error.strerror}.") from None
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    if any(line.startswith("[") for line in lines):
        return parse(path, text)
    for line in lines:
        parse_url(line, what=f"{path}")
    return {line: NamedTarget(line, {"url": line}) for line in lines}


def _read(path: Path, what: str) -> bytes:
    """Return the file's bytes; ``what`` begins the refusal. Raises FileNotFoundError and :class:`UserError`."""
    try:
        with foreign.opened(path) as handle:
            _refuse_writable(path, os.fstat(handle))
            return foreign.content(handle, path, MOST_BYTES)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it cannot be opened"
        raise UserError("targets-unreadable", f"{what} cannot be read: {why}.") from None


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode(files.encoding(data))
    except UnicodeDecodeError:
        raise UserError("targets-bad", f"{path} is not UTF-8 text: save it as UTF-8.") from None


def parse(path: Path, text: str) -> dict[str, NamedTarget]:
    """Return the targets of such a file's text; ``path`` is named in what is refused. Raises :class:`UserError`."""
    try:
        held = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError("targets-bad", f"{path} is not TOML: {error}.") from None
    tables = held.pop("targets", {})
    if held or not isinstance(tables, dict) or not all(isinstance(one, dict) for one in tables.values()):
        raise UserError("targets-bad", f"{path} holds other things than tables [targets.NAME]: leave them out.")
    return {name: _target(path, name, table) for name, table in tables.items()}


def _refuse_writable(path: Path, found: os.stat_result) -> None:
    """Refuse a file that somebody else could have changed, itself or by putting another in its place."""
    if not hasattr(os, "getuid"):
        return
    mine = (0, os.getuid())
    folder = path.resolve().parent.stat()
    in_place = folder.st_mode & 0o022 and not folder.st_mode & stat.S_ISVTX
    if found.st_mode & 0o022 or found.st_uid not in mine or folder.st_uid not in mine or in_place:
        raise UserError(
            "targets-writable",
            f"{path} may be changed by others, who could have commands run: make file and folder yours alone to write "
            "(chmod go-w).",
        )


def _target(path: Path, name: str, table: Mapping[str, Any]) -> NamedTarget:
    options: dict[str, str | bool] = {}
    secrets: dict[str, Mapping[str, Any]] = {}
    for key, value in table.items():
        where = f"{path}: targets.{name}.{key}"
        if key in SECRETS:
            secrets[key] = target_secrets.checked(where, value)
        elif (key in TEXTS and isinstance(value, str) and value) or (key in FLAGS and isinstance(value, bool)):
            options[key] = str(files.expanded(str(value))) if key in _PATHS else value
        elif key in TEXTS + FLAGS:
            kind = "true or false" if key in FLAGS else "a text"
            raise UserError("targets-bad", f"{where} must be {kind}.")
        else:
            raise UserError(
                "targets-bad", f"{where}: there is no such key; there are {', '.join(TEXTS + FLAGS + SECRETS)}."
            )
    return NamedTarget(name, options, secrets)


def apply(args: argparse.Namespace, environment: Mapping[str, str]) -> None:
    """Fill in the options of the target that --target names; what the command line gives counts more. Raises UserError."""
    if args.target is None:
        return
    path = targets_file(environment)
    known = load(path)
    use(args, pick(known, args.target, path))


def pick(known: Mapping[str, NamedTarget], name: str, path: Path) -> NamedTarget:
    """Return the target of this name. Raises UserError (``unknown-target``) with the names that are near."""
    if name in known:
        return known[name]
    near = ", ".join(suggest(name, tuple(known)))
    hint = f"did you mean {near}?" if near else f"{path} has {', '.join(known) or 'none'}."
    raise UserError("unknown-target", f"there is no target {name!r}: {hint}")


def use(args: argparse.Namespace, target: NamedTarget) -> None:
    """Fill in the options of a named target where the command line gives none."""
    args.named_target = target
    for key, value in target.options.items():
        if getattr(args, key) in {None, False}:
            setattr(args, key, value)
