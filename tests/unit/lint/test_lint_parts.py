"""The parts of lint by themselves: conditions, patterns, speed, imports."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.lint import languages, run
from qbdoctor.lint.facts import cookie_names
from qbdoctor.lint.facts.outcome import Expr, knows_new_answer, wants_old_answer
from tests.support.linted import FINE, found

# --- the parts -------------------------------------------------------------------------------------------------------


def status(number: int, op: str = "==") -> Expr:
    return Expr("cmp", leaf="status", op=op, value=number)


def body(text: str, op: str = "==") -> Expr:
    return Expr("cmp", leaf="body", op=op, value=text)


@pytest.mark.parametrize(
    ("expr", "wrong"),
    [
        (body("Ok."), True),
        (body("Ok.", "!="), True),
        (status(200), True),
        (status(200, "!="), True),
        (Expr("and", (status(200), body("Ok."))), True),
        (Expr("or", (status(204), body("Ok."))), False),
        (Expr("and", (Expr("not", (Expr("empty", leaf="body"),)), body("Ok.", "!="))), False),
        (body("Fails."), False),
        (status(204), False),
        (Expr("ok", leaf="status"), False),
        (status(400, ">="), False),
        (Expr("in", leaf="status", value=(200, 204)), False),
        (Expr("in", leaf="status", value=(200, 201)), True),
        (Expr("and", (Expr("?"), body("Ok."))), False),
        (Expr("?"), False),
    ],
)
def test_conditions_are_tried_on_the_releases_answers(expr: Expr, wrong: bool) -> None:
    assert wants_old_answer(expr) is wrong


def test_a_condition_that_knows_204() -> None:
    assert knows_new_answer(status(204))
    assert not knows_new_answer(Expr("ok", leaf="status")), "a wrong password was 200 as well"


@pytest.mark.parametrize(
    ("pattern", "lone"),
    [
        (r"SID=([^;]+)", True),
        (r"(?:^|;\s*)(SID=[^;]+)", True),
        (r"^.*(SID=\S+);.*", True),
        (r"(SID|QBT_SID_\d+)=([^;]+)", False),
        (r"([A-Za-z0-9_]*SID[A-Za-z0-9_]*)=([^;]+)", False),
        (r"PHPSESSID=([^;]+)", False),
        (r"(SID", False),
        (r"(S+)+SID=", False),
        (r"SID", False),
    ],
)
def test_patterns_are_tried_on_the_cookies(pattern: str, lone: bool) -> None:
    assert cookie_names.pattern_is_lone(pattern) is lone


@pytest.mark.parametrize(
    ("text", "talks"),
    [
        ('post("auth/login"); ok := HasPrefix(msg, "Ok"); c.Name == "SID"', True),
        ('post("auth/login"); ok := HasPrefix(msg, "Ok"); c.Name == "sid"', False),
        ('post("auth/login"); c.Name == "SID"', False),
        ('post("auth/signin"); ok := HasPrefix(msg, "Ok"); c.Name == "SID"', False),
    ],
)
def test_a_file_without_the_name_is_known_by_what_the_login_answers(text: str, talks: bool) -> None:
    assert languages.talks_to_qbittorrent("client/auth.go", text.encode()) is talks


def test_the_same_words_elsewhere_are_silent(file: Any) -> None:
    text = '''
import requests

session = requests.Session()
STATES = {"paused": "waiting", "Ok.": "fine"}


def state(base):
    """Looks for SID= in nothing; posts json to auth/login in no way."""
    answer = session.get(f"{base}/api/v2/torrents/info")
    if answer.status_code == 200:
        return STATES["paused"]
    print("SID=", answer.text == "Ok.", "login at /api/v2/auth/login failed")
    return None
'''
    assert found(file(text)) == []


@pytest.mark.parametrize("lines", [20_000, pytest.param(100_000, marks=pytest.mark.extended)])
def test_speed(tmp_path: Path, lines: int) -> None:
    """100,000 lines that all talk to qBittorrent, the worst there is, in under 10 s."""
    function = '''
def step_{n}(session, base, value, extra=None):
    """Generated."""
    url = f"{{base}}/api/v2/torrents/info?filter={{value}}"
    answer = session.get(url, timeout=10)
    if answer.status_code == 403:
        session.post(base + "/api/v2/auth/login", data={{"username": "a", "password": "b"}})
        answer = session.get(url, timeout=10)
    result = {{}}
    for item in answer.json():
        name = item.get("name", "").strip().lower()
        if name and name not in result or extra is not None:
            result[name] = [item["hash"], item.get("size", 0) * 2 + {n}]
    return sorted(result.items(), key=lambda pair: pair[1][1])

'''
    text = "import requests\n" + "".join(function.format(n=n) for n in range(125))
    count = -(-lines // text.count("\n"))
    for number in range(count):
        (tmp_path / f"qbit_{number}.py").write_text(text)
    started = time.process_time()
    result = run.lint([str(tmp_path)])
    took = time.process_time() - started
    assert result.looked_at == count
    assert took < max(4, lines / 10_000), f"{took:.1f} s"  # the start counts for some seconds on a busy machine


def test_a_large_file_takes_no_square_of_time(tmp_path: Path) -> None:
    path = tmp_path / "qbit.py"
    line = 'requests.get("http://qb:8080/api/v2/torrents/info")\nrequests.post("http://qb:8080/api/v2/auth/login")\n'
    text = "import requests\n" + line * 5000
    path.write_text(text)
    started = time.process_time()
    assert len(run.lint([str(path)]).findings) == 4999  # what stands before the first login is a probe
    assert time.process_time() - started < 10


def test_the_extra_is_imported_where_it_is_needed_alone(file: Any) -> None:
    code = (
        "import argparse, sys\n"
        "from qbdoctor.cli.commands import lint\n"
        f"lint.run(argparse.Namespace(paths=[{str(file(FINE))!r}], format='human', output=None, all=False))\n"
        "print([name for name in ('ast_grep_py', 'requests', 'rich') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
