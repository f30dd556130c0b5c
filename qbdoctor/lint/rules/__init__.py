"""Holds the rules: each takes the facts of a file and yields hits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from qbdoctor.lint.facts.program import Facts
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.rules import cookie_name, login, requests_sent, session

RULES: tuple[Callable[[Facts], Iterator[Hit]], ...] = (
    cookie_name.wants_sid_name,
    login.wants_ok_body,
    login.unencoded_form,
    login.json_login,
    session.aiohttp_jar,
    session.sends_no_cookie,
    session.logs_in_each_call,
    requests_sent.never_logs_in_again,
    requests_sent.kept_login,
    requests_sent.method,
    requests_sent.old_endpoint,
    requests_sent.old_add_parameter,
    requests_sent.unknown_filter,
    requests_sent.auth_header,
    requests_sent.foreign_origin,
)
