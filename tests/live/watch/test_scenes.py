"""What a watch tells of certificates, slowness, addresses and other clients, with real servers and proxies."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.kit import needs
from tests.kit.matrix import Release
from tests.kit.proxies import ReverseProxy
from tests.kit.realproxy import Nginx
from tests.kit.server import Server
from tests.kit.tls import make_cert
from tests.live.check.test_changes import stranger
from tests.live.watch.test_watch import settled
from tests.support.watching import Watching

pytestmark = [pytest.mark.live, pytest.mark.extended]
INSIDE = "proxy_set_header Host $proxy_host;"


def test_another_client_that_is_refused_is_told_once(release: Release, tmp_path: Path) -> None:
    with Server.start(release, address="*", settings={"ServerDomains": "nas.lan"}) as server:
        form = {"username": "sonarr", "password": "mistyped"}
        with stranger(server) as session:
            session.post(f"{server.url}/api/v2/auth/login", data=form)
            with Watching(tmp_path, "--url", server.url) as watch:
                settled(watch)
                for _ in range(2):
                    session.post(f"{server.url}/api/v2/auth/login", data=form)
                    time.sleep(1)
                told = watch.until("client-refused")
                assert "127.0.0.9: 2 failed logins since today" in told["text"]
                session.get(f"{server.url}/api/v2/app/version", headers={"Host": "evil.example"})
                settled(watch, "client-refused", "client-refused")
                assert "(evil.example)" in watch.events[-1]["text"]
                assert told["state"] == "healthy"
                assert watch.stop() == 0
                text = "".join(str(one) for one in watch.events)
                assert "mistyped" not in text and "sonarr" not in text


def test_a_certificate_that_ends_is_told_before_and_when_it_does(tmp_path: Path) -> None:
    mine = make_cert(tmp_path / "tls", seconds=14)
    with (
        Server.start("5.3.0") as server,
        Nginx(server.url, INSIDE, certificate=mine) as proxy,
        Watching(tmp_path, "--url", proxy.url, "--ca-file", str(mine.ca)) as watch,
    ):
        assert watch.until("certificate-ending")["state"] == "healthy"
        ended = watch.until("certificate-ended")
        assert ended["explains"] == ["tls-untrusted"]
        settled(watch, "certificate-ending", "certificate-ended", seconds=8)
        assert watch.stop() == 0
        assert watch.events[-1]["state"] == "problem"


def test_a_certificate_that_is_replaced(tmp_path: Path) -> None:
    mine, renewed, foreign = (
        make_cert(tmp_path / "a"),
        make_cert(tmp_path / "b", seconds=3e6),
        make_cert(tmp_path / "c"),
    )
    both = tmp_path / "both.pem"
    both.write_text(mine.ca.read_text() + renewed.ca.read_text())
    with Server.start("5.3.0") as server:
        proxy = Nginx(server.url, INSIDE, certificate=mine)
        proxy.__enter__()
        with Watching(tmp_path, "--url", proxy.url, "--ca-file", str(both)) as watch:
            for certificate, state in ((renewed, "healthy"), (foreign, "problem")):
                proxy.__exit__(None, None, None)
                proxy = Nginx(server.url, INSIDE, certificate=certificate, port=proxy.port)
                proxy.__enter__()
                told = watch.until("certificate-replaced", count=1 if certificate is renewed else 2)
                assert told["state"] == state, watch.events
                settled(watch, *["certificate-replaced"] * (1 if certificate is renewed else 2), seconds=7)
            assert told["explains"] == ["tls-untrusted"]
            assert watch.stop() == 0
        proxy.__exit__(None, None, None)


class Slow(ReverseProxy):
    """A proxy that takes its time when it is told to."""

    seconds = 0.0

    def up(self, method: str, path: str, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        time.sleep(self.seconds)
        return super().up(method, path, headers)


def test_answers_that_take_long_and_come_in_time_again(tmp_path: Path) -> None:
    with (
        Server.start("5.3.0") as server,
        Slow(server.url, rewrite_host=True) as proxy,
        Watching(tmp_path, "--url", proxy.url) as watch,
    ):
        proxy.seconds = 2.2
        assert watch.until("slow")["state"] == "healthy"
        proxy.seconds = 0.0
        watch.until("quick-again")
        settled(watch, "slow", "quick-again")
        assert watch.stop() == 0


def test_a_server_that_moves_to_another_address(tmp_path: Path) -> None:
    needs.mounts()
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 nas.lan\n")
    own = ("unshare", "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh")
    with (
        Server.start("5.3.0") as server,
        Watching(tmp_path, "--url", f"http://nas.lan:{server.port}", prefix=own) as watch,
    ):
        server.stop()
        text = server.config_file.read_text()
        server.config_file.write_text(text.replace("Address=127.0.0.1", "Address=127.0.0.2"))
        server.host = "127.0.0.2"
        server.launch()
        hosts.write_text("127.0.0.2 nas.lan\n")
        told = watch.until("address-changed")
        assert "127.0.0.1 → 127.0.0.2" in told["text"]
        settled(watch, "restarted", "address-changed", seconds=3)
        assert watch.stop() == 0
        assert watch.events[-1]["state"] == "healthy"
