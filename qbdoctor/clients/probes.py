"""Holds the programs: each logs in and calls once with one client, told where and as whom on its standard input.

What they print stays between the processes: it holds the cookie, so that the session can be logged out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Runtime = Literal["python", "node", "curl", "wget"]

_PYTHON = """
import json, sys
told = json.load(sys.stdin)
url, form = told["url"], {"username": told["username"], "password": told["password"]}
login, version = url + "/api/v2/auth/login", url + "/api/v2/app/version"
def done(library, first, cookies, second):
    print(json.dumps({"version": library, "login": first, "cookies": list(cookies), "call": second}))
"""
_REQUESTS = (
    _PYTHON
    + """
import requests
a = CLIENT.post(login, data=form, timeout=20)
b = CLIENT.get(version, timeout=20)
done(requests.__version__, a.status_code, [a.headers.get("Set-Cookie", "")], b.status_code)
"""
)
_HTTPX = (
    _PYTHON
    + """
import httpx
a = CLIENT.post(login, data=form, timeout=20)
b = CLIENT.get(version, timeout=20)
done(httpx.__version__, a.status_code, a.headers.get_list("set-cookie"), b.status_code)
"""
)
_AIOHTTP = (
    _PYTHON
    + """
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession(JAR) as session:
        async with session.post(login, data=form) as a:
            first, cookies = a.status, a.headers.getall("Set-Cookie", [])
        async with session.get(version) as b:
            done(aiohttp.__version__, first, cookies, b.status)
asyncio.run(main())
"""
)
_URLLIB = (
    _PYTHON
    + """
import urllib.error, urllib.parse, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({})HANDLER)
def ask(*what):
    try:
        with opener.open(*what, timeout=20) as answer:
            return answer.status, answer.headers.get_all("Set-Cookie") or []
    except urllib.error.HTTPError as error:
        return error.code, []
first, cookies = ask(login, urllib.parse.urlencode(form).encode())
done(sys.version.split()[0], first, cookies, ask(version)[0])
"""
)
_QBITTORRENT_API = (
    _PYTHON
    + """
import qbittorrentapi, requests
try:
    from importlib.metadata import version as of
    library = of("qbittorrent-api")
except Exception:
    library = ""
seen = []
send = requests.Session.send
def noting(self, request, **keywords):
    answer = send(self, request, **keywords)
    seen.append((request.url, answer.status_code, answer.headers.get("Set-Cookie", "")))
    return answer
requests.Session.send = noting
client = qbittorrentapi.Client(url, username=form["username"], password=form["password"], REQUESTS_ARGS={"timeout": 20})
try:
    client.auth_log_in()
    client.app_version()
except qbittorrentapi.APIError as error:
    problem = type(error).__name__
else:
    problem = ""
logins = [status for where, status, _ in seen if where.endswith("auth/login")]
calls = [status for where, status, _ in seen if where.endswith("app/version")]
print(json.dumps({"version": library, "login": logins[0] if logins else None, "call": calls[-1] if calls else None,
                  "cookies": [cookie for _, _, cookie in seen if cookie], "problem": problem}))
"""
)
_NODE_START = """
const told = JSON.parse(require("fs").readFileSync(0)), url = told.url;
const form = new URLSearchParams({username: told.username, password: told.password});
const done = (version, login, cookies, call) => console.log(JSON.stringify({version, login, cookies, call}));
"""
_NODE = (
    _NODE_START
    + """
(async () => {
  const a = await fetch(url + "/api/v2/auth/login", {method: "POST", body: form, credentials: "include"});
  const b = await fetch(url + "/api/v2/app/version", {credentials: "include"});
  done(process.versions.node, a.status, a.headers.getSetCookie(), b.status);
})();
"""
)
_AXIOS = (
    _NODE_START
    + """
const axios = require("axios"), options = {withCredentials: true, proxy: false, validateStatus: () => true};
(async () => {
  const a = await axios.post(url + "/api/v2/auth/login", form, options);
  const b = await axios.get(url + "/api/v2/app/version", options);
  done(axios.VERSION, a.status, a.headers["set-cookie"] || [], b.status);
})();
"""
)


@dataclass(frozen=True, slots=True)
class Probe:
    """One client. ``program`` is the source for Python and Node, the jar's use ("jar" or "") for curl and wget.

    ``needs`` is the module without which it is not there; ``by_design`` tells that nobody expects it to keep a cookie.
    """

    name: str
    runtime: Runtime
    program: str
    needs: str = ""
    agent: str = ""
    by_design: bool = False


PROBES: tuple[Probe, ...] = (
    Probe(
        "requests.Session",
        "python",
        _REQUESTS.replace("a = CLIENT", "session = requests.Session()\na = CLIENT").replace("CLIENT", "session"),
        "requests",
    ),
    Probe(
        "requests, no session", "python", _REQUESTS.replace("CLIENT", "requests"), "requests", "python-requests/", True
    ),
    Probe(
        "httpx.Client",
        "python",
        _HTTPX.replace("a = CLIENT", "client = httpx.Client()\na = CLIENT").replace("CLIENT", "client"),
        "httpx",
    ),
    Probe("httpx, no client", "python", _HTTPX.replace("CLIENT", "httpx"), "httpx", "python-httpx/", True),
    Probe("aiohttp, default jar", "python", _AIOHTTP.replace("JAR", ""), "aiohttp", "aiohttp/"),
    Probe(
        "aiohttp, unsafe jar",
        "python",
        _AIOHTTP.replace(
            "aiohttp.ClientSession(JAR)", "aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))"
        ),
        "aiohttp",
        "aiohttp/",
    ),
    Probe("urllib, cookie processor", "python", _URLLIB.replace("HANDLER", ", urllib.request.HTTPCookieProcessor()")),
    Probe("urllib, plain", "python", _URLLIB.replace("HANDLER", ""), "", "Python-urllib/", True),
    Probe("qbittorrent-api", "python", _QBITTORRENT_API, "qbittorrentapi", "qbittorrent-api"),
    Probe("curl, -c and -b", "curl", "jar"),
    Probe("curl, no jar", "curl", "", "", "curl/", True),
    Probe("wget, saved cookies", "wget", "jar"),
    Probe("wget, no cookies", "wget", "", "", "Wget/", True),
    Probe("Node fetch", "node", _NODE, "", "node", True),
    Probe("axios", "node", _AXIOS, "axios", "axios/", True),
)
