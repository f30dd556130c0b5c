"""Draws the README's picture from a real report: `python -m tests.support.picture` writes .github/report.svg.

A real qBittorrent behind a port map, as Docker's -p makes one, asked through that map.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from qbdoctor.cli.parser import parse
from qbdoctor.cli.target_options import observer
from qbdoctor.diagnosis import engine
from qbdoctor.registry import checks
from qbdoctor.reports import human
from tests.kit import faults
from tests.kit.server import Server

PICTURE = Path(__file__).parents[2] / ".github/report.svg"


def main() -> None:
    """Start the server, ask, and write the picture."""
    os.environ["QBDOCTOR_STATE_DIR"] = tempfile.mkdtemp()
    os.environ["QBDOCTOR_PASSWORD"] = "a good one"
    with Server.start("5.1.0", port=8080) as server, faults.PortMap(server.port, port=8112) as mapped:
        args = parse(["--url", mapped.url, "--config", str(server.config_file)])
        report = engine.run(observer(args), checks())
    PICTURE.parent.mkdir(exist_ok=True)
    svg = human.to_svg(report, "qbdoctor --url http://127.0.0.1:8112", width=110)
    # Fonts from elsewhere would be fetched by whoever looks at the picture.
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), "utf-8")


if __name__ == "__main__":
    main()
