"""Reads Home Assistant's calls (rest_command, sensors and switches of the platform rest), and Ansible's module uri.

Home Assistant sends all of these through one aiohttp session whose jar is the default one (read at 2025.4.4,
homeassistant/helpers/aiohttp_client.py): it keeps the cookie of a host name, and none of an IP address. A payload without
``content_type`` goes out as application/octet-stream, which 4.2.5, 4.5.2 and 5.3.0 answer with 400.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qbdoctor.lint.facts import cookie_names
from qbdoctor.lint.facts.outcome import Expr
from qbdoctor.lint.facts.program import (
    ENCODED,
    ENDPOINT,
    HOLE,
    Body,
    Form,
    Guard,
    Header,
    Request,
    SessionUse,
    SidUse,
    is_raw_login_form,
)  # fmt: skip
from qbdoctor.patterns import regex

if TYPE_CHECKING:
    from qbdoctor.lint.trees.config_values import Value
    from qbdoctor.lint.trees.embedded import Reading

_REST_COMMAND = frozenset(
    ("url", "method", "headers", "username", "password", "payload", "timeout", "content_type", "verify_ssl", "insecure_cipher",
     "skip_url_encoding", "authentication")
)  # fmt: skip
_TEMPLATE = regex(r"\{\{(?P<expression>.*?)\}\}|\{%.*?%\}", re.DOTALL)
_ENCODES = regex(r"url_?encode")
_CARRIES = ("cookie", "authorization")


def read(reading: Reading, value: Value) -> None:
    """Read a mapping where it is one of these calls."""
    keys = {key for key, _ in value.pairs}
    if "url" in keys and keys <= _REST_COMMAND and ENDPOINT.search(fold(value.string("url"))):
        _home_assistant(reading, value, "url", "payload")
    elif "resource" in keys and ENDPOINT.search(fold(value.string("resource"))):
        _home_assistant(reading, value, "resource", "payload")
    for name in ("uri", "ansible.builtin.uri"):
        module = value.get(name)
        if module is not None and ENDPOINT.search(fold(module.string("url"))):
            _ansible(reading, value, module)


def fold(text: str) -> str:
    """Return a text with its templates as holes."""
    return _TEMPLATE.sub(lambda found: ENCODED if _ENCODES.search(found["expression"] or "") else HOLE, text)


def _home_assistant(reading: Reading, value: Value, address: str, payload: str) -> None:
    url, body = fold(value.string(address)), fold(value.string(payload))
    method = (value.string("method") or "GET").upper()
    headers = value.get("headers")
    names = {key.lower(): inner for key, inner in headers.pairs} if headers is not None else {}
    typed = value.string("content_type") or (names["content-type"].text or "" if "content-type" in names else "")
    carries = any(name in names for name in _CARRIES) or (headers is not None and headers.text is not None)
    scope = reading.scope()
    sent = _body(body, typed, method)
    library = "aiohttp" if address == "url" else "rest sensor"
    at = value.get(address)
    place = at.place if at is not None else value.place
    reading.facts.requests.append(
        Request(place, scope, "", url, method, library, "?", sent, carries, in_query=_is_in_query(url, method, body))
    )
    if ENDPOINT.findall(url)[-1] == "auth/login" and not reading.facts.sessions:
        reading.facts.sessions.append(SessionUse(place, scope, "default"))
    form = value.get(payload)
    if form is not None and is_raw_login_form(body) and "/auth/login" in url:
        reading.facts.forms.append(Form(form.place, body))
    basic = value.get("username") if value.get("password") is not None else None
    if basic is not None:
        reading.facts.headers.append(Header(basic.place, "Authorization", f"Basic {HOLE}", scope))
    for name, inner in names.items():
        header(reading, name, inner, fold(inner.text or ""), scope)


def _body(body: str, typed: str, method: str) -> Body:
    """Tell how a payload arrives: a body without a form's type is one that qBittorrent does not read."""
    if method != "POST" or not body:
        return "unknown"
    if "json" in typed:
        return "json"
    if "form" in typed or HOLE in typed:
        return "form"
    return "octets" if not typed or "octet-stream" in typed or "text/plain" in typed else "unknown"


def _is_in_query(url: str, method: str, body: str) -> bool:
    return method == "POST" and "/auth/login?" in url and "username=" in url and not body


def header(reading: Reading, name: str, at: Value, text: str, scope: int) -> None:
    """Keep what a header says: another host's, a key, a cookie under the old name alone."""
    if name.lower() == "cookie" and re.match(rf"{cookie_names.old_name()}=", text):
        reading.facts.sids.append(SidUse(at.place, "build", text, scope))
    elif name.lower() in {"x-api-key", "origin", "referer", "authorization"}:
        reading.facts.headers.append(Header(at.place, name.title(), text, scope))


def _ansible(reading: Reading, task: Value, module: Value) -> None:
    """Read a task of Ansible: urllib sends a body as a form where nothing else is said; each task begins without cookies."""
    url = fold(module.string("url"))
    method = (module.string("method") or "GET").upper()
    headers = module.get("headers")
    names = {key.lower(): inner for key, inner in headers.pairs} if headers is not None else {}
    carries = any(name in names for name in _CARRIES) or (headers is not None and headers.text is not None)
    carries = carries or module.get("url_username", "unix_socket") is not None
    typed = (names["content-type"].text or "") if "content-type" in names else ""
    body: Body = "json" if module.string("body_format") == "json" or "application/json" in typed else "unknown"
    at = module.get("url")
    place = at.place if at is not None else module.place
    scope = reading.scope()
    data = fold(module.string("body"))
    reading.facts.requests.append(
        Request(place, scope, "", url, method, "ansible", "", body, carries, in_query=_is_in_query(url, method, data))
    )
    if ENDPOINT.findall(url)[-1] != "auth/login":
        return
    given = module.get("body")
    if given is not None and is_raw_login_form(data):
        reading.facts.forms.append(Form(given.place, data))
    status = module.get("status_code")
    wanted = {each.text for each in status.items} | {status.text} if status is not None else {"200"}
    if "200" in wanted and "204" not in wanted and task.get("failed_when", "ignore_errors") is None:
        expr = Expr("cmp", leaf="status", op="==", value=200)
        reading.facts.checks.append(Guard((status or module).place, scope, "login", expr, "login"))


_QUOTED = regex(r"\"([^\"\n]*)\"|'([^'\n]*)'")
_IS_OK = regex(r"==\s*[\"']Ok\.?[\"']|[\"']Ok\.?[\"']\s*(?:==|in\b)")


def judge_templates(reading: Reading, documents: list[Value]) -> None:
    """Read what templates make of answers: the login's text alone, a pattern for the old name."""
    facts = reading.facts
    if not facts.logins or any(request.endpoint == "torrents/add" for request in facts.requests):
        return  # an added torrent is answered with `Ok.` too
    for value in (value for document in documents for value in document.walk()):
        text = value.text or ""
        if "{{" not in text and "{%" not in text:
            continue
        for found in _TEMPLATE.finditer(text):
            inside = found[0]
            if _IS_OK.search(inside) and "204" not in inside:
                expr = Expr("cmp", leaf="body", op="==", value="Ok.")
                facts.checks.append(Guard(value.place, reading.scope(), "", expr, "login"))
            for one in _QUOTED.finditer(inside):
                if "SID" in inside and cookie_names.pattern_is_lone(one[1] or one[2] or ""):
                    facts.sids.append(SidUse(value.place, "pattern", one[0]))
                    break
