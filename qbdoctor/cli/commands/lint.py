"""Runs ``qbdoctor lint``: finds the lines of a program that make the 403."""

from __future__ import annotations

from qbdoctor.cli import output
from qbdoctor.lint.render import RENDERERS
from qbdoctor.lint.run import lint
from qbdoctor.model.errors import UserError
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def run(args: argparse.Namespace) -> int:
    """Lint the paths and deliver the result; return 1 where something breaks, else 0. Raises UserError for bad input."""
    if getattr(args, "fix", False):
        from qbdoctor.cli.changes import lint_fix  # noqa: PLC0415 - loads the journal

        return lint_fix.run(args)
    renderer = RENDERERS.get(args.format)
    if renderer is None:
        raise UserError("usage", f"lint: --format {args.format} is not known here: {', '.join(RENDERERS)}.")
    if not args.paths:
        raise UserError("usage", "lint: name the files or folders to look at, such as: qbdoctor lint src")
    result = lint(list(args.paths), everything=bool(getattr(args, "all", False)))
    output.deliver(renderer(result), args.output, styled=args.format == "human")  # a tab of the source stays one
    return result.exit_code
