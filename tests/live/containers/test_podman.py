"""qBittorrent in a container of a real Podman, root's and a rootless user's: found, judged, its file changed, taken back."""

from __future__ import annotations

import json
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit import engines, matrix, others
from tests.kit.profile import config_text, free_port, password_hash
from tests.support.doctor import Run
from tests.support.strangers import ANNA, EVE, command, give, run, shared_folder

pytestmark = pytest.mark.live

PASSWORD = "canary-6c11f0e2"
QBITTORRENT = ("/usr/bin/qbittorrent-nox", "--profile=/config")
READY = "access the WebUI|Web UI at"


class Pod:
    """A container of Podman's with a config of its own, and the doctor asked about it as whose it is, or as another."""

    def __init__(self, made: engines.Podman, image: str, base: Path) -> None:
        self.podman, self.image, self.base = made, image, base
        self.port = free_port()
        self.config = base / "qb/qBittorrent/config/qBittorrent.conf"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, name: str, *options: str, inner: int | None = None) -> None:
        self.config.parent.mkdir(parents=True)
        web = {"Address": "*", "LocalHostAuth": "false", "Password_PBKDF2": password_hash(PASSWORD)}
        self.config.write_text(config_text(web, layout="new", port=inner or self.port), "utf-8")
        self.config.chmod(0o640)
        if self.podman.user is not None:
            give(self.podman.user, self.base / "qb", *(self.base / "qb").rglob("*"))
        volume = ("-v", f"{self.base}/qb:/config")
        self.podman("run", "-d", "--name", name, *options, *engines.LIMITS, *volume, self.image, *QBITTORRENT)
        engines.wait_for_output(self.podman, name, READY)

    def doctor(self, *arguments: str, user: int | None = None) -> Run:
        """Ask as whose it is, or as another user, who has no container of his own."""
        own = self.podman.environment
        names = ("CONTAINERS_STORAGE_CONF", "XDG_RUNTIME_DIR") if user is None else ()
        env: dict[str, str] = {name: own[name] for name in names if name in own}
        home, who = self.base / f"home-{user or 'own'}", user or self.podman.user
        if not home.exists():
            home.mkdir(mode=0o700)
            give(who or 0, home)
        env |= {
            "QBDOCTOR_PASSWORD": PASSWORD,
            "QBDOCTOR_STATE_DIR": str(home / "state"),
        }
        words = [*self.podman.inside, *(others.as_user(who) if who else []), *command(*arguments)]
        place = home if user is not None or self.podman.user is None else self.podman.home
        done = run(home=place, env=env, words=words)
        assert PASSWORD not in done.out + done.err
        return done

    def report(self, *arguments: str, user: int | None = None) -> dict[str, Any]:
        done = self.doctor("check", *arguments, "--json", user=user)
        return dict(json.loads(done.out))


@contextmanager
def _pods(releases: Callable[[str], matrix.Release], user: int | None) -> Iterator[Pod]:
    with shared_folder() as base, engines.podman(releases(matrix.RELEASES[-1]), user) as (made, image):
        yield Pod(made, image, base)


@pytest.fixture
def roots(releases: Callable[[str], matrix.Release]) -> Iterator[Pod]:
    with _pods(releases, None) as pod:
        yield pod


@pytest.fixture
def rootless(releases: Callable[[str], matrix.Release]) -> Iterator[Pod]:
    with _pods(releases, ANNA) as pod:
        yield pod


HOW = ("--via", "file", "--restart", "--yes", "--deadline", "60")


def test_found_and_healthy(roots: Pod) -> None:
    roots.start("pq", "--network", "host")
    for target in (("--url", roots.url), ("--container", "pq")):
        report = roots.report(*target)
        assert report["verdict"]["state"] == "healthy", report["verdict"]
        found = report["target"]["container"]
        assert (found["engine"], found["name"], found["state"]) == ("podman", "pq", "running")
        assert report["target"]["config_file"] == str(roots.config)
    refused = roots.doctor("check", "--container", "pq", user=EVE)
    assert refused.code == 2, refused.out + refused.err
    assert "A rootless engine's containers are told to its own user alone" in refused.err


@pytest.mark.extended
@pytest.mark.parametrize("whose", ["roots", "rootless"])
def test_found_restarted_and_taken_back(whose: str, request: pytest.FixtureRequest) -> None:
    pod: Pod = request.getfixturevalue(whose)
    network = ("-p", f"127.0.0.1:{pod.port}:{pod.port}") if whose == "rootless" else ("--network", "host")
    pod.start("pq", *network)
    pod.podman("stop", "-t", "60", "pq")  # it has written all that it writes of itself by then
    before, looks = pod.config.read_bytes(), pod.config.stat()
    pod.podman("start", "pq")
    time.sleep(2)
    fixed = pod.doctor("fix", "require-localhost-auth", "--container", "pq", *HOW)
    assert fixed.code == 0, fixed.out + fixed.err
    assert "podman stop pq" in fixed.out
    assert b"LocalHostAuth=true" in pod.config.read_bytes()
    assert pod.podman("inspect", "-f", "{{.State.Running}}", "pq") == "true"
    pod.podman("stop", "-t", "60", "pq")
    undone = pod.doctor("rollback", "--last", "--yes", "--via", "file")
    assert undone.code == 0, undone.out + undone.err
    assert pod.config.read_bytes() == before
    now = pod.config.stat()
    assert (now.st_uid, now.st_gid, now.st_mode) == (looks.st_uid, looks.st_gid, looks.st_mode)


@pytest.mark.extended
def test_a_rootless_ones_port_on_another_number(rootless: Pod) -> None:
    """Nothing is in the firewall's rules: a program of Podman's listens, and the container's own address cannot be reached."""
    rootless.start("rq", "-p", f"127.0.0.1:{rootless.port}:8080", inner=8080)
    report = rootless.report("--url", rootless.url)
    first = report["causes"][0]
    assert (first["id"], first["confidence"]) == ("host-port-mismatch", "proven")
    assert report["target"]["container"]["name"] == "rq"
    assert first["remedies"][0]["commands"] == [
        f"-e QBT_WEBUI_PORT={rootless.port} -p 127.0.0.1:{rootless.port}:{rootless.port}"
    ]
    assert "the engine's port forwarding" in rootless.doctor("check", "--url", rootless.url).out


@pytest.mark.extended
def test_fifty_containers_cost_little(roots: Pod) -> None:
    """Less than 0.3 s more than with one; the best of some tries, for other tests run beside this one."""
    roots.start("pq", "--network", "host")

    def asked() -> float:
        code = (
            "import os, time; from pathlib import Path; from qbdoctor.target.engines import engine; began = time.monotonic();"
            "found = engine.find(os.environ, Path('/'), name='pq'); print(time.monotonic() - began, len(found.containers))"
        )
        env = {**roots.podman.environment, "DOCKER_HOST": "unix:///nowhere"}
        words = [*roots.podman.inside, command()[0], "-c", code]
        best = 9.0
        for _ in range(5):
            seconds, number = run(home=roots.base, env=env, words=words).out.split()
            assert number == "1"
            best = min(best, float(seconds))
        return best

    alone = asked()
    with tarfile.open(roots.base / "empty.tar", "w"):
        roots.podman("import", "-q", str(roots.base / "empty.tar"), "empty")
    for number in range(49):
        roots.podman("create", "--name", f"other-{number}", *engines.LIMITS, "localhost/empty", "/bin/true")
    assert asked() - alone < 0.3
