"""Finds what a fix must be told: from ``--set NAME=VALUE``, else from what was found, else the fix's own default.

A secret never comes from the command line: it is asked twice at a terminal, made up there and shown once, or read from
a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qbdoctor.model.edits import Fix, Input
from qbdoctor.model.errors import UserError
from qbdoctor.model.report import Report
from qbdoctor.values import replace


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


def found_values(fix: Fix, report: Report | None) -> dict[str, str]:
    """Return what the causes that a fix answers found out.

    What came with requests of others, who may be anybody, is no value that somebody gave: it is named in a report alone.
    """
    causes = [one for one in report.causes if one.id in fix.answers] if report is not None else []
    return {name: value for one in causes if "by_others" not in one.values for name, value in one.values.items()}


def bind(fix: Fix, input_values: Mapping[str, Any], report: Report | None = None) -> Fix:
    """Return the fix with its values. Raises UserError (``input-missing``) where one is not known."""
    if not fix.inputs:
        return fix
    found = found_values(fix, report)
    values = {one.name: _value(fix, one, input_values, found) for one in fix.inputs}
    return replace(fix, given=values)


def _value(fix: Fix, one: Input, input_values: Mapping[str, Any], found: Mapping[str, str]) -> Any:
    if one.name in input_values:
        return input_values[one.name]
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
