"""Line ends are kept apart from text: a file of Windows' is judged and mended as the same file with LF."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from qbdoctor.lint import files, render, run

CORPUS = Path(__file__).parents[2] / "data/lint_shapes"
SOURCES = sorted(
    path for path in CORPUS.rglob("*") if path.suffix in {".py", ".js", ".ts", ".go", ".sh", ".php", ".rb"}
)


@pytest.mark.parametrize("source", SOURCES, ids=lambda one: one.name)
def test_findings_and_mends_are_the_same(source: Path, tmp_path: Path) -> None:
    data = source.read_bytes().replace(b"\r\n", b"\n")
    seen = []
    for name, ends in (("lf", b"\n"), ("crlf", b"\r\n")):
        file = tmp_path / name / source.name
        file.parent.mkdir()
        file.write_bytes(data.replace(b"\n", ends))
        found = run.lint([str(file)], everything=True).findings
        seen.append([(one.line, one.column, one.id, one.summary, one.mended) for one in found])
    assert seen[0] == seen[1]
    assert not any("\r" in edit.text for *_, mended in seen[1] for edit in mended)


def test_the_corpus_is_there() -> None:
    assert len(SOURCES) > 20


def test_sarif_names_files_as_uris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "my ü bot.py"
    file.write_text('import requests\nrequests.post("http://qb:8080/api/v2/auth/login", json={"username": "a"})\n')
    monkeypatch.chdir(tmp_path)
    for given, uri in ((file.name, "my%20%C3%BC%20bot.py"), (str(file), file.as_uri())):
        made = json.loads(render.as_sarif(run.lint([given])))
        (result, *_) = made["runs"][0]["results"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_patterns_are_expanded_where_the_shell_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.py", "b.py", "c.txt"):
        (tmp_path / name).write_text("pass\n")
    pattern, both = str(tmp_path / "*.py"), [str(tmp_path / "a.py"), str(tmp_path / "b.py")]
    monkeypatch.setattr(sys, "platform", "linux")
    assert list(files._expanded([pattern])) == [pattern]
    monkeypatch.setattr(sys, "platform", "win32")
    assert list(files._expanded([pattern, "x"])) == [*both, "x"]
