"""Runs the probes one after another, and reads what came of each: kept, dropped, why, and the line that mends it."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from qbdoctor.clients.lab import Lab
from qbdoctor.clients.probes import PROBES, Probe
from qbdoctor.model.basics import Json
from qbdoctor.releases import session_name_rank
from qbdoctor.storage import own_programs
from qbdoctor.trace.user_agents import hint

ProbeOutcome = Literal["kept", "dropped", "refused", "failed", "absent"]
SECONDS = 30.0
_SID_HINT = (
    "it looks for a cookie named SID, or for the text `Ok.`, which 5.2 and later do not send",
    "pip install --upgrade qbittorrent-api",
)


@dataclass(frozen=True, slots=True)
class Tried:
    """One client at one address. ``refused``: the login was not accepted; ``failed``: the client gave no answer.

    ``gave_up``: the login was accepted and the client took it for a refusal.
    """

    probe: Probe
    kind: str
    outcome: ProbeOutcome
    version: str = ""
    login: int | None = None
    call: int | None = None
    gave_up: bool = False
    said: str = ""

    @property
    def why(self) -> str:
        """Why it came out so, "" where the cookie was kept."""
        if self.outcome == "kept":
            return ""
        if self.outcome in ("absent", "failed"):
            return self.said
        if self.outcome == "refused":
            return f"the login was answered {self.login}"
        if self.gave_up:
            return _SID_HINT[0]
        found = hint(self.probe.agent, "ip" if self.kind == "ip" else "name")
        return found.why.partition(";")[0] if found else "it sent no cookie"

    @property
    def mend(self) -> str:
        """The line that mends it, "" where nothing is to be mended."""
        if self.outcome != "dropped":
            return ""
        if self.gave_up:
            return _SID_HINT[1]
        found = hint(self.probe.agent, "ip" if self.kind == "ip" else "name")
        if found is None:
            return ""
        if not found.text:
            return "aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))"
        return found.commands[0] if found.commands else found.text

    def to_json(self) -> Json:
        """Return the facts of ``qbdoctor.clients/1``."""
        return {
            "client": self.probe.name,
            "version": self.version or None,
            "host": self.kind,
            "outcome": self.outcome,
            "login": self.login,
            "call": self.call,
            "why": self.why or None,
            "mend": self.mend or None,
        }


def survey(lab: Lab, python: str, *, stop_when_refused: bool) -> Iterator[Tried]:
    """Try every client at every address of the lab, and log its session out.

    ``stop_when_refused``: end at the first login that is refused, since failed logins lead to a ban.
    """
    for probe in PROBES:
        for kind, url in lab.urls:
            tried, cookies = _try(probe, kind, url, lab, python)
            _log_out(url, cookies)
            yield tried
            if tried.outcome == "absent":
                break
            if tried.outcome == "refused" and stop_when_refused:
                return


def _try(probe: Probe, kind: str, url: str, lab: Lab, python: str) -> tuple[Tried, list[str]]:
    program = python if probe.runtime == "python" else shutil.which(probe.runtime)
    if program is None:
        return Tried(probe, kind, "absent", said=f"{probe.runtime} is not installed"), []
    told = {"url": url, "username": lab.username, "password": lab.password.reveal()}
    try:
        got = (
            (_curl if probe.runtime == "curl" else _wget)(program, probe, told)
            if probe.runtime in ("curl", "wget")
            else None
        )
        if got is None:
            got = _script(program, probe, told)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return Tried(probe, kind, "failed", said=f"it could not be run ({type(error).__name__})"), []
    if "absent" in got:
        return Tried(probe, kind, "absent", said=str(got["absent"])), []
    cookies = [str(each).partition(";")[0] for each in got.get("cookies", ()) if each]
    return _read(probe, kind, got, cookies), cookies


def _read(probe: Probe, kind: str, got: dict[str, Any], cookies: list[str]) -> Tried:
    login, call = got.get("login"), got.get("call")
    version, problem = str(got.get("version") or ""), str(got.get("problem") or "")
    given = any(session_name_rank(each.partition("=")[0]) for each in cookies)
    outcome: ProbeOutcome
    if login not in (200, 204) or not given:
        outcome = "refused" if login is not None else "failed"
    else:
        outcome = "kept" if call == 200 and not problem else "dropped"
    said = "it gave no answer" if outcome == "failed" else ""
    return Tried(probe, kind, outcome, version, login, call, gave_up=bool(problem) and outcome == "dropped", said=said)


def _environment() -> dict[str, str]:
    """Ours without proxies and secrets: the client alone is looked at."""
    return own_programs.without_proxies()


def _run(command: list[str], told: str, folder: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - programs found on PATH, or the interpreter that was named
        command,
        input=told,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=_environment(),
        cwd=folder,
    )


def _script(program: str, probe: Probe, told: dict[str, str]) -> dict[str, Any]:
    script = [program, "-c", probe.program] if probe.runtime == "python" else [program, "-e", probe.program]
    # In an empty folder: both languages take modules from the one that they are started in, which may be anybody's
    with tempfile.TemporaryDirectory() as folder:
        run = _run(script, json.dumps(told), folder)
    lines = run.stdout.strip().splitlines()
    if lines and lines[-1].startswith("{"):
        found: dict[str, Any] = json.loads(lines[-1])
        return found
    missing = ("ModuleNotFoundError", "Cannot find module")
    if probe.needs and any(each in run.stderr for each in missing):
        return {"absent": f"{probe.needs} is not installed for {Path(program).name}"}
    return {}


def _curl(program: str, probe: Probe, told: dict[str, str]) -> dict[str, Any]:
    """Curl reads its options from standard input, so that the password stands on no command line."""

    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"')

    with tempfile.TemporaryDirectory() as folder:
        keep, send = (("-c", "jar"), ("-b", "jar")) if probe.program else ((), ())
        usual = [program, "-s", "-D", "-", "-o", "body", "--noproxy", "*", "-K", "-"]
        fields = "".join(f'data-urlencode = "{name}={quoted(told[name])}"\n' for name in ("username", "password"))
        first = _run([*usual, *keep], f'url = "{quoted(told["url"])}/api/v2/auth/login"\n{fields}', folder).stdout
        second = _run([*usual, *send], f'url = "{quoted(told["url"])}/api/v2/app/version"\n', folder).stdout
    version = _run([program, "--version"], "").stdout.split()[1:2]
    return {"version": "".join(version), **_heads(first, second)}


def _wget(program: str, probe: Probe, told: dict[str, str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        form = Path(folder) / "form"
        form.touch(mode=0o600)
        form.write_text(urlencode({name: told[name] for name in ("username", "password")}), encoding="ascii")
        jar = ("--save-cookies=jar", "--keep-session-cookies") if probe.program else ()
        usual = [program, "-S", "--no-proxy", "--no-hsts", "--tries=1", "-O", "body"]
        first = _run([*usual, *jar, "--post-file=form", f"{told['url']}/api/v2/auth/login"], "", folder).stderr
        load = ("--load-cookies=jar",) if probe.program else ()
        second = _run([*usual, *load, f"{told['url']}/api/v2/app/version"], "", folder).stderr
    version = _run([program, "--version"], "").stdout.split()[2:3]
    return {"version": "".join(version), **_heads(first, second)}


def _heads(first: str, second: str) -> dict[str, Any]:
    """Status and cookies from two answers' headers as curl and wget print them."""

    def status(text: str) -> int | None:
        found = [
            line.split()[1] for line in text.splitlines() if line.strip().startswith("HTTP/") and len(line.split()) > 1
        ]
        return int(found[-1]) if found and found[-1].isdigit() else None

    cookies = [
        line.partition(":")[2].strip() for line in first.splitlines() if line.strip().lower().startswith("set-cookie:")
    ]
    return {"login": status(first), "call": status(second), "cookies": cookies}


def _log_out(url: str, cookies: list[str]) -> None:
    """End the session that a probe opened: 5.3 keeps 15, and ours would push out others'."""
    where = urlsplit(url)
    connection: http.client.HTTPConnection
    if where.scheme == "https":
        # The session is ours and ends here; whom it is told to matters no more than at the login
        connection = http.client.HTTPSConnection(where.netloc, timeout=5, context=ssl._create_unverified_context())  # noqa: S323
    else:
        connection = http.client.HTTPConnection(where.netloc, timeout=5)
    for cookie in cookies:
        with contextlib.suppress(OSError, http.client.HTTPException, UnicodeError), contextlib.closing(connection):
            connection.request(
                "POST", f"{where.path}/api/v2/auth/logout", headers={"Cookie": cookie, "Content-Length": "0"}
            )
            connection.getresponse().read()
