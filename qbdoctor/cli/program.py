"""Names this program as it was called, so that every command it prints runs as printed."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache

from qbdoctor.model import shell
from qbdoctor.patterns import regex
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from qbdoctor.model.errors import UserError

_OWN = "qbdoctor"
_COMMAND = regex(
    r"(?<![\w./@\\-])(?<!-m )qbdoctor"
    r"(?= (?:check|fix|rollback|history|diff|explain|demo|trace|clients|lint|simulate|bridge|watch|targets|fleet|completion|"
    r"help|--[a-z]))"
)


@cache
def name() -> str:
    """Return the program as a shell takes it: ``qbdoctor`` where that finds this one, else the path or ``python -m``."""
    called = sys.argv[0] if sys.argv else ""  # os.path: pathlib takes 5 ms to load, half of what Python itself does
    folder, file = os.path.split(called)
    if file == "__main__.py" and os.path.basename(folder) == _OWN:  # noqa: PTH119
        return shell.join((sys.orig_argv[0], "-m", _OWN))
    if file.removesuffix(".exe") != _OWN or not folder:
        return _OWN  # called by its bare name, or by a program of somebody else's
    with suppress(OSError):
        if os.path.samefile(_found(), called):  # noqa: PTH121
            return _OWN
    return shell.join((called,))


def _found() -> str:
    """Return the program that a shell finds under our name; "" for none."""
    if sys.platform == "win32":
        from shutil import which  # noqa: PLC0415 - it knows what Windows tries; it takes 4 ms to load

        return which(_OWN) or ""
    places = (f"{folder or os.curdir}/{_OWN}" for folder in os.get_exec_path())
    return next((place for place in places if os.path.isfile(place) and os.access(place, os.X_OK)), "")  # noqa: PTH113


def quoted(text: str) -> str:
    """Return a text as one word of a shell's."""
    return shell.quote(text)


def named(text: str) -> str:
    """Return a text for people with each of its commands under the name that was called."""
    own = name()
    return text if own == _OWN else _COMMAND.sub(lambda _: own, text)


def lacks(what: str, package: str, extra: str, *, since: str = "") -> UserError:
    """Return the error for an option or command whose package is not here, with the command that brings the extra."""
    from importlib.util import find_spec  # noqa: PLC0415

    from qbdoctor.model.errors import UserError  # noqa: PLC0415 - seldom needed

    # uv's environments, which pipx makes too where it finds uv, have no pip.
    pip = (
        (sys.executable, "-m", "pip", "install")
        if find_spec("pip")
        else ("uv", "pip", "install", "--python", sys.executable)
    )
    how = shell.join((*pip, f"qbdoctor[{extra}]"))
    named_so = f"{package} {since} or later" if since else package
    return UserError(f"no-{package}", f"{what} needs {named_so}, which is not installed: {how}.")
