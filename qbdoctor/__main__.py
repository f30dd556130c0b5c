"""``python -m qbdoctor`` and the console script."""

import os
import sys


def main() -> int:
    """Run the command line; a reader that went away (``| head``) ends it quietly."""
    from qbdoctor.cli import main as run  # noqa: PLC0415 - keeps the import of this module free of side effects

    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at exit and would complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


if __name__ == "__main__":
    sys.exit(main())
