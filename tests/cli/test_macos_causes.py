"""Many causes as on macOS: whatever is printed of them, in every format, has nothing of another system's."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from qbdoctor.releases import Version
from tests.kit import faults, proxies
from tests.kit.profile import config_text, free_port, password_hash
from tests.kit.server import PASSWORD
from tests.support.macos import Mac
from tests.support.simulated import simulated

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0,
    reason="takes /proc away in a mount namespace of its own, which needs Linux and root",
)
NEWEST = "5.3.0"


class Place:
    """A Mac with a qBittorrent's config, a stand-in that serves with it, and what is to end with the scene."""

    def __init__(self, mac: Mac, stack: ExitStack) -> None:
        self.mac, self._stack = mac, stack
        self.password: str | None = PASSWORD

    def open(self, what: AbstractContextManager[Any]) -> Any:
        return self._stack.enter_context(what)

    def write(self, port: int, settings: Mapping[str, str], release: str = NEWEST, more: str = "") -> None:
        known = {"Password_PBKDF2": password_hash(PASSWORD), **settings}
        self.mac.config.parent.mkdir(parents=True, exist_ok=True)
        self.mac.config.write_text(
            config_text(known, layout="new" if release == NEWEST else "old", port=port) + more, "utf-8"
        )

    def serve(self, settings: Mapping[str, str] | None = None, release: str = NEWEST, more: str = "") -> str:
        """Start one and write its config; returns its address."""
        port = free_port()
        given = settings or {}
        version = Version.parse(release)
        assert version is not None
        self.open(simulated(version, given, port))
        self.write(port, given, release, more)
        return f"http://127.0.0.1:{port}"

    def with_config(self, url: str) -> list[str]:
        return ["--url", url, "--config", str(self.mac.config)]


Scene = Callable[[Place], list[str]]
SCENES: dict[str, Scene] = {}


def scene(cause: str) -> Callable[[Scene], Scene]:
    def enter(made: Scene) -> Scene:
        SCENES[cause] = made
        return made

    return enter


@scene("ip-banned")
def banned(place: Place) -> list[str]:
    url = place.serve({"MaxAuthenticationFailCount": "3"})
    for _ in range(3):
        requests.post(f"{url}/api/v2/auth/login", {"username": "admin", "password": "x"}, timeout=5)
    return place.with_config(url)


@scene("wrong-credentials")
def wrong(place: Place) -> list[str]:
    place.password = "not this one"
    return place.with_config(place.serve())


@scene("host-not-allowed")
def host(place: Place) -> list[str]:
    return place.with_config(place.serve({"ServerDomains": "nas.example"}).replace("127.0.0.1", "localhost"))


@scene("host-port-mismatch")
def mapped(place: Place) -> list[str]:
    url = place.serve()
    return place.with_config(place.open(faults.PortMap(int(url.rpartition(":")[2]))).url)


@scene("origin-mismatch")
def origin(place: Place) -> list[str]:
    proxy = place.open(proxies.ReverseProxy(place.serve(), rewrite_host=True))
    return ["--url", proxy.url, "--public-url", "https://qb.example.org"]


@scene("cookie-stripped")
def stripped(place: Place) -> list[str]:
    proxy = place.open(proxies.ReverseProxy(place.serve(), rewrite_host=True, strip_set_cookie=True))
    return ["--url", proxy.url]


@scene("bypass-active")
def bypass(place: Place) -> list[str]:
    return place.with_config(place.serve({"LocalHostAuth": "false"}))


@scene("exposed-bypass")
def exposed(place: Place) -> list[str]:
    return place.with_config(place.serve({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}))


@scene("whitelist-not-matching")
def missed(place: Place) -> list[str]:
    place.password = None
    return place.with_config(
        place.serve({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "192.168.1.0/24"})
    )


@scene("not-running")
def stopped(place: Place) -> list[str]:
    place.write(free_port(), {})
    return ["--config", str(place.mac.config)]


@scene("not-qbittorrent")
def other(place: Place) -> list[str]:
    return [
        "--url",
        place.open(faults.RawServer(b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 2\r\n\r\nhi")).url,
    ]


@scene("tls-mismatch")
def scheme(place: Place) -> list[str]:
    return ["--url", place.serve().replace("http://", "https://")]


@scene("cookie-renamed")
def renamed(place: Place) -> list[str]:
    return ["--url", place.serve()]


@scene("unknown-key")
def unknown(place: Place) -> list[str]:
    return place.with_config(place.serve(more="WebUI\\LocalHostAuht=false\n"))


@scene("malformed-password-hash")
def malformed(place: Place) -> list[str]:
    url = place.serve()
    place.write(int(url.rpartition(":")[2]), {"Password_PBKDF2": "not-a-hash"})
    return place.with_config(url)


@scene("whitelist-syntax")
def syntax(place: Place) -> list[str]:
    url = place.serve()
    place.write(
        int(url.rpartition(":")[2]), {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "192.168.1.*"}
    )
    return place.with_config(url)


@scene("config-permission")
def closed(place: Place) -> list[str]:
    place.write(free_port(), {})
    os.chown(place.mac.config, 1, 1)
    return ["--config", str(place.mac.config)]


@scene("leftover-new-file")
def leftover(place: Place) -> list[str]:
    place.write(free_port(), {})
    place.mac.config.with_name("qBittorrent_new.ini").write_bytes(place.mac.config.read_bytes())
    return ["--config", str(place.mac.config)]


@scene("name-not-resolved")
def nameless(place: Place) -> list[str]:
    return ["--url", "http://nas.invalid:8080"]


@scene("secure-cookie-over-http")
def secure(place: Place) -> list[str]:
    return ["--url", place.open(proxies.ReverseProxy(place.serve(), rewrite_host=True, add_cookie_flag="Secure")).url]


@scene("tls-untrusted")
def untrusted(place: Place) -> list[str]:
    return ["--url", place.open(proxies.ReverseProxy(place.serve(), rewrite_host=True, tls=True)).url]


@scene("http-proxy-env")
def proxied(place: Place) -> list[str]:
    place.mac.environment["http_proxy"] = f"http://127.0.0.1:{free_port()}"
    return ["--url", place.serve()]


@scene("temporary-password")
def temporary(place: Place) -> list[str]:
    url = place.serve()
    text = place.mac.config.read_text("utf-8")
    place.mac.config.write_text(re.sub(r"(?m)^.*Password_PBKDF2=.*\n", "", text), "utf-8")
    return place.with_config(url)


@scene("default-credentials")
def factory(place: Place) -> list[str]:
    url = place.serve(release="4.5.2")
    place.write(int(url.rpartition(":")[2]), {"Password_PBKDF2": password_hash("adminadmin")}, "4.5.2")
    return place.with_config(url)


@scene("host-unreachable")
def unreachable(_place: Place) -> list[str]:
    return ["--url", "http://192.0.2.7:8080"]


@scene("web-server-hang")
def silent(place: Place) -> list[str]:
    return ["--url", place.open(faults.Silent()).url, "--deadline", "3"]


@scene("foreign-auth-in-front")
def front(place: Place) -> list[str]:
    return ["--url", place.open(proxies.ReverseProxy(place.serve(), rewrite_host=True, basic_auth=("a", "b"))).url]


@scene("redirected")
def redirected(place: Place) -> list[str]:
    return ["--url", place.open(proxies.Redirector("https://qb.example.org/")).url]


@scene("ambiguous-setting")
def ambiguous(place: Place) -> list[str]:
    return place.with_config(place.serve(more="\n[WebUI]\nLocalHostAuth=false\nLocalHostAuth=true\n"))


@scene("misplaced-key")
def misplaced(place: Place) -> list[str]:
    return place.with_config(place.serve(more="\n[Preferences]\nWebUI\\LocalHostAuth=false\n"))


EVERYDAY = {"ip-banned", "tls-untrusted"}


@pytest.mark.parametrize(
    "cause", [pytest.param(one, marks=() if one in EVERYDAY else pytest.mark.extended) for one in SCENES]
)
def test_what_is_printed(cause: str, tmp_path: Path) -> None:
    mac = Mac(tmp_path)
    with ExitStack() as stack:
        place = Place(mac, stack)
        words = SCENES[cause](place)
        env = {} if place.password is None else {"QBDOCTOR_PASSWORD": place.password}
        found = json.loads(mac("check", *words, "--json", code=None, env=env).stdout)
        assert cause in [one["id"] for one in found["causes"]]
        if cause in EVERYDAY:
            mac("check", "-v", *words, code=None, env=env)
            return
        for options in (("-v",), ("--format", "markdown"), ("--format", "html"), ("--format", "junit")):
            mac("check", *words, *options, code=None, env=env)
        mac("fix", "--dry-run", *words, code=None, env=env)
