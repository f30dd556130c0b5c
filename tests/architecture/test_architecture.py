"""The house's rules, held by tests: who imports whom, what start-up costs, what is installed, what cannot be shown."""

from __future__ import annotations

import ast
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qbdoctor import registry
from qbdoctor.diagnosis.catalogue import pages
from qbdoctor.model.basics import Secret
from qbdoctor.trace.session_rules import CAUSES as TRACED
from tests.kit import needs

ROOT = Path(__file__).parents[2]
HEAVY = ("requests", "rich", "psutil", "iniparse")
TOP_FOLDERS = {"qbdoctor", "checks", "fixes", "tests"}


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every module that a file imports, deferred imports and TYPE_CHECKING ones included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module), node.lineno
            # `from qbdoctor import x` names a module in its list.
            if node.module == "qbdoctor":
                yield from ((f"qbdoctor.{alias.name}", node.lineno) for alias in node.names)


def sources(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"no source in {folder}"
    return found


@pytest.mark.parametrize(
    "path", [*sources("checks"), *sources("fixes")], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_checks_and_fixes_import_the_api_alone(path: Path) -> None:
    for module, line in imported(path):
        assert not module.startswith("qbdoctor") or module in {"qbdoctor", "qbdoctor.api"} | {
            name for name in (f"qbdoctor.{part}" for part in ("releases",)) if name != module
        }, f"{path.name}:{line} imports {module}"
        assert not module.startswith(("checks", "fixes", "requests", "psutil", "rich", "socket", "subprocess", "os")), (
            f"{path.name}:{line} imports {module}: a judgement is pure"
        )


def test_nobody_imports_a_check_or_a_fix_by_name() -> None:
    for path in (*sources("qbdoctor"), *sources("tests")):
        for module, line in imported(path):
            assert not module.startswith(("qbdoctor.checks.", "qbdoctor.fixes.", "checks", "fixes")), f"{path}:{line}"


GROUND = ("qbdoctor.values", "qbdoctor.patterns", "qbdoctor.type_checking")
"""What every room may import."""


def test_the_model_imports_nothing_of_ours() -> None:
    for path in sources("qbdoctor/model"):
        ours = [module for module, _ in imported(path) if module.startswith("qbdoctor")]
        assert all(module.startswith("qbdoctor.model") or module in GROUND for module in ours), path
    assert not list(imported(ROOT / "qbdoctor/__init__.py"))


def test_only_the_releases_table_knows_a_version_number() -> None:
    """No code outside the table compares versions with a number of its own."""
    for folder in ("qbdoctor", "checks", "fixes"):
        for path in sources(folder):
            if path.parent.name == "releases":
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Version"):
                    assert not any(isinstance(part, ast.Constant) for part in node.args), f"{path}:{node.lineno}"
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Version.parse"):
                    assert not any(isinstance(part, ast.Constant) for part in node.args), f"{path}:{node.lineno}"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["check", "--help"], ["explain", "--help"], ["check", "--deadline", "x"]],
    ids=" ".join,
)
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys, contextlib, io\n"
        "from qbdoctor.cli.main import main\n"
        "quiet = io.StringIO()\n"
        "with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet), contextlib.suppress(SystemExit):\n"
        f"    main({arguments!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("terminal", [True, False])
def test_check_loads_what_it_needs_so_the_test_above_can_fail(terminal: bool) -> None:
    code = (
        "import sys, contextlib, io\n"
        "from qbdoctor.cli.main import main\n"
        "shown = io.StringIO()\n"
        f"shown.isatty = lambda: {terminal}\n"
        "with contextlib.redirect_stdout(shown):\n"
        "    main(['check', '--url', 'http://127.0.0.1:1', '--no-login'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    environment = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "TERM"}}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    # Colours alone need rich. psutil comes along only where a qBittorrent runs on this machine.
    assert ("rich" in run.stdout) == terminal
    assert not {"requests", "urllib3"} & set(ast.literal_eval(run.stdout.strip())), "only a proxy needs them"


def test_secrets_cannot_be_formatted() -> None:
    secret = Secret("canary")
    for show in (
        str,
        "{}".format,
        "{:>20}".format,
        pickle.dumps,
        json.dumps,
        lambda one: f"{one}",
        lambda one: "%s" % one,  # noqa: UP031
    ):
        with pytest.raises(TypeError):
            show(secret)
    assert "canary" not in repr(secret) + repr([secret]) + repr({"a": secret})
    assert secret.reveal() == "canary"


def test_every_check_is_found_and_keeps_its_promises() -> None:
    found = registry.checks()
    files = {path.stem for path in (ROOT / "checks").glob("*.py")} - {"__init__"}
    assert {check.id for check in found} == {name.replace("_", "-") for name in files}
    assert [check.order for check in found] == sorted({check.order for check in found})
    known = set(pages.ids())
    for check in found:
        assert set(check.causes) <= known, check.id
        assert len(check.about) > 80
        for name in check.causes:
            assert pages.page(name).diagnosed, f"{name} is found by {check.id}, its page says that nothing finds it"


def test_every_diagnosed_cause_has_a_check_or_is_seen_in_a_trace() -> None:
    found = {name for check in registry.checks() for name in check.causes} | set(TRACED)
    assert {page.id for page in pages.pages() if page.diagnosed} == found


def test_the_tree() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert (
        folders - {"build", "dist", "__pycache__"} - {name for name in folders if name.endswith(".egg-info")}
        <= TOP_FOLDERS
    )


def test_wheel_installs_one_name(tmp_path: Path) -> None:
    """The wheel holds the package alone, checks, fixes and data inside it."""
    import zipfile

    command = [sys.executable, "-m", "pip", "-q", "wheel", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    needs.built(subprocess.run(command, capture_output=True, text=True))
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "qbdoctor/kept.py" in names, "what the build makes of the modules"
    (page,) = (name for name in names if name.endswith(".data/data/share/man/man1/qbdoctor.1"))
    names.remove(page)
    assert zipfile.ZipFile(wheel).read(page).startswith(b'.TH QBDOCTOR "1"')
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"qbdoctor"}
    for wanted in (
        "checks/login.py",
        "fixes/__init__.py",
        "ansible/ansible_collections/qbdoctor/qbdoctor/plugins/modules/check.py",
        "ansible/ansible_collections/qbdoctor/qbdoctor/galaxy.yml",
        "schemas/report-1.schema.json",
        "diagnosis/catalogue/causes/ip-banned.toml",
        "py.typed",
    ):
        assert f"qbdoctor/{wanted}" in names


def test_no_check_found_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "modules", lambda _group: iter(()))
    with pytest.raises(registry.NothingFound):
        registry.checks.__wrapped__()


def test_the_face_loads_nothing_that_sends() -> None:
    """Every command that looks at checks or fixes imports it: explain, history, completion."""
    heavy = (*HEAVY, "http.client", "http.cookiejar", "ssl")
    code = f"import sys, qbdoctor.api; print([name for name in {heavy!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
