"""Settings of what claims to be qBittorrent that qBittorrent would never give: no check breaks by them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qbdoctor import releases
from tests.hardening.test_credentials import IMPOSTOR, PASSWORD
from tests.kit.profile import free_port
from tests.support.strangers import needs_root, run

NAMES = sorted({one.json for one in releases.KEYS if one.json is not None})


@needs_root
@pytest.mark.parametrize(
    "value",
    [
        "1.2.3.4/99, x",
        *(pytest.param(one, marks=pytest.mark.extended) for one in (-1, True, ["x"], {"x": 1}, 10**400, 1e400)),
    ],
    ids=lambda value: f"{value}"[:9],
)
def test_no_check_breaks(base: Path, value: object) -> None:
    program, kept, port = base / "odd.py", base / "kept", free_port()
    odd = json.dumps(dict.fromkeys(NAMES, value))
    program.write_text(
        IMPOSTOR.replace(
            "        else: status, text = (200,",
            f'        elif right and "preferences" in self.path: status, text = 200, {odd.encode()!r}\n'
            "        else: status, text = (200,",
        )
    )
    served = subprocess.Popen([sys.executable, str(program), str(kept), f"127.0.0.1:{port}"])
    try:
        time.sleep(0.7)
        done = run(
            *("check", "--json", "--url", f"http://127.0.0.1:{port}"),
            home=base / "root",
            env={"QBDOCTOR_PASSWORD": PASSWORD},
        )
    finally:
        served.kill()
        served.wait()
    assert "GET /api/v2/app/preferences" in kept.read_text()
    broken = [one["id"] for one in json.loads(done.out)["checks"] if "itself broke" in (one["reason"] or "")]
    assert broken == []
