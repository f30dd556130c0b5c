"""lint: formats, exit codes, what is looked at and what not, suppression, libraries by version, speed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from qbdoctor.cli.commands import lint as command
from qbdoctor.lint import libraries, run
from qbdoctor.lint.mends.trial import applied
from qbdoctor.model import shell
from qbdoctor.model.errors import UserError
from qbdoctor.reports import schema
from tests.support import systems
from tests.support.linted import FINE, WRONG, found

JSON_ID = "client-json-login"


def called(*paths: Path | str, form: str = "human", everything: bool = False) -> int:
    return command.run(
        argparse.Namespace(paths=[str(path) for path in paths], format=form, output=None, all=everything)
    )


# --- formats and exit codes ------------------------------------------------------------------------------------------


def test_a_person_reads_where_what_and_the_mended_line(file: Any, capsys: Any) -> None:
    path = file(WRONG)
    assert called(path) == 1
    text = capsys.readouterr().out
    assert f"{path}:3:1: {JSON_ID} (likely)" in text
    assert 'requests.post(f"{URL}/auth/login", data={"username": "a", "password": "***"})' in text
    assert text.endswith("1 found that breaks; 1 of 1 files talk to qBittorrent.\n")


def test_what_is_right_is_zero(file: Any, capsys: Any) -> None:
    assert called(file(FINE)) == 0
    assert capsys.readouterr().out == "Nothing found that breaks; 1 of 1 files talk to qBittorrent.\n"


@pytest.mark.parametrize("text", [WRONG, FINE, "", "print(1)\n"])
def test_json_keeps_its_schema(file: Any, capsys: Any, text: str) -> None:
    code = called(file(text), form="json")
    data = json.loads(capsys.readouterr().out)
    jsonschema.validate(data, schema.load("lint/1"))
    assert data["exit_code"] == code
    for finding in data["findings"]:
        assert list(finding)[:8] == ["file", "line", "column", "id", "confidence", "summary", "why", "remedy"]


def test_sarif_and_github(file: Any, capsys: Any) -> None:
    path = file(WRONG, "odd,name: 100%.py")
    assert called(path, form="sarif") == 1
    sarif = json.loads(capsys.readouterr().out)
    (result,) = sarif["runs"][0]["results"]
    assert (sarif["version"], result["ruleId"], result["level"]) == ("2.1.0", JSON_ID, "error")
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 1}
    assert called(path, form="github") == 1
    line = capsys.readouterr().out
    assert line.startswith("::error file=") and "odd%2Cname%3A 100%25.py,line=3,col=1" in line
    assert line.count("\n") == 1


def test_sarif_holds_the_mended_lines_as_a_fix(file: Any, capsys: Any) -> None:
    assert called(file(WRONG.replace('"b"', "WORD")), form="sarif") == 1  # a password in it is handed on to nobody
    (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    (change,) = result["fixes"][0]["artifactChanges"]
    (replacement,) = change["replacements"]
    assert replacement["deletedRegion"] == {"startLine": 3, "startColumn": 1, "endLine": 4, "endColumn": 1}
    assert replacement["insertedContent"]["text"] == FINE.splitlines()[2].replace('"b"', "WORD") + "\n"


def test_a_github_message_holds_the_mended_line(file: Any, capsys: Any) -> None:
    called(file(WRONG), form="github")
    assert "%0Aline 3:%0Arequests.post(" in capsys.readouterr().out


def test_a_mend_that_would_not_help_is_not_printed(file: Any) -> None:
    """Here a name for the session is made twice over: what is proposed leaves the finding, so no line is printed."""
    text = (
        "import requests as rq\nURL = 'http://qb:8080/api/v2'\n"
        "rq.post(URL + '/auth/login', data={'username': 'a', 'password': 'b'})\nrq.get(URL + '/torrents/info')\n"
    )
    for finding in run.lint([str(file(text))]).findings:
        if finding.mended:
            mended = file(applied(text, finding.mended), "mended.py")
            assert run.lint([str(mended)]).findings == ()


def test_many_findings_are_not_all_mended(file: Any) -> None:
    """Each mend is tried by reading the file again: a bound keeps that from becoming a square."""
    findings = run.lint([str(file(WRONG + WRONG.splitlines(keepends=True)[2] * 2999))]).findings
    assert len(findings) == 3000
    assert any(finding.mended for finding in findings)
    assert not all(finding.mended for finding in findings)


def test_possible_alone_does_not_fail_a_run(file: Any, capsys: Any) -> None:
    text = (
        "import os, aiohttp\nQB = os.getenv('QB', 'http://qbittorrent:8080')\nasync def go():\n"
        "    async with aiohttp.ClientSession() as s:\n"
        "        await s.post(QB + '/api/v2/auth/login', data={'username': 'a', 'password': 'b'})\n"
    )
    assert called(file(text)) == 0
    assert "client-drops-cookie (possible)" in capsys.readouterr().out


# --- what is looked at -----------------------------------------------------------------------------------------------


def test_code_that_does_not_talk_to_qbittorrent_is_left_alone(file: Any) -> None:
    other = file(
        'import requests\nrequests.post("http://x/api/v1/auth/login", json={"username": "a", "password": "b"})\n'
    )
    assert found(other) == []
    assert called(other, everything=True) == 0, "another API's login is no concern even then"
    near = file(
        'import requests\nrequests.post("http://x/auth/login", json={"username": "a", "password": "b"})\n', "y.py"
    )
    assert found(near) == []
    assert [each.id for each in run.lint([str(near)], everything=True).findings] == [JSON_ID]


@pytest.mark.parametrize("folder", ["node_modules", ".venv", "dist", "vendor", "__pycache__", ".git"])
def test_vendored_folders_are_passed_over(file: Any, tmp_path: Path, folder: str) -> None:
    file(WRONG, f"{folder}/qbit/client.py")
    assert found(tmp_path) == []
    assert found(tmp_path / folder / "qbit/client.py") == [(3, JSON_ID)], "named by hand, it is looked at"


def test_tests_with_invented_servers_are_no_clients(file: Any, tmp_path: Path) -> None:
    file("import pytest\n" + WRONG, "tests/test_client.py")
    assert found(tmp_path) == []


def test_a_script_is_known_by_its_first_line(file: Any) -> None:
    assert found(file("#!/usr/bin/env python3\n" + WRONG, "qbit-login")) == [(4, JSON_ID)]


def test_a_script_of_an_init_system(file: Any) -> None:
    pytest.importorskip("ast_grep_py")
    text = "#!/usr/bin/with-contenv bash\ncurl -s 'http://qb:8080/api/v2/auth/login?username=a&password=b'\n"
    assert found(file(text, "svc-qbittorrent/run")) == [(2, "client-http-method")]


def test_our_own_code_is_silent() -> None:
    """It knows both names and both answers."""
    result = run.lint([str(Path(run.__file__).parents[1])])
    assert [(finding.file, finding.line) for finding in result.findings] == []
    assert result.looked_at > 10


@systems.links
def test_links_are_followed_once_and_never_in_a_circle(file: Any, tmp_path: Path) -> None:
    path = file(WRONG, "a/client.py")
    (tmp_path / "a/loop").symlink_to(tmp_path / "a")
    (tmp_path / "a/self.py").symlink_to(tmp_path / "a/self.py")
    (tmp_path / "a/again.py").symlink_to(path)
    result = run.lint([str(tmp_path), str(path)])
    assert len(result.findings) == 1
    assert [Path(skipped.file).name for skipped in result.skipped] == ["self.py"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("binary.py", b"\x7fELF\0\0qbittorrent api/v2/", "binary"),
        ("large.py", b"# qbittorrent api/v2\n" * 1_000_000, "larger than 2 MB"),
        ("broken.py", b"def (: # qbittorrent api/v2\n", "not python that can be read, line 1"),
        ("deep.py", b"x = " + b"(" * 5000 + b"1" + b")" * 5000 + b" # qbittorrent api/v2\n", ""),
        ("sum.py", b"# qbittorrent api/v2\nx = " + b"+".join([b"1"] * 20_000) + b"\n", ""),
    ],
)
def test_what_cannot_be_read_is_named(file: Any, name: str, data: bytes, reason: str) -> None:
    result = run.lint([str(file(data, name))])
    assert result.exit_code == (0 if result.seen else 3)
    assert [skipped.reason for skipped in result.skipped][:1] == [reason] if reason else len(result.skipped) <= 1


def test_bytes_that_are_no_text_and_other_line_ends(file: Any) -> None:
    assert found(file(b"\xef\xbb\xbf# caf\xe9\r\n" + WRONG.replace("\n", "\r\n").encode())) == [(4, JSON_ID)]


@pytest.mark.parametrize("path", ["/no/such/path", "nul\0byte", "/dev/null"])
def test_a_path_that_is_not_there_is_a_sentence(path: str) -> None:
    with pytest.raises(UserError) as caught:
        called(path)
    assert caught.value.exit_code == 2
    assert caught.value.message.startswith("lint: ")


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(file: Any) -> None:
    path = file(WRONG)
    path.chmod(0)
    assert run.lint([str(path)]).skipped


def test_no_path_and_an_unknown_format_are_refused() -> None:
    for paths, form in ((), "human"), (("x",), "html"):
        with pytest.raises(UserError):
            called(*paths, form=form)


def test_without_the_extra_python_is_linted_and_the_rest_named(file: Any, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, "ast_grep_py", None)
    script = file("curl http://qb:8080/api/v2/auth/login\n", "login.sh")
    result = run.lint([str(script), str(file(WRONG))])
    assert [finding.id for finding in result.findings] == [JSON_ID]
    assert [(skipped.file, skipped.reason) for skipped in result.skipped] == [(str(script), run.NO_EXTRA)]
    called(script)
    assert f"pip install {shell.quote('qbdoctor[lint]')}" in capsys.readouterr().out


def test_no_terminal_codes_from_a_file_reach_the_screen(file: Any, capsys: Any) -> None:
    text = WRONG.replace('"a"', '"\x1b[2J"')
    called(file(text))
    assert "\x1b" not in capsys.readouterr().out


# --- suppression -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "silent"),
    [
        ("# qbdoctor: ignore", True),
        ("# QBDoctor: Ignore", True),
        (f"# qbdoctor: ignore[{JSON_ID}]", True),
        (f"# qbdoctor: ignore[client-http-method, {JSON_ID}]", True),
        ("# qbdoctor: ignore[client-http-method]", False),
        ("# noqa", False),
    ],
)
def test_comments_silence_their_line_and_the_next(file: Any, line: str, silent: bool) -> None:
    lines = WRONG.splitlines()
    assert (found(file("\n".join([*lines[:2], f"{lines[2]}  {line}"]))) == []) is silent
    assert (found(file("\n".join([*lines[:2], line, lines[2]]))) == []) is silent
    assert found(file("\n".join([line, *lines]))), "only the line after it"


def test_a_whole_file_can_be_silenced(file: Any) -> None:
    assert found(file("# qbdoctor: ignore-file\n" + WRONG)) == []


def test_comments_of_the_other_languages(file: Any) -> None:
    pytest.importorskip("ast_grep_py")
    text = "fetch('http://qb:8080/api/v2/auth/login');{}\n"
    assert found(file(text.format(""), "a.js")) == [(1, "client-http-method")]
    assert found(file(text.format(" // qbdoctor: ignore[client-http-method]"), "a.js")) == []


# --- libraries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "bad"),
    [
        ("requirements.txt", "requests\nqbittorrent-api==2025.7.0\n", True),
        ("requirements.txt", "qbittorrent_api == 2024.12.71  # pinned\n", True),
        ("requirements.txt", "qbittorrent-api<2025.11\n", True),
        ("requirements.txt", "qbittorrent-api~=2025.7\n", False),
        ("requirements.txt", "qbittorrent-api~=2025.7.0\n", True),
        ("requirements.txt", "qbittorrent-api==2025.11.1\n", False),
        ("requirements.txt", "qbittorrent-api>=2024.1\n", False),
        ("requirements.txt", "qbittorrent-api\n", False),
        ("requirements.txt", "# qbittorrent-api==2025.7.0\n", False),
        ("requirements-dev.txt", "python-qbittorrent\n", True),
        ("requirements.txt", "aioqbt==1.0.0\n", True),
        ("requirements.txt", "aioqbt==1.1.0\n", False),
        ("poetry.lock", '[[package]]\nname = "qbittorrent-api"\nversion = "2025.5.0"\n', True),
        ("uv.lock", '[[package]]\nname = "qbittorrent-api"\nversion = "2026.5.1"\n', False),
        ("Pipfile.lock", '{"default": {"qbittorrent-api": {"version": "==2025.7.0"}}}', True),
        ("pyproject.toml", 'dependencies = ["qbittorrent-api==2025.7.0", "requests"]\n', True),
        ("pyproject.toml", 'qbittorrent-api = "^2026.5"\n', False),
        ("package.json", '{\n  "dependencies": {\n    "@ctrl/qbittorrent": "9.11.0"\n  }\n}\n', True),
        ("package.json", '{\n  "dependencies": {\n    "@ctrl/qbittorrent": "^9.6.0"\n  }\n}\n', False),
        ("package.json", '{\n  "dependencies": {\n    "@ctrl/qbittorrent": "^8.2.0"\n  }\n}\n', True),
        ("package-lock.json", '{\n    "node_modules/@ctrl/qbittorrent": {\n      "version": "9.7.0",\n', True),
        ("package-lock.json", '{\n    "node_modules/@ctrl/qbittorrent": {\n      "version": "9.12.1",\n', False),
        ("yarn.lock", '"@ctrl/qbittorrent@^9.1.0":\n  version "9.7.0"\n', True),
        ("pnpm-lock.yaml", "packages:\n  '@ctrl/qbittorrent@9.11.2':\n    resolution: {}\n", True),
        ("pnpm-lock.yaml", "packages:\n  '@ctrl/qbittorrent@9.14.0':\n    resolution: {}\n", False),
        ("package.json", '{\n  "dependencies": {\n    "qbittorrent-api-v2": "^1.2.2"\n  }\n}\n', True),
        ("package-lock.json", '{\n    "node_modules/@robertklep/qbittorrent": {\n      "version": "1.1.0",\n', True),
        ("go.mod", "module x\n\nrequire (\n\tgithub.com/autobrr/go-qbittorrent v1.14.0\n)\n", True),
        ("go.mod", "module x\n\nrequire github.com/autobrr/go-qbittorrent v1.13.0 // indirect\n", True),
        ("go.mod", "module x\n\nrequire github.com/autobrr/go-qbittorrent v1.16.0\n", False),
        (
            "go.mod",
            "module x\n\nrequire github.com/autobrr/go-qbittorrent v1.14.1-0.20260815045428-fe3b4cb79f3e\n",
            False,
        ),
        ("go.mod", "module github.com/autobrr/go-qbittorrent\n\ngo 1.23\n", False),
    ],
)
def test_libraries_by_version(file: Any, name: str, text: str, bad: bool) -> None:
    findings = run.lint([str(file(text, name))]).findings
    assert bool(findings) is bad
    assert all(
        finding.breaks and finding.line == text[: text.index("qb")].count("\n") + 1
        for finding in findings
        if name.endswith(".txt")
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "requests\nqbittorrent-api==2025.7.0  # pinned\n"),
        ("requirements.txt", "aioqbt<1.1\n"),
        ("pyproject.toml", 'dependencies = ["qbittorrent-api==2025.7.0", "requests"]\n'),
        ("package.json", '{\n  "dependencies": {\n    "@ctrl/qbittorrent": "^8.2.0"\n  }\n}\n'),
        ("go.mod", "module x\n\nrequire github.com/autobrr/go-qbittorrent v1.13.0\n"),
    ],
)
def test_a_mended_requirement_is_silent(file: Any, name: str, text: str) -> None:
    (finding,) = run.lint([str(file(text, name))]).findings
    assert finding.mended
    assert run.lint([str(file(applied(text, finding.mended), name))]).findings == ()


def test_every_library_says_what_to_require() -> None:
    for library in libraries.LIBRARIES:
        assert library.remedy.endswith(".")
        assert library.fault
