"""lint's mended lines on real servers: a program that fails on one release works on all once it is mended as printed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from qbdoctor.lint import run
from qbdoctor.lint.mends.trial import applied
from tests.kit import needs

pytestmark = pytest.mark.extended
PASSWORD = "p&ss+w%rd =1"  # what a form must encode
RELEASES = ("4.2.5", "5.3.0")

PROGRAMS = {
    "names.py": """
import os, sys
import requests

BASE = os.environ["QBITTORRENT"]
answer = requests.post(f"{BASE}/api/v2/auth/login", data={"username": "admin", "password": os.environ["PW"]})
if answer.text != "Ok.":
    sys.exit("login: " + answer.text)
sid = answer.cookies["SID"]
cookies = {"SID": sid}
print("WORKS", requests.get(f"{BASE}/api/v2/app/version", cookies=cookies).text)
""",
    "header.py": """
import os, re
import urllib.parse
import urllib.request

BASE = os.environ["QBITTORRENT"] + "/api/v2/"


def login():
    form = urllib.parse.urlencode({"username": "admin", "password": os.environ["PW"]}).encode()
    answer = urllib.request.urlopen(BASE + "auth/login", data=form)
    assert answer.status == 200
    return re.search(r"SID=([^;]+)", answer.headers["Set-Cookie"]).group(1)


headers = {"Cookie": f"SID={login()}"}
print("WORKS", urllib.request.urlopen(urllib.request.Request(BASE + "app/version", headers=headers)).read().decode())
""",
    "plain.py": """
import os
import requests

BASE = os.environ["QBITTORRENT"]
requests.post(f"{BASE}/api/v2/auth/login", data={"username": "admin", "password": os.environ["PW"]})
print("WORKS", requests.get(f"{BASE}/api/v2/app/version").text if requests.get(f"{BASE}/api/v2/app/version").ok else 1 / 0)
""",
    "named.py": """
from os import environ
from requests import get, post

BASE = environ["QBITTORRENT"]
post(f"{BASE}/api/v2/auth/login", data={"username": "admin", "password": environ["PW"]}).raise_for_status()
answer = get(f"{BASE}/api/v2/app/version")
answer.raise_for_status()
print("WORKS", answer.text)
""",
    "jar.py": """
import asyncio, os
import aiohttp

BASE = os.environ["QBITTORRENT"]


async def main():
    async with aiohttp.ClientSession() as session:
        await session.post(f"{BASE}/api/v2/auth/login", data={"username": "admin", "password": os.environ["PW"]})
        async with session.get(f"{BASE}/api/v2/app/version") as answer:
            answer.raise_for_status()
            print("WORKS", await answer.text())


asyncio.run(main())
""",
    "sessions.py": """
import asyncio, os
import aiohttp

BASE = os.environ["QBITTORRENT"]


async def login():
    async with aiohttp.ClientSession() as session:
        await session.post(f"{BASE}/api/v2/auth/login", data={"username": "admin", "password": os.environ["PW"]})


async def version():
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{BASE}/api/v2/app/version") as answer:
            answer.raise_for_status()
            return await answer.text()


async def main():
    await login()
    print("WORKS", await version())


asyncio.run(main())
""",
    "clients.py": """
import os
import httpx

BASE = os.environ["QBITTORRENT"]


def login():
    with httpx.Client() as client:
        client.post(f"{BASE}/api/v2/auth/login", json={"username": "admin", "password": os.environ["PW"]})


def version():
    with httpx.Client() as client:
        return client.get(f"{BASE}/api/v2/app/version").raise_for_status().text


login()
print("WORKS", version())
""",
    "opener.py": """
import os
from urllib.parse import urlencode
from urllib.request import urlopen

BASE = os.environ["QBITTORRENT"]
urlopen(f"{BASE}/api/v2/auth/login", data=f"username=admin&password={os.environ['PW']}".encode())
print("WORKS", urlopen(f"{BASE}/api/v2/app/version").read().decode())
""",
    "getting.py": """
import os
import requests

BASE = os.environ["QBITTORRENT"]
session = requests.Session()
session.get(f"{BASE}/api/v2/auth/login", params={"username": "admin", "password": os.environ["PW"]})
answer = session.get(f"{BASE}/api/v2/app/version")
answer.raise_for_status()
print("WORKS", answer.text)
""",
    "plain.sh": """#!/bin/sh
curl -s --data-urlencode username=admin --data-urlencode "password=$PW" "$QBITTORRENT/api/v2/auth/login"
curl -sf "$QBITTORRENT/api/v2/app/version" >out || exit 1
echo "WORKS $(cat out)"
""",
    "form.sh": """#!/bin/bash
answer=$(curl -s -c jar -d "username=admin&password=$PW" "$QBITTORRENT/api/v2/auth/login")
if [ "$answer" != "Ok." ]; then
  echo "refused: $answer"
  exit 1
fi
echo "WORKS $(curl -sf -b jar "$QBITTORRENT/api/v2/app/version")"
""",
    "grep.sh": """#!/bin/bash
login="$QBITTORRENT/api/v2/auth/login"
if curl -s -c jar --data-urlencode username=admin --data-urlencode "password=$PW" "$login" | grep -q "Ok."; then
  echo "WORKS $(curl -sf -b jar "$QBITTORRENT/api/v2/app/version")"
else
  exit 1
fi
""",
    "sed.sh": """#!/bin/bash
login="$QBITTORRENT/api/v2/auth/login"
headers=$(curl -si --data-urlencode username=admin --data-urlencode "password=$PW" "$login")
cookie=$(echo "$headers" | grep -i set-cookie | sed -En 's/^.*(SID=[^;]+);.*/\\1/p')
curl -sf -b "$cookie" "$QBITTORRENT/api/v2/app/version" >out || exit 1
echo "WORKS $(cat out)"
""",
    "value.sh": """#!/bin/bash
headers=$(curl -si --data-urlencode username=admin --data-urlencode "password=$PW" "$QBITTORRENT/api/v2/auth/login")
SID=$(echo "$headers" | grep -oP 'SID=\\K[^;]+')
curl -sf --cookie "SID=$SID" "$QBITTORRENT/api/v2/app/version" >out || exit 1
echo "WORKS $(cat out)"
""",
    "wget.sh": """#!/bin/sh
wget -q -O - --post-data "username=admin&password=$(printf %s "$PW" | jq -sRr @uri)" "$QBITTORRENT/api/v2/auth/login"
wget -q -O out "$QBITTORRENT/api/v2/app/version" || exit 1
echo "WORKS $(cat out)"
""",
    "fetch.mjs": """
const base = process.env.QBITTORRENT;

async function login(password) {
  const body = `username=admin&password=${password}`;
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const answer = await fetch(`${base}/api/v2/auth/login`, { method: 'POST', headers, body });
  if ((await answer.text()) !== 'Ok.') throw new Error(`login: ${answer.status}`);
}

await login(process.env.PW);
const answer = await fetch(`${base}/api/v2/app/version`);
if (!answer.ok) process.exit(1);
console.log('WORKS', await answer.text());
""",
    "pattern.mjs": """
const base = process.env.QBITTORRENT;
const answer = await fetch(`${base}/api/v2/auth/login`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ username: 'admin', password: process.env.PW }),
});
if (answer.status !== 200) process.exit(1);
const sid = answer.headers.get('set-cookie').match(/SID=([^;]+)/)[1];
const call = await fetch(`${base}/api/v2/app/version`, { headers: { Cookie: `SID=${sid}` } });
if (!call.ok) process.exit(1);
console.log('WORKS', await call.text());
""",
}
RUN_BY = {".py": [sys.executable], ".sh": ["bash"], ".mjs": ["node"]}


def works(path: Path, url: str) -> str:
    """Run a program in an empty folder; "" where it works, else what it said."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "QBITTORRENT": url, "PW": PASSWORD, "no_proxy": "*"}
        done = subprocess.run(
            [*RUN_BY[path.suffix], str(path)], env=env, capture_output=True, text=True, timeout=30, cwd=folder
        )
    return "" if done.returncode == 0 and "WORKS v" in done.stdout else f"{done.returncode} {done.stdout}{done.stderr}"


def mended(path: Path) -> str:
    for _ in range(8):
        findings = run.lint([str(path)]).findings
        if not findings:
            return path.read_text()
        assert findings[0].mended, findings[0]
        path.write_text(applied(path.read_text(), findings[0].mended))
    raise AssertionError(path.read_text())


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_mended_program_works_on_old_and_new_releases(name: str, server: object, tmp_path: Path) -> None:
    pytest.importorskip("ast_grep_py")
    for program in (RUN_BY[Path(name).suffix][0], *(["jq"] if "jq" in PROGRAMS[name] else [])):
        needs.program(program, optional=True)
    urls = [server(release, password=PASSWORD).url for release in RELEASES]  # type: ignore[operator]
    path = tmp_path / f"qbit_{name}"
    path.write_text(PROGRAMS[name])
    before = [works(path, url) for url in urls]
    assert any(before)
    text = mended(path)
    assert [works(path, url) for url in urls] == ["", ""], text


@pytest.mark.parametrize("release", ["4.2.5", "4.5.2", "5.3.0"])
@pytest.mark.parametrize("typed", ["application/octet-stream", "text/plain; charset=utf-8", "application/json"])
def test_a_body_without_a_forms_type_is_400_and_counts_as_no_attempt(typed: str, release: str, server: object) -> None:
    """What Home Assistant sends without ``content_type``, and Node-RED without the header."""
    url = server(release, password=PASSWORD).url + "/api/v2/auth/login"  # type: ignore[operator]
    form = urllib.parse.urlencode({"username": "admin", "password": PASSWORD}).encode()
    for _ in range(6):  # one more than what leads to a ban
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(urllib.request.Request(url, form, {"Content-Type": typed}), timeout=20)
        assert caught.value.code == 400
    with urllib.request.urlopen(url, form, timeout=20) as answer:
        assert answer.status in {200, 204}
        assert answer.read() in {b"", b"Ok."}
