"""What a build makes of this checkout, without an index: the modules laid out as a wheel lays them out, and setup.py's parts."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def setup_module() -> ModuleType:
    """Return setup.py, imported."""
    found = importlib.util.spec_from_file_location("setup_of_qbdoctor", ROOT / "setup.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def lay_out(folder: Path) -> None:
    """Put the package into a folder as a wheel does, with the module that the build makes."""
    package = folder / "qbdoctor"
    for name, to in (("qbdoctor", package), ("checks", package / "checks"), ("fixes", package / "fixes")):
        shutil.copytree(ROOT / name, to, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "kept.py").write_text(setup_module().kept(), encoding="utf-8")
