"""Runs ``qbdoctor targets``: lists the named targets of targets.toml."""

from __future__ import annotations

import argparse
import os

from qbdoctor.cli import named_targets, outcome, output, target_secrets
from qbdoctor.cli.named_targets import NamedTarget
from qbdoctor.model.basics import Json
from qbdoctor.model.errors import UserError

SCHEMA = "qbdoctor.targets/1"


def run(args: argparse.Namespace) -> int:
    """List the targets; nothing is asked of any of them, and no secret is fetched."""
    if args.format not in ("human", "json"):
        raise UserError("usage", "targets: --format is human or json.")
    path = named_targets.targets_file(os.environ)
    found = list(named_targets.load(path).values())
    if args.format == "json":
        held: Json = {"schema": SCHEMA, "file": str(path), "targets": [_to_json(one) for one in found]}
        output.deliver_json(held, args.output)
        return 0
    if not found:
        outcome.deliver_text(f"No named targets: {path} has none (its form is in README.md).\n", args.output)
        return 0
    width = max(len(one.name) for one in found)
    lines = [f"{one.name:<{width}}  {_where(one)}{_how(one)}" for one in found]
    outcome.deliver_text("\n".join([*lines, "", "Look at one with: qbdoctor check --target NAME", ""]), args.output)
    return 0


def _where(one: NamedTarget) -> str:
    keys = ("url", "profile", "config", "container")
    return ", ".join(str(one.options[key]) for key in keys if key in one.options) or "what discovery finds"


def _how(one: NamedTarget) -> str:
    return "".join(f"  ({kind} from: {target_secrets.source(table)})" for kind, table in one.secrets.items())


def _to_json(one: NamedTarget) -> Json:
    secrets: Json = {kind: target_secrets.source(table) for kind, table in one.secrets.items()}
    return {"name": one.name, **one.options, "secrets": secrets}
