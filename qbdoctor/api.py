"""Offers the one Python interface that is kept stable: what checks, fixes and plug-ins are written against.

A plug-in names its check module under the entry point group ``qbdoctor.checks`` (fixes: ``qbdoctor.fixes``). A check
module holds ``CHECK = Check(id=…, judge=judge, …)`` where ``judge(seen: Observations) -> Judgement`` is pure: it reads
observations, asks for named comparisons in ``wants``, and returns findings. A fix module holds ``FIX = Fix(…)``, which
plans edits of settings and judges whether they worked. Neither sends or writes anything. Everything that is not named
here may change in any release.
"""

from qbdoctor import releases
from qbdoctor.config.drift import Difference, differences
from qbdoctor.config.key_lint import Oddity, as_read_by, lint_keys
from qbdoctor.config.password_hash import hashed
from qbdoctor.config.subnets import covers, is_public
from qbdoctor.config.value_lint import cut_off, lint_values
from qbdoctor.diagnosis import container_words, refusals
from qbdoctor.diagnosis.bypass import closed, doors, opened, ways_exposed, ways_for_us, ways_in
from qbdoctor.diagnosis.calls import calls_fail, calls_work
from qbdoctor.diagnosis.config_oddities import EVERY, as_read, not_there, odd_keys
from qbdoctor.diagnosis.current_values import integer_now, passes_as_host, whitelist_now
from qbdoctor.diagnosis.port_rivals import port_rivals
from qbdoctor.model.basics import Confidence, Secret, Severity, Status
from qbdoctor.model.edits import Added, Edit, Effectiveness, Fix, Input, Move, Remove, RemoveLock, ReplaceFile
from qbdoctor.model.exchanges import Comparison, Evidence, Exchange, SetCookie, Withheld
from qbdoctor.model.findings import Check, Finding, Judgement, Remedy
from qbdoctor.observe.base.config_place import ConfigPlace
from qbdoctor.observe.base.instance_lock import InstanceLock
from qbdoctor.observe.base.observations import Observations
from qbdoctor.observe.base.observed_values import (
    Asked,
    Client,
    FirstRequestLog,
    Neighbour,
    Offline,
    PortShared,
    ProbableProcess,
    ProxyVariable,
    SignIn,
    WriteProbe,
)
from qbdoctor.observe.pages import content_type, is_broken
from qbdoctor.observe.session_cookie import session_cookie
from qbdoctor.patterns import regex
from qbdoctor.releases import Version
from qbdoctor.repair import input_types as inputvalues
from qbdoctor.target import log as witness
from qbdoctor.target.engines.container import Container, EngineProblem
from qbdoctor.target.log_rejections import Rejection
from qbdoctor.webui.answers import blocks_scripts, differing_headers, explains_itself
from qbdoctor.webui.recognise import (
    answers_call,
    arrived_whole,
    bears_all_marks,
    bears_marks,
    finds_none_alive,
    is_login_page,
    stands_in_front,
)

__all__ = [
    "EVERY",
    "Added",
    "Asked",
    "Check",
    "Client",
    "Comparison",
    "Confidence",
    "ConfigPlace",
    "Container",
    "Difference",
    "Edit",
    "Effectiveness",
    "EngineProblem",
    "Evidence",
    "Exchange",
    "Finding",
    "FirstRequestLog",
    "Fix",
    "Input",
    "InstanceLock",
    "Judgement",
    "Move",
    "Neighbour",
    "Observations",
    "Oddity",
    "Offline",
    "PortShared",
    "ProbableProcess",
    "ProxyVariable",
    "Rejection",
    "Remedy",
    "Remove",
    "RemoveLock",
    "ReplaceFile",
    "Secret",
    "SetCookie",
    "Severity",
    "SignIn",
    "Status",
    "Version",
    "Withheld",
    "WriteProbe",
    "answers_call",
    "arrived_whole",
    "as_read",
    "as_read_by",
    "bears_all_marks",
    "bears_marks",
    "blocks_scripts",
    "calls_fail",
    "calls_work",
    "closed",
    "container_words",
    "content_type",
    "covers",
    "cut_off",
    "differences",
    "differing_headers",
    "doors",
    "explains_itself",
    "finds_none_alive",
    "hashed",
    "inputvalues",
    "integer_now",
    "is_broken",
    "is_login_page",
    "is_public",
    "lint_keys",
    "lint_values",
    "not_there",
    "odd_keys",
    "opened",
    "passes_as_host",
    "port_rivals",
    "refusals",
    "regex",
    "releases",
    "session_cookie",
    "stands_in_front",
    "ways_exposed",
    "ways_for_us",
    "ways_in",
    "whitelist_now",
    "witness",
]
