"""Named targets: their options, their secrets from elsewhere, and what is refused."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import jsonschema
import pytest

from qbdoctor.reports.schema import load
from tests.conftest import ServerFactory
from tests.kit.server import PASSWORD
from tests.support.doctor import qbdoctor
from tests.terminal.screen import Screen, seen

QUIET = f"{sys.executable} -c 'print(\"{PASSWORD}\")'"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "config of mine"
    made.mkdir(mode=0o700)
    monkeypatch.setenv("QBDOCTOR_CONFIG_DIR", str(made))
    return made


def write(folder: Path, text: str) -> Path:
    path = folder / "targets.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("kind", ["command", "file"])
def test_a_target_by_its_name(server: ServerFactory, folder: Path, kind: str) -> None:
    running = server("5.3.0")
    kept = folder / "password"
    kept.write_text(PASSWORD)
    kept.chmod(0o600)
    secret = f"command = '''{QUIET}'''" if kind == "command" else f"file = '{kept}'"
    write(
        folder, f"[targets.nas]\nurl = '{running.url}/x'\npassword = {{{secret}}}\n[targets.other]\nurl = 'nas.lan'\n"
    )
    code, screen = seen("--target", "nas")
    assert code == 1, screen.text
    assert f"check --target nas --url {running.url}" in screen.text.replace(
        f"--url {running.url} --target nas", f"--target nas --url {running.url}"
    )
    code, screen = seen("check", "--target", "nas", "--url", running.url)
    assert code == 0, screen.text
    assert "takes the login" in " ".join(screen.text.split())
    code, screen = seen("targets")
    assert code == 0
    assert [line.split()[0] for line in screen.lines[:2]] == ["nas", "other"]
    assert PASSWORD not in screen.text
    run = qbdoctor("targets", "--json")
    jsonschema.validate(json.loads(run.out), load("targets/1"))
    assert [one["name"] for one in json.loads(run.out)["targets"]] == ["nas", "other"]
    assert json.loads(run.out)["targets"][0]["secrets"] == {"password": kind}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[targets.nas]\npassword = "hunter2secret"\n', "is a text"),
        ('[targets.nas]\napi_key = "hunter2secret"\n', "is a text"),
        ('[targets.nas]\npassword = {text = "hunter2secret"}\n', "must be a table of one"),
        ('[targets.nas]\npassword = {command = "x", file = "hunter2secret"}\n', "must be a table of one"),
        ('[targets.nas]\npassword = {command = "/no/such/program hunter2secret"}\n', "cannot be started"),
        (
            f"[targets.nas]\npassword = {{command = '''{sys.executable} -c 'print(\"hunter2secret\");exit(3)' '''}}\n",
            "exit code 3",
        ),
        ("[targets.nas]\npassword = {command = 'true'}\n", "printed no line"),
        ("[targets.nas]\npasword = 1\n", "no such key"),
        ("[targets.nas]\nusername = 1\n", "must be a text"),
        ("[targets.nas]\ninsecure = 'yes'\n", "true or false"),
        ("[targets.nas\n", "not TOML"),
        ("[target.nas]\n", "other things"),
        ("[targets.nsa]\n", "did you mean nsa"),
    ],
)
def test_what_is_refused(folder: Path, text: str, words: str) -> None:
    write(folder, text.replace("[targets.nas]\n", "[targets.nas]\nurl = 'http://127.0.0.1:9'\n"))
    code, screen = seen("check", "--target", "nas")
    assert code == 2, screen.text
    told = " ".join(screen.text.split())
    assert words in told, told
    assert "hunter2secret" not in told
    assert "Traceback" not in told
    report = qbdoctor("check", "--json", "--target", "nas").report
    assert report["error"], report


@pytest.mark.parametrize("what", ["file", "folder", "secret"])
def test_what_others_may_write_is_refused(folder: Path, what: str) -> None:
    kept = folder / "password"
    kept.write_text("hunter2secret")
    kept.chmod(0o620 if what == "secret" else 0o600)
    path = write(folder, f"[targets.nas]\nurl = 'http://127.0.0.1:9'\npassword = {{file = '{kept}'}}\n")
    if what == "file":
        path.chmod(0o622)
    if what == "folder":
        folder.chmod(0o777)
    code, screen = seen("check", "--target", "nas")
    assert code == 2, screen.text
    assert "may be changed by others" in " ".join(screen.text.split())


def test_a_keyring_that_cannot_be_read_is_one_sentence(folder: Path) -> None:
    pytest.importorskip("keyring")
    write(folder, "[targets.nas]\nurl = 'http://127.0.0.1:9'\npassword = {keyring = true}\n")
    code, screen = seen("check", "--target", "nas", env={"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})
    assert code == 2, screen.text
    assert "keyring" in screen.text
    assert "Traceback" not in screen.text


def test_no_file_is_no_target(folder: Path) -> None:
    assert qbdoctor("targets").code == 0
    run = qbdoctor("check", "--target", "nas")
    assert run.code == 2
    assert "there is no target 'nas'" in run.err


def test_no_login_fetches_no_secret(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "was run"
    write(folder, f"[targets.nas]\nurl = 'http://127.0.0.1:9'\npassword = {{command = 'touch {mark}'}}\n")
    screen = Screen("check", "--no-login", "--target", "nas")
    assert screen.end() == 1
    assert not mark.exists()
    assert os.environ["QBDOCTOR_CONFIG_DIR"]


def test_the_example_of_the_readme_is_taken(folder: Path) -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8").partition("```toml\n")[2].partition("```")[0]
    write(folder, text)
    code, screen = seen("targets")
    assert code == 0, screen.text
    assert [line.split()[0] for line in screen.lines[:2]] == ["nas", "seedbox"]
    assert "password from: command" in screen.text
