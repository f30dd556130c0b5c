"""A 4xx that a client meets and that is not about its session, seen by `trace` with real servers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD
from tests.support.trace_programs import causes, tracing

pytestmark = pytest.mark.in_turn

MAGNET = "magnet:?xt=urn:btih:" + "c" * 40
STOPPED = {"stopped": "true", "paused": "true"}


def followed(url: str, program: Callable[[requests.Session, str], None]) -> dict[str, str]:
    """What trace finds in a program that logs in, does what is given, and goes on with its session."""
    with tracing(url) as trace:
        with requests.Session() as client:
            api = f"{trace.url}/api/v2"
            client.post(f"{api}/auth/login", data={"username": "admin", "password": PASSWORD}, timeout=20)
            program(client, api)
            assert client.get(f"{api}/app/version", timeout=20).status_code == 200
        return dict(causes(trace.stop()))


@pytest.mark.skipif(os.geteuid() != 0, reason="a folder of somebody else's needs root")
def test_a_folder_that_it_may_not_write_to(server: ServerFactory, release: Release, tmp_path: Path) -> None:
    theirs, own = tmp_path / "theirs", tmp_path / "own"
    for folder in (theirs, own):
        folder.mkdir()
    os.chown(theirs, 65534, 65534)
    # root without the right to pass over the file system's rights, as any other user is
    running = server(prefix=["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"])
    found: list[dict[str, str]] = []
    for folder in (theirs, own):

        def program(client: requests.Session, api: str, folder: Path = folder) -> None:
            client.post(f"{api}/torrents/add", data={"urls": MAGNET, **STOPPED}, timeout=20)
            moved = {"hashes": "c" * 40, "id": "c" * 40, "location": str(folder), "path": str(folder)}
            for action in ("setLocation", "setSavePath"):  # the second from 4.4 on
                client.post(f"{api}/torrents/{action}", data=moved, timeout=20)

        found.append(followed(running.url, program))
    assert found[0].get("server-cannot-write-there") == "likely", found
    assert "server-cannot-write-there" not in found[1], found
    assert "client-never-logs-in-again" not in {*found[0], *found[1]}


def test_an_add_that_adds_nothing(server: ServerFactory, release: Release) -> None:
    running = server()

    def add(text: str, times: int) -> Callable[[requests.Session, str], None]:
        def program(client: requests.Session, api: str) -> None:
            for _ in range(times):
                client.post(f"{api}/torrents/add", data={"urls": text, **STOPPED}, timeout=20)

        return program

    assert followed(running.url, add(MAGNET, 1)) == {}
    # 4.2.5 answers Ok. to a torrent that is there already, later ones Fails., from 5.2 on 409
    again = followed(running.url, add(MAGNET, 1))
    assert again == ({"nothing-added": "likely"} if release.version_tuple > (4, 2, 5) else {})
    files = {"torrents": ("a.torrent", b"this is none", "application/x-bittorrent")}

    def bad(client: requests.Session, api: str) -> None:
        client.post(f"{api}/torrents/add", files=files, timeout=20)

    assert followed(running.url, bad) == {"nothing-added": "likely"}  # 415


def test_a_file_that_is_too_large_for_what_stands_in_front(server: ServerFactory, release: Release) -> None:
    running = server()

    def upload(client: requests.Session, api: str) -> None:
        files = {"torrents": ("a.torrent", b"0" * 2_000_000, "application/x-bittorrent")}
        client.post(f"{api}/torrents/add", files=files, timeout=20)

    for lines, expected in (("", True), ("client_max_body_size 64m;", False)):
        with Nginx(running.url, f"proxy_set_header Host $host; {lines}") as proxy:
            found = followed(proxy.url, upload)
        assert ("request-too-large" in found) is expected, (lines, found)


def test_a_call_that_has_another_name_by_now(server: ServerFactory, release: Release) -> None:
    running = server()
    old, new = release.version_tuple < (5, 0), release.version_tuple >= (5, 0)
    for action, gone in (("pause", new), ("stop", old)):

        def program(client: requests.Session, api: str, action: str = action) -> None:
            client.post(f"{api}/torrents/{action}", data={"hashes": "c" * 40}, timeout=20)

        found = followed(running.url, program)
        assert (found == {"client-old-endpoint": "likely"}) is gone, (action, found)


def test_an_address_that_was_typed_with_a_slip(server: ServerFactory, release: Release) -> None:
    """A slash at its end, or the path of a proxy that is not asked: everything is 404."""
    running = server()
    form = {"username": "admin", "password": PASSWORD}
    for path, named in (
        ("//api/v2/auth/login", "base-path"),
        ("/api/v2/auth/login/", "base-path"),
        ("/qbittorrent/api/v2/auth/login", "base-path"),
        ("/API/v2/auth/login", "client-old-endpoint"),
        ("/api/v1/auth/login", "client-old-endpoint"),
    ):
        right = path.startswith("//")
        with tracing(running.url) as trace:
            assert requests.post(f"{trace.url}{path}", data=form, timeout=20).status_code == 404
            if right:
                requests.post(f"{trace.url}/api/v2/auth/login", data=form, timeout=20)
            found = dict(causes(trace.stop()))
        assert found.get(named) == ("proven" if right else "likely"), (path, found)


def test_a_torrent_that_is_not_there_is_no_slip(server: ServerFactory, release: Release) -> None:
    def program(client: requests.Session, api: str) -> None:
        assert client.get(f"{api}/torrents/properties?hash=0", timeout=20).status_code == 404

    assert followed(server().url, program) == {}


def test_a_login_as_plain_text(server: ServerFactory, release: Release) -> None:
    running = server()
    with tracing(running.url) as trace:
        body = f"username=admin&password={PASSWORD}"
        answer = requests.post(
            f"{trace.url}/api/v2/auth/login", data=body, headers={"Content-Type": "text/plain"}, timeout=20
        )
        assert answer.status_code == 400
        assert "client-json-login" in dict(causes(trace.stop()))
