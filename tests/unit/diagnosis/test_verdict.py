"""Findings into root causes: merged, folded, ordered; the state and the first line."""

from __future__ import annotations

import pytest

from qbdoctor.diagnosis.catalogue import pages as catalogue
from qbdoctor.diagnosis.verdict import merge_findings, state_of
from qbdoctor.model.basics import Severity
from qbdoctor.model.exchanges import Evidence
from qbdoctor.model.findings import Finding
from qbdoctor.model.report import CheckResult

SEEN = Evidence("response", "seen")
MORE = Evidence("response", "more")


def names(*findings: Finding) -> list[str]:
    return [cause.id for cause in merge_findings(findings, {})]


def test_findings_of_one_cause_become_one() -> None:
    (cause,) = merge_findings(
        [
            Finding("wrong-credentials", "possible", "first", (SEEN,)),
            Finding("wrong-credentials", "likely", "second", (MORE, SEEN)),
        ],
        {},
    )
    assert (cause.confidence, cause.summary, cause.severity) == ("likely", "second", "error")
    assert cause.evidence == (MORE, SEEN)


def test_the_severer_finding_speaks() -> None:
    (cause,) = merge_findings(
        [
            Finding("temporary-password", "likely", "warns", severity="warning"),
            Finding("temporary-password", "likely", "fails", severity="error"),
        ],
        {},
    )
    assert (cause.severity, cause.summary) == ("error", "fails")


def test_a_symptom_stands_under_its_cause() -> None:
    (cause,) = merge_findings(
        [Finding("wrong-credentials", "likely", "b"), Finding("malformed-password-hash", "likely", "a")], {}
    )
    assert (cause.id, cause.folded) == ("malformed-password-hash", ("wrong-credentials",))


@pytest.mark.parametrize(
    ("severity", "expected"), [("warning", ["web-server-hang", "http-proxy-env"]), ("error", ["http-proxy-env"])]
)
def test_a_warning_never_hides_an_error(severity: Severity, expected: list[str]) -> None:
    found = (Finding("http-proxy-env", "proven", "a", severity=severity), Finding("web-server-hang", "likely", "b"))
    assert names(*found) == expected


def test_what_is_less_sure_hides_nothing_surer() -> None:
    assert names(Finding("tls-mismatch", "possible", "a"), Finding("not-qbittorrent", "likely", "b")) == [
        "tls-mismatch",
        "not-qbittorrent",
    ]


def test_independent_causes_stand_side_by_side_in_the_order_to_mend_them() -> None:
    found = names(
        Finding("cookie-renamed", "proven", "info"),
        Finding("default-credentials", "likely", "warning"),
        Finding("secure-cookie-over-http", "proven", "error"),
        Finding("exposed-bypass", "likely", "error"),
    )
    assert found == ["exposed-bypass", "secure-cookie-over-http", "default-credentials", "cookie-renamed"]


def test_a_symptom_of_a_symptom_goes_with_it() -> None:
    ids = names(
        Finding("bind-failed", "likely", "a"),
        Finding("not-running", "likely", "b"),
        Finding("not-qbittorrent", "likely", "c"),
    )
    assert ids == ["bind-failed"]


def test_remedies_are_filled_with_the_finding_first() -> None:
    (cause,) = merge_findings(
        [Finding("host-port-mismatch", "proven", "x", values={"server_port": "8080"})],
        {"port": "8112", "server_port": "1"},
    )
    text = str(cause.remedies)
    assert "8112:8112" in text
    assert "8080:8080" in text
    assert cause.remedies[0].kind == "deployment"


def check(status: str) -> CheckResult:
    return CheckResult("x", "X", status, "said", None if status in {"pass", "fail", "warn"} else "why")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "statuses", "state"),
    [
        ([], ["pass", "skip"], "healthy"),
        ([], ["pass", "unknown"], "unknown"),
        ([Finding("default-credentials", "likely", "w")], ["warn"], "healthy"),
        ([Finding("default-credentials", "likely", "w")], ["warn", "unknown"], "unknown"),
        ([Finding("ip-banned", "likely", "e")], ["fail", "unknown"], "problem"),
    ],
)
def test_state(found: list[Finding], statuses: list[str], state: str) -> None:
    assert state_of(merge_findings(found, {}), [check(status) for status in statuses]) == state


def test_every_page_can_stand_in_a_verdict() -> None:
    for name in catalogue.ids():
        (cause,) = merge_findings([Finding(name, "possible", "x")], {})
        assert cause.id == name
        assert cause.remedies, name
