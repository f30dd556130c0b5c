"""Scenes of pages whose commands ask a server, directly or through what stands in front of it."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import requests

from tests.kit.profile import free_port
from tests.kit.proxies import Answer, EditingProxy, OtherApp, Redirector, ReverseProxy, without
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD
from tests.kit.tls import make_cert
from tests.support.page_scenes import Place, Told, scene, values

KEY = "qbt_0123456789abcdefghijklmnopqr"
INNER = "proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;"


@contextlib.contextmanager
def ipv6_app(port: int) -> Iterator[None]:
    """Another program, at the same port of IPv6's loopback."""

    class Six(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6

    server = Six(("::1", port), http.server.SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield
    server.shutdown()
    server.server_close()


@scene("port-shared")
def _shared_port(at: Place, fault: bool) -> Told:
    running = at.server()
    if fault:
        at.open(ipv6_app(running.port))
    return values(running), lambda out: out[1] == "403" and out[2] != "000"


@scene("stale-lockfile", since=(5, 2))
def _lock(at: Place, fault: bool) -> Told:
    running = at.server()
    running.kill() if fault else running.stop()
    more = {"lock_file": str(running.config_file.parent / "lockfile")}
    return values(running, **more), lambda out: out[-1].splitlines()[0] == str(running.pid)


@scene("name-not-resolved")
def _name(at: Place, fault: bool) -> Told:
    at.replaced = {"getent hosts example.org": "true"}
    return {"host": "no-such-name.invalid" if fault else "localhost"}, lambda out: out[0] == ""


@scene("bind-failed")
def _bind(at: Place, fault: bool) -> Told:
    app = at.open(OtherApp()) if fault else None
    running = at.server(**({"port": app.port, "wait": False} if app else {}))
    if app:
        end = threading.Event()
        for _ in range(100):
            if "(C)" in running.log_text() or end.wait(0.1):
                break
    return values(running), lambda out: "(C)" in out[1]


@scene("wrong-port")
def _port(at: Place, fault: bool) -> Told:
    running = at.server()
    asked = free_port() if fault else running.port
    found = values(running, port=str(asked), real_url=running.url)
    return found, lambda out: f":{running.port} " in out[0] and not out[1].endswith(str(asked)) and out[2] == "403"


@scene("http-proxy-env")
def _env(at: Place, fault: bool) -> Told:
    running = at.server()
    if fault:
        at.environment["http_proxy"] = at.open(OtherApp("everything")).url
    return values(running), lambda out: "http_proxy" in out[0] and out[1] != out[2]


@scene("not-running")
def _stopped(at: Place, fault: bool) -> Told:
    running = at.server()
    if fault:
        running.stop()
    return values(running), lambda out: out[0] == "000" and f":{running.port} " not in out[2]


@scene("https-fallback")
def _fallback(at: Place, fault: bool) -> Told:
    missing = {"HTTPS\\Enabled": "true", "HTTPS\\CertificatePath": "/no.pem", "HTTPS\\KeyPath": "/no.key"}
    running = at.server(settings=missing) if fault else at.server(https=True)
    return values(running), lambda out: out[0].startswith("(C)") and "/no.pem" in out[1]


@scene("tls-mismatch")
def _scheme(at: Place, fault: bool) -> Told:
    """The client's address says http."""
    running = at.server(https=fault)
    return values(running), lambda out: out[0] == "000" and out[1] == "403" and out[2] == out[3]


@scene("tls-untrusted")
def _untrusted(at: Place, fault: bool) -> Told:
    running = at.server(https=True)
    assert running.certificate is not None
    other = make_cert(at.home / "other")
    ca = running.certificate.ca if fault else other.ca  # without: trust is not all that is missing
    return values(running, ca_file=str(ca)), lambda out: "notAfter" in out[0] and out[1] == "403"


@scene("web-server-hang")
def _hang(at: Place, fault: bool) -> Told:
    running = at.server()
    if fault:
        os.kill(running.pid, signal.SIGSTOP)
    stopped = re.compile(rf"(?m)^ *{running.pid} +T")
    return values(running), lambda out: "status 000" in out[0] and bool(stopped.search(out[1]))


@scene("base-path")
def _prefix(at: Place, fault: bool) -> Told:
    running = at.server()
    cut = "" if fault else "/"
    inside = f"location /qb/ {{ proxy_pass {running.url}{cut}; {INNER} }}"
    return values(
        running, url=at.open(Nginx(running.url, whole=inside, path="/qb")).url
    ), lambda out: out == ["404", "403"]


@scene("foreign-auth-in-front")
def _asks_first(at: Place, fault: bool) -> Told:
    running = at.server()
    proxy = at.open(ReverseProxy(running.url, basic_auth=("visitor", "canary") if fault else None, rewrite_host=True))
    return values(
        running, url=proxy.url, public_url=proxy.url
    ), lambda out: "WWW-Authenticate" in out[0] and "Forbidden" in out[1]


@scene("redirected")
def _sent_on(at: Place, fault: bool) -> Told:
    running = at.server()
    url = at.open(Redirector(running.url)).url if fault else running.url
    return values(running, url=url, real_url=running.url), lambda out: "Location:" in out[0] and "Forbidden" in out[1]


@scene("not-qbittorrent")
def _other(at: Place, fault: bool) -> Told:
    running = at.server()
    app = at.open(OtherApp("forbidden"))
    more = {"url": app.url, "port": str(app.port)} if fault else {}
    return values(running, **more), lambda out: "Server:" in out[0] and "qbittorrent" not in out[1]


@scene("host-not-allowed")
def _domains(at: Place, fault: bool) -> Told:
    running = at.server(settings={"ServerDomains": "nas.example"} if fault else {})
    return values(running), lambda out: out[:2] == ["401", "403"]


@scene("origin-mismatch")
def _origin(at: Place, fault: bool) -> Told:
    running = at.server()
    proxy = at.open(Nginx(running.url, "" if fault else "proxy_set_header Host $http_host;"))
    found = values(running, url=proxy.url if fault else running.url, origin=proxy.url if fault else running.url)
    return found, lambda out: out[:2] == ["403", "401"]


def _header(cause: str, since: tuple[int, ...] = ()) -> None:
    """The call that a foreign page makes; the neighbour has the check switched off."""

    @scene(cause, since=since)
    def _foreign(at: Place, fault: bool) -> Told:
        running = at.server(settings={} if fault else {"CSRFProtection": "false"})
        return values(running), lambda out: out[:2] == ["403", "401"]


_header("referer-mismatch")
_header("client-foreign-origin")
_header("cross-site-blocked", since=(5, 3))


@scene("exposed-bypass", since=(4, 4))
def _exposed(at: Place, fault: bool) -> Told:
    open_to = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "192.168.0.0/16"}
    open_to |= {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": "127.0.0.1"}
    running = at.server(settings=open_to)
    proxy = at.open(Nginx(running.url, "" if fault else INNER))
    return values(running, public_url=proxy.url), lambda out: out[:2] == ["403", "200"]


@scene("bypass-active")
def _bypass(at: Place, fault: bool) -> Told:
    running = at.server(settings={"LocalHostAuth": "false" if fault else "true"})
    return values(running), lambda out: out[0] == "200" and "LocalHostAuth=false" in out[1]


@scene("client-relies-on-bypass")
def _relies(at: Place, fault: bool) -> Told:
    running = at.server(settings={"LocalHostAuth": "true" if fault else "false"})
    return values(running), lambda out: out == ["403"]


@scene("login-body-lost", since=(4, 4))  # older ones answer 400 to chunks as well
def _lost_form(at: Place, fault: bool) -> Told:
    running = at.server()
    proxy = at.open(EditingProxy(running.url, chunked=fault))
    requests.post(f"{proxy.url}/api/v2/auth/login", data={"username": "admin", "password": PASSWORD}, timeout=5)
    return values(running, url=proxy.url), lambda out: bool(out[0]) and out[1] == "403"


@scene("request-too-large")
def _large(at: Place, fault: bool) -> Told:
    running = at.server()
    url = at.open(Nginx(running.url, INNER if fault else f"{INNER} client_max_body_size 64m;")).url
    return values(running, url=url), lambda out: out[2] == "413"


@scene("api-key-stripped", since=(5, 2))
def _stripped(at: Place, fault: bool) -> Told:
    running = at.server(settings={"APIKey": KEY})
    at.typed = KEY
    up = (lambda _m, _p, headers: without(headers, "authorization")) if fault else None
    return values(running, url=at.open(EditingProxy(running.url, up=up)).url), lambda out: out[1:3] == ["403", "200"]


@scene("api-key-rejected", since=(5, 2))
def _rejected(at: Place, fault: bool) -> Told:
    running = at.server(settings={"APIKey": KEY})
    at.typed = f'"{KEY}"' if fault else KEY
    return values(running), lambda out: out[1:3] == ["403", "403"] and out[3] != "32 qbt_"


@scene("wrong-credentials")
def _refused(at: Place, fault: bool) -> Told:
    running = at.server()
    at.typed = "not this one" if fault else PASSWORD
    return values(running), lambda out: out[0] == "403" and ("Fails." in out[2] or " 401 " in out[2])


@scene("default-credentials")
def _factory(at: Place, fault: bool) -> Told:
    running = at.server(**({"password": "adminadmin"} if fault else {}))
    return values(running), lambda out: "set-cookie" in out[0].lower()


@scene("cookie-stripped")
def _no_cookie(at: Place, fault: bool) -> Told:
    running = at.server()
    proxy = at.open(Nginx(running.url, f"{INNER} proxy_hide_header Set-Cookie;" if fault else INNER))
    return values(running, url=proxy.url, public_url=proxy.url), lambda out: out[1:3] == ["0", "1"]


def _cookie(cause: str, changed: str, mark: str, since: tuple[int, ...] = ()) -> None:
    """A proxy changes the cookie: ``changed`` is added to it, or takes the place of what ``mark`` matches."""

    @scene(cause, since=since)
    def _changed(at: Place, fault: bool) -> Told:
        def down(_path: str, answer: Answer) -> Answer:
            headers = [
                (name, re.sub(mark, changed, value, flags=re.IGNORECASE) if name.lower() == "set-cookie" else value)
                for name, value in answer.headers
            ]
            return replace(answer, headers=headers)

        running = at.server()
        proxy = at.open(EditingProxy(running.url, down=down if fault else None))
        return values(running, url=proxy.url), lambda out: changed.strip("; ").lower() in out[1].lower()


_cookie("cookie-path-mismatch", "path=/other/", "path=/")
_cookie("cookie-domain-mismatch", "; Domain=qb.example.org", "$")
_cookie("cookie-refused-by-browsers", "SameSite=None", r"samesite=\w+")
_cookie("cookie-expired-on-arrival", "expires=Thu, 01-Jan-2026 00:00:00 GMT", "expires=[^;]+", since=(5, 2))


@scene("secure-cookie-over-http", since=(4, 2, 2))
def _secure(at: Place, fault: bool) -> Told:
    missing = {"HTTPS\\Enabled": "true", "HTTPS\\CertificatePath": "/no.pem", "HTTPS\\KeyPath": "/no.key"}
    running = at.server(settings=missing if fault else {})
    return values(running), lambda out: "secure" in out[1].lower() and out[2].startswith("(C)")


@scene("call-changed-on-the-way")
def _changed_call(at: Place, fault: bool) -> Told:
    running = at.server()
    only = "limit_except GET { deny all; }" if fault else ""
    to = f"proxy_pass {running.url}; {INNER}"
    inside = f"location / {{ {to} {only} }} location /api/v2/auth/ {{ {to} }}"
    url = at.open(Nginx(running.url, whole=inside)).url
    return values(running, url=url), lambda out: " 404 " in out[2] and " 404 " not in out[3].splitlines()[0]


@scene("answers-cached")
def _cached(at: Place, fault: bool) -> Told:
    running, store = at.server(), at.home / "cache"
    cache = (
        "proxy_cache z; proxy_cache_valid 200 1m; proxy_ignore_headers Cache-Control Set-Cookie Vary;" if fault else ""
    )
    keys = f"proxy_cache_path {store} keys_zone=z:1m;"
    url = at.open(Nginx(running.url, f"{INNER} {cache} proxy_cache_key $uri$is_args$args;", http=keys)).url
    requests.get(f"{url}/api/v2/app/version", cookies=running.login().cookies, timeout=5)  # somebody who is logged in
    return values(running, url=url), lambda out: out[0].split()[1] != out[1].split()[1]


@scene("cookie-clobber")
def _two(at: Place, fault: bool) -> Told:
    running = at.server()
    ports = [running.port, at.server().port if fault else free_port()]
    return values(running), lambda out: all(f":{port} " in out[0] for port in ports)


def _added(cause: str, line: str, mark: str) -> None:
    """nginx adds or changes something."""

    @scene(cause)
    def _in_front(at: Place, fault: bool) -> Told:
        running = at.server()
        url = at.open(Nginx(running.url, f"{INNER} {line}" if fault else INNER)).url
        return values(running, url=url), lambda out: mark in out[0].lower()


_added(
    "referrer-policy-overridden",
    "proxy_hide_header Referrer-Policy; add_header Referrer-Policy no-referrer always;",
    "no-referrer",
)
_added(
    "content-policy-overridden",
    "add_header Content-Security-Policy \"default-src 'none'\" always;",
    "default-src 'none'",
)
_added("page-assets-missing", "if ($uri ~ [.]js$) { return 404; }", " 404 ")
_added(
    "page-rewritten",
    "proxy_set_header Accept-Encoding \"\"; sub_filter </head> '<script src=//x.example/cdn-cgi/a.js></script></head>';",
    "cdn-cgi",
)


@scene("client-http-method", since=(4, 4, 4))
def _get_login(at: Place, fault: bool) -> Told:
    running = at.server()
    if not fault:
        at.replaced = {"curl -s ": "curl -s -d '' "}
    return values(running), lambda out: out == ["405"]


@scene("client-json-login")
def _json(at: Place, fault: bool) -> Told:
    running = at.server()
    if not fault:
        at.replaced = {"application/json": "application/x-www-form-urlencoded"}
    return values(running), lambda out: out == ["400"]


@scene("nothing-added")
def _there(at: Place, fault: bool) -> Told:
    running = at.server()
    name = "a" * 40
    at.replaced = {"HASH": name}
    if fault:
        running.login().post(
            f"{running.url}/api/v2/torrents/add",
            data={"urls": f"magnet:?xt=urn:btih:{name}", "paused": "true", "stopped": "true"},
        )
    return values(running), lambda out: bool(json.loads(out[2]))


@scene("client-old-endpoint")
def _endpoint(at: Place, fault: bool) -> Told:
    running = at.server()
    old = at.release.version_tuple >= (5, 0)
    gone = "pause" if old else "stop"
    at.replaced = {} if fault else {f"torrents/{gone}": f"torrents/{'stop' if old else 'pause'}"}
    return values(running), lambda out: "404" in out
