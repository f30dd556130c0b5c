"""Builds the manual page from the parser, for share/man/man1 of whatever the package is installed in; the rest is in pyproject.toml."""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

from argparse_manpage.manpage import Manpage

ROOT = Path(__file__).parent
PAGE = Path("build/man/qbdoctor.1")
COMMON = ("target", "for every target", "output")
"""Groups of options that every command has: the page has them once."""


def manual() -> str:
    """Return the manual page as troff; the parser needs nothing but Python."""
    sys.path.insert(0, str(ROOT))
    import qbdoctor

    qbdoctor.__path__.append(str(ROOT))  # where checks/ and fixes/ are until they are installed
    try:
        from qbdoctor.cli.parser import build

        parser = build()
    finally:
        qbdoctor.__path__.remove(str(ROOT))
        sys.path.remove(str(ROOT))
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
        "version": qbdoctor.__version__,
        "manual_title": "User commands",
    }
    # What is laid out in columns stays so.
    epilog, parser.epilog = str(parser.epilog).replace("\\", "\\\\").replace("-", "\\-"), None
    page = Manpage(parser, data, format="single-commands-section")
    page.add_section("examples", ">", f".nf\n{epilog.removeprefix('examples:').strip(chr(10))}\n.fi")
    return str(page).replace("POSITIONAL ARGUMENTS", "COMMANDS", 1)


if __name__ == "__main__":
    from setuptools import setup  # not there in a virtual environment of 3.12 or later

    (ROOT / PAGE).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / PAGE).write_text(manual(), encoding="utf-8")
    setup(data_files=[("share/man/man1", [str(PAGE)])])
