"""Holds what the doctor printed to its schema. Each schema is checked once: that takes eight times as long as a report."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

from qbdoctor.reports.schema import load


@cache
def _validator(name: str) -> Validator:
    schema = load(name)
    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def hold(data: Any, name: str) -> None:
    """Fail where it does not fit the schema of that name."""
    _validator(name).validate(data)
