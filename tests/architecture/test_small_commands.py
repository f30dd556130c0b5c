"""Holds what the small commands load, from modules laid out as a wheel's: more would be felt, at 3 times a bare interpreter.

No time is measured here: ``python -m tests.bench --only start`` does that.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from qbdoctor import registry
from qbdoctor.diagnosis.catalogue import built as kept
from qbdoctor.diagnosis.catalogue import explain, pages, symptoms
from tests.support import built

HEAVY = {
    *("aiohttp", "ast_grep_py", "filelock", "iniparse", "platformdirs", "psutil", "requests", "rich", "urllib3"),
    *("asyncio", "ctypes", "dataclasses", "datetime", "difflib", "email", "hashlib", "http", "importlib.metadata"),
    *("importlib.resources", "inspect", "ipaddress", "logging", "pkgutil", "random", "selectors", "shutil", "socket"),
    *("ssl", "string", "subprocess", "tempfile", "threading", "tomllib", "typing", "urllib", "uuid", "zipfile"),
    *("qbdoctor.api", "qbdoctor.observe", "qbdoctor.releases", "qbdoctor.webui"),
}
ARGPARSE = {"argparse", "gettext", "locale"}
LIGHT_HISTORY = {*HEAVY, *ARGPARSE, "json", "textwrap"} - {"ipaddress", "urllib"}  # what pathlib loads
COMMANDS = {
    "--version": ({*HEAVY, *ARGPARSE, "json", "textwrap", "shlex", "pathlib"}, 12),
    "--help": ({*HEAVY, "json", "pathlib"}, 42),
    "explain --help": ({*HEAVY, "json", "pathlib"}, 42),
    "lint --help": ({*HEAVY, "json", "pathlib"}, 42),
    "--nonsense": ({*HEAVY, "json", "pathlib", "textwrap"}, 42),
    "history": (LIGHT_HISTORY, 62),
    "history --json": (LIGHT_HISTORY - {"json"}, 67),
    "explain": ({*HEAVY, *ARGPARSE, "json", "pathlib"}, 54),
    "explain --json": ({*HEAVY, *ARGPARSE, "pathlib"}, 59),
    "explain host-port-mismatch": ({*HEAVY, *ARGPARSE, "json", "pathlib"}, 54),
    "explain cookie-renamed": ({*HEAVY, *ARGPARSE, "json", "pathlib"}, 56),
    "explain login": ({*HEAVY, *ARGPARSE, "json", "pathlib"}, 54),
    "explain set-password --json": ({*HEAVY, *ARGPARSE, "pathlib"}, 59),
    "explain 403": ({*HEAVY, *ARGPARSE, "json", "pathlib"}, 54),
    "explain nonsense": ({*HEAVY, *ARGPARSE, "json", "pathlib"} - {"difflib"}, 57),
}
"""Command lines, what they must not load, and how many modules beside re and those of an interpreter without site."""
_RUN = """
import re, sys  # as the script does that pip writes
before = set(sys.modules)
from qbdoctor.__main__ import main
if sys.argv[1] == "history":
    from qbdoctor.target.engines import process_scan
    process_scan.is_any_apart = lambda word: False  # whatever runs in containers here
sys.argv[0] = "qbdoctor"
try:
    main()
finally:  # help exits
    print("loaded:", *sorted(set(sys.modules) - before), sep="\\n", file=sys.stderr)
"""


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built.lay_out(folder)
    return folder


def loaded(folder: Path, command: str, state: Path) -> list[str]:
    # Without site: what the .pth file of an editable installation loads would count as loaded by Python itself.
    places = os.pathsep.join((str(folder), sysconfig.get_path("purelib")))
    env = {**os.environ, "PYTHONPATH": places, "QBDOCTOR_STATE_DIR": str(state)}
    run = subprocess.run(
        [sys.executable, "-S", "-c", _RUN, *command.split()], capture_output=True, text=True, env=env, cwd=folder
    )
    said, mark, names = run.stderr.rpartition("loaded:\n")
    assert mark, run.stderr[-800:]
    assert bool(run.stdout) is not bool(said), said
    return names.split()


def fixed(folder: Path, tmp_path: Path) -> Path:
    """Return a config that a fix has changed, with its record in the state folder."""
    config = tmp_path / "qBittorrent.conf"
    config.write_text("[Preferences]\nWebUI\\LocalHostAuth=false\n")
    fix = [sys.executable, "-m", "qbdoctor", "fix", "require-localhost-auth", "--config", str(config), "--yes"]
    env = {**os.environ, "PYTHONPATH": str(folder), "QBDOCTOR_STATE_DIR": str(tmp_path / "state")}
    subprocess.run(fix, env=env, cwd=tmp_path, capture_output=True, check=True)
    return config


def test_a_history_with_records_looks_at_no_process(laid_out: Path, tmp_path: Path) -> None:
    config = fixed(laid_out, tmp_path)
    config.write_text(f"{config.read_text()}\n")  # as qBittorrent writes it at its end: other bytes
    names = loaded(laid_out, "history", tmp_path / "state")
    assert "qbdoctor.repair.history.standing" in names, "it says what no longer holds"
    unwanted = {
        *ARGPARSE,
        "filelock",
        "platformdirs",
        "psutil",
        "requests",
        "rich",
        "socket",
        "subprocess",
        "threading",
    }
    assert not unwanted.intersection(names)


@pytest.mark.parametrize(("command", "most"), [("history", 70), ("history --json", 70)])
def test_a_history_of_a_file_as_it_was_left_loads_little(
    command: str, most: int, laid_out: Path, tmp_path: Path
) -> None:
    fixed(laid_out, tmp_path)
    names = loaded(laid_out, command, tmp_path / "state")
    assert not (LIGHT_HISTORY - {"json", "hashlib"}).intersection(names)
    assert len(names) <= most, names


def test_lint_of_one_file_loads_little(laid_out: Path, tmp_path: Path) -> None:
    source = tmp_path / "client.py"
    source.write_text("import requests\nprint(requests.get('http://localhost:8080/api/v2/app/version').text)\n")
    names = loaded(laid_out, f"lint {source}", tmp_path)
    assert "qbdoctor.lint.python.reader" in names, "it was read"
    unwanted = {*ARGPARSE, *HEAVY} - {"typing", "urllib", "ipaddress", "qbdoctor.releases"}
    assert not unwanted.intersection(names)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_small_command_loads_little(command: str, laid_out: Path, tmp_path: Path) -> None:
    names = loaded(laid_out, command, tmp_path)
    unwanted, most = COMMANDS[command]
    assert not unwanted.intersection(names)
    assert len(names) <= most, names


def test_what_is_kept_is_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> list[object]:
        """Read everything anew; of checks and fixes what they say."""
        for cache in (pages.ids, pages.page, symptoms.symptoms, registry.described_checks, registry.described_fixes):
            cache.cache_clear()
        checks = [explain.check_page(check) for check in registry.described_checks()]
        fixes = [explain.fix_page(fix) for fix in registry.described_fixes()]
        return [pages.pages(), symptoms.symptoms(), checks, fixes, pages.layout_since()]

    written = read()
    tables: dict[str, object] = {}
    exec(built.setup_module().kept(), tables)
    monkeypatch.setattr(kept, "table", tables.__getitem__)
    try:
        assert read() == written
        with pytest.raises(RuntimeError):
            registry.described_checks()[0].judge(None)
    finally:
        monkeypatch.undo()
        read()


def test_a_plug_in_is_explained_beside_what_was_kept(laid_out: Path, tmp_path: Path) -> None:
    told = tmp_path / "plugged-1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1\n")
    (told / "entry_points.txt").write_text("[qbdoctor.checks]\nplugged = plugged\n")
    (tmp_path / "plugged.py").write_text(
        "from qbdoctor.api import Check\nCHECK = Check('plugged', 'A title', 9, lambda seen: None, (), 'It looks.')\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (laid_out, tmp_path)))}
    for words, said in ((["plugged"], "It looks."), ([], "  plugged "), (["login"], "What it does")):
        command = [sys.executable, "-m", "qbdoctor", "explain", *words]
        run = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert said in run.stdout


def test_what_a_build_keeps_depends_on_no_system() -> None:
    """One wheel is for all."""
    code = (
        "import sys, typing, pathlib, importlib.metadata; sys.platform = sys.argv[1]; import setup; print(setup.kept())"
    )
    made = {
        system: subprocess.run(
            [sys.executable, "-c", code, system], capture_output=True, text=True, cwd=built.ROOT, check=True
        ).stdout
        for system in ("linux", "darwin", "win32")
    }
    assert made["linux"] == made["darwin"] == made["win32"]
