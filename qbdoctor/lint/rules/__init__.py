"""The rules: each takes the facts of a file and yields hits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from qbdoctor.lint.facts import Facts
from qbdoctor.lint.model import Hit
from qbdoctor.lint.rules import carrying, login, name, others

RULES: tuple[Callable[[Facts], Iterator[Hit]], ...] = (
    name.wants_sid_name,
    login.wants_ok_body,
    login.unencoded_form,
    login.json_login,
    carrying.aiohttp_jar,
    carrying.sends_no_cookie,
    carrying.logs_in_each_call,
    others.never_logs_in_again,
    others.method,
    others.old_add_parameter,
    others.auth_header,
    others.foreign_origin,
)
