"""One room touches files of others: elsewhere nothing opens, changes or looks at a path that is not our own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
METHODS = {
    "chmod", "lchmod", "read_bytes", "read_text", "write_bytes", "write_text", "rename", "unlink", "symlink_to",
    "hardlink_to", "touch", "rmdir", "lstat",
}  # fmt: skip
FUNCTIONS = {
    "os.open", "os.rename", "os.replace", "os.chmod", "os.chown", "os.lchown", "os.unlink", "os.remove", "os.stat",
    "os.lstat", "os.symlink", "os.link", "os.truncate", "shutil.copy", "shutil.copyfile", "shutil.move", "open",
}  # fmt: skip

OURS = {
    "__main__.py": "the null device",
    "ansible/inventory.py": "the playbook of the package, a temporary folder of our own",
    "cli/commands/demo.py": "the throw-away server's folder, made for this run",
    "cli/commands/explain.py": "a file of the package",
    "clients/lab.py": "a temporary folder of our own",
    "clients/survey.py": "a temporary folder of our own",
    "config/files.py": "reads the config: regular, capped, not waiting",
    "diagnosis/catalogue/page_file.py": "files of the package",
    "diagnosis/catalogue/symptoms.py": "a file of the package",
    "lint/files.py": "sources that a person named",
    "observe/base/config_place.py": "the kernel's /proc",
    "observe/hash_ahead.py": "the kernel's /proc",
    "observe/base/instance_lock.py": "the kernel's /proc and this machine's id",
    "releases/fingerprints.py": "reads a program: regular, capped, not waiting",
    "registry.py": "what installed packages declare: their entry points",
    "repair/journal/confirmations.py": "the state folder, which is ours or refused",
    "repair/journal/leftover_undo.py": "the backup in the state folder; the rest by its Place",
    "repair/journal/recovery.py": "the state folder, which is ours or refused",
    "repair/journal/rollback_plan.py": "the state folder, which is ours or refused",
    "repair/journal/store.py": "the state folder, which is ours or refused",
    "repair/restart/launcher.py": "the null device, and the logs that the process had open: never through a link",
    "repair/restart/process_spec.py": "the kernel's /proc",
    "repair/restart/restart.py": "the kernel's /proc",
    "reports/schema.py": "a file of the package",
    "simulator/config.py": "the stand-in's own config",
    "simulator/pages.py": "the stand-in's own pages",
    "simulator/throwaway.py": "the throw-away server's folder, made for this run",
    "target/engines/cgroups.py": "the kernel's /proc",
    "target/engines/process_scan.py": "the kernel's /proc",
    "target/proc_sockets.py": "the kernel's /proc",
    "target/processes.py": "the kernel's /proc",
    "target/socket_diag.py": "the kernel's /proc",
    "webui/login_entries.py": "the kernel's /proc",
}
"""The modules that may, and what for; storage may all of it."""


def touched(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        method = isinstance(node.func, ast.Attribute) and not name.startswith("place.") and not name.startswith("temp.")
        opens = method and name.endswith(".open") and bool(node.args) and isinstance(node.args[0], ast.Constant)
        if name in FUNCTIONS or opens or (method and name.rpartition(".")[2] in METHODS):
            found.append(f"line {node.lineno}: {name}")
    return found


MODULES = sorted(
    path
    for folder in ("qbdoctor", "checks", "fixes")
    for path in (ROOT / folder).rglob("*.py")
    if "storage" not in path.parts
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_else_touches_files(path: Path) -> None:
    name = path.relative_to(ROOT / "qbdoctor").as_posix() if path.is_relative_to(ROOT / "qbdoctor") else path.name
    found = touched(path)
    assert bool(found) == (name in OURS), found or f"{name} touches no file: take it out of the table"
