r"""Makes the table that `qbdoctor explain --coverage` shows, from what a run of the live tests named.

QBDOCTOR_COVERAGE=/tmp/named.jsonl pytest -n auto -m "extended or not extended" \
    && python -m tests.support.coverage_table /tmp/named.jsonl

With `--add` the rows of causes and releases that the table lacks are added, and the others stay: after a run of some tests.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from qbdoctor.model.basics import CONFIDENCES

TABLE = Path(__file__).parents[2] / "qbdoctor/coverage.json"


def main(named: Path, *, add: bool) -> None:
    """Fold the rows by cause and release: the surest confidence, the median time, how often."""
    rows = [json.loads(line) for line in named.read_text("utf-8").splitlines()]
    found: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    healthy: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row["cause"] is None:
            healthy[row["release"]].append(row["ms"])
        else:
            found[row["cause"], row["release"]].append((row["confidence"], row["ms"]))
    table = {
        "releases": sorted({row["release"] for row in rows}),
        "nothing_found": {release: len(times) for release, times in sorted(healthy.items())},
        "causes": [
            {
                "cause": cause,
                "release": release,
                "confidence": min((confidence for confidence, _ in runs), key=CONFIDENCES.index),
                "ms": round(statistics.median(ms for _, ms in runs)),
                "runs": len(runs),
            }
            for (cause, release), runs in sorted(found.items())
        ],
    }
    if add:
        kept = json.loads(TABLE.read_text("utf-8"))
        there = {(row["cause"], row["release"]) for row in kept["causes"]}
        more = [row for row in table["causes"] if (row["cause"], row["release"]) not in there]
        table = {
            "releases": sorted({*kept["releases"], *table["releases"]}),
            "nothing_found": kept["nothing_found"],
            "causes": sorted([*kept["causes"], *more], key=lambda row: (row["cause"], row["release"])),
        }
    TABLE.write_text(json.dumps(table, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[-1]), add="--add" in sys.argv[1:-1])
