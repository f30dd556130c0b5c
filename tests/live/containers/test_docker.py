"""qBittorrent in containers of a real Docker daemon: what root, a member of the group docker, and a stranger are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from qbdoctor.reports.schema import load
from tests.kit import engines, matrix, needs
from tests.kit.profile import config_text, free_port, password_hash
from tests.support.doctor import Run
from tests.support.leftovers import end_watchdogs
from tests.support.strangers import EVE, command, give, run, shared_folder

pytestmark = pytest.mark.live

PASSWORD = "canary-7d20aa31"
CANARY = "canary-of-the-environment"
NEWEST = matrix.RELEASES[-1]
GROUP = 54_399
WHO = ("root", "member", "stranger")


@pytest.fixture(scope="module")
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

    def doctor(self, who: str, *arguments: str, password: str = PASSWORD, verb: str = "check") -> Run:
        home = self.base / f"home-{who}"
        if not home.exists():
            home.mkdir(mode=0o700)
            if who != "root":
                give(EVE, home)
        env = {
            "DOCKER_HOST": self.docker.host,
            "QBDOCTOR_PASSWORD": password,
            "QBDOCTOR_STATE_DIR": str(home / "state"),
        }
        words = command(verb, *arguments)
        if who != "root":
            needs.open_to_others(
                Path(sys.executable).resolve().parent, Path(__file__).parents[3], Path(json.__file__).parent
            )
            groups = [f"--groups={GROUP}"] if who == "member" else ["--clear-groups"]
            words = ["setpriv", f"--reuid={EVE}", f"--regid={EVE}", *groups, *words]
        done = run(home=home, env=env, words=[*self.docker.inside, *words])
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


def test_healthy_and_named(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-healthy")
    one.write()
    one.start("-e", f"SECRET_TOKEN={CANARY}")
    for target in (("--url", one.url), ("--container", "qb-healthy")):
        report = one.report(who, *target)
        assert report["verdict"]["state"] == "healthy", report["verdict"]
        assert report["target"]["url"] == one.url
        assert report["target"]["config_file"] == str(one.config)
        found = report["target"]["container"]
        assert (found["engine"], found["name"], found["state"]) == ("docker", "qb-healthy", "running")
        assert found["ports"] == [f"127.0.0.1:{one.port}->{one.port}/tcp"]
        assert next(check for check in report["checks"] if check["id"] == "password")["status"] == "pass"
        assert next(check for check in report["checks"] if check["id"] == "config-running")["status"] == "pass"


def test_a_stranger_is_told_who_may_ask(scene: Callable[..., Scene]) -> None:
    one = scene("qb-closed")
    one.write(inner=8080)
    one.start(published=9090)
    report = one.report("stranger")
    assert causes(report) == ["wrong-port"], report["verdict"]
    assert "group docker" in said(report)
    refused = one.doctor("stranger", "--container", "qb-closed", "--json")
    assert refused.code == 3
    assert "group docker" in refused.report["error"]["message"]


def test_a_published_port_that_leads_elsewhere(scene: Callable[..., Scene], who: str, base: Path) -> None:
    one = scene("media-qbittorrent-1")
    one.write(inner=8080)
    compose = base / "compose.yaml"
    text = f'services:\n  qb:\n    image: x\n    ports:\n      - "127.0.0.1:{one.port}:9090"\n'
    compose.write_text(text)
    labels = {
        "project": "media",
        "service": "qb",
        "project.config_files": str(compose),
        "project.working_dir": str(base),
    }
    one.start(
        *(word for key, value in labels.items() for word in ("--label", f"com.docker.compose.{key}={value}")),
        published=9090,
    )
    report = one.report(who)
    assert causes(report) == ["wrong-port"]
    first = report["causes"][0]
    assert first["confidence"] == "proven"
    assert f'-      - "127.0.0.1:{one.port}:9090"' in "\n".join(first["remedies"][0]["commands"]).splitlines()
    assert f"docker compose -f {compose} up -d qb" in said(report)
    assert compose.read_text() == text
    assert report["target"]["container"]["compose"] == {"file": str(compose), "service": "qb"}


def test_a_number_that_the_host_header_gives_away(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-mapped")
    one.write(inner=8080)
    one.start(published=8080)
    report = one.report(who)
    assert causes(report) == ["host-port-mismatch"]
    assert report["target"]["container"]["name"] == "qb-mapped"


def test_a_variable_sets_the_port(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-env")
    one.write(inner=8080)
    one.start("-e", "QBT_WEBUI_PORT=9091", "-e", f"SECRET_TOKEN={CANARY}", published=8080)
    report = one.report(who)
    assert causes(report) == ["env-override"], report["verdict"]
    assert "QBT_WEBUI_PORT=9091" in report["verdict"]["headline"]


def test_the_temporary_password(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-temp")
    one.write(password=False)
    one.start()
    report = one.report(who)
    assert causes(report) == ["temporary-password"]
    assert "docker logs qb-temp" in said(report)
    made = engines.temporary_password(one.docker("logs", "qb-temp"))
    assert made
    assert made not in said(report)


def test_behind_another_container(scene: Callable[..., Scene], who: str) -> None:
    """The gluetun pattern: the other container publishes, and qBittorrent uses its network."""
    vpn, one = scene("vpn"), scene("torrents")
    vpn.write()
    one.port = vpn.port
    one.write()
    vpn.start("-v", "/usr/bin/sleep:/usr/bin/sleep:ro", command=["/usr/bin/sleep", "600"], wait=False)
    one.docker.run("torrents", one.release, "--network", "container:vpn", "-v", f"{one.folder}:/config")
    engines.wait_for_output(one.docker, "torrents", "access the WebUI|Web UI at")
    for target in (("--url", one.url), ("--container", "torrents")):
        report = one.report(who, *target)
        assert report["verdict"]["state"] == "healthy", report["verdict"]
        assert report["target"]["url"] == one.url
        assert report["target"]["container"]["name"] == "torrents"
        assert report["target"]["container"]["ports"] == [f"127.0.0.1:{one.port}->{one.port}/tcp"]


def test_stopped_and_killed_for_want_of_memory(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-stopped")
    one.write()
    one.start()
    one.docker("stop", "qb-stopped")
    report = one.report(who)
    assert causes(report) == ["not-running"], said(report)
    assert "docker start qb-stopped" in said(report)
    assert report["target"]["container"]["state"] == "exited"
    other = scene("qb-hungry")
    other.write()
    other.start("--memory", "16m", "--memory-swap", "16m", "-v", "/usr/bin/tail:/usr/bin/tail:ro",
                command=["/usr/bin/tail", "/dev/zero"], wait=False)  # fmt: skip
    end = time.monotonic() + 20
    while other.docker.inspect("qb-hungry")["State"]["Running"] and time.monotonic() < end:
        time.sleep(0.2)
    if not other.docker.inspect("qb-hungry")["State"]["OOMKilled"]:
        pytest.skip("this kernel does not count a container's memory")
    report = other.report(who)
    assert causes(report) == ["not-running"], said(report)
    assert "for want of memory" in report["verdict"]["headline"]


@pytest.mark.extended
def test_another_address_than_the_published_one(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-six")
    one.write()
    one.docker.run("qb-six", one.release, "-p", f"[::1]:{one.port}:{one.port}", "-v", f"{one.folder}:/config")
    engines.wait_for_output(one.docker, "qb-six", "access the WebUI|Web UI at")
    report = one.report(who)
    assert causes(report) == ["wrong-port"], said(report)
    assert f"http://[::1]:{one.port}" in said(report)
    found = one.report(who, "--container", "qb-six")
    assert (found["verdict"]["state"], found["target"]["url"]) == ("healthy", f"http://[::1]:{one.port}")


@pytest.mark.extended
def test_not_published_at_all_and_open_inside_alone(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-unpublished")
    one.write()
    one.docker.run("qb-unpublished", one.release, "-v", f"{one.folder}:/config")
    engines.wait_for_output(one.docker, "qb-unpublished", "access the WebUI|Web UI at")
    report = one.report(who)
    assert causes(report) == ["wrong-port"], said(report)
    assert report["causes"][0]["confidence"] == "proven"
    assert f"-p 127.0.0.1:{one.port}:{one.port}" in said(report)
    found = one.report(who, "--container", "qb-unpublished")
    assert found["verdict"]["state"] == "healthy"
    assert found["target"]["url"].startswith("http://172.")
    other = scene("qb-inside")
    other.write(Address="127.0.0.1")
    other.start()
    report = other.report(who)
    assert causes(report) == ["not-running"], said(report)
    assert "listens at 127.0.0.1 alone" in report["verdict"]["headline"]


@pytest.mark.extended
def test_the_hosts_network(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-host")
    one.write()
    one.docker.run("qb-host", one.release, "--network", "host", "-v", f"{one.folder}:/config")
    engines.wait_for_output(one.docker, "qb-host", "access the WebUI|Web UI at")
    for target in (("--url", one.url), ("--container", "qb-host")):
        report = one.report(who, *target)
        assert report["verdict"]["state"] == "healthy", report["verdict"]
        assert report["target"]["container"]["name"] == "qb-host"
        assert report["target"]["config_file"] == str(one.config)


@pytest.mark.extended
def test_one_that_ends_again_and_again(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-loop")
    one.write()
    one.start("--restart", "always", command=["/usr/bin/qbittorrent-nox", "--no-such-option"], wait=False)
    end = time.monotonic() + 20
    while one.docker.inspect("qb-loop")["RestartCount"] < 2 and time.monotonic() < end:
        time.sleep(0.1)
    report = one.report(who)
    assert causes(report) == ["not-running"], said(report)
    assert "docker logs --tail 50 qb-loop" in said(report)


@pytest.mark.extended
def test_two_at_once(scene: Callable[..., Scene], who: str) -> None:
    first, second = scene("qb-one"), scene("qb-two")
    for one in (first, second):
        one.write()
        one.start()
    report = first.report(who, "--no-login")
    assert report["error"]["code"] == "several-instances"
    assert "--container qb-one" in report["error"]["message"]
    assert "--container qb-two" in report["error"]["message"]
    for one in (first, second):
        found = one.report(who)
        assert found["verdict"]["state"] == "healthy"
        assert found["target"]["container"]["name"] == one.name


@pytest.mark.extended
def test_a_volume_that_only_root_may_read(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-volume")
    one.docker("volume", "create", "qbvol")
    one.start("-v", "qbvol:/config", command=["/usr/bin/qbittorrent-nox", "--profile=/config", f"--webui-port={one.port}",
              "--confirm-legal-notice"])  # fmt: skip
    time.sleep(6)  # the config is saved by then
    report = one.report(who)
    assert causes(report) == ["temporary-password"], report["verdict"]
    shown = report["target"]["config_file"]
    assert shown.endswith("qBittorrent/config/qBittorrent.conf")
    assert who == "root" or shown.startswith("qb-volume:/config")
    if who == "member":
        done = one.doctor(
            who, "require-localhost-auth", "--container", "qb-volume", "--via", "file", "--restart", "--yes", verb="fix"
        )
        assert done.code == 4, done.out + done.err
        assert "volume qbvol" in done.out + done.err
    one.docker.clear()
    one.docker("volume", "rm", "qbvol")


FIX = ("require-localhost-auth", "--yes", "--deadline", "60")


def test_fixed_with_a_restart_and_taken_back_from_a_new_container(scene: Callable[..., Scene]) -> None:
    """As root; the same container comes back, and its record serves the one that is made anew with the same folder."""
    one = scene("qb-restart")
    one.write(LocalHostAuth="false")
    os.chown(one.config, 1000, 1000)
    one.config.chmod(0o640)
    one.start("--restart", "unless-stopped")
    before = one.docker.inspect("qb-restart")
    done = one.doctor("root", *FIX, "--container", "qb-restart", "--via", "file", "--restart", verb="fix")
    assert done.code == 0, done.out + done.err
    after = one.docker.inspect("qb-restart")
    assert (after["Id"], after["State"]["Running"]) == (before["Id"], True)
    assert after["State"]["StartedAt"] != before["State"]["StartedAt"]
    assert after["HostConfig"]["RestartPolicy"] == before["HostConfig"]["RestartPolicy"]
    assert "LocalHostAuth=true" in one.config.read_text()
    (record,) = (one.base / "home-root/state/records").glob("*/record.json")
    target = json.loads(record.read_text())["target"]
    assert target["container"] == "docker qb-restart"
    assert target["config_inside"] == "/config/qBittorrent/config/qBittorrent.conf"
    kept = next(record.parent.glob("before.*")).read_bytes()
    one.docker("rm", "-f", "qb-restart")
    one.start()
    undone = one.doctor("root", "--last", "--yes", "--restart", "--via", "file", "--deadline", "60", verb="rollback")
    assert undone.code == 0, undone.out + undone.err
    assert "LocalHostAuth=false" in one.config.read_text()
    assert b"LocalHostAuth=false" in kept
    assert one.docker.inspect("qb-restart")["State"]["Running"]


@pytest.mark.extended
@pytest.mark.parametrize("after", [0.0, 0.3, 1.0])
def test_killed_in_the_middle_of_a_restart(scene: Callable[..., Scene], after: float) -> None:
    """The doctor is killed once the container stops: it comes back, with the old file or the new one, and can be taken back."""
    one = scene("qb-killed")
    one.write(LocalHostAuth="false")
    one.start()
    time.sleep(6)
    old = one.config.read_text()
    env = {**os.environ, "DOCKER_HOST": one.docker.host, "QBDOCTOR_PASSWORD": PASSWORD, "HOME": str(one.base)}
    env["QBDOCTOR_STATE_DIR"] = str(one.base / "state")
    words = one.docker.inside + command("fix", *FIX, "--container", "qb-killed", "--via", "file", "--restart")
    process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started = one.docker.inspect("qb-killed")["State"]["StartedAt"]
    end = time.monotonic() + 40
    while one.docker.inspect("qb-killed")["State"]["Running"] and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(after)
    process.kill()
    process.wait()
    while time.monotonic() < end:
        state = one.docker.inspect("qb-killed")["State"]
        if state["Running"] and state["StartedAt"] != started:
            break
        time.sleep(0.2)
    assert state["Running"] and state["StartedAt"] != started, state
    assert "LocalHostAuth=" in one.config.read_text()
    engines.wait_for_output(one.docker, "qb-killed", "access the WebUI|Web UI at")
    end_watchdogs()
    if "LocalHostAuth=true" in one.config.read_text():
        more = (
            "--last",
            "--yes",
            "--restart",
            "--via",
            "file",
            "--deadline",
            "60",
            "--state-dir",
            str(one.base / "state"),
        )
        undone = one.doctor("root", *more, verb="rollback")
        assert undone.code == 0, undone.out + undone.err
    assert "LocalHostAuth=false" in one.config.read_text()
    assert "LocalHostAuth=false" in old


@pytest.mark.extended
def test_live_in_a_container(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-live")
    one.write(LocalHostAuth="false")
    one.start()
    done = one.doctor(who, *FIX, "--container", "qb-live", verb="fix")
    assert done.code == 0, done.out + done.err
    undone = one.doctor(who, "--last", "--yes", verb="rollback")
    assert undone.code == 0, undone.out + undone.err


@pytest.mark.extended
@pytest.mark.parametrize(("options", "word"), [(("--rm",), "--rm"), (("read-only",), "read-only")])
def test_what_cannot_be_restarted_or_saved_is_refused(
    scene: Callable[..., Scene], options: tuple[str, ...], word: str
) -> None:
    one = scene("qb-refused")
    one.write(LocalHostAuth="false")
    before = one.config.read_bytes()
    more = ("-v", f"{one.folder}:/config", "-v", f"{one.config}:/config/qBittorrent/config/qBittorrent.conf:ro")
    one.start(*(more if word == "read-only" else options))
    done = one.doctor("root", *FIX, "--container", "qb-refused", "--via", "file", "--restart", verb="fix")
    assert done.code == 4, done.out + done.err
    assert word in done.out + done.err
    assert b"LocalHostAuth=false" in one.config.read_bytes()
    assert b"LocalHostAuth=false" in before
    assert one.docker.inspect("qb-refused")["State"]["Running"]


@pytest.mark.extended
def test_fifty_containers_cost_little(scene: Callable[..., Scene]) -> None:
    one = scene("qb-many")
    one.write()
    one.start()

    def seconds() -> float:
        times = []
        for _ in range(5):
            began = time.monotonic()
            one.report("root", "--url", one.url, "--no-login")
            times.append(time.monotonic() - began)
        return min(times)

    alone = seconds()
    for number in range(49):
        one.docker("create", "--name", f"other-{number}", one.docker.image(one.release), "/bin/true")
    assert seconds() - alone < 0.3
