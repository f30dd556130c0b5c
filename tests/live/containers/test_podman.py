"""qBittorrent in a container of a real Podman: found by its name, its file changed with a restart, and taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kit import engines, matrix
from tests.kit.profile import config_text, free_port, password_hash
from tests.support.strangers import command, run, shared_folder

pytestmark = [pytest.mark.live, pytest.mark.extended]

PASSWORD = "canary-6c11f0e2"


@pytest.fixture
def base() -> Iterator[Path]:
    with shared_folder() as folder:
        yield folder


def test_found_restarted_and_taken_back(base: Path, releases: Callable[[str], matrix.Release]) -> None:
    release, port = releases(matrix.RELEASES[-1]), free_port()
    config = base / "qb/qBittorrent/config/qBittorrent.conf"
    config.parent.mkdir(parents=True)
    web = {"Address": "*", "LocalHostAuth": "false", "Password_PBKDF2": password_hash(PASSWORD)}
    config.write_text(config_text(web, layout="new", port=port), "utf-8")
    with engines.podman(release) as (podman, image):
        limits = ("--cgroups=disabled", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")
        podman("run", "-d", "--name", "pq", "--network", "host", *limits, "-v", f"{base}/qb:/config", image,
               "/usr/bin/qbittorrent-nox", "--profile=/config")  # fmt: skip
        end = time.monotonic() + 30
        while "access the WebUI" not in podman("logs", "pq") and time.monotonic() < end:
            time.sleep(0.2)
        env = {
            "QBDOCTOR_PASSWORD": PASSWORD,
            "QBDOCTOR_STATE_DIR": str(base / "state"),
            "DOCKER_HOST": "unix:///nowhere",
        }
        env["CONTAINERS_STORAGE_CONF"] = podman.environment["CONTAINERS_STORAGE_CONF"]

        def doctor(*arguments: str) -> str:
            done = run(home=base, env=env, words=[*podman.inside, *command(*arguments)])
            assert done.code == 0, done.out + done.err
            assert PASSWORD not in done.out + done.err
            return done.out

        assert '"engine": "podman"' in doctor("check", "--container", "pq", "--json")
        how = ("--via", "file", "--restart", "--yes", "--deadline", "60")
        assert "podman stop pq" in doctor("fix", "require-localhost-auth", "--container", "pq", *how)
        assert "LocalHostAuth=true" in config.read_text()
        assert podman("inspect", "-f", "{{.State.Running}}", "pq") == "true"
        doctor("rollback", "--last", *how)
        assert "LocalHostAuth=false" in config.read_text()
        assert config.stat().st_uid == 0
