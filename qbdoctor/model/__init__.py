"""The vocabulary of qbdoctor: frozen data that checks judge, the verdict folds and the reports print.

No I/O happens here and nothing of ours is imported. The JSON forms are those of the contract
(``qbdoctor.report/1``); :meth:`Report.to_json` is the one place that spells them.
"""

from qbdoctor.model.basics import (
    CONFIDENCES,
    REPORT_SCHEMA,
    SEVERITIES,
    Confidence,
    EvidenceKind,
    Json,
    RemedyKind,
    Secret,
    Severity,
    State,
    Status,
    UserError,
)
from qbdoctor.model.edits import (
    Added,
    AnyEdit,
    Edit,
    Effect,
    Effectiveness,
    Fix,
    Input,
    Move,
    NewPassword,
    Remove,
    ReplaceFile,
    SettingValue,
)
from qbdoctor.model.exchanges import Comparison, Evidence, Exchange, Failure, FailureKind, SetCookie
from qbdoctor.model.findings import Check, Finding, Judgement, Remedy
from qbdoctor.model.report import Cause, CheckResult, ProcessInfo, Report, ReportError, TargetInfo

__all__ = [
    "CONFIDENCES",
    "REPORT_SCHEMA",
    "SEVERITIES",
    "Added",
    "AnyEdit",
    "Cause",
    "Check",
    "CheckResult",
    "Comparison",
    "Confidence",
    "Edit",
    "Effect",
    "Effectiveness",
    "Evidence",
    "EvidenceKind",
    "Exchange",
    "Failure",
    "FailureKind",
    "Finding",
    "Fix",
    "Input",
    "Json",
    "Judgement",
    "Move",
    "NewPassword",
    "ProcessInfo",
    "Remedy",
    "RemedyKind",
    "Remove",
    "ReplaceFile",
    "Report",
    "ReportError",
    "Secret",
    "SetCookie",
    "SettingValue",
    "Severity",
    "State",
    "Status",
    "TargetInfo",
    "UserError",
]
