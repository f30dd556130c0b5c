"""Delivers the report of a run that ended before there was anything to judge."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from qbdoctor.cli import output
from qbdoctor.cli.parser import DEFAULTS
from qbdoctor.diagnosis import engine
from qbdoctor.model.errors import UserError


def refuse(error: UserError, form: str, output_file: str | None = None) -> int:
    """Deliver the report of a run that ended before there was anything to judge."""
    args = argparse.Namespace(**{**DEFAULTS, "format": form, "output": output_file})
    return output.report(engine.error_report(error, datetime.now(UTC)), args)
