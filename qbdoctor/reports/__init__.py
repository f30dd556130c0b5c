"""Holds the formats of a report: a :class:`~qbdoctor.model.Report` in, text and an exit code out.

One renderer a file, imported when it is used, so that a format costs nothing to those who do not ask for it.
Renderers are pure: they read no environment, no clock and no file, and decide nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from qbdoctor.model.report import Report
from qbdoctor.reports.commands import complete
from qbdoctor.reports.text import Options

FORMATS: tuple[str, ...] = ("human", "json", "markdown", "html", "nagios", "openmetrics", "junit")

# Named apart from the format where the format's name is that of a module of the standard library.
_MODULES = {"json": "as_json", "html": "as_html"}

# A stream that cannot carry a character gets it in the format's own way of spelling it; JSON does so by itself.
_SPELLING = {"html": "xmlcharrefreplace", "junit": "xmlcharrefreplace"}


def render(
    report: Report,
    format: str,  # noqa: A002 -- the option's name, and callers say format=
    *,
    color: bool = False,
    width: int | None = None,
    height: int | None = None,
    verbose: int = 0,
    quiet: bool = False,
    encoding: str = "utf-8",
    program: str = "qbdoctor",
    target: Sequence[str] = (),
    fix_options: Sequence[str] | None = (),
) -> str:
    """Return the report in one of :data:`FORMATS`, ending in one newline.

    ``color``, ``width`` (None: never wrap), ``height`` (as much as fits on a screen of so many
    lines), ``verbose`` and ``quiet`` (the headline alone) matter to ``human`` only.
    ``encoding`` is the stream's: the text holds nothing that it cannot carry. The commands that the report tells its
    reader to type begin with ``program`` and repeat ``target``, the command line's options that chose the target
    (``("--url", "http://…")``), so these must hold no secret. ``fix_options`` are those that ``fix`` needs besides, such as
    ``--restart``; None where no fix can work from here.

    Raises :class:`ValueError` for a format that does not exist and :class:`LookupError` for an unknown encoding.
    """
    if format not in FORMATS:
        raise ValueError(f"no such format: {format!r}; there are {', '.join(FORMATS)}")
    options = Options(
        color=color,
        width=width,
        height=height,
        verbose=verbose,
        quiet=quiet,
        unicode=_carries("✓✗→…–·", encoding),
        program=program,
        target=tuple(target),
        fix_options=None if fix_options is None else tuple(fix_options),
    )
    module = importlib.import_module(f"qbdoctor.reports.{_MODULES.get(format, format)}")
    text: str = module.render(complete(report, options), options)
    return text.encode(encoding, _SPELLING.get(format, "backslashreplace")).decode(encoding)


def exit_code(report: Report, format: str) -> int:  # noqa: A002 -- as above
    """Return what the process exits with: nagios owns its codes (0 to 3), every other format takes the report's."""
    if format == "nagios":
        from qbdoctor.reports import nagios  # noqa: PLC0415 -- only one format needs it

        return nagios.code(report)
    return report.exit_code


def _carries(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
