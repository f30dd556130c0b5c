"""No secret shows, however a server hands it back, and no text from outside acts on a terminal."""

from __future__ import annotations

import base64
import html
import http.server
import json
import shlex
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from qbdoctor.model.basics import Secret
from qbdoctor.webui.masks import Masks
from tests.support.doctor import qbdoctor

SECRETS = ["simple-canary", "p&ss w'ord\"<é>/+%\\", "ünï🙂cödé", "a.b*c(d)[e]$f"]
FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "url": lambda text: quote(text, safe=""),
    "url, small": lambda text: quote(text, safe="").lower(),
    "form": quote_plus,
    "json": lambda text: json.dumps(text)[1:-1],
    "json, utf-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "html": html.escape,
    "html, numbers": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "html, hex": lambda text: "".join(f"&#x{ord(each):X};" for each in text),
    "shell": lambda text: shlex.quote(text).strip("'"),
    "shell, other": lambda text: text.replace("'", "'\\''"),
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_every_form(secret: str, form: str) -> None:
    masks = Masks()
    masks.add(Secret(secret))
    written = FORMS[form](secret)
    assert masks.hide(f"before {written} after") == "before *** after"


@pytest.mark.parametrize("short", ["a", "xy", "1.2"])
def test_a_short_secret_hides_the_whole_text(short: str) -> None:
    masks = Masks()
    masks.add(Secret(short))
    assert masks.hide(f"<p>{short}</p>") == "***"
    for fixed in ("", "Ok.", "Fails.", "Forbidden", "v5.1.2"):
        assert masks.hide(fixed) == fixed
    assert masks.hide("nothing -") == "nothing -"


def test_what_is_no_secret_stays() -> None:
    masks = Masks()
    masks.add(Secret("adminadmin"))
    masks.add(None)
    masks.add(Secret(""))
    assert masks.hide("adminadmin") == "adminadmin"


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers as qBittorrent 4.x does, and hands the form of a login back in every place that an answer has."""

    where = "body"

    def answer(self) -> None:
        form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        login = self.path.endswith("auth/login")
        sent = form if login else ""
        status, text = (403, "Forbidden") if not login else (200, "Fails.")
        if self.command == "POST" and not login and self.headers.get("Content-Type") == "text/plain":
            status, text = 400, ""  # a body arrives, and is no form
        if self.path == "/":
            status, text = 200, "<html>qbittorrent loginform scripts/login.js</html>"
        elif "nope" in self.path or self.path.endswith("version/"):
            status, text = 404, "Not Found"
        where = self.where if login else ""
        self.send_response_only(status, f"Fails {sent}" if where == "reason" else None)
        self.send_header("x-content-type-options", "nosniff")
        self.send_header("x-xss-protection", "1; mode=block")
        if where == "header":
            self.send_header("x-echo", sent)
        if where == "name":
            self.send_header(sent.rpartition("=")[2].replace("%", "-"), "x")
        if where == "cookie":
            self.send_header("set-cookie", f"SID=abcdefgh; path=/{sent}; domain={sent}")
        if where == "body":
            text = "x" * 2040 + sent
        data = text.encode()
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.mark.parametrize("where", ["body", "reason", "header", "name", "cookie"])
@pytest.mark.parametrize("style", ["human", "json", "html", "markdown", "junit"])
def test_a_server_that_echoes_the_form(echo: str, where: str, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    password = "canary" if where == "name" else "can&ary /é'1"
    monkeypatch.setattr(Echo, "where", where)
    run = qbdoctor("check", "-v", "--format", style, "--url", echo, "--username", "someone", password=password)
    shown = run.out + run.err
    for form in {make(password) for make in FORMS.values()} | {base64.b64encode(password.encode()).decode()}:
        assert form.lower() not in shown.lower(), form
    if style == "json":
        assert run.report["login_attempts"] == 1


EVIL = "\x1b[8m\x9b8m\u202etxt\u2066\x07\x7f\U000e0041"


def test_text_of_others_is_made_harmless() -> None:
    from qbdoctor.model.terminal_text import harmless

    assert harmless("plain ✓ é 日本\nnext") == "plain ✓ é 日本\nnext"
    assert all(each.isprintable() for each in harmless(EVIL))
    assert json.loads(harmless(json.dumps({"a": EVIL}, ensure_ascii=False))) == {"a": EVIL}
    assert harmless("\ud800") == "\\ud800"


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("check", "--json"),
        ("fix", "require-localhost-auth", "--dry-run"),
        ("fix", "require-localhost-auth", "--dry-run", "--json"),
        ("fix", "require-localhost-auth", "--yes"),
        ("rollback", "--yes"),
        ("history",),
        ("history", "--json"),
        ("history", "--format", "markdown"),
        ("lint",),
        ("lint", "--format", "github"),
        ("lint", "--json"),
    ],
    ids=" ".join,
)
def test_names_of_files_act_on_no_terminal(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    profile = tmp_path / EVIL
    config = profile / "qBittorrent/config/qBittorrent.conf"
    config.parent.mkdir(parents=True)
    config.write_text("[Preferences]\nWebUI\\LocalHostAuth=false\nWebUI\\Port=1\n")
    source = profile / f"{EVIL}.py"
    source.write_text('import requests\nrequests.post("http://x/api/v2/auth/login", json={"username": "a"})\n')
    state = ("--state-dir", str(tmp_path / EVIL / "state"))
    if arguments[0] in {"history", "rollback"}:
        qbdoctor("fix", "require-localhost-auth", "--yes", "--via", "file", "--config", str(config), *state)
    target = {"lint": (str(source),), "history": (), "rollback": ()}.get(arguments[0], ("--config", str(config)))
    run = qbdoctor(*arguments, *target, *(() if arguments[0] == "lint" else state))
    shown = run.out + run.err
    assert any(each in shown for each in ("\\u202e", "\\x1b", "\\u001b", "\ufffd")), shown
    assert [each for each in shown if not each.isprintable() and each != "\n"] == []


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('data={"username": "a", "password": "hun&ter2"}', 'data={"username": "a", "password": "***"}'),
        ("PASSWORD = 'hunter2'", "PASSWORD = '***'"),
        ('qbt_password := "hunter2"', 'qbt_password := "***"'),
        ("'password' => 'hunter2'", "'password' => '***'"),
        ('form.set("password", "hunter2")', 'form.set("password", "***")'),
        ('body: "username=a&password=hunter2"', 'body: "username=a&password=***"'),
        ('curl -d "password=$PASSWORD"', 'curl -d "password=$PASSWORD"'),
        ('curl -d "password=${1}"', 'curl -d "password=${1}"'),
        ('f"password={word}"', 'f"password={word}"'),
        ('{"Cookie": "SID=abcdefgh"}', '{"Cookie": "***"}'),
        ('"Authorization: Bearer qbt_0123456789012345678901234567"', '"Authorization: Bearer ***"'),
        ("password=args.password", "password=args.password"),
        ("curl -d password=hunter2", "curl -d password=***"),
        ('data={"username": "hunter"}', 'data={"username": "hunter"}'),
    ],
)
def test_literals_in_the_places_of_secrets(line: str, shown: str) -> None:
    from qbdoctor.lint import secrets

    assert secrets.hide(line) == shown


@pytest.mark.parametrize("style", ["human", "json", "sarif", "github"])
def test_lint_prints_no_password(tmp_path: Path, style: str) -> None:
    source = tmp_path / "client.py"
    source.write_text(
        'import requests\nrequests.post("http://x/api/v2/auth/login", json={"username": "a", "password": "canary-77"})\n'
    )
    run = qbdoctor("lint", "--format", style, str(source))
    assert run.code == 1
    assert "canary" not in run.out + run.err
