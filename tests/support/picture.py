"""Draws the README's picture from a real report: `python -m tests.support.picture` writes .github/report.svg.

A real qBittorrent behind a port map, as Docker's -p makes one, asked through that map.
"""

from __future__ import annotations

import html
import os
import re
import tempfile
from pathlib import Path

from qbdoctor.cli.arguments import parse
from qbdoctor.cli.target_options import observer
from qbdoctor.diagnosis import engine
from qbdoctor.registry import checks
from qbdoctor.reports import human
from tests.kit import faults
from tests.kit.server import PASSWORD, Server

PICTURE = Path(__file__).parents[2] / ".github/report.svg"


TITLE = "qbdoctor --url http://127.0.0.1:8112"
WIDTH = 114
"""Columns of the terminal that is drawn."""


def draw(server: Server, url: str) -> str:
    """Ask a server through a port map; return the picture of the report."""
    args = parse(["--url", url, "--config", str(server.config_file)])
    svg = human.to_svg(engine.run(observer(args), checks()), TITLE, width=WIDTH)
    # Fonts from elsewhere would be fetched by whoever looks at the picture.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def words(svg: str) -> list[str]:
    """The words of a picture in their order, so that lines may break elsewhere."""
    lines = re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)
    return html.unescape("".join(lines)).replace("\xa0", " ").split()


def main() -> None:
    """Start the server, ask, and write the picture."""
    os.environ["QBDOCTOR_STATE_DIR"] = tempfile.mkdtemp()
    os.environ["QBDOCTOR_PASSWORD"] = PASSWORD
    with Server.start("5.1.0", port=8080) as server, faults.PortMap(server.port, port=8112) as mapped:
        PICTURE.write_text(draw(server, mapped.url), "utf-8")


if __name__ == "__main__":
    main()
