"""Holds the imports against the table of rooms in qbdoctor/ARCHITECTURE.md, and the sizes that keep a room readable."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "qbdoctor"
TEXT = (PACKAGE / "ARCHITECTURE.md").read_text("utf-8")
MOST_FILES, MOST_LINES, LONGEST_FUNCTION = 16, 400, 60
TABLES = {"releases/rule_table.py", "releases/preferences_table.py"}  # pure data
FACES = {"releases", "reports", "lint/rules"}  # whose __init__ has code


def rooms() -> dict[str, set[str]]:
    """The table: each room with the rooms that it may import, in its order."""
    rows = re.findall(r"^\| `([a-z/]+)` \| [^|]* \|([^|]*)\|$", TEXT, re.MULTILINE)
    names = [name for name, _ in rows]
    return {
        name: set(names) if "every room" in allowed else set(re.findall(r"`([a-z/]+)`", allowed))
        for name, allowed in rows
    }


ROOMS = rooms()


def room_of(path: Path) -> str:
    """The room that a file lies in, "" for the top."""
    parent = path.relative_to(PACKAGE).parent.as_posix()
    return "" if parent == "." else parent


def files() -> list[Path]:
    # The Ansible collection has Ansible's own layout; its files run on hosts, where nothing of ours can be imported.
    return sorted(path for path in PACKAGE.rglob("*.py") if "ansible_collections" not in path.parts)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imported(path: Path, known: set[str]) -> Iterator[str]:
    """The modules of ours that a file imports, deferred imports and those under TYPE_CHECKING included."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("qbdoctor"):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else str(node.module)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph() -> dict[Path, set[Path]]:
    """Each file with the files that it imports."""
    paths = {module_of(path): path for path in files()}
    return {path: {paths[name] for name in imported(path, set(paths)) if name in paths} - {path} for path in files()}


def circles(arrows: dict[Path, set[Path]]) -> list[list[Path]]:
    """Groups of files that import each other, by Tarjan's algorithm."""
    index: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    found: list[list[Path]] = []

    def visit(one: Path) -> None:
        index[one] = low[one] = len(index)
        stack.append(one)
        for other in arrows[one]:
            if other not in index:
                visit(other)
                low[one] = min(low[one], low[other])
            elif other in stack:
                low[one] = min(low[one], index[other])
        if low[one] == index[one]:
            at = stack.index(one)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.append(group)

    for path in arrows:
        if path not in index:
            visit(path)
    return found


def test_every_folder_is_a_room_and_every_room_a_folder() -> None:
    folders = {room_of(path) for path in files()} - {"", "diagnosis/catalogue/causes"}
    folders -= {
        folder for folder in folders if not [p for p in (PACKAGE / folder).glob("*.py") if p.stem != "__init__"]
    }
    assert folders == set(ROOMS)


def test_no_arrow_against_the_table() -> None:
    against: dict[str, list[str]] = defaultdict(list)
    for path, others in graph().items():
        here = room_of(path)
        if here == "":
            continue  # api and registry are the face
        for other in others:
            there = room_of(other)
            if there in {here, ""} or there in ROOMS[here]:
                continue
            against[f"{here} -> {there}"].append(f"{path.relative_to(PACKAGE)} imports {other.relative_to(PACKAGE)}")
    assert not against, dict(against)


GROUND = ("values.py", "patterns.py", "type_checking.py")
"""Every room may import these."""


def test_only_commands_reach_the_registry_and_nobody_the_face() -> None:
    for path, others in graph().items():
        tops = {other.name for other in others if room_of(other) == ""} - {"__init__.py", *GROUND}
        allowed = {"registry.py"} if room_of(path) == "cli/commands" else set()
        assert room_of(path) == "" or tops <= allowed, f"{path}: {tops}"


def test_rooms_stand_below_those_that_import_them() -> None:
    order = list(ROOMS)
    parents = {("lint/python", "lint"), ("lint/trees", "lint"), ("lint/rules", "lint"), ("lint/mends", "lint")}
    for name, allowed in ROOMS.items():
        for other in allowed - {name}:
            assert order.index(other) < order.index(name) or (name, other) in parents or name == "cli/commands", (
                f"{name} may import {other}, which stands above it"
            )


def test_no_files_import_each_other_in_a_circle() -> None:
    assert not circles(graph())


def test_the_search_for_circles_finds_one() -> None:
    a, b, c = Path("a"), Path("b"), Path("c")
    assert [set(group) for group in circles({a: {b}, b: {c}, c: {a}})] == [{a, b, c}]
    assert not circles({a: {b, c}, b: {c}, c: set()})


def test_init_files_are_empty() -> None:
    for path in files():
        if path.name == "__init__.py" and room_of(path) not in FACES | {""}:
            body = parsed(path).body
            assert all(isinstance(node, ast.Expr) for node in body), path


def test_no_room_is_crowded() -> None:
    count = Counter(room_of(path) for path in files() if path.name != "__init__.py")
    assert {room: number for room, number in count.items() if number > MOST_FILES} == {}


SOURCES = [path for folder in ("qbdoctor", "checks", "fixes") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_files_can_be_read_in_one_sitting() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in [*SOURCES, *(path for path in (ROOT / "tests").rglob("*.py") if "data" not in path.parts)]
        if (lines := len(path.read_text("utf-8").splitlines())) > MOST_LINES
        and path.relative_to(ROOT / "qbdoctor" if path.is_relative_to(PACKAGE) else ROOT).as_posix() not in TABLES
    }
    assert long == {}


def test_a_text_stands_below_what_it_describes() -> None:
    """A constant that moved away has taken its text along."""
    alone = [
        f"{path.relative_to(ROOT)}:{each.lineno}"
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        for before, each in pairwise(node.body)
        if isinstance(each, ast.Expr)
        and isinstance(each.value, ast.Constant)
        and not isinstance(before, ast.Assign | ast.AnnAssign)
    ]
    assert alone == []


def test_functions_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


@pytest.mark.parametrize("word", ["Surgery", "Dog", "Told", "reborn"])
def test_words_that_are_gone_stay_gone(word: str) -> None:
    for path in SOURCES:
        assert not re.search(rf"\b{word}\b", path.read_text("utf-8")), path


NOUNS = {
    "Comments",
    "Comparisons",
    "Conditions",
    "Does",
    "Findings",
    "Imports",
    "Is",
    "Subnets",
    "This",
    "Values",
    "Versions",
}
"""What ends in s, was the first word of a docstring here once, and is no verb that says what a module does."""


def test_every_module_says_what_it_does() -> None:
    """A docstring begins with a verb in the present: "Parses…", "Decides…"."""
    for path in SOURCES:
        if path.stat().st_size:
            first = (ast.get_docstring(parsed(path)) or "").split(maxsplit=1)
            assert first, path
            assert re.fullmatch(r"[A-Z][a-z]+s,?", first[0]) and first[0] not in NOUNS, (path, first[0])


def test_every_room_is_in_the_wheel() -> None:
    """The list of packages is by hand, since checks and fixes lie elsewhere: none may be forgotten."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    folders = {
        "qbdoctor",
        "qbdoctor.checks",
        "qbdoctor.fixes",
        *(module_of(p) for p in files() if p.name == "__init__.py"),
    }
    assert set(settings["packages"]) == folders
