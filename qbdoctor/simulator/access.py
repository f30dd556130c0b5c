"""Decides who gets in, and where to: one request of the stand-in, in the order of qBittorrent's own checks."""

from __future__ import annotations

import base64
import ipaddress
import re
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from qbdoctor import releases
from qbdoctor.config import server_domains
from qbdoctor.model.basics import Secret
from qbdoctor.patterns import regex
from qbdoctor.releases.actions import LEGACY_CALLS
from qbdoctor.releases.web_api import has_action, has_scope, legacy_versions, status_of
from qbdoctor.simulator.actions import PLAYED, ActionResult, Refusal, act, not_played
from qbdoctor.simulator.http_parser import Request, Response
from qbdoctor.simulator.pages import caching, page_headers, static
from qbdoctor.simulator.state import StandIn

_PREFIX = "/api/v2/"
_API = regex(r"/api/v2/([A-Za-z_][A-Za-z_0-9]*)/([A-Za-z_][A-Za-z_0-9]*)\Z", re.ASCII)
_LEGACY = regex(r"/((?:sync|command|query)/[A-Za-z_][A-Za-z_0-9]*|login|logout)(?:/([^/]+))?\Z", re.ASCII)


class Where(NamedTuple):
    """Both ends of the connection: the client's address, and the server's own address and port."""

    peer: str
    address: str
    port: int


class _Call(NamedTuple):
    """An action that was asked for, and fields that its old name stands for."""

    scope: str
    action: str
    fields: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.scope}/{self.action}"


class SimulatedExchange:
    """One request and what is answered. Hold the stand-in's lock."""

    def __init__(self, standin: StandIn, request: Request, where: Where) -> None:
        self.standin = standin
        self.version = standin.version
        self.request = request
        self.where = where
        self.client = where.peer
        self.sid = ""
        self.cookie = ""
        self.by_key = False
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        self._scheme, self._credentials = scheme.lower(), value.strip()

    def respond(self) -> Response:
        """Return the answer, all headers but the connection's own included."""
        early = page_headers(self.standin)
        try:
            result = self._respond()
        except Refusal as refusal:
            result = self._refused(refusal)
        late = releases.rule("header.of_settings", self.version) == "after"
        kind = str(releases.rule("error.content_type", self.version)) if result.kind is None else result.kind
        headers = page_headers(self.standin) if late else early
        if result.status != 204 and kind:
            headers.append(("content-type", kind))
        if result.is_page:
            headers.append(("cache-control", caching(kind)))
        if self.cookie:
            headers.append(("set-cookie", self.cookie))
        return Response(result.status, result.text.encode("utf-8", "replace"), headers)

    def _refused(self, refusal: Refusal) -> ActionResult:
        # The release that sends no text with a 403 sends none with the others
        usual = HTTPStatus(refusal.status).phrase if releases.forbidden_body(self.version) else ""
        text = usual if refusal.body is None else refusal.body
        return ActionResult(refusal.status, text, None if text else "")

    def _respond(self) -> ActionResult:
        request, version = self.request, self.version
        key = self._credentials if self._scheme == "bearer" and releases.api_key_supported(version) else ""
        self._check_headers(by_key=bool(key))
        self.client = self.standin.client(self.where.peer, request.headers.get("x-forwarded-for", ""))
        stored = self.standin.api_key()
        if not key:  # beside one neither a session nor a bypass counts
            self._find_session()
        elif stored is not None and Secret(key) == stored:
            self.standin.use_key(key)
            self.sid, self.by_key = key, True
        call = self._call()
        in_api = request.path.startswith(_PREFIX) and releases.rule("route.api_prefix", version)
        if in_api and key and request.path.startswith(f"{_PREFIX}auth/"):
            raise Refusal(403)
        if call is None:
            if key or in_api:
                raise Refusal(404)
            return self._file()
        return self._action(call, asks_by_key=bool(key))

    def _call(self) -> _Call | None:
        """Return the action that is asked for; None: a file is."""
        match = _API.match(self.request.path)
        if match is not None:
            return _Call(match[1], match[2], {})
        old = _LEGACY.match(self.request.path) if releases.rule("route.legacy", self.version) else None
        if old is None or old[1] not in LEGACY_CALLS:
            return None
        name, fields = LEGACY_CALLS[old[1]]
        scope, action = name.split("/")
        return _Call(scope, action, {**fields, **({"hash": old[2]} if old[2] else {})})

    def _file(self) -> ActionResult:
        if releases.rule("route.legacy", self.version):
            number, oldest = legacy_versions(self.version)
            told = {"api": str(number), "api_min": str(oldest), "qbittorrent": f"v{self.version}"}
            name = self.request.path.removeprefix("/version/")
            if f"/version/{name}" == self.request.path and name in told:
                return ActionResult(200, told[name])
        return static(self.standin, self.request.path, private=bool(self.sid))

    def _action(self, call: _Call, *, asks_by_key: bool) -> ActionResult:
        version = self.version
        known = has_scope(call.scope, version)
        if not known and releases.rule("route.scope_before_session", version):
            if releases.rule("api.v1", version):  # there it is looked for among the files
                return static(self.standin, self.request.path, private=bool(self.sid))
            raise Refusal(404)
        if not self.sid and call.name != "auth/login":
            raise Refusal(403)
        if asks_by_key and call.scope == "auth":
            raise Refusal(403)
        if not known:
            raise Refusal(404)
        self._check_method(call)
        if not has_action(call.name, version):
            raise Refusal(404, str(releases.rule("body.unknown_action", version)))
        if call.name not in PLAYED:
            raise not_played(self.standin, call.name)
        form = self._form() | call.fields
        if call.name == "auth/login":
            return self._log_in(form)
        if call.name == "auth/logout":
            self.standin.end_session(self.sid)
            self.cookie = self.standin.cookie("", secure=False)
            return ActionResult(int(releases.rule("logout.status", version)))
        return act(self.standin, call.name, self.sid, form, self.request.files)

    def _form(self) -> dict[str, str]:
        """Return the fields: a query's for GET, a form's for POST; for HEAD as the release has it."""
        method = self.request.method
        reads_query = method == "GET" or (method == "HEAD" and releases.rule("head", self.version) in ("as-get", "own"))
        return self.request.query if reads_query else self.request.form

    def _check_method(self, call: _Call) -> None:
        method, head = self.request.method, releases.rule("head", self.version)
        if method == "HEAD" and head == "405":
            raise Refusal(405)
        since = releases.post_only_since(call.name)
        if since is not None and self.version >= since and has_action(call.name, self.version) and method != "POST":
            raise Refusal(405)

    # --- the checks ----------------------------------------------------------------------------------------------------

    def _check_headers(self, *, by_key: bool) -> None:
        """Make the Origin, Referer and Host checks, in this order. Raises :class:`Refusal`."""
        settings, path = self.standin.settings, self.request.path
        guarded = (
            settings.boolean("CSRFProtection") and not by_key and path not in releases.csrf_exempt_paths(self.version)
        )
        if guarded and self._is_cross_site():
            raise Refusal(401)
        if settings.boolean("HostHeaderValidation") and not self._host_passes():
            raise Refusal(401)

    def _is_cross_site(self) -> bool:
        headers = self.request.headers
        always = releases.forwarded_host_rule(self.version) == "always"
        target = headers.get("host", "")
        if always or self.standin.behind_proxy():
            target = headers.get("x-forwarded-host", target)
        source = headers.get("origin") or headers.get("referer")
        fetch = headers.get("sec-fetch-site", "")
        passes = releases.passes_by_sec_fetch(self.version, fetch, source=bool(source))
        if passes is not None:
            return not passes
        return bool(source) and _place(str(source)) != _place(target if "://" in target else f"http://{target}")

    def _host_passes(self) -> bool:
        host = self.request.headers.get("host", "")
        name, port = _place(host if "://" in host else f"http://{host}")
        if port not in (None, self.where.port):
            return False
        if _is_own(name, self.where.address):
            return True
        anchored = releases.server_domains_anchored(self.version)
        return server_domains.allow(self.standin.settings.server_domains(), name, anchored=anchored)

    def _find_session(self) -> None:
        """Go on with the session of the cookie, else start one for who needs no login. Raises :class:`Refusal`."""
        sid = self._sid_of_cookie()
        if sid and self.standin.uses(sid):
            self.sid = sid
            if not self.standin.session(sid).by_key:
                self.cookie = self.standin.renewed_cookie(sid, secure=self._secure())
        elif self.standin.bypassed(self.client):
            self._start_session()
        elif self._scheme == "basic" and self._credentials and releases.basic_auth_supported(self.version):
            username, colon, password = _decoded(self._credentials).partition(":")
            if not colon or not username or not self._accepts(username, password):
                raise Refusal(401)
            self._start_session()

    def _sid_of_cookie(self) -> str:
        """Return the value of our cookie: of equal names the last counts."""
        name = self.standin.cookie_name()
        pairs = (each.partition("=") for each in self.request.headers.get("cookie", "").split(";"))
        values = [value.strip() for key, equals, value in pairs if equals and key.strip() == name]
        value = values[-1] if values else ""
        return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value

    def _start_session(self) -> None:
        self.sid = self.standin.start_session()
        self.cookie = self.standin.cookie(self.sid, secure=self._secure())

    def _secure(self) -> bool:
        return self.standin.secure(self.request.headers.get("x-forwarded-proto", ""))

    def _accepts(self, username: str, password: str) -> bool:
        """Check credentials. Raises :class:`Refusal` for a banned client, whatever they are."""
        if self.standin.banned(self.client):
            raise Refusal(*releases.login_banned(self.version))
        return self.standin.accepts(self.client, username, Secret(password))

    def _log_in(self, form: dict[str, str]) -> ActionResult:
        if not self.sid:
            if not self._accepts(form.get("username", ""), form.get("password", "")):
                status, text = releases.login_refused(self.version)
                return ActionResult(status, text)
            self._start_session()
        return ActionResult(status_of("auth/login", self.version), releases.login_accepted(self.version).body)


def _place(url: str) -> tuple[str, int | None]:
    """Host and port of a URL as QUrl has them: a port that is none is left out, a URL that is none has neither."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return "", None
    try:
        return host, parts.port
    except ValueError:
        return host, None


def _is_own(name: str, address: str) -> bool:
    """Whether a Host is the server's own address, as QHostAddress::isEqual has it: ::1 is 127.0.0.1 to it."""
    try:
        asked, own = (ipaddress.ip_address(each.partition("%")[0]) for each in (name, address))
    except ValueError:
        return False
    return _plain(asked) == _plain(own)


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address.is_loopback:
            return ipaddress.IPv4Address("127.0.0.1")
        return address.ipv4_mapped or address
    return address


def _decoded(text: str) -> str:
    """Base64 as Qt reads it: what is not of its alphabet is passed over, and so are bits that make no byte."""
    kept = re.sub(r"[^A-Za-z0-9+/]", "", text)
    kept = kept[:-1] if len(kept) % 4 == 1 else kept
    return base64.b64decode(kept + "=" * (-len(kept) % 4)).decode("utf-8", "replace")
