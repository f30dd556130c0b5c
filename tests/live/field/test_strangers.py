"""A hundred other programs in qBittorrent's place: none is ever sent a password or a key."""

from __future__ import annotations

import itertools
import secrets
import sys
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

from qbdoctor.simulator import throwaway
from tests.kit.proxies import Answer, WebServer
from tests.support.doctor import diagnose, qbdoctor

PASSWORD = "correct horse battery"
KEY = "qbt_0123456789abcdefghijklmnopqr"
MARKS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-XSS-Protection", "1; mode=block"),
    ("X-Frame-Options", "SAMEORIGIN"),
)
SPRING = (*MARKS[:2], ("X-Frame-Options", "DENY"), ("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate"))
HTML = "<!doctype html><html><head><title>My torrents</title></head><body>qBittorrent, Sonarr, Radarr</body></html>"


@dataclass(frozen=True)
class Kind:
    """How a stranger answers: `api` for what begins with /api, `page` for `/`, `rest` for what else is asked."""

    name: str
    api: tuple[int, str, str]
    page: tuple[int, str, str] | None = None
    rest: tuple[int, str, str] | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def answer(self, path: str) -> Answer:
        chosen = self.api if path.startswith("/api/v2/") else self.page if path == "/" else self.rest
        status, kind, body = chosen or self.api
        typed = [("Content-Type", kind)] if kind else []
        return Answer(status, "Whatever", [*typed, *self.headers], body.encode())


JSON, TEXT, PAGE = "application/json", "text/plain; charset=UTF-8", "text/html"
BODIES = {
    "json": (JSON, '{"error":"no"}'),
    "html": (PAGE, HTML),
    "text": (TEXT, "go away"),
    "empty": ("", ""),
    "Forbidden": (TEXT, "Forbidden"),
}
STATUSES = (200, 202, 204, 301, 302, 400, 401, 403, 404, 405, 409, 418, 429, 500, 503)
KINDS = [
    *(
        Kind(f"{status}-{name}", (status, *body))
        for status, (name, body) in itertools.product(STATUSES, BODIES.items())
    ),
    *(
        Kind(f"marks-{status}-{name}", (status, *body), headers=MARKS)
        for status, (name, body) in itertools.product((200, 401, 403, 404), BODIES.items())
    ),
    Kind("imitates the 403", (403, TEXT, "Forbidden"), headers=MARKS),
    Kind("imitates the 403 of 4.2", (403, "", ""), headers=MARKS),
    Kind("403 and a page", (403, TEXT, "Forbidden"), (200, PAGE, HTML), headers=MARKS),
    Kind("403, a page and 404", (403, TEXT, "Forbidden"), (200, PAGE, HTML), (404, TEXT, "Not Found"), headers=MARKS),
    Kind("a page that names it", (403, TEXT, "Forbidden"), (200, PAGE, HTML)),
    Kind("an empty 403 and that page", (403, "", ""), (200, PAGE, HTML), (404, PAGE, "no")),
    Kind("says it is 5.1", (200, TEXT, "v5.1.0")),
    Kind("says it is 5.3, with marks", (200, TEXT, "v5.3.0"), headers=MARKS),
    Kind("says 1.2.3 on the API, a page else", (200, TEXT, "1.2.3"), (200, PAGE, HTML), (200, PAGE, HTML)),
    Kind("takes all logins", (200, TEXT, "Ok.")),
    Kind("Fails.", (200, TEXT, "Fails.")),
    Kind("Spring", (403, "", ""), (302, "", ""), (403, "", ""), SPRING),
    Kind("Spring with a page", (403, JSON, '{"status":403,"error":"Forbidden"}'), (200, PAGE, HTML), None, SPRING),
    Kind("Transmission", (409, PAGE, "<h1>409: Conflict</h1>"), headers=(("Server", "Transmission"),)),
    Kind("Sonarr", (401, JSON, '{"error":"Unauthorized"}'), (200, PAGE, HTML), headers=(("Server", "Kestrel"),)),
    Kind("UniFi", (403, JSON, '{"meta":{"rc":"error","msg":"api.err.NoPermission"}}'), (302, "", "")),
    Kind("Grafana", (401, JSON, '{"message":"Unauthorized"}'), (302, "", ""), headers=MARKS),
    Kind("Pi-hole", (403, PAGE, "<h1>403 Forbidden</h1>"), headers=(("Server", "lighttpd/1.4.59"),)),
    Kind("Apache", (403, PAGE, "<h1>Forbidden</h1>"), headers=(("Server", "Apache/2.4.62 (Debian)"),)),
    Kind("nginx", (403, PAGE, "<center><h1>403 Forbidden</h1></center>"), headers=(("Server", "nginx"),)),
    Kind("a wiki", (200, PAGE, "<html><title>qBittorrent - Wiki</title>v5.1.0 loginform</html>")),
    Kind("Home Assistant", (404, TEXT, "404: Not Found"), (200, PAGE, HTML), headers=MARKS),
    Kind("WWW-Authenticate", (401, TEXT, "Unauthorized"), headers=(("WWW-Authenticate", "Basic"), *MARKS)),
    Kind("WWW-Authenticate on a 403", (403, TEXT, "Forbidden"), headers=(("WWW-Authenticate", "Basic"), *MARKS)),
]


class Stranger(WebServer):
    """One of them."""

    kind: Kind

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
        return self.kind.answer(path)

    def secrets(self) -> list[str]:
        """The requests that held something secret, or were a login."""
        return [
            f"{one.method} {one.path}"
            for one in self.requests
            if "auth/login" in one.path
            or KEY in str(one.headers)
            or PASSWORD.split(maxsplit=1)[0].encode() in one.body
            or one.headers.get("authorization", "").startswith("Basic")
        ]


def test_there_are_a_hundred() -> None:
    assert len({kind.name for kind in KINDS}) >= 100


ALL = pytest.param(KINDS, marks=pytest.mark.extended, id="all")
FEW = pytest.param([*KINDS[:95:10], *KINDS[95:]], id="few")
"""What an everyday run stands in the way: each status, all imitations and other applications."""
NAMED = [KINDS[0], *KINDS[95:]]


@pytest.mark.parametrize("given", ["password", "key"])
@pytest.mark.parametrize("kinds", [FEW, ALL])
def test_none_is_sent_a_secret(given: str, kinds: list[Kind]) -> None:
    sent: dict[str, list[str]] = {}
    with Stranger() as stranger:
        for kind in kinds:
            stranger.kind = kind
            stranger.requests.clear()
            env = {"QBDOCTOR_API_KEY": KEY} if given == "key" else {}
            report = diagnose("--url", stranger.url, password=PASSWORD, env=env)
            if stranger.secrets():
                sent[kind.name] = stranger.secrets()
            assert report["verdict"]["state"] != "healthy", kind.name
            assert report["login_attempts"] == 0
    assert sent == {}


@pytest.mark.extended
@pytest.mark.parametrize("command", [("fix", "require-localhost-auth"), ("fix", "set-password"), ("fix",)])
def test_nor_by_a_fix(command: tuple[str, ...], tmp_path: str) -> None:
    sent: dict[str, list[str]] = {}
    with Stranger() as stranger:
        for kind in KINDS[75:]:
            stranger.kind = kind
            stranger.requests.clear()
            for env in ({}, {"QBDOCTOR_API_KEY": KEY}):
                qbdoctor(*command, "--via", "api", "--yes", "--url", stranger.url, password=PASSWORD, env=env)
            if stranger.secrets():
                sent[kind.name] = stranger.secrets()
    assert sent == {}


ASKS = """
import sys, urllib.error, urllib.request
for path in ("/", "/api/v2/app/version"):
    try:
        urllib.request.urlopen(sys.argv[1] + path, timeout=5).read()
    except (urllib.error.HTTPError, OSError):
        pass
"""


@pytest.mark.extended
def test_nor_by_trace(tmp_path: Path) -> None:
    """It passes on what the program sends and nothing of its own, also where it was given a password and a key."""
    program = tmp_path / "asks.py"
    program.write_text(ASKS)
    env = {"QBDOCTOR_API_KEY": KEY}
    with Stranger() as stranger:
        for kind in NAMED:
            stranger.kind = kind
            stranger.requests.clear()
            run = (sys.executable, str(program), "{url}")
            qbdoctor("trace", "--url", stranger.url, "--run", "--", *run, password=PASSWORD, env=env)
            assert [one.path for one in stranger.requests][:1] == ["/"], kind.name
            assert stranger.secrets() == [], kind.name


@pytest.mark.extended
def test_nor_by_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else takes the port between the choice and the start; the demo's own password stays at home."""
    monkeypatch.setattr(secrets, "token_urlsafe", lambda _size: PASSWORD)
    with Stranger() as stranger:
        monkeypatch.setattr(throwaway, "free_port", lambda: stranger.port)
        for kind in NAMED:
            stranger.kind = kind
            stranger.requests.clear()
            assert qbdoctor("demo", "--standin").code == 1, kind.name
            assert stranger.secrets() == [], kind.name
