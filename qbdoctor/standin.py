r"""A small stand-in for qBittorrent's Web UI, for demonstrations and tests where there is no qBittorrent.

    python -m qbdoctor.standin --profile DIR --release 5.3.0

What it does is what :mod:`qbdoctor.releases` says of that release, and ``tests/test_standin.py`` holds it to the real
one: ``auth/login`` and ``logout``, ``app/version``, ``webapiVersion``, ``preferences`` and ``setPreferences`` (the Web
UI's settings), ``shutdown``; bypasses, bans, sessions, API keys, the Host, Origin and Referer checks; a config file
that is read once and rewritten whole. It takes GET and POST with urlencoded forms. It has no torrents, no HTTPS, no
Basic and no proxy support, and it moves neither port nor address while it runs. Every answer says
``x-qbdoctor-standin: 1``. It listens on 127.0.0.1 alone, and is no security boundary.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

from qbdoctor import releases
from qbdoctor.model import Secret, UserError
from qbdoctor.release_data import WEBAPI
from qbdoctor.releases import KNOWN, Version
from qbdoctor.standin_state import Config, Refusal, StandIn
from qbdoctor.versions import known

HEADER = "x-qbdoctor-standin"
CONFIG = Path("qBittorrent/config/qBittorrent.conf")
SAVE_AFTER = 5.0
"""Seconds after its start at which qBittorrent rewrites its file, changed or not."""

_LARGEST_BODY = 1 << 20
_API = re.compile(r"/api/v2/([A-Za-z_][A-Za-z_0-9]*)/([A-Za-z_][A-Za-z_0-9]*)\Z", re.ASCII)
_SCOPES = {"app", "auth", "log", "rss", "search", "sync", "torrents", "transfer"}
_PAGE = (
    "<!DOCTYPE html>\n<title>qbdoctor</title>\n<p>This is qbdoctor's stand-in for qBittorrent; it has no pages.</p>\n"
)


class Handler(BaseHTTPRequestHandler):
    """One connection. ``standin`` is set by :func:`serve`."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # below it http.server would answer without a status line
    standin: StandIn

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # any other method, whatever the path
            return self._not_understood
        raise AttributeError(name)

    def _not_understood(self) -> None:
        self._answer(releases.options_root_status(self.standin.version), "", parsed=False)

    def parse_request(self) -> bool:
        """Take a request line of three words alone, and no header without a colon, as qBittorrent does."""
        if not super().parse_request():
            return False
        if len(self.requestline.split()) == 3 and not self.headers.defects:
            return True
        self.send_error()
        return False

    def do_GET(self) -> None:
        """Answer a request whose fields are in its query."""
        self._serve(self._target()[1])

    def do_POST(self) -> None:
        """Answer a request whose fields are in its form."""
        length = self.headers.get("content-length")
        missing = releases.rule("status.post_without_length", self.standin.version)
        kind = self.headers.get_content_type() if "content-type" in self.headers else ""
        if length is None and missing is not None:
            self._answer(missing, "", parsed=False)
        elif not (length or "0").isdecimal() or int(length or 0) > _LARGEST_BODY:
            self._answer(400, "", parsed=False)
        elif int(length or 0) and kind != "application/x-www-form-urlencoded":
            self._answer(releases.rule("status.json_body", self.standin.version), "", parsed=False)
        else:
            self._serve(self.rfile.read(int(length or 0)).decode("utf-8", "replace"))

    def _target(self) -> tuple[str, str]:
        """Path and query as they were sent: ``self.path`` makes one slash of several."""
        path, _, query = self.requestline.split()[1].partition("?")
        return path, query

    def _serve(self, fields: str) -> None:
        self._sid, self._cookie = "", ""
        version = self.standin.version
        kind = str(releases.rule("error.content_type", version))
        with self.standin.lock:
            try:
                status, body, kind = self._respond(self._target()[0], dict(parse_qsl(fields, True)), kind)
            except Refusal as refusal:
                # The release that sends no text with a 403 sends none with the others
                usual = HTTPStatus(refusal.status).phrase if releases.forbidden_body(version) else ""
                status, body = refusal.status, usual if refusal.body is None else refusal.body
                kind = kind if body else ""
        self._answer(status, body, "" if status == 204 else kind, self._cookie)

    def _respond(self, path: str, fields: dict[str, str], kind: str) -> tuple[int, str, str]:
        """Status, body and content type; in the order of qBittorrent's own checks. Raises :class:`Refusal`."""
        standin = self.standin
        key = self._api_key()
        self._check_headers(path, by_key=bool(key))
        if not key:  # beside one neither a session nor a bypass counts
            self._find_session()
        if path in ("/", "/index.html") and not key:
            return 200, _PAGE, "text/html"
        match = _API.match(path)
        if match is None:
            raise Refusal(404)
        scope, action = match.groups()
        if scope not in _SCOPES and releases.unknown_api_status(standin.version) == 404:
            raise Refusal(404)
        if key and (scope == "auth" or not standin.accepts_key(key)):
            raise Refusal(403)
        if not (key or self._sid or (scope, action) == ("auth", "login")):
            raise Refusal(403)
        if scope not in _SCOPES:
            raise Refusal(404)
        since = releases.post_only_since(f"{scope}/{action}")
        if self.command == "GET" and since is not None and standin.version >= since:
            raise Refusal(405)
        return self._act(f"{scope}/{action}", fields, kind)

    def _act(self, action: str, fields: dict[str, str], kind: str) -> tuple[int, str, str]:
        standin = self.standin
        match action:
            case "auth/login":
                return *self._log_in(fields), kind
            case "auth/logout":
                standin.end_session(self._sid)
                self._cookie = standin.cookie("")
                return 200, "", kind
            case "app/version":
                return 200, f"v{standin.version}", kind
            case "app/webapiVersion":
                here = (number for number, first, last in WEBAPI if known(first) <= standin.version <= known(last))
                return 200, next(here), kind
            case "app/preferences":
                text = json.dumps(standin.preferences(), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
                return 200, text, "application/json"
            case "app/setPreferences":
                if "json" not in fields:
                    text = str(releases.rule("body.missing_parameter", standin.version))
                    raise Refusal(400, text.replace("%1", "json"))
                standin.set_preferences(fields["json"])
                return 200, "", kind
            case "app/shutdown":
                threading.Timer(0.1, standin.stopping.set).start()
                return 200, "", kind
        raise Refusal(404, str(releases.rule("body.unknown_action", standin.version)))

    def _log_in(self, fields: dict[str, str]) -> releases.Answer:
        standin, address = self.standin, self.client_address[0]
        if not self._sid:
            if standin.banned(address):
                return releases.login_banned(standin.version)
            if not standin.accepts(address, fields.get("username", ""), Secret(fields.get("password", ""))):
                return releases.login_refused(standin.version)
            self._start_session()
        return releases.login_accepted(standin.version)

    def _find_session(self) -> None:
        """Go on with the session of the cookie, else start one for a client that needs no login."""
        if self.standin.uses(sid := self._sid_of_cookie()):
            self._sid, self._cookie = sid, self.standin.renewed_cookie(sid)
        elif self.standin.bypassed(self.client_address[0]):
            self._start_session()

    def _start_session(self) -> None:
        self._sid = self.standin.start_session()
        self._cookie = self.standin.cookie(self._sid)

    def _sid_of_cookie(self) -> str:
        """The value of our cookie: of equal names the last counts, and of several headers."""
        name = self.standin.cookie("").partition("=")[0]
        pairs = (each.strip().partition("=") for each in (self.headers.get_all("cookie") or [""])[-1].split(";"))
        return ([value.strip().strip('"') for key, _, value in pairs if key.strip() == name] or [""])[-1]

    def _api_key(self) -> str:
        """The API key that came along, where the release looks at it."""
        kind, _, key = self.headers.get("authorization", "").strip().partition(" ")
        return key.strip() if kind.lower() == "bearer" and releases.api_key_supported(self.standin.version) else ""

    def _check_headers(self, path: str, *, by_key: bool) -> None:
        """The Host, Origin and Referer checks. Raises :class:`Refusal`."""
        version, settings = self.standin.version, self.standin.settings
        host = self.headers.get("host", "")
        if settings.boolean("CSRFProtection") and not by_key and path not in releases.csrf_exempt_paths(version):
            source = self.headers.get("origin") or self.headers.get("referer")
            fetch, accepted = self.headers.get("sec-fetch-site"), releases.sec_fetch_accepted(version)
            if source and urlsplit(source).netloc.lower() != host.lower():
                raise Refusal(401)
            if not source and fetch and accepted is not None and fetch not in accepted:
                raise Refusal(401)
        if not settings.boolean("HostHeaderValidation"):
            return
        try:
            asked = urlsplit(f"//{host}")
            name, port = asked.hostname or "", asked.port
        except ValueError:
            raise Refusal(401) from None
        if port not in (None, self.standin.port):
            raise Refusal(401)
        if name == "127.0.0.1":
            return
        match = re.fullmatch if releases.server_domains_anchored(version) else re.search
        for domain in settings.server_domains():
            if match(re.escape(domain).replace(r"\*", ".*").replace(r"\?", "."), name, re.IGNORECASE):
                return
        raise Refusal(401)

    def _answer(self, status: int, body: str, kind: str = "", cookie: str = "", *, parsed: bool = True) -> None:
        data = body.encode()
        reason = HTTPStatus(status).phrase if status >= 400 else releases.rule("reason.ok", self.standin.version)
        self.send_response_only(status, str(reason))
        self.close_connection = self.close_connection or not parsed
        headers = {
            "connection": "keep-alive" if parsed else "close",
            "content-length": str(len(data)),
            "content-type": kind,
            "date": format_datetime(datetime.now(UTC), usegmt=True),
            "set-cookie": cookie,
            "x-content-type-options": "nosniff" if parsed else "",
            "x-xss-protection": "1; mode=block" if parsed else "",
            HEADER: "1",
        }
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def send_error(self, *_: object) -> None:
        """Refuse what is no HTTP as qBittorrent does, in place of http.server's own page."""
        self._answer(400, "", parsed=False)

    def log_message(self, *_: object) -> None:
        """Say nothing: what is asked may hold a password."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def serve(config: Config, port: int) -> int:
    """Serve until SIGTERM, SIGINT or app/shutdown, then rewrite the file, as qBittorrent does. Returns 0."""
    server = _Server(("127.0.0.1", port), Handler)
    standin = StandIn(config, server.server_address[1])
    server.RequestHandlerClass = type("Bound", (Handler,), {"standin": standin})
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: standin.stopping.set())
    lines = [
        f"This is qbdoctor's stand-in for qBittorrent v{config.version}; it listens at http://127.0.0.1:{standin.port}"
    ]
    if standin.temporary is not None:  # told as qBittorrent tells it, on standard output alone
        text = releases.text("stdout.temporary_password", config.version) or ""
        lines.append(text.replace("%1", standin.temporary.reveal()))
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stopped = standin.stopping.wait(SAVE_AFTER)
    if not stopped:
        with standin.lock:
            standin.save()
        standin.stopping.wait()
    server.shutdown()
    server.server_close()
    with standin.lock:
        config.save()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stand-in from a command line; 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m qbdoctor.standin",
        description="A stand-in for qBittorrent's Web UI, on 127.0.0.1 only. It is not qBittorrent: it has no torrents.",
    )
    parser.add_argument("--profile", metavar="DIR", type=Path, required=True, help=f"reads and rewrites DIR/{CONFIG}")
    parser.add_argument("--webui-port", metavar="PORT", type=int, help="stored as the setting, as qBittorrent does")
    parser.add_argument("--release", default=str(KNOWN[-1]), help="the release to act as (default: %(default)s)")
    given = parser.parse_args(arguments)
    version = Version.parse(given.release)
    if version not in KNOWN:
        _refuse(parser, f"--release: {given.release} is no release of qBittorrent between {KNOWN[0]} and {KNOWN[-1]}")
    try:
        config = Config(given.profile / CONFIG, version)
        if given.webui_port is not None:
            config.set("Port", str(given.webui_port))
        return serve(config, config.settings.integer("Port"))
    except UserError as error:
        _refuse(parser, error.message)
    except OSError as error:
        _refuse(parser, f"it could not start: {error.strerror}")


def _refuse(parser: argparse.ArgumentParser, why: str) -> NoReturn:
    parser.exit(2, f"{parser.prog}: {why}\n")


if __name__ == "__main__":
    sys.exit(main())
