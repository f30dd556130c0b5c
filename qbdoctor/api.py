"""The one Python interface of qbdoctor that is kept stable: what checks, fixes and plug-ins are written against.

A plug-in names its check module under the entry point group ``qbdoctor.checks`` (fixes: ``qbdoctor.fixes``). A check
module holds ``CHECK = Check(id=…, judge=judge, …)`` where ``judge(seen: Observations) -> Judgement`` is pure: it reads
observations, asks for named comparisons in ``wants``, and returns findings. A fix module holds ``FIX = Fix(…)``, which
plans edits of settings and judges whether they worked. Neither sends or writes anything. Everything that is not named
here may change in any release.
"""

from qbdoctor import releases
from qbdoctor.bypass import closed, ways_in
from qbdoctor.model import (
    Check,
    Comparison,
    Confidence,
    Edit,
    Effectiveness,
    Evidence,
    Exchange,
    Finding,
    Fix,
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
    "Edit",
    "Effectiveness",
    "Evidence",
    "Exchange",
    "Finding",
    "Fix",
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
    "ways_in",
    "closed",
    "covers",
    "releases",
]
