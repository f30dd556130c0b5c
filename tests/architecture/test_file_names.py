"""Every file of the repository can be checked out on Windows and macOS."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$')
MOST_CHARACTERS = 160
"""Below a folder of Windows, whose paths end at 260."""


def refused(name: str) -> bool:
    """Whether Windows refuses a path."""
    parts = PurePosixPath(name).parts
    return len(name) > MOST_CHARACTERS or any(RESERVED.fullmatch(one) or FORBIDDEN.search(one) for one in parts)


@pytest.fixture(scope="module")
def names() -> list[str]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("git is not here")
    if listed.returncode != 0 or not listed.stdout:
        pytest.skip("this is no checkout")
    return listed.stdout.rstrip("\0").split("\0")


@pytest.mark.parametrize("name", ["tests/nul.conf", "AUX", "a/com1.txt", "a:b", "x.", "y ", "d/" * 90])
def test_what_is_refused(name: str) -> None:
    assert refused(name)


def test_windows_takes_every_name(names: list[str]) -> None:
    assert [name for name in names if refused(name)] == []


def test_no_two_names_are_one_where_case_does_not_count(names: list[str]) -> None:
    assert len({name.casefold() for name in names}) == len(names)


def test_git_converts_no_line_end_of_the_test_data(names: list[str]) -> None:
    data = [name for name in names if name.startswith("tests/data/")]
    said = subprocess.run(
        ["git", "check-attr", "text", "--stdin"],
        cwd=ROOT,
        input="\n".join(data),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(said) == len(data) > 10
    assert [line for line in said if not line.endswith(": text: unset")] == []


def test_the_tests_that_a_table_names_are_there() -> None:
    """In tests/README.md: what differs on Windows and macOS."""
    rows = (ROOT / "tests/README.md").read_text("utf-8").splitlines()
    named, file = 0, ""
    for row in rows:
        for place, test in re.findall(r"`([\w/]*/test_\w+\.py)?(?:::(test_\w+))?`", row):
            file = place or file
            if test:
                named += 1
                assert f"def {test}(" in (ROOT / "tests" / file).read_text("utf-8"), f"{file}::{test}"
    assert named > 30
