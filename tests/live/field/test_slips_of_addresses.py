"""Addresses that are nearly right: the port for torrents, the other family; and Origins that no proxy made."""

from __future__ import annotations

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.server import PASSWORD
from tests.support.doctor import cause, causes, diagnose
from tests.support.servers import found, until

pytestmark = pytest.mark.in_turn


def test_the_port_for_torrents(server: ServerFactory, release: Release) -> None:
    """qbittorrent-cli#36: it takes connections and closes them, which is no Web UI that hangs."""
    running = server()

    def torrents() -> int | None:
        one = found(running.pid)
        return next(iter(one.torrent_ports), None) if one is not None else None

    report = diagnose("--url", f"http://127.0.0.1:{until(torrents)}", password=PASSWORD)
    assert causes(report, "error") == ["wrong-port"], report["verdict"]
    remedies = cause(report, "wrong-port")["remedies"]
    assert running.url in remedies[0]["text"]
    assert [one["kind"] for one in remedies] == ["client"]


def test_the_other_family(server: ServerFactory, release: Release) -> None:
    """An address that no client can use everywhere was the advice, and that nothing runs the headline."""
    running = server(address="0.0.0.0")
    report = diagnose("--url", f"http://[::1]:{running.port}", password=PASSWORD)
    assert f"process {running.pid}, but listens at 0.0.0.0 alone" in report["verdict"]["headline"]
    assert f"http://127.0.0.1:{running.port}." in cause(report, "not-running")["remedies"][0]["text"]


@pytest.mark.parametrize("origin", ["null", "http://dash.example.org"])
def test_an_origin_in_the_log(server: ServerFactory, release: Release, origin: str) -> None:
    """homer#576, qB#21106: a dashboard's script, and a browser that may not say whence; lines for a proxy's Host end neither."""
    running = server()
    assert requests.get(f"{running.url}/api/v2/app/version", headers={"Origin": origin}, timeout=5).status_code == 401
    report = diagnose("--profile", str(running.profile), password=PASSWORD)
    if origin == "null":
        named = cause(report, "origin-mismatch")
        assert named["confidence"] == "possible"
        assert "Referrer-Policy" in named["remedies"][0]["text"]
        assert "proxy_set_header Host" not in str(named)
    else:
        assert "dashboard" in cause(report, "origin-mismatch")["summary"]
