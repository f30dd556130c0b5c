"""What a build makes of this checkout, without an index: the modules laid out as a wheel lays them out, and setup.py's parts."""

from __future__ import annotations

import compileall
import importlib.util
import shutil
import sysconfig
import venv
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


def install(folder: Path) -> Path:
    """Make an environment as pipx does, with the package as of a wheel, compiled; return its folder of programs.

    What the package depends on is taken from this interpreter's environment.
    """
    venv.create(folder)
    programs, modules = (
        Path(sysconfig.get_path(name, "venv", vars={"base": str(folder)})) for name in ("scripts", "purelib")
    )
    lay_out(modules)
    compileall.compile_dir(modules, quiet=1)
    (modules / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    script = programs / "qbdoctor"  # in pip's words
    script.write_text(
        f"#!{programs}/python3\n# -*- coding: utf-8 -*-\nimport re\nimport sys\n"
        "from qbdoctor.__main__ import main\nif __name__ == '__main__':\n"
        "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    sys.exit(main())\n"
    )
    script.chmod(0o755)
    return programs
