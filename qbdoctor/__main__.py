"""``python -m qbdoctor`` and the console script."""

import os
import sys


def main() -> int:
    """Run the command line; a reader that went away (``| head``) ends it quietly."""
    _open_streams()
    try:
        from qbdoctor.cli.main import main as run  # noqa: PLC0415 - keeps the import of this module free of side effects

        code = run()
    except BrokenPipeError:
        code = 141
    except KeyboardInterrupt:  # while the program was still being loaded
        print("qbdoctor: interrupted", file=sys.stderr)  # noqa: T201
        code = 130
    if code == 130:
        # CPython notes a Ctrl-C that passed through compiled text (a dataclass being made) as never caught, and `-m` would
        # then die by the signal instead of our code; running the next text takes the note back.
        exec("")  # noqa: S102
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python flushes standard output once more at exit and would complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141 if isinstance(error, BrokenPipeError) else code
    return code


def _open_streams() -> None:
    """Give each standard stream that we were started without (``>&-``) the null device in its place.

    In order, so that each gets its own number: a file opened later would else become standard output or error.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
