"""A real Docker daemon, scenes of qBittorrent in it, and the doctor asked as root, as one of the group docker, as neither."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from qbdoctor.reports.schema import load
from tests.kit import engines, matrix, others
from tests.kit.profile import config_text, free_port, password_hash
from tests.support.doctor import Run
from tests.support.strangers import EVE, command, give, run, shared_folder

PASSWORD = "canary-7d20aa31"
CANARY = "canary-of-the-environment"
NEWEST = matrix.RELEASES[-1]
GROUP = 54_399
FIX = ("require-localhost-auth", "--yes", "--deadline", "60")


@pytest.fixture(scope="session")
def docker() -> Iterator[engines.Docker]:
    with engines.docker() as made:
        os.chown(made.folder / "docker.sock", 0, GROUP)
        yield made


@pytest.fixture
def clear(docker: engines.Docker) -> Iterator[None]:
    yield
    docker.clear()


@pytest.fixture
def base(clear: None) -> Iterator[Path]:
    with shared_folder() as folder:
        yield folder


class Scene:
    """One container with a config of its own, and the doctor asked about it."""

    def __init__(self, docker: engines.Docker, base: Path, name: str, release: matrix.Release) -> None:
        self.docker, self.base, self.name, self.release = docker, base, name, release
        self.port = free_port()
        self.folder = base / name

    @property
    def config(self) -> Path:
        return self.folder / "qBittorrent/config/qBittorrent.conf"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write(self, inner: int | None = None, *, password: bool = True, **settings: str) -> Path:
        self.config.parent.mkdir(parents=True)
        web = {"Address": "*", **({"Password_PBKDF2": password_hash(PASSWORD)} if password else {}), **settings}
        new = self.release.version_tuple >= (5, 3)
        self.config.write_text(config_text(web, layout="new" if new else "old", port=inner or self.port), "utf-8")
        for each in self.folder.rglob("*"):
            each.chmod(0o755 if each.is_dir() else 0o644)
        self.folder.chmod(0o755)
        return self.config

    def start(self, *options: str, published: int | None = None, wait: bool = True, **keywords: Any) -> None:
        publish = ["-p", f"127.0.0.1:{self.port}:{published or self.port}"]
        mine = [] if any("/config" in option for option in options) else ["-v", f"{self.folder}:/config"]
        keywords.setdefault("command", None)
        self.docker.run(self.name, self.release, *publish, *mine, *options, **keywords)
        if wait:
            engines.wait_for_output(self.docker, self.name, "access the WebUI|Web UI at")

    def doctor(
        self,
        who: str,
        *arguments: str,
        password: str = PASSWORD,
        verb: str = "check",
        env: Mapping[str, str] | None = None,
    ) -> Run:
        home = self.base / f"home-{who}"
        if not home.exists():
            home.mkdir(mode=0o700)
            if who != "root":
                give(EVE, home)
        given = {
            "DOCKER_HOST": self.docker.host,
            "QBDOCTOR_PASSWORD": password,
            "QBDOCTOR_STATE_DIR": str(home / "state"),
            **(env or {}),
        }
        words = command(verb, *arguments)
        if who != "root":
            words = [*others.as_user(EVE, *([GROUP] if who == "member" else [])), *words]
        done = run(home=home, env=given, words=[*self.docker.inside, *words])
        assert CANARY not in done.out + done.err
        assert PASSWORD not in done.out + done.err
        return done

    def report(self, who: str, *arguments: str, **keywords: Any) -> dict[str, Any]:
        done = self.doctor(who, *(arguments or ("--url", self.url)), "--json", **keywords)
        found: dict[str, Any] = json.loads(done.out)
        jsonschema.validate(found, load("report/1"))
        return found


@pytest.fixture
def scene(docker: engines.Docker, base: Path, releases: Callable[[str], matrix.Release]) -> Callable[..., Scene]:
    return lambda name, release=NEWEST: Scene(docker, base, name, releases(release))


def causes(report: dict[str, Any], severity: str = "error") -> list[str]:
    return [one["id"] for one in report["causes"] if one["severity"] == severity]


def said(report: dict[str, Any]) -> str:
    return json.dumps(report["causes"])


@pytest.fixture(params=(pytest.param("root", marks=pytest.mark.extended), "member"))
def who(request: pytest.FixtureRequest) -> str:
    return str(request.param)
