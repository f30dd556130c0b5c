"""The built-in stand-in against the real server of the same release: the same requests, the same answers."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from qbdoctor import releases
from qbdoctor.config.settings import Settings
from qbdoctor.releases.versions import KNOWN, known
from qbdoctor.simulator.__main__ import CONFIG, HEADER
from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.profile import config_text, free_port, password_hash
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import causes, diagnose
from tests.support.replay import FORM, LOGIN, VERSION, Player, get
from tests.support.simulate_script import SCENARIOS

pytestmark = pytest.mark.in_turn

EVERYONE = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}


@contextlib.contextmanager
def standin(
    folder: Path, release: str, settings: Mapping[str, str] | None = None, **keywords: Any
) -> Iterator[StandIn]:
    """A stand-in with the config that `Server.start` would have made, in a process of its own."""
    port = free_port()
    layout = releases.layout(known(release), None if known(release) < KNOWN[-1] else 12)
    held = {"Password_PBKDF2": password_hash(PASSWORD), **(settings or {})}
    text = config_text(held, layout="new" if layout == "WebUI" else "old", port=port)
    file = folder / CONFIG
    file.parent.mkdir(parents=True)
    file.write_text(keywords.get("config", text).replace("%PORT%", str(port)))
    command = [sys.executable, "-m", "qbdoctor.simulator", "--profile", str(folder), "--release", release]
    process = subprocess.Popen([*command, *keywords.get("arguments", ())], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        yield StandIn(process, port, folder, first)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@dataclass
class StandIn:
    process: subprocess.Popen[str]
    port: int
    profile: Path
    first_line: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def file(self) -> Path:
        return self.profile / CONFIG

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@pytest.mark.parametrize("scenario", ["keys", "everyone", "preferences"])
def test_same_file(scenario: str, release: Release, server: ServerFactory, tmp_path: Path) -> None:
    """After the same requests the settings stand in the file alike; that the answers are the same is test_simulate's."""
    settings, asks = SCENARIOS[scenario]
    real = server(settings=settings)
    with standin(tmp_path / "profile", release.version, settings) as imitation:
        with ThreadPoolExecutor() as pool:
            theirs, ours = pool.map(lambda port: Player(port).play(asks), (real.port, imitation.port))
        assert [answer[0] for answer in ours] == [answer[0] for answer in theirs]
        assert (real.stop(), imitation.stop()) == (0, 0)
        version = known(release.version)
        files = [Settings.load(path, version) for path in (real.config_file, imitation.file)]
        for key in releases.KEYS:
            if key.json and not key.secret and key.name != "Port" and releases.reads(key, version):
                assert files[1].value_text(key.name) == files[0].value_text(key.name)


def test_the_file_as_qbittorrent_leaves_it(release: Release, server: ServerFactory, tmp_path: Path) -> None:
    """An edit under a running one is lost; comments go, spellings become Qt's; shutdown ends it as SIGTERM does."""
    web = "[WebUI]\n" if release.version_tuple >= (5, 3) else "[Preferences]\nWebUI\\"
    prefix = web.partition("\n")[2]
    lines = {"Username": "'x y'", "ServerDomains": '"a;b"', "Address": "127.0.0.1", "LocalHostAuth": "maybe"}
    lines |= {"AuthSubnetWhitelist": '"10.0.0.0/8"  ,x', "Port": "%PORT%", "Password_PBKDF2": password_hash(PASSWORD)}
    text = f"; a comment\n{web.partition(prefix)[0] if prefix else web}"
    text += "".join(f"{prefix}{key}={value}\n" for key, value in lines.items())
    text += "[LegalNotice]\nAccepted=true\n" + (
        "[Meta]\nMigrationVersion=12\n" if release.version_tuple >= (5, 3) else ""
    )
    real = server(raw_config=text.encode())
    with standin(tmp_path / "profile", release.version, config=text) as imitation:
        for file in (real.config_file, imitation.file):
            file.write_text(file.read_text() + "[Edited]\nunder=it\n")
        assert real.stop() == 0
        session = {"cookie": play_login(imitation.port)}
        connection = http.client.HTTPConnection("127.0.0.1", imitation.port)
        connection.request("POST", "/api/v2/app/shutdown", headers=session)
        assert connection.getresponse().status == 200
        assert imitation.process.wait(5) == 0
        ours, theirs = (path.read_text().splitlines() for path in (imitation.file, real.config_file))
    names = {f"{prefix}{key}" for key in lines} - {f"{prefix}Port"}
    assert [line for line in ours if line.split("=")[0] in names] == [
        line for line in theirs if line.split("=")[0] in names
    ]
    assert "; a comment" not in ours
    assert "under=it" not in ours
    assert not (imitation.file.parent / "qBittorrent_new.conf").exists()


def play_login(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    form = urlencode({"username": "'x y'", "password": PASSWORD})
    connection.request("POST", LOGIN, form, {"content-type": FORM})
    return str(connection.getresponse().getheader("set-cookie")).partition(";")[0]


def test_what_is_no_http_is_refused_alike(healthy: Server, tmp_path: Path) -> None:
    with standin(tmp_path / "profile", healthy.version) as imitation:
        for sent in (
            b"GET /\r\n\r\n",
            b"HELLO\r\n\r\n",
            b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET / FTP/1.0\r\n\r\n",
        ):
            answers = []
            for port in (healthy.port, imitation.port):
                with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                    connection.sendall(sent)
                    answers.append(connection.recv(4096).partition(b"\r\n")[0])
            assert answers[0] == answers[1], sent


@pytest.mark.parametrize("version", ["4.1.0", "4.6.7", "5.3.0"])
def test_it_says_what_it_is(version: str, tmp_path: Path) -> None:
    with standin(tmp_path / "profile", version, {"Password_ha1": "0" * 32} if version == "4.1.0" else {}) as imitation:
        assert "stand-in" in imitation.first_line
        assert imitation.url in imitation.first_line
        connection = http.client.HTTPConnection("127.0.0.1", imitation.port)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.getheader(HEADER) == "1"
        assert b"stand-in" in answer.read()
        assert imitation.stop() == 0


def test_a_newest_release_moves_the_old_section(tmp_path: Path) -> None:
    text = config_text({"LocalHostAuth": "false"}, layout="old", port=1).replace("Port=1\n", "Port=%PORT%\n")
    with standin(tmp_path / "profile", str(KNOWN[-1]), config=text) as imitation:
        assert Player(imitation.port).play([get(VERSION)])[0][0] == "200"
        assert imitation.stop() == 0
        found = Settings.load(imitation.file, KNOWN[-1]).found("LocalHostAuth")
        assert found is not None
        assert (found.section, found.key) == ("WebUI", "LocalHostAuth")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--release", "9.9"], "no release"), (["--release", "x"], "no release"), ([], "no config file")],
)
def test_bad_input(arguments: list[str], says: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "qbdoctor.simulator", "--profile", str(tmp_path), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert run.returncode == 2
    assert says in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.extended
def test_the_doctor_sees_it_as_the_real_one(release: Release, server: ServerFactory, tmp_path: Path) -> None:
    for number, (settings, password) in enumerate(
        [({}, PASSWORD), ({"LocalHostAuth": "false"}, PASSWORD), (EVERYONE, PASSWORD), ({}, "canary-wrong")]
    ):
        real = server(settings=settings)
        with standin(tmp_path / f"profile {number}", release.version, settings) as imitation:
            reports = [
                diagnose("--url", one.url, "--profile", str(one.profile), password=password, env=state)
                for one in (real, imitation)
                for state in [{"QBDOCTOR_STATE_DIR": str(tmp_path / f"{number} {one.port}")}]
            ]
        # Another server on this host, which other tests have, is no difference between these two
        theirs, ours = (
            (report["verdict"]["state"], report["exit_code"], set(causes(report)) - {"cookie-clobber"})
            for report in reports
        )
        assert ours == theirs, [report["causes"] for report in reports]
        assert ours[0] == ("problem" if number in {2, 3} else "healthy")
