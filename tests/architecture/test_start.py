"""Holds what a start costs: no regular expression is compiled, and no module loaded, before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from qbdoctor import registry
from tests.architecture.test_architecture import sources

_COMPILE_ALL = """
import importlib, pkgutil, re
import qbdoctor, qbdoctor.patterns
made = []
def regex(text, flags=0):
    made.append(text)
    return re.compile(text, flags)
qbdoctor.patterns.regex = regex
for found in pkgutil.walk_packages(qbdoctor.__path__, "qbdoctor."):
    if not found.name.endswith(".__main__") and "ansible_collections" not in found.name:
        importlib.import_module(found.name)
print(len(made))
"""


def _run_at_import(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that importing a module makes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from _run_at_import(child)


def test_no_regular_expression_is_compiled_at_import() -> None:
    """Whoever needs one at the top of a module takes ``qbdoctor.patterns.regex``, a check or a fix that of the api."""
    for folder in ("qbdoctor", "checks", "fixes"):
        for path in sources(folder):
            if "ansible_collections" in path.parts:  # they stand alone
                continue
            for call in _run_at_import(ast.parse(path.read_text("utf-8"))):
                assert ast.unparse(call.func) != "re.compile", f"{path}:{call.lineno}"


def test_every_regular_expression_can_be_compiled() -> None:
    """A wrong one is found here, since importing its module does not find it."""
    run = subprocess.run([sys.executable, "-c", _COMPILE_ALL], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-600:]
    assert int(run.stdout) > 200


def test_checks_load_nothing_that_only_a_fault_needs() -> None:
    """These are loaded where something is wrong: an unknown name, a broken check, a page of the catalogue."""
    seldom = ("difflib", "inspect", "pkgutil", "tomllib")
    code = (
        "import sys, qbdoctor.diagnosis.engine; from qbdoctor.registry import checks; checks()\n"
        f"print([name for name in {seldom!r} if name in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_modules_of_an_archive_are_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "held.zip", "w") as archive:
        for name in ("__init__", "one", "two"):
            archive.writestr(f"in_archive/{name}.py", "")
    monkeypatch.syspath_prepend(str(tmp_path / "held.zip"))
    assert [module.__name__ for module in registry.modules("in_archive")] == ["in_archive.one", "in_archive.two"]
