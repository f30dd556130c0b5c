"""Reads flows of nodes: Node-RED's and n8n's, which are JSON.

Neither keeps cookies from one request node to the next (read: @node-red/nodes 5.0.7, 21-httprequest.js, a jar for each
request; a flow hands them on in ``msg.cookies`` or a header). Node-RED sends an object as JSON and a text without a content
type where no header says otherwise; n8n sends JSON unless told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbdoctor.lint.facts.outcome import Expr
from qbdoctor.lint.facts.program import ENDPOINT, HOLE, Body, Form, Guard, Request, is_raw_login_form
from qbdoctor.lint.trees import home_assistant
from qbdoctor.lint.trees.texts import ENCODERS
from qbdoctor.patterns import regex

if TYPE_CHECKING:
    from qbdoctor.lint.trees.config_values import Value
    from qbdoctor.lint.trees.embedded import Reading

_FAR = 4  # nodes between two requests
_COOKIES = regex(r"cookie|authorization|bearer", re.IGNORECASE)
_MUSTACHE = regex(r"\{\{\{?[^{}]*\}?\}\}")
_ADDRESS = regex(r"msg\.url\s*=\s*([^;\n]*)")
_METHOD = regex(r"msg\.method\s*=\s*[\"'`](\w+)")
_TYPED = regex(r"content-?type|urlencoded", re.IGNORECASE)
_SENDS_OBJECT = regex(r"msg\.payload\s*=\s*\{[^{}]*\buser")
_SENDS_TEXT = regex(r"msg\.payload\s*=\s*[\"'`][^\n;]*\buser")
_OK = regex(r"Ok\.?\Z")


def is_flow(document: Value) -> bool:
    """Whether a document is a flow of Node-RED or a workflow of n8n."""
    return _is_node_red(document) or document.get("nodes") is not None


def _is_node_red(document: Value) -> bool:
    return any(node.get("type") is not None and node.get("id") is not None for node in document.items)


def read(reading: Reading, document: Value) -> None:
    """Read the nodes of a flow."""
    if _is_node_red(document):
        _NodeRed(reading, document).read()
        return
    nodes, wires = document.get("nodes"), document.get("connections")
    logins = {node.string("name") for node in nodes.items if _is_n8n_login(node)} if nodes is not None else set()
    after = {
        each.string("node")
        for name, outputs in (wires.pairs if wires is not None else ())
        for each in (outputs.walk() if name in logins else ())
        if each.get("node") is not None
    }
    for node in nodes.items if nodes is not None else ():
        _n8n(reading, node, after_login=node.string("name") in after)


class _NodeRed:
    """One file of flows: nodes by id, and which come before which."""

    def __init__(self, reading: Reading, document: Value) -> None:
        self.reading = reading
        self.nodes = {node.string("id"): node for node in document.items if node.string("id")}
        self.before: dict[str, list[str]] = {}
        for name, node in self.nodes.items():
            wires = node.get("wires")
            for target in (each.text or "" for output in (wires.items if wires else ()) for each in output.items):
                self.before.setdefault(target, []).append(name)
        kinds = {"function", "change", "template", "inject"}
        self.hands_on = any(_COOKIES.search(_said(node)) for node in document.items if node.string("type") in kinds)

    def read(self) -> None:
        """Read requests first, then what is made of their answers."""
        of_login = set()
        for name, node in self.nodes.items():
            if node.string("type") == "http request" and self.request(name, node):
                of_login.add(name)
        for name, node in self.nodes.items():
            after_login = bool(of_login.intersection(self.before.get(name, ())))
            kind = node.string("type")
            code = node.get("func") if kind == "function" else None
            if code is not None and code.text:
                self.reading.embed(
                    "javascript", f"function node(msg) {{\n{code.text}\n}}", code, about_login=after_login
                )
            elif kind == "switch" and after_login:
                self.switch(node)
            elif kind == "exec" and (command := node.get("command")) is not None and command.text:
                self.reading.embed("bash", command.text, command)

    def request(self, name: str, node: Value) -> bool:
        """Read a request node; return whether it is the login."""
        address, around = node.get("url"), self.upstream(name)
        made = [code for each in around if (code := each.string("func"))]
        url = _MUSTACHE.sub(HOLE, re.sub(r"\$\{\w+\}", HOLE, address.text or "")) if address is not None else ""
        method = node.string("method").upper()
        if not url:
            given = next((found for code in made if (found := _ADDRESS.search(code))), None)
            path = ENDPOINT.search(re.sub(r"[\"'`}]", "/", given[1])) if given is not None else None
            url = f"{HOLE}/{path[1]}" if path is not None else ""
        if not ENDPOINT.search(url):
            return False
        if method == "USE":
            method = next((found[1].upper() for code in made if (found := _METHOD.search(code))), "")
        headers = node.get("headers")
        own = _said(headers) if headers is not None else ""
        scope = self.reading.scope()
        for each in headers.items if headers is not None else ():
            value = each.get("valueValue")
            if value is not None:
                title = each.string("keyValue") or each.string("keyType")
                home_assistant.header(self.reading, title, value, _MUSTACHE.sub(HOLE, value.text or ""), scope)
        carries = self.hands_on or _COOKIES.search(own) is not None or bool(node.string("authType"))
        body: Body = "unknown"
        typed = any(_TYPED.search(text) for text in (own, *map(_said, around)))
        login = ENDPOINT.findall(url)[-1] == "auth/login"
        if login and not typed and method == "POST":
            said = " ".join(made)
            body = "json" if _SENDS_OBJECT.search(said) else "octets" if _SENDS_TEXT.search(said) else "unknown"
        place = (address or node).place if address is not None and address.text else node.place
        self.reading.facts.requests.append(Request(place, scope, "", url, method, "node-red", "", body, carries))
        if login:
            self.template(around)
        return bool(login)

    def template(self, around: list[Value]) -> None:
        """Read a template before the login: a form whose values nothing encodes."""
        for node in around:
            given = node.get("template")
            text = _MUSTACHE.sub(HOLE, given.text or "") if given is not None else ""
            if given is not None and is_raw_login_form(text):
                self.reading.facts.forms.append(Form(given.place, text))

    def upstream(self, name: str) -> list[Value]:
        """Return the nodes that come before one, up to the next request."""
        found: dict[str, Value] = {}
        edge = [name]
        for _ in range(_FAR):
            edge = [each for one in edge for each in self.before.get(one, ()) if each not in found]
            edge = [each for each in edge if self.nodes[each].string("type") != "http request"]
            found.update((each, self.nodes[each]) for each in edge)
        return list(found.values())

    def switch(self, node: Value) -> None:
        """Read a switch on the login's answer."""
        rules = node.get("rules")
        values = [each.string("v") for each in (rules.items if rules is not None else ())]
        field = node.string("property")
        at = rules if rules is not None else node
        if field == "payload" and any(map(_OK.match, values)) and not {"204", ""} & set(values[:-1]):
            self.check(at, Expr("cmp", leaf="body", op="==", value="Ok."))
        elif field == "statusCode" and "200" in values and "204" not in values and _only_equal(node):
            self.check(at, Expr("cmp", leaf="status", op="==", value=200))

    def check(self, at: Value, expr: Expr) -> None:
        """Keep a condition on the login's answer."""
        self.reading.facts.checks.append(Guard(at.place, self.reading.scope(), "", expr, "login"))


def _only_equal(node: Value) -> bool:
    rules = node.get("rules")
    return all(each.string("t") in {"eq", "else"} for each in (rules.items if rules is not None else ()))


def _said(value: Value) -> str:
    return " ".join(_texts(value))


def _texts(value: Value) -> Iterator[str]:
    for each in value.walk():
        yield each.text or ""
        yield from (key for key, _ in each.pairs)


_N8N_CODE = ("jsCode", "functionCode")
_SCRIPTED = regex(r"\{\{(.*?)\}\}", re.DOTALL)


def _is_n8n_login(node: Value) -> bool:
    given = node.get("parameters")
    return given is not None and ENDPOINT.findall(_folded(given.string("url")))[-1:] == ["auth/login"]


def _n8n(reading: Reading, node: Value, *, after_login: bool) -> None:
    """Read a node of n8n."""
    kind, given = node.string("type"), node.get("parameters")
    if given is None:
        return
    if re.search(r"\.httpRequest(?:Tool)?$", kind):
        _n8n_request(reading, given)
    elif kind.endswith((".code", ".function", ".functionItem")):
        code = given.get(*_N8N_CODE)
        if code is not None and code.text:
            reading.embed("javascript", f"async function node() {{\n{code.text}\n}}", code, about_login=after_login)
    elif kind.endswith(".executeCommand") and (command := given.get("command")) is not None and command.text:
        reading.embed("bash", command.text.removeprefix("="), command)
    elif kind.endswith(".if") and after_login:
        _n8n_if(reading, given)


def _folded(text: str) -> str:
    """Return an expression's text: ``=a{{ … }}`` is one, what has no sign of equality is as it stands."""
    if not text.startswith("="):
        return text
    return _SCRIPTED.sub(lambda found: "\2" if ENCODERS.search(found[1]) else HOLE, text[1:])


def _n8n_request(reading: Reading, given: Value) -> None:
    """Read a request node: those of version 3 and later, and the older ones."""
    address = given.get("url")
    url = _folded(address.text or "") if address is not None else ""
    if address is None or not ENDPOINT.search(url):
        return
    method = (given.string("method", "requestMethod") or "GET").removeprefix("=").upper()
    method = "" if "{" in method else method
    scope = reading.scope()
    headers = _parameters(given, "headerParameters", "headerParametersUi")
    fields = _parameters(given, "bodyParameters", "bodyParametersUi")
    query = _parameters(given, "queryParameters", "queryParametersUi")
    for name, value in headers:
        home_assistant.header(reading, name, value, _folded(value.text or ""), scope)
    unseen = given.get("headerParametersJson", "jsonHeaders") is not None
    carries = unseen or given.string("authentication") not in {"", "none"} or any(
        name.lower() in {"cookie", "authorization"} for name, _ in headers
    )  # fmt: skip
    options = given.get("options")
    typed = given.string("contentType") or (options.string("bodyContentType") if options is not None else "") or "json"
    typed += "".join(value.text or "" for name, value in headers if name.lower() == "content-type")
    sends = bool(fields) or given.get("jsonBody", "bodyParametersJson") is not None
    body: Body = "json" if typed == "json" and sends and method == "POST" else "unknown"
    user = any(name == "username" for name, _ in query) and not sends and given.get("body") is None
    reading.facts.requests.append(
        Request(address.place, scope, "", url, method, "n8n", "", body, carries,
                in_query=method == "POST" and user)
    )  # fmt: skip
    raw = given.get("body")
    text = _folded(raw.text or "") if raw is not None else ""
    if raw is not None and is_raw_login_form(text) and "/auth/login" in url:
        reading.facts.forms.append(Form(raw.place, text))
    for _, value in (*headers, *fields):
        for found in _SCRIPTED.finditer(value.text or "") if "SID" in (value.text or "") else ():
            reading.embed("javascript", f"x = ({found[1].strip()});", value)


def _parameters(given: Value, *names: str) -> list[tuple[str, Value]]:
    """Return the names and values of a request's fields or headers."""
    holder = given.get(*names)
    listed = holder.get("parameters", "parameter") if holder is not None else None
    return [
        (each.string("name"), value)
        for each in (listed.items if listed is not None else ())
        if (value := each.get("value"))
    ]


def _n8n_if(reading: Reading, given: Value) -> None:
    """Read an if node: one that wants the login's text of old releases."""
    for value in given.walk():
        wanted = value.get("value2", "rightValue")
        if wanted is not None and _OK.match(wanted.text or ""):
            operator = value.get("operator")
            how = operator.string("operation") if operator is not None else value.string("operation") or "equal"
            op = "==" if how in {"equal", "equals"} else "!=" if how in {"notEqual", "notEquals"} else ""
            expr = Expr("cmp", leaf="body", op=op, value="Ok.") if op else Expr("has", leaf="body", value="Ok")
            reading.facts.checks.append(Guard(wanted.place, reading.scope(), "", expr, "login"))
