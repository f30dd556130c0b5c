"""What changed since it last worked, on real servers: told first, and nothing is claimed where nothing changed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.kit import matrix
from tests.kit.profile import free_port
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD, Server
from tests.kit.tls import make_cert
from tests.support.doctor import causes, diagnose, qbdoctor

OTHER = "another good one"


def whats(report: dict[str, Any]) -> list[str]:
    assert report["changes"] is not None, report["verdict"]
    return [one["what"] for one in report["changes"]["items"]]


def first(report: dict[str, Any]) -> dict[str, Any]:
    """The change told first; it explains the first error."""
    assert report["changes"]
    assert report["changes"]["items"], (report["verdict"], report["changes"])
    found = dict(report["changes"]["items"][0])
    assert causes(report)[0] in found["explains"], (causes(report), report["changes"])
    return found


def edit(server: Server, before: str, after: str) -> None:
    """Stop, change a text of the config, start."""
    server.stop()
    text = server.config_file.read_text()
    assert before in text
    server.config_file.write_text(text.replace(before, after))


@pytest.mark.live
def test_an_upgrade_is_the_first_change(tmp_path: Path) -> None:
    with Server.start("5.1.0") as server:
        args = ("--profile", str(server.profile), "--state-dir", str(tmp_path))
        good = diagnose(*args, password=PASSWORD)
        assert good["verdict"]["state"] == "healthy", causes(good)
        assert good["changes"] is None
        # what an image's start script does: it marks the file as migrated, and 5.3 then reads the new place alone
        server.stop()
        text = re.sub(r"MigrationVersion=\d+", "MigrationVersion=9999", server.config_file.read_text())
        assert "MigrationVersion=9999" in text
        server.config_file.write_text(text)
        server.release = matrix.get("5.3.0")
        server._arguments.append(f"--webui-port={server.port}")
        server.launch()
        bad = diagnose(*args, password=PASSWORD)
        assert bad["verdict"]["state"] == "problem"
        told = first(bad)
        assert (told["what"], told["before"], told["after"]) == ("release", "5.1.0", "5.3.0")
        assert told["when"] is not None


@pytest.mark.live
def test_a_harmless_upgrade_explains_the_new_cookie_and_is_no_problem(tmp_path: Path) -> None:
    with Server.start("5.1.0") as server:
        args = ("--profile", str(server.profile), "--state-dir", str(tmp_path))
        assert diagnose(*args, password=PASSWORD)["verdict"]["state"] == "healthy"
        server.stop()
        server.release = matrix.get("5.3.0")
        server.launch()
        after = diagnose(*args, password=PASSWORD)
        assert after["verdict"]["state"] == "healthy"
        told = {one["what"]: one for one in after["changes"]["items"]}
        assert whats(after)[:2] == ["release", "cookie_name"]
        assert told["release"]["when"] is not None
        assert told["release"]["explains"] == told["cookie_name"]["explains"] == ["cookie-renamed"]
        assert told["webapi_version"]["explains"] == []


@pytest.mark.in_turn
@pytest.mark.live
def test_a_moved_port(release: matrix.Release, tmp_path: Path) -> None:
    with Server.start(release) as server:
        args = ("--url", server.url, "--state-dir", str(tmp_path))
        assert diagnose(*args, password=PASSWORD)["verdict"]["state"] == "healthy"
        old, new = server.port, free_port()
        edit(server, f"Port={old}", f"Port={new}")
        server.port = new
        server.launch()
        bad = diagnose(*args, password=PASSWORD)
        told = first(bad)
        assert (told["what"], told["before"], told["after"]) == ("Port", str(old), str(new))


@pytest.mark.in_turn
@pytest.mark.live
def test_an_edited_whitelist(release: matrix.Release, tmp_path: Path) -> None:
    white = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "127.0.0.0/8"}
    with Server.start(release, settings=white) as server:
        args = ("--profile", str(server.profile), "--state-dir", str(tmp_path))
        assert diagnose(*args)["verdict"]["state"] == "healthy"
        edit(server, "127.0.0.0/8", "10.9.8.0/24")
        server.launch()
        bad = diagnose(*args)
        told = first(bad)
        assert told["what"] == "AuthSubnetWhitelist"
        assert (told["before"], told["after"]) == ("127.0.0.0/8", "10.9.8.0/24")


@pytest.mark.in_turn
@pytest.mark.live
@pytest.mark.parametrize("how", ["local", "far"])
def test_a_changed_password(release: matrix.Release, tmp_path: Path, how: str) -> None:
    ours = (
        "of this server alone"  # servers of tests beside this one have the usual one, and might be those that are meant
    )
    with (
        Server.start(release, password=ours) as server,
        Nginx(server.url, "proxy_set_header Host $proxy_host;") as proxy,
    ):
        where = ("--url", proxy.url) if how == "far" else ("--profile", str(server.profile))
        args = (*where, "--state-dir", str(tmp_path))
        good = diagnose(*args, password=ours)
        assert good["verdict"]["state"] == "healthy", causes(good)
        stored = re.search(r"ByteArray\((\S{20})", server.config_file.read_text())
        server.set_preferences({"web_ui_password": OTHER})
        server.restart()
        bad = diagnose(*args, password=ours)
        assert first(bad)["what"] in {"stored_password", "accepted_password"}
        kept = "".join(path.read_text() for path in (tmp_path / "looks").glob("*.json"))
        assert stored is not None and ours not in kept and stored[1] not in kept


@pytest.mark.live
def test_a_replaced_certificate_of_the_proxy(tmp_path: Path) -> None:
    mine, other = make_cert(tmp_path / "a"), make_cert(tmp_path / "b")
    inside = "proxy_set_header Host $proxy_host;"
    with Server.start("5.3.0") as server:
        with Nginx(server.url, inside, certificate=mine) as proxy:
            port = proxy.port
            args = ("--url", proxy.url, "--ca-file", str(mine.ca), "--state-dir", str(tmp_path / "state"))
            good = diagnose(*args, password=PASSWORD)
            assert good["verdict"]["state"] == "healthy", causes(good)
        with Nginx(server.url, inside, certificate=other, port=port):
            bad = diagnose(*args, password=PASSWORD)
            assert first(bad)["what"] == "certificate"


@pytest.mark.live
def test_nothing_is_claimed_where_nothing_changed(tmp_path: Path) -> None:
    with Server.start("5.3.0") as server:
        args = ("--profile", str(server.profile), "--state-dir", str(tmp_path))
        assert diagnose(*args, password=PASSWORD)["changes"] is None
        assert diagnose(*args, password=PASSWORD)["changes"] is None
        bad = diagnose(*args, password="certainly wrong")
        assert whats(bad) == ["given_password"]
        server.stop()
        gone = diagnose(*args, password=PASSWORD)
        assert gone["changes"]["items"] == []


@pytest.mark.live
def test_the_first_run_has_an_answer_from_the_log(tmp_path: Path) -> None:
    with Server.start("5.1.0") as server:
        server.stop()
        server.release = matrix.get("5.3.0")
        text = re.sub(r"MigrationVersion=\d+", "MigrationVersion=9999", server.config_file.read_text())
        server.config_file.write_text(text)
        server._arguments.append(f"--webui-port={server.port}")
        server.launch()
        bad = diagnose("--profile", str(server.profile), "--state-dir", str(tmp_path), password=PASSWORD)
        assert bad["changes"]["by"] == "log"
        told = first(bad)
        assert (told["what"], told["before"], told["after"]) == ("release", "5.1.0", "5.3.0")


@pytest.mark.in_turn
@pytest.mark.live
def test_who_else_is_refused_is_told_by_the_log(release: matrix.Release, tmp_path: Path) -> None:
    with Server.start(release, address="*", settings={"ServerDomains": "nas.lan"}) as server:
        requests.get(f"{server.url}/api/v2/app/version", headers={"Host": "evil.example\x1b"}, timeout=5)
        with stranger(server) as session:
            for _ in range(2):
                session.post(f"{server.url}/api/v2/auth/login", data={"username": "sonarr", "password": "mistyped"})
            session.get(f"{server.url}/api/v2/app/version", headers={"Host": "evil.example\x9b31m"})
        report = diagnose("--profile", str(server.profile), "--state-dir", str(tmp_path), password=PASSWORD)
        assert report["verdict"]["state"] == "healthy", causes(report)
        found = {(one["address"], one["what"]): one for one in report["failing_clients"]}
        assert set(found) == {("127.0.0.9", "login"), ("127.0.0.9", "host")}, found
        assert found["127.0.0.9", "login"]["count"] == 2
        assert found["127.0.0.9", "login"]["first"] is not None
        assert "evil.example" in found["127.0.0.9", "host"]["sent"]
        shown = qbdoctor("check", "--profile", str(server.profile), "--state-dir", str(tmp_path), password=PASSWORD).out
        assert "127.0.0.9: 2 failed logins since today" in shown
        assert "\x9b" not in shown
        assert "mistyped" not in shown
        assert "sonarr" not in shown


@contextlib.contextmanager
def stranger(server: Server) -> Iterator[requests.Session]:
    """A client that comes from another loopback address."""

    class From(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs, source_address=("127.0.0.9", 0))

    with requests.Session() as session:
        session.mount("http://", From())
        yield session
