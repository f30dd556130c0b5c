"""The Ansible collection against a host over ssh whose qBittorrent runs in a container of a real Docker daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import ansible, engines, matrix, needs
from tests.kit.ansible import ContainerHost, Tools
from tests.kit.profile import config_text, free_port, password_hash
from tests.kit.server import PASSWORD
from tests.support.ansible_site import Site, values

pytestmark = [pytest.mark.live, pytest.mark.extended]

SETTINGS = {"Address": "*", "AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    needs.program("sshd")
    release, port, config = (
        matrix.get(matrix.RELEASES[-1]),
        free_port(),
        tmp_path / "config/qBittorrent/config/qBittorrent.conf",
    )
    config.parent.mkdir(parents=True)
    config.write_text(
        config_text({**SETTINGS, "Password_PBKDF2": password_hash(PASSWORD)}, layout="new", port=port), "utf-8"
    )
    (tmp_path / "host-of-it").mkdir()
    ansible.make_keys(tmp_path)
    with engines.docker() as docker:
        docker.run("qbt", release, "-p", f"127.0.0.1:{port}:{port}", "-v", f"{tmp_path / 'config'}:/config")
        engines.wait_for_output(docker, "qbt", "access the WebUI|Web UI at")
        host = ContainerHost(tmp_path / "host-of-it", docker, "qbt", config)
        try:
            yield Site(Tools(ansible.tools().folder, docker.inside), tmp_path, {"it": host})
        finally:
            host.close()


@pytest.mark.parametrize("way", [{"via": "api"}, {"via": "file", "restart": True}], ids=["live", "file"])
def test_modules(site: Site, way: dict[str, object]) -> None:
    (looked,) = site.task("Look", "check").values()
    assert looked["causes"][0] == "exposed-bypass", looked
    assert looked["report"]["target"]["container"]["name"] == "qbt"
    before = site.configs()
    assert values(site.task("Fix", "fix", "--check", **way), "state") == ["planned"]
    assert site.configs() == before, "check mode changed the file"

    (made,) = site.task("Fix", "fix", **way).values()
    assert (made["changed"], made["state"]) == (True, "verified"), made
    after = site.configs()
    assert after != before
    assert values(site.task("Fix", "fix", **way), "changed") == [False]
    assert site.configs() == after

    (back,) = site.task("Back", "rollback", **way).values()
    assert (back["changed"], back["failed"]) == (True, False), back
    lost = set(before["it"].splitlines()) - set(site.configs()["it"].splitlines())
    assert not lost, "qBittorrent itself adds settings when it saves, and nothing may be missing"
