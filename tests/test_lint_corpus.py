"""lint's own corpus: every wrong snippet is found at its lines, every right one is silent; broken and mended, the reverse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from qbdoctor.lint import run
from qbdoctor.lint.model import Finding

FOLDER = Path(__file__).parent / "lint_corpus"
MARK = re.compile(r"(?:#|//)\s*expect: ([a-z-]+)")


@dataclass(frozen=True)
class Case:
    name: str
    suffix: str
    wrong: str
    right: str
    broken_id: str
    old: str
    new: str

    def expected(self) -> set[tuple[int, str]]:
        return {
            (number, found[1])
            for number, line in enumerate(self.wrong.split("\n"), 1)
            for found in [MARK.search(line)]
            if found
        }


def read(path: Path) -> Case:
    parts = re.split(r"^== (wrong|right|break|into)[. ]?(.*)\n", path.read_text("utf-8"), flags=re.MULTILINE)
    kinds = {parts[at]: (parts[at + 1], parts[at + 2].removesuffix("\n")) for at in range(1, len(parts), 3)}
    return Case(
        path.stem,
        kinds["wrong"][0],
        kinds["wrong"][1],
        kinds["right"][1],
        kinds["break"][0],
        kinds["break"][1],
        kinds["into"][1],
    )


CASES = [read(path) for path in sorted(FOLDER.glob("*.txt"))]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def judged(folder: Path, case: Case, text: str) -> tuple[Finding, ...]:
    if case.suffix != "py":
        pytest.importorskip("ast_grep_py", reason="the extra qbdoctor[lint] is not installed")
    path = folder / f"snippet.{case.suffix}"
    path.write_text(text + "\n", "utf-8")
    result = run.lint([str(path)])
    assert not result.skipped
    return result.findings


def test_the_corpus_is_large_and_even() -> None:
    assert len(CASES) * 2 >= 60
    assert {case.suffix for case in CASES} >= {"py", "js", "ts", "tsx", "sh", "php", "go", "cs", "java", "kt", "rs"}


@EACH
def test_wrong_is_found_where_it_is(case: Case, tmp_path: Path) -> None:
    found = judged(tmp_path, case, case.wrong)
    assert {(finding.line, finding.id) for finding in found} == case.expected()
    assert case.expected()
    assert all(finding.breaks for finding in found)


@EACH
def test_right_is_silent(case: Case, tmp_path: Path) -> None:
    assert judged(tmp_path, case, case.right) == ()


@EACH
def test_right_broken_in_one_place_is_found(case: Case, tmp_path: Path) -> None:
    assert case.right.count(case.old) == 1, f"{case.right.count(case.old)} places"
    broken = case.right.replace(case.old, case.new)
    if case.broken_id:
        assert case.broken_id in {finding.id for finding in judged(tmp_path, case, broken)}


@EACH
def test_wrong_mended_as_printed_is_silent(case: Case, tmp_path: Path) -> None:
    """Line by line where the report prints lines; else by its sentence, which is what the right snippet does."""
    text = case.wrong
    for _ in range(8):
        findings = judged(tmp_path, case, text)
        edits = next((finding.mended for finding in findings if finding.mended), ())
        if not edits:
            break
        lines = text.split("\n")
        for edit in edits:
            lines[edit.line - 1] = edit.text
        text = "\n".join(lines)
    left = judged(tmp_path, case, text)
    assert all(not finding.mended for finding in left)
    by_hand = {finding.id for finding in left}
    silent_right = judged(tmp_path, case, case.right)
    assert not by_hand & {finding.id for finding in silent_right}
