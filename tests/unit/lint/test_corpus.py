"""lint's own corpus: every wrong snippet is found at its lines, every right one is silent; broken and mended, the reverse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from qbdoctor.lint import run
from qbdoctor.lint.findings import LintFinding
from qbdoctor.lint.mends.trial import applied

FOLDER = Path(__file__).parents[2] / "data" / "lint_corpus"
MARK = re.compile(r"\bexpect(?:@(-?\d+))?: ([a-z-]+)")  # @-2: two lines above


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
            (number + int(found[1] or 0), found[2])
            for number, line in enumerate(self.wrong.split("\n"), 1)
            for found in MARK.finditer(line)
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


MORE = {
    head.split()[0]: (sorted(head.split()[1:]), text)
    for part in re.split(r"^#### ", (FOLDER.parent / "lint_more.txt").read_text("utf-8"), flags=re.MULTILINE)[1:]
    for head, _, text in [part.partition("\n")]
}
CASES = [read(path) for path in sorted(FOLDER.glob("*.txt"))]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def judged(folder: Path, case: Case, text: str) -> tuple[LintFinding, ...]:
    if case.suffix != "py":
        pytest.importorskip("ast_grep_py", reason="the extra qbdoctor[lint] is not installed")
    path = folder / f"snippet.{case.suffix}"
    path.write_text(text + "\n", "utf-8")
    result = run.lint([str(path)])
    assert not result.skipped
    return result.findings


def test_the_corpus_is_large_and_even() -> None:
    assert len(CASES) * 2 >= 150
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
    assert case.broken_id in {finding.id for finding in judged(tmp_path, case, broken)}


@EACH
def test_wrong_mended_as_printed_is_silent(case: Case, tmp_path: Path) -> None:
    """Finding by finding, each as a person would: what is mended is gone, and nothing else came."""
    text = case.wrong
    findings = judged(tmp_path, case, text)
    assert all(finding.remedy for finding in findings)
    for _ in range(12):
        mended = next((finding for finding in findings if finding.mended), None)
        if mended is None:
            break
        text = applied(text, mended.mended)
        left = judged(tmp_path, case, text)
        assert len(left) < len(findings)
        findings = left
    assert not any(finding.mended for finding in findings)


def test_most_findings_of_the_languages_that_can_be_proven_are_mended(tmp_path: Path) -> None:
    """What is not proven is not printed; this keeps the proof from quietly refusing all."""
    languages = ("py", "js", "ts", "tsx", "sh", "go")
    findings = [each for case in CASES if case.suffix in languages for each in judged(tmp_path, case, case.wrong)]
    mended = [each for each in findings if each.mended]
    assert len(mended) * 10 >= len(findings) * 7, f"{len(mended)} of {len(findings)}"


@EACH
def test_mends_of_one_run_do_not_contradict_each_other(case: Case, tmp_path: Path) -> None:
    """All at once, as a tool would apply SARIF's fixes, where no two touch one line."""
    findings = judged(tmp_path, case, case.wrong)
    edits = {edit for finding in findings for edit in finding.mended}
    taken = [number for edit in edits for number in range(edit.line, max(edit.line, edit.last_line) + 1)]
    if len(taken) == len(set(taken)):
        left = {finding.id for finding in judged(tmp_path, case, applied(case.wrong, tuple(edits)))}
        assert left <= {finding.id for finding in findings if not finding.mended}


@pytest.mark.parametrize("name", MORE)
def test_programs_in_other_styles(name: str, tmp_path: Path) -> None:
    """Right ones (r…) are silent, wrong ones (w…) found: written to see what the rules make of what they were not made for."""
    if not name.endswith(".py"):
        pytest.importorskip("ast_grep_py", reason="the extra qbdoctor[lint] is not installed")
    wanted, text = MORE[name]
    path = tmp_path / f"qbit_{name}"
    path.write_text(text, "utf-8")
    result = run.lint([str(path)])
    assert sorted({finding.id for finding in result.findings}) == wanted
    assert not result.skipped
