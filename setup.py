"""Builds what is made of this program's own modules; the rest is in pyproject.toml.

The manual page, from the parser, for share/man/man1 of whatever the package is installed in; and qbdoctor/kept.py.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent
PAGE = Path("build/man/qbdoctor.1")
COMMON = ("target", "for every target", "output")
"""Groups of options that every command has: the page has them once."""


@contextmanager
def importable() -> Iterator[None]:
    """Have this checkout's modules found; what is taken of them here needs nothing but Python."""
    sys.path.insert(0, str(ROOT))
    import qbdoctor

    qbdoctor.__path__.append(str(ROOT))  # where checks/ and fixes/ are until they are installed
    try:
        yield
    finally:
        qbdoctor.__path__.remove(str(ROOT))
        sys.path.remove(str(ROOT))


def kept() -> str:
    """Return the module qbdoctor/kept.py: what qbdoctor.diagnosis.catalogue.built says."""
    with importable():
        from qbdoctor.diagnosis.catalogue import built, pages, symptoms
        from qbdoctor.registry import modules

        checks = [module.CHECK for module in modules("qbdoctor.checks")]
        fixes = [module.FIX for module in modules("qbdoctor.fixes")]
        return built.written(
            CAUSES={cause: pages.page(cause) for cause in pages.ids()},
            LAYOUT_SINCE=pages.layout_since(),
            SYMPTOMS=symptoms.symptoms(),
            CHECKS=tuple(sorted(checks, key=lambda one: (one.order, one.id))),
            FIXES=tuple(sorted(fixes, key=lambda one: (one.order, one.id))),
        )


def manual() -> str:
    """Return the manual page as troff."""
    from argparse_manpage.manpage import Manpage

    with importable():
        from qbdoctor import __version__
        from qbdoctor.cli.parser import build

        parser = build()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                command.usage = f"qbdoctor {name} [OPTION ...]"
                command._action_groups = [
                    group for group in command._action_groups if not str(group.title).startswith(COMMON)
                ]
    about = project["description"][0].lower() + project["description"][1:]
    data = {
        "description": about,
        "project_name": "qbdoctor",
        "version": __version__,
        "manual_title": "User commands",
    }
    # What is laid out in columns stays so.
    epilog, parser.epilog = str(parser.epilog).replace("\\", "\\\\").replace("-", "\\-"), None
    page = Manpage(parser, data, format="single-commands-section")
    page.add_section("examples", ">", f".nf\n{epilog.removeprefix('examples:').strip(chr(10))}\n.fi")
    return str(page).replace("POSITIONAL ARGUMENTS", "COMMANDS", 1)


if __name__ == "__main__":
    from setuptools import setup  # not there in a virtual environment of 3.12 or later
    from setuptools.command.build_py import build_py

    class BuildModules(build_py):
        """Builds the modules, and the one that is made of them; a checkout that is installed itself gets none."""

        def run(self) -> None:
            """Copy all, then write qbdoctor/kept.py."""
            super().run()
            if not self.editable_mode:
                Path(self.build_lib, "qbdoctor", "kept.py").write_text(kept(), encoding="utf-8")

    (ROOT / PAGE).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / PAGE).write_text(manual(), encoding="utf-8")
    setup(data_files=[("share/man/man1", [str(PAGE)])], cmdclass={"build_py": BuildModules})
