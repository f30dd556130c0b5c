"""Prints the table of .github/MEASURED.md: ``python -m tests.bench``; it asserts no time, only that what is timed did its work.

python -m tests.bench                          all of it, 20 pairs: half an hour
python -m tests.bench --pairs 5 --only check   one subject
python -m tests.bench --short                  a little of each, in seconds
"""

from __future__ import annotations

import argparse
import sys

from tests.bench import rows
from tests.bench.measure import HEAD, machine


def main() -> int:
    """Measure and print, a row as it is there."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--pairs", type=int, default=20, help="how often each is run (default 20)")
    parser.add_argument("--short", action="store_true", help="one pair, small sizes")
    parser.add_argument("--only", choices=tuple(rows.SUBJECTS), action="append", help="this subject; may be repeated")
    args = parser.parse_args()
    rows.nice()
    scale = rows.Scale(1 if args.short else args.pairs, args.short)
    sys.stdout.write(f"{machine()}; {scale.pairs} pair{'s' if scale.pairs > 1 else ''}\n\n{HEAD}\n")
    for name, subject in rows.SUBJECTS.items():
        if args.only is None or name in args.only:
            for row in subject(scale):
                sys.stdout.write(f"{row.markdown()}\n")
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
