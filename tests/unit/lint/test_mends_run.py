"""Python's mended lines are run, in a process that may do nothing else, against stand-ins of an old and of the newest release."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from qbdoctor.lint import fixing
from qbdoctor.releases import KNOWN, Version
from qbdoctor.repair.edits import source_edits
from tests.kit.server import PASSWORD
from tests.support import sandbox_driver
from tests.support.simulated import simulated
from tests.support.systems import bare

DATA = Path(__file__).parents[2] / "data"
OLD = next(one for one in KNOWN if str(one) == "4.2.5")
ASK = "{session}.get(URL_ + '/api/v2/app/version').status_code == 200"
# What is done with each program once its lines are mended: whether a call after the login is let in.
PROGRAMS = {
    "lint_corpus/py-ok-body.txt": "came_in(" + ASK.format(session="connect(URL_, 'admin', PASSWORD_)") + ")",
    "lint_corpus/py-status-200.txt": "async def go():\n"
    "    client = await log_in(URL_, 'admin', PASSWORD_)\n"
    "    came_in((await client.get('/api/v2/app/version')).status_code == 200)\nrun_(go())",
    "lint_corpus/py-sid-lookup.txt": "came_in(QBittorrent(URL_, 'admin', PASSWORD_).torrents() == [])",
    "lint_corpus/py-sid-pattern.txt": "came_in(version(login('admin', PASSWORD_)).startswith(b'v'))",
    "lint_corpus/py-form.txt": f"came_in({ASK.format(session='session')})",
    "lint_corpus/py-form-plus.txt": "came_in(" + ASK.format(session="connect('admin', PASSWORD_)") + ")",
    "lint_corpus/py-requests-module.txt": "came_in(torrents == [])",
    "lint_corpus/py-two-sessions.txt": "came_in(torrents() == [])",
    "lint_corpus/py-session-per-call.txt": "came_in(run_(downloading()) == [])",
    "lint_corpus/py-from-import.txt": "main()\ncame_in(True)",
    "lint_shapes/m3_ok_qbit.py": "s = requests.Session()\nif login(s, URL_): came_in(" + ASK.format(session="s") + ")",
    "lint_shapes/o6_reason_qbit.py": "s = requests.Session()\nlogin(s, URL_)\ncame_in(" + ASK.format(session="s") + ")",
    "incident/by_hand.txt": "",
}


def mended(name: str, folder: Path) -> str:
    """The program as `lint --fix` would write it; with the stand-in's address and password where it has its own."""
    text = (DATA / name).read_text()
    if name.startswith("lint_corpus"):
        text = re.split(r"^== .*\n", text, flags=re.MULTILINE)[1]
    path = folder / f"qbit_{Path(name).stem}.py"
    path.write_text(text)
    (source,) = fixing.plan([str(path)], possible=True).sources
    made = source_edits.carry_out(source.data, source.edits).data.decode()
    made = re.sub(r"([\"'])http://[\w.-]+(?::\d+)?((?:/api/v2/?)?)\1", r"URL_ + '\2'", made)
    made = re.sub(r"(\"username\": )\"\w\"(, \"password\": )\"\w+\"", r"\1'admin'\2PASSWORD_", made)
    made = re.sub(r"(\"password\": )\"\w+\"", r"\1PASSWORD_", made)
    made = made.replace("os.environ.get(\"QBIT_URL\", URL_ + '')", "URL_").replace(
        '"admin", "p&ss"', '"admin", PASSWORD_'
    )
    if name == "incident/by_hand.txt":
        made = made.replace("asyncio.run(main())", "asyncio.run(main())\ncame_in(True)")
    return f"{made}\n{PROGRAMS[name]}\n"


@pytest.mark.parametrize("version", [OLD, KNOWN[-1]], ids=str)
@pytest.mark.parametrize("right", [True, False], ids=["right password", "wrong password"])
def test_every_mended_program_tells_a_good_login_from_a_bad_one(version: Version, right: bool, tmp_path: Path) -> None:
    with ExitStack() as stack:
        jobs = [
            {
                "name": name,
                "code": mended(name, tmp_path),
                "url": f"http://127.0.0.1:{stack.enter_context(simulated(version, {})).port}",
                "password": PASSWORD if right else "wrong & wrong",
            }
            for name in PROGRAMS
        ]
        done = subprocess.run(
            [sys.executable, "-E", "-s", str(Path(sandbox_driver.__file__))],
            input=json.dumps(jobs), capture_output=True, text=True, timeout=120, cwd=tmp_path, env=bare(PATH=os.defpath),
        )  # fmt: skip
    came_in = json.loads(done.stdout[done.stdout.rindex("\n{") + 1 :] if "\n{" in done.stdout else done.stdout)
    assert {name: came for name, came in came_in.items() if (came is True) != right} == {}, done.stderr
