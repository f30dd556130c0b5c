"""The one Python interface of qbdoctor that is kept stable: what checks, fixes and plug-ins are written against.

A plug-in names its check module under the entry point group ``qbdoctor.checks`` (fixes: ``qbdoctor.fixes``). A check
module holds ``CHECK = Check(id=…, judge=judge, …)`` where ``judge(seen: Observations) -> Judgement`` is pure: it reads
observations, asks for named comparisons in ``wants``, and returns findings. It sends and writes nothing. Everything
that is not named here may change in any release.
"""

from qbdoctor import releases
from qbdoctor.model import (
    Check,
    Comparison,
    Confidence,
    Evidence,
    Exchange,
    Finding,
    Judgement,
    Remedy,
    Secret,
    SetCookie,
    Severity,
)
from qbdoctor.observations import Asked, Observations, Offline, ProxyVariable, SignIn
from qbdoctor.releases import Version
from qbdoctor.subnets import covers

__all__ = [
    "Asked",
    "Check",
    "Comparison",
    "Confidence",
    "Evidence",
    "Exchange",
    "Finding",
    "Judgement",
    "Observations",
    "Offline",
    "ProxyVariable",
    "Remedy",
    "Secret",
    "SetCookie",
    "Severity",
    "SignIn",
    "Version",
    "covers",
    "releases",
]
