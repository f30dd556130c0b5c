"""Programs that talk to qBittorrent, right and wrong ones, each run in a process of its own: `program URL PASSWORD FILE`.

Each writes down what it was answered, so that a run through the proxy can be held against a direct one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema

from qbdoctor.reports.schema import load
from tests.support.doctor import assert_silent, keep

ROOT = Path(__file__).parents[2]

_PYTHON = """
import sys, json, re, time
url, password = sys.argv[1], sys.argv[2]
login, version = url + "/api/v2/auth/login", url + "/api/v2/app/version"
good = {"username": "admin", "password": password}
got = []
def note(status, text=""): got.append([status, text])
def finish(): open(sys.argv[3], "w").write(json.dumps(got))
"""
_REQUESTS = (
    _PYTHON
    + """
import requests
s = requests.Session(); s.trust_env = False
def log_in(**extra):
    r = s.post(login, data=good, **extra); note(r.status_code, r.text); return r
def call(path="app/version", **extra):
    r = s.get(url + "/api/v2/" + path, **extra); note(r.status_code, r.text); return r
"""
)
_AIOHTTP = (
    _PYTHON
    + """
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession(JAR) as s:
        async with s.post(login, data=good) as r: note(r.status, await r.text())
    AGAIN
        async with s.get(version) as r: note(r.status, await r.text())
asyncio.run(main()); finish()
"""
)
_INCIDENT = (
    _PYTHON
    + """
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession() as s:
        async with s.post(login, data=good) as r:
            note(r.status, await r.text())
            found = re.search(r"SID=([^;]+)", r.headers.get("Set-Cookie", ""))
            sid = found.group(1) if found else None
        for _ in range(2):
            async with s.get(version, headers={"Cookie": f"SID={sid}"}) as r: note(r.status, await r.text())
asyncio.run(main()); finish()
"""
)
_NODE = """
const [url, password, file] = process.argv.slice(-3), got = [];
const note = async r => got.push([r.status, await r.text()]);
(async () => {
  await note(await fetch(url + "/api/v2/auth/login", {method: "POST", credentials: "include",
    body: BODY}));
  await note(await fetch(url + "/api/v2/app/version", {credentials: "include"}));
  require("fs").writeFileSync(file, JSON.stringify(got));
})();
"""
_CURL = """
from subprocess import run
def curl(*more):
    out = run(["curl", "-s", "-w", "\\n%{http_code}", *more], capture_output=True, text=True).stdout
    text, _, status = out.rpartition("\\n"); note(int(status), text)
"""

PYTHON = {
    "aiohttp": _AIOHTTP.replace("JAR", "").replace("AGAIN", ""),
    "aiohttp-unsafe": _AIOHTTP.replace("JAR", "cookie_jar=aiohttp.CookieJar(unsafe=True)").replace("AGAIN", ""),
    "aiohttp-new-session": _AIOHTTP.replace("JAR", "").replace("AGAIN", "async with aiohttp.ClientSession() as s:"),
    "incident-regex": _INCIDENT,
    "incident-mended": _AIOHTTP.replace("JAR", "cookie_jar=aiohttp.CookieJar(unsafe=True)").replace("AGAIN", ""),
    "requests": _REQUESTS + "log_in(); call(); finish()",
    "requests-bare": _REQUESTS + "log_in(); s = requests; call(); finish()",
    "requests-two-alike": _REQUESTS + "log_in(); call(); mine, s = s, requests; call(); s = mine; call(); finish()",
    "requests-never": _REQUESTS + "call(); call('torrents/info'); finish()",
    "requests-asks-first": _REQUESTS + "call(); log_in(); call(); finish()",
    "requests-json": _REQUESTS
    + "r = s.post(login, json=good); note(r.status_code, r.text); call('app/version'); finish(); sys.exit(1)",
    "requests-raw-form": _REQUESTS + "s.headers['Content-Type'] = 'application/x-www-form-urlencoded'\n"
    "r = s.post(login, data='username=admin&password=' + password); note(r.status_code, r.text); finish()",
    "requests-raw-then-right": _REQUESTS
    + "r = s.post(login, data='username=admin&password=' + password, headers={'Content-Type': "
    "'application/x-www-form-urlencoded'}); note(r.status_code, r.text); log_in(); call(); finish()",
    "requests-wrong-password": _REQUESTS + "good['password'] = 'canary wrong'; log_in(); finish()",
    "requests-get-login": _REQUESTS + "r = s.get(login, params=good); note(r.status_code, r.text); finish()",
    "requests-get-for-post": _REQUESTS + "log_in(); call('app/setPreferences?json={}'); finish()",
    "requests-put": _REQUESTS + "log_in(); r = s.put(version); note(r.status_code, r.text); finish()",
    "requests-foreign-origin": _REQUESTS + "s.headers['Origin'] = 'http://evil.example'; log_in(); call(); finish()",
    "requests-foreign-then-none": _REQUESTS
    + "call(headers={'Origin': 'chrome-extension://abc'}); log_in(); call(); finish()",
    "requests-own-origin": _REQUESTS
    + "s.headers['Origin'] = url; s.headers['Referer'] = url + '/x'; log_in(); call(); finish()",
    "requests-logout": _REQUESTS
    + "log_in(); call(); r = s.post(url + '/api/v2/auth/logout'); note(r.status_code); call(); call(); finish()",
    "requests-dead-session": _REQUESTS + "log_in(); call(); time.sleep(2.2); call(); call(); call(); finish()",
    "requests-logs-in-again": _REQUESTS
    + "log_in(); call(); time.sleep(2.2); call(); log_in(); call(); call(); finish()",
    "requests-each-call": _REQUESTS + "for _ in range(4): log_in(); call()\nfinish()",
    "requests-new-each-call": _REQUESTS
    + "for _ in range(4):\n    s = requests.Session(); s.trust_env = False; log_in(); call()\nfinish()",
    "requests-wants-ok": _REQUESTS + "r = log_in()\nfinish()\nif r.text != 'Ok.': sys.exit('login failed')\ncall()",
    "requests-wants-sid": _REQUESTS
    + "sid = log_in().cookies.get('SID'); s.cookies.clear(); s.cookies['SID'] = sid or ''; call(); finish()",
    "requests-value-as-sid": _REQUESTS
    + "log_in(); sid = list(s.cookies)[0].value; s.cookies.clear(); s.cookies['SID'] = sid; call(); finish()",
    "requests-basic": _REQUESTS + "s.auth = ('admin', password); call(); call(); finish()",
    "requests-bearer": _REQUESTS + "s.headers['Authorization'] = 'Bearer qbt_' + 'a' * 28; call(); finish()",
    "requests-x-api-key": _REQUESTS + "s.headers['X-Api-Key'] = 'qbt_' + 'a' * 28; call(); finish()",
    "requests-add-paused": _REQUESTS
    + "log_in(); call(); r = s.post(url + '/api/v2/torrents/add', files={'f': ('x.torrent', "
    "b'd4:infod6:lengthi1e4:name1:x12:piece lengthi16384e6:pieces20:' + __import__('os').urandom(20) + b'ee')}, "
    "data={'paused': 'true'}); note(r.status_code); finish()",
    "requests-add-both": _REQUESTS
    + "import secrets\nh = secrets.token_hex(20); log_in(); call(); r = s.post(url + '/api/v2/torrents/add', data={'urls': "
    "'magnet:?xt=urn:btih:' + h, 'paused': 'true', 'stopped': 'true'}); note(r.status_code)\n"
    "r = s.post(url + '/api/v2/torrents/delete', data={'hashes': h, 'deleteFiles': 'false'}); note(r.status_code); finish()",
    "httpx": _PYTHON
    + "import httpx\nwith httpx.Client(trust_env=False) as c:\n    r = c.post(login, data=good); note(r.status_code, r.text)\n"
    "    r = c.get(version); note(r.status_code, r.text)\nfinish()",
    "httpx-bare": _PYTHON
    + "import httpx\nr = httpx.post(login, data=good); note(r.status_code, r.text)\nr = httpx.get(version); "
    "note(r.status_code, r.text)\nfinish()",
    "curl": _PYTHON
    + _CURL
    + "import tempfile, os\njar = tempfile.mktemp()\ncurl('-c', jar, '--data-urlencode', 'username=admin', '--data-urlencode',"
    " 'password=' + password, login); curl('-b', jar, version); finish()",
    "curl-no-jar": _PYTHON
    + _CURL
    + "curl('--data-urlencode', 'username=admin', '--data-urlencode', 'password=' + password, login); curl(version); finish()",
    "qbittorrent-api": _PYTHON + "import qbittorrentapi as q\nc = q.Client(url, username='admin', password=password)\n"
    "try:\n    c.auth_log_in(); note(200, c.app.version); note(200, str(len(c.torrents_info()))); c.auth_log_out()\n"
    "except q.APIConnectionError as e:\n    note(0, type(e).__name__); finish(); sys.exit(1)\nfinish()",
    "python-qbittorrent": _PYTHON + "from qbittorrent import Client\nc = Client(url + '/')\n"
    "r = c.login('admin', password); note(0, str(r))\n"
    "try:\n    note(200, c.qbittorrent_version)\n"
    "except Exception as e:\n    note(0, type(e).__name__); finish(); sys.exit(1)\nfinish()",
}
NODE = {
    "node-fetch": _NODE.replace("BODY", "new URLSearchParams({username: 'admin', password})"),
    "node-fetch-json": _NODE.replace("BODY", "JSON.stringify({username: 'admin', password})"),
}


def command(name: str, python: str = sys.executable) -> list[str]:
    """The command that runs a program; the URL, the password and a file for the answers follow."""
    if name in NODE:
        return [shutil.which("node") or "node", "-e", NODE[name], "--"]
    return [python, "-c", PYTHON[name]]


def play(name: str, url: str, password: str, python: str = sys.executable) -> tuple[int, list[list[object]]]:
    """Run a program directly; its exit code and what it was answered."""
    with tempfile.NamedTemporaryFile("r") as file:
        run = subprocess.run(
            [*command(name, python), url, password, file.name], capture_output=True, text=True, timeout=60
        )
        return run.returncode, answers(file.read())


def answers(text: str) -> list[list[object]]:
    """What a program noted."""
    found: list[list[object]] = json.loads(text or "[]")
    return found


def python_of(folder: str) -> str | None:
    """The interpreter of a virtual environment, where there is one."""
    path = Path(folder) / "bin/python"
    return str(path) if path.exists() else None


# Until the command line knows the subcommand, and for options as a Namespace has them
DRIVER = """
import argparse, json, sys
from qbdoctor.cli.commands import trace
from qbdoctor.cli.defaults import DEFAULTS
from qbdoctor.model.errors import UserError
options = {"listen": None, "run": None, "save": None, "replay": None, "format": "json"}
try:
    sys.exit(trace.run(argparse.Namespace(**{**DEFAULTS, **options, **json.loads(sys.argv[1])})))
except UserError as error:
    print(error.message, file=sys.stderr)
    sys.exit(error.exit_code)
"""


class Tracing:
    """A trace under way, in a process of its own."""

    def __init__(self, **options: Any) -> None:
        self._began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self.process.stderr is not None
        self.err: list[str] = []
        self.url = ""
        for line in self.process.stderr:
            self.err.append(line)
            if found := re.match(r"Listening at (\S+), ", line):
                self.url = found[1]
                break
        self._reader = threading.Thread(target=lambda: self.err.extend(self.process.stderr or ()), daemon=True)
        self._reader.start()
        self.result: dict[str, Any] = {}

    def stop(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        code = self.process.wait(30)
        self._reader.join(5)
        self.result = json.loads(out)
        jsonschema.validate(self.result, load("trace/1"))
        found = [cause for client in self.result["clients"] for cause in client["causes"]]
        keep(found, None, (time.monotonic() - self._began) * 1000)
        assert self.result["exit_code"] == code
        return self.result

    @property
    def said(self) -> str:
        return "".join(self.err)


@contextlib.contextmanager
def tracing(url: str, **options: Any) -> Iterator[Tracing]:
    trace = Tracing(url=url, **options)
    try:
        yield trace
        if not trace.result:
            trace.stop()
    finally:
        trace.process.kill()
        trace.process.wait()


def causes(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Id and confidence of every cause of every client."""
    return [(cause["id"], cause["confidence"]) for client in result["clients"] for cause in client["causes"]]


def ids(result: Mapping[str, Any]) -> set[str]:
    return {name for name, _ in causes(result)}


def traced(
    name: str, url: str, password: str, python: str = sys.executable, **options: Any
) -> tuple[dict[str, Any], Any]:
    """Run a program through the proxy; the result, and what the program was answered."""
    with tempfile.NamedTemporaryFile("r") as file:
        run = ["--", *command(name, python), "{url}", password, file.name]
        with tracing(url, run=run, **options) as trace:
            result = trace.wait()
        assert_silent(json.dumps(result) + trace.said, [password])
        return result, (result["run"]["exit_code"], answers(file.read()))
