"""Finds in Python which calls are HTTP requests, by which library, and what they carry."""

from __future__ import annotations

import ast
from typing import Literal, NamedTuple

from qbdoctor.lint.facts.program import HOLE, Body
from qbdoctor.lint.python.texts import Env, Folder, path

_VERBS = frozenset(("get", "post", "put", "delete", "patch", "head", "options"))
_FACTORIES = {
    "requests.Session": "requests",
    "requests.session": "requests",
    "requests.sessions.Session": "requests",
    "httpx.Client": "httpx",
    "httpx.AsyncClient": "httpx",
    "aiohttp.ClientSession": "aiohttp",
    "aiohttp.client.ClientSession": "aiohttp",
    "urllib.request.build_opener": "urllib",
}
_PLAIN = {"requests": "requests", "httpx": "httpx", "urllib.request": "urllib"}
_NO_REQUESTS = frozenset(
    ("debug", "info", "warning", "error", "exception", "critical", "print", "log", "join", "urljoin", "format", "append",
     "startswith", "endswith", "search", "match", "compile", "fullmatch", "sub", "replace", "strip", "rstrip", "lstrip",
     "split", "route", "URL", "str", "Path", "quote", "add_get", "add_post", "respond", "add", "getenv")
)  # fmt: skip
_CARRIERS = frozenset(("cookie", "authorization"))


class Called(NamedTuple):
    """What is called: the library, the session's name ("" for the library itself, "?" unknown), the verb."""

    library: str
    client: str
    verb: str


def factory(dotted: str) -> str:
    """Return the library whose session a call makes, by the full name of what is called; "" for none."""
    return _FACTORIES.get(dotted, "")


class Calls:
    """Tells requests from other calls. ``sessions`` holds (library, client) by a name, and is filled by the reader."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.sessions: dict[str, tuple[str, str]] = {}

    def called(self, node: ast.Call, local: dict[str, tuple[str, str]]) -> Called | None:
        """Return what a call calls, if that may be a request."""
        func, module = node.func, self.folder.module
        if isinstance(func, ast.Name):
            dotted = module.imports.get(func.id, "")
            owner, _, name = dotted.rpartition(".")
            if owner in _PLAIN and name in _VERBS | {"request", "stream", "urlopen"}:
                return Called(_PLAIN[owner], "", name)
            return None if func.id in _NO_REQUESTS else Called("", "?", func.id)
        if not isinstance(func, ast.Attribute):
            return None
        dotted = module.dotted(func)
        owner, _, name = dotted.rpartition(".")
        if owner in _PLAIN and name in _VERBS | {"request", "stream", "urlopen"}:
            return Called(_PLAIN[owner], "", name)
        base = func.value.value if isinstance(func.value, ast.Await) else func.value
        if isinstance(base, ast.Call) and (made := factory(module.dotted(base.func))):
            return Called(made, f"new:{base.lineno}:{base.col_offset}", func.attr)
        if func.attr in _NO_REQUESTS:
            return None
        known = local.get(path(base)) or self.sessions.get(path(base))
        return Called(*known, func.attr) if known else Called("", "?", func.attr)

    def url(self, node: ast.Call, called: Called, env: Env) -> str:
        """Return the address that a call asks, folded."""
        for keyword in node.keywords:
            if keyword.arg in {"url", "endpoint", "path"}:
                return self.folder.fold(keyword.value, env)
        arguments = node.args[:3]
        if called.verb in _VERBS | {"urlopen", "open", "Request"}:
            arguments = arguments[:1]
        texts = [self.folder.fold(arg, env) for arg in arguments]
        return next((text for text in texts if "/" in text), texts[0] if texts else HOLE)

    def method(self, node: ast.Call, called: Called, env: Env) -> str:
        """GET, POST or another method in capitals; "" where it is not known."""
        verb = called.verb.lower()
        if verb in _VERBS:
            return verb.upper()
        if verb in {"urlopen", "open", "request"} and called.library == "urllib":
            inner = node.args[0] if node.args and isinstance(node.args[0], ast.Call) else node  # urlopen(Request(...))
            named = {keyword.arg for keyword in (*inner.keywords, *node.keywords)}
            has_data = len(inner.args) > 1 or bool(named & {"data", "method"})
            plain = bool(node.args) and not isinstance(node.args[0], ast.Name)
            return "" if has_data or not plain else "GET"
        candidates = [keyword.value for keyword in node.keywords if keyword.arg == "method"] or node.args[:1]
        text = self.folder.fold(candidates[0], env).upper() if candidates else ""
        return text if text.lower() in _VERBS else ""

    def body(self, node: ast.Call, env: Env) -> Body:
        """How a request's body is made."""
        for keyword in node.keywords:
            if keyword.arg == "json":
                return "json"
            if keyword.arg in {"data", "content"}:
                value = _follow(keyword.value, env, self.folder)
                if isinstance(value, ast.Dict):
                    return "form"
                if isinstance(value, ast.Call) and path(value.func).endswith("json.dumps"):
                    return "json"
                return "text" if isinstance(value, ast.JoinedStr | ast.Constant | ast.BinOp) else "unknown"
        return "unknown"

    def carries(self, node: ast.Call, env: Env, called: Called) -> bool:
        """Whether a request brings a cookie or an authorization itself, or something that cannot be seen through."""
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg in {"auth", "session", "client"}:
                return True
            if keyword.arg == "cookies" and not (
                isinstance(keyword.value, ast.Constant) and keyword.value.value is None
            ):
                return True
            if keyword.arg == "headers" and self._headers_carry(keyword.value, env):
                return True
        return called.library == "urllib" and bool(node.args) and isinstance(node.args[0], ast.Name)

    def _headers_carry(self, node: ast.expr, env: Env) -> bool:
        value = _follow(node, env, self.folder)
        if not isinstance(value, ast.Dict):
            return not (isinstance(value, ast.Constant) and value.value is None)
        for key in value.keys:
            if key is None or self.folder.fold(key, env).lower() in _CARRIERS or HOLE in self.folder.fold(key, env):
                return True
        name = path(node)
        return bool(name) and f"{name}[" in "".join(
            line for line in self.folder.module.lines if name in line
        )  # filled later on, with whatever


def _follow(node: ast.expr, env: Env, folder: Folder) -> ast.expr | None:
    for _ in range(5):
        name = path(node)
        if not name:
            return node
        found = env[name] if name in env else folder.module.values.get(name)
        if found is None:
            return None
        node = found
    return node


Jar = Literal["default", "unsafe", "dummy", "unknown"]


def aiohttp_jar(node: ast.Call, env: Env, folder: Folder) -> Jar:
    """Return what is known of the cookie jar that a ``ClientSession(...)`` is made with."""
    if any(keyword.arg is None for keyword in node.keywords):
        return "unknown"
    given = next((keyword.value for keyword in node.keywords if keyword.arg == "cookie_jar"), None)
    if any(keyword.arg in {"cookies", "headers"} and _brings(keyword.value) for keyword in node.keywords):
        return "unknown"
    if given is None:
        return "default"
    jar = _follow(given, env, folder)
    if isinstance(jar, ast.Constant) and jar.value is None:
        return "default"
    if not isinstance(jar, ast.Call):
        return "unknown"
    name = folder.module.dotted(jar.func).rsplit(".", maxsplit=1)[-1]
    if name == "DummyCookieJar":
        return "dummy"
    if name != "CookieJar":
        return "unknown"
    unsafe = next((keyword.value for keyword in jar.keywords if keyword.arg == "unsafe"), None)
    if unsafe is None:
        return "unknown" if any(keyword.arg is None for keyword in jar.keywords) else "default"
    if isinstance(unsafe, ast.Constant):
        return "unsafe" if unsafe.value else "default"
    return "unsafe"


def _brings(node: ast.expr) -> bool:
    if not isinstance(node, ast.Dict):
        return True
    names = {key.value.lower() for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    return bool(names & _CARRIERS) or None in node.keys
