"""Folds findings into root causes by the catalogue's table, and words the one line that says it all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from qbdoctor.diagnosis.catalogue import pages as catalogue
from qbdoctor.model.basics import CONFIDENCES, SEVERITIES, Severity, State
from qbdoctor.model.exchanges import Evidence
from qbdoctor.model.findings import Finding, Remedy
from qbdoctor.model.report import Cause, CheckResult
from qbdoctor.values import replace

if TYPE_CHECKING:
    from qbdoctor.observe.base.observations import Observations


def merge_findings(findings: Iterable[Finding], values: Mapping[str, str]) -> tuple[Cause, ...]:
    """Fold findings into root causes, most decisive first.

    Findings of the same cause become one: the surest speaks, the evidence of all is kept. A cause that another one
    explains, and that is less severe, or as severe and no more sure, is a symptom and stands under it. ``values`` fill
    the remedies' places where a finding has no value of its own.
    """
    grouped: dict[str, list[Finding]] = {}
    for finding in findings:
        grouped.setdefault(finding.cause, []).append(finding)
    merged = {cause: _merge(cause, found, values) for cause, found in grouped.items()}
    under: dict[str, list[str]] = {}
    for cause in merged.values():
        for symptom in catalogue.page(cause.id).explains:
            if symptom in merged and _may_fold(cause, merged[symptom]):
                under.setdefault(cause.id, []).append(symptom)
    symptoms = {symptom for folded in under.values() for symptom in folded}
    roots = [replace(one, folded=tuple(under.get(one.id, ()))) for one in merged.values() if one.id not in symptoms]
    held = {fix: one for one in merged.values() for fix in one.values.get(HOLDS_OFF, "").split()}
    roots = [_held_off(one, held) for one in roots]
    return tuple(sorted(roots, key=lambda one: (_severity(one.severity), catalogue.page(one.id).rank, one.id)))


HOLDS_OFF = "holds_off"
"""The value of a cause that names fixes which must wait until a person looked at it."""


def _held_off(cause: Cause, held: Mapping[str, Cause]) -> Cause:
    """Return the cause without the fixes that another one holds off; what comes first is said in their place."""
    first = next((held[one.fix] for one in cause.remedies if one.fix and one.fix in held), None)
    if first is None:
        return cause
    text = (
        f"First look at {first.id}: {first.summary[0].lower()}{first.summary[1:]}. The fix for this cause waits until then; "
        "it is applied by its name alone."
    )
    kept = tuple(one for one in cause.remedies if not one.fix or one.fix not in held)
    return replace(cause, remedies=(Remedy("manual", text), *kept))


def _may_fold(cause: Cause, symptom: Cause) -> bool:
    """Return whether a cause may hide a symptom: it is more severe, or as severe and no less sure."""
    if cause.severity != symptom.severity:
        return _severity(cause.severity) < _severity(symptom.severity)
    return CONFIDENCES.index(cause.confidence) <= CONFIDENCES.index(symptom.confidence)


def _severity(severity: Severity) -> int:
    return SEVERITIES.index(severity)


def _merge(cause: str, found: list[Finding], values: Mapping[str, str]) -> Cause:
    page = catalogue.page(cause)
    ordered = sorted(
        found, key=lambda one: (_severity(one.severity or page.severity), CONFIDENCES.index(one.confidence))
    )
    evidence: list[Evidence] = []
    for finding in ordered:
        evidence.extend(piece for piece in finding.evidence if piece not in evidence)
    own: dict[str, str] = {}
    for finding in reversed(ordered):
        own.update(finding.values)
    surest = min(CONFIDENCES.index(one.confidence) for one in found)
    remedies = tuple(remedy for finding in ordered for remedy in finding.remedies)
    return Cause(
        cause,
        ordered[0].severity or page.severity,
        CONFIDENCES[surest],
        ordered[0].summary,
        tuple(evidence),
        remedies + catalogue.fill(page, {**values, **own}),
        values=own,
    )


def state_of(causes: Iterable[Cause], checks: Iterable[CheckResult]) -> State:
    """Return the state: a problem if and only if an error stands, else unknown if something could not be settled."""
    if any(cause.severity == "error" for cause in causes):
        return "problem"
    return "unknown" if any(check.status == "unknown" for check in checks) else "healthy"


def headline(state: State, causes: tuple[Cause, ...], checks: tuple[CheckResult, ...], seen: Observations) -> str:
    """Return the first line of the report."""
    if state == "problem":
        more = sum(1 for cause in causes if cause.severity == "error") - 1
        return causes[0].summary + (f" (and {more} more)" if more else "")
    if state == "unknown":
        stuck = next(check for check in checks if check.status == "unknown")
        return f"Could not tell: {stuck.summary[0].lower()}{stuck.summary[1:]}: {stuck.reason}"
    if any(check.reason == NOT_ASKED for check in checks):
        return "The checks that were asked for found no fault"
    return _healthy(causes, seen)


NOT_ASKED = "not asked for"


def _healthy(causes: tuple[Cause, ...], seen: Observations) -> str:
    version = f"qBittorrent {seen.version}" if seen.has("version") and seen.version else "qBittorrent"
    where = f"{version} at {seen.target.address.url}"
    warnings = [cause for cause in causes if cause.severity == "warning"]
    also = (
        f". {'A warning' if len(warnings) == 1 else f'{len(warnings)} warnings'}: {warnings[0].summary}"
        if warnings
        else ""
    )
    if seen.anonymous.status == 200:
        said = f"The server is fine: {where} answers, and lets {seen.anonymous.local or 'us'} in without a password"
    elif seen.sign_in.outcome == "accepted":
        said = (
            f"The server is fine: {where} takes the login, keeps the session and answers calls; "
            "a client that still gets 401 or 403 asks otherwise, or from elsewhere"
        )
    elif seen.asked.api_key is not None:
        said = f"The server is fine: {where} takes the API key and answers calls"
    else:
        said = f"The server is fine as far as asked: {where} answers and wants a login; none was tried (--no-login)"
    return said + also
