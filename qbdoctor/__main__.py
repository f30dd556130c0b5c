"""Runs qbdoctor as ``python -m qbdoctor`` and as the console script."""

from __future__ import annotations

import _thread
import atexit
import gc
import os
import sys

from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn


def run() -> NoReturn:
    """Run the command line and end the process, as the program of this name does.

    Python would take down each module first, which gives back what the system gets anyhow, in 5 ms. It does so where
    something is left to be done at the end: a function that was registered for it, a thread that is to be waited for.
    """
    code = main()
    threading, own = sys.modules.get("threading"), _thread.get_ident()
    threads = threading.enumerate() if threading is not None else ()
    if atexit._ncallbacks() or not all(one.daemon or one.ident == own for one in threads):
        sys.exit(code)
    try:  # noqa: SIM105 - contextlib takes a twentieth of what --version may
        sys.stderr.flush()
    except OSError:
        pass
    os._exit(code)


def main() -> int:
    """Run the command line; a reader that went away (``| head``) ends it quietly."""
    gc.disable()  # until all is loaded: nothing of that is garbage, and looking through it takes 2 ms
    _open_streams()
    if sys.argv[1:] == ["--version"]:  # no parser is needed for it
        from qbdoctor import __version__  # noqa: PLC0415 - as below

        print(f"qbdoctor {__version__}")  # noqa: T201
        return _flushed(0)
    from qbdoctor.model.terminal_text import takes_all  # noqa: PLC0415 - as below

    for stream in (sys.stdout, sys.stderr):
        takes_all(stream)
    try:
        from qbdoctor.cli.main import main as run  # noqa: PLC0415 - keeps the import of this module free of side effects

        code = run()
    except BrokenPipeError:
        code = 141
    except ModuleNotFoundError as missing:
        code = _not_installed(missing)
    except KeyboardInterrupt:  # while the program was still being loaded
        print("qbdoctor: interrupted", file=sys.stderr)  # noqa: T201
        code = 130
    if code == 130:
        # CPython notes a Ctrl-C that passed through compiled text (a dataclass being made) as never caught, and `-m` would
        # then die by the signal instead of our code; running the next text takes the note back.
        exec("")  # noqa: S102
    return _flushed(code)


def _flushed(code: int) -> int:
    """Return the exit code after everything was written."""
    gc.freeze()  # at exit Python would look through all that is held once more, in 30 ms, to free what ends anyhow
    try:
        sys.stdout.flush()
    except OSError as error:
        from qbdoctor.model.terminal_text import reader_gone  # noqa: PLC0415 - seldom needed

        # Python flushes standard output once more at exit and would complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141 if reader_gone(error) else code
    return code


def _not_installed(missing: ModuleNotFoundError) -> int:
    """Say what is missing and how this program is installed: a checkout alone has neither its checks nor its libraries."""
    from pathlib import Path  # noqa: PLC0415 - seldom needed

    here = Path(__file__).resolve().parent.parent
    how = "pip install qbdoctor"
    if (here / "pyproject.toml").is_file():
        steps = (f"cd {here}", "python3 -m venv .venv", ".venv/bin/pip install .", ".venv/bin/qbdoctor")
        how = " && ".join(steps)
        if sys.platform == "win32":  # PowerShell 5 knows no &&
            how = "; ".join(steps).replace("python3", "py").replace(".venv/bin/", ".venv\\Scripts\\")
    lacks = f"qbdoctor: {sys.executable} has no {missing.name or 'module that it needs'}, so it is not installed here: {how}"
    print(lacks, file=sys.stderr)  # noqa: T201
    return 3


def _open_streams() -> None:
    """Give each standard stream that we were started without (``>&-``) the null device in its place.

    In order, so that each gets its own number: a file opened later would else become standard output or error.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


if __name__ == "__main__":
    run()
