"""Plug-in checks and fixes are found through their entry points; a broken one harms nobody and is not overlooked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

CHECK = """
from qbdoctor.api import Check, Judgement, Observations

def judge(seen: Observations) -> Judgement:
    return Judgement("pass", f"plugged into {seen.target.address.url}")

CHECK = Check(id="plugged", title="A plug-in", order=500, judge=judge, causes=(), about="Shows that plug-ins work.")
"""
FIX = """
from qbdoctor.api import Edit, Effectiveness, Fix

FIX = Fix(
    id="plugged-fix", title="A plug-in's fix", order=500, answers=(), effect="keeps",
    plan=lambda seen, cause: (Edit("SessionTimeout", 7200),),
    judge=lambda before, after: Effectiveness(None, "nothing shows it"), changes="SessionTimeout=7200", about="x",
)
"""


def plugged(folder: Path, modules: dict[str, str], points: str) -> dict[str, str]:
    """Install a distribution with these modules and entry points into a folder; return the environment that has it."""
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    info = folder / "plugged-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    return {**os.environ, "PYTHONPATH": str(folder)}


def check(env: dict[str, str]) -> dict[str, dict[str, str]]:
    run = subprocess.run(
        [sys.executable, "-m", "qbdoctor", "--json", "--url", "http://127.0.0.1:1"],
        capture_output=True,
        text=True,
        env=env,
    )
    assert run.returncode == 1, run.stderr
    return {one["id"]: one for one in json.loads(run.stdout)["checks"]}


def test_a_plug_in_takes_part(tmp_path: Path) -> None:
    points = "[qbdoctor.checks]\nplugged = plug_check\n[qbdoctor.fixes]\nplugged = plug_fix\n"
    env = plugged(tmp_path, {"plug_check": CHECK, "plug_fix": FIX}, points)
    found = check(env)
    assert found["plugged"]["status"] == "pass"
    assert list(found)[-1] == "plugged"
    config = tmp_path / "qBittorrent.conf"
    config.write_text("[Preferences]\nWebUI\\Port=1\n")
    run = subprocess.run(
        [sys.executable, "-m", "qbdoctor", "fix", "plugged-fix", "--yes", "--config", str(config)],
        capture_output=True,
        text=True,
        env=env,
    )
    assert run.returncode == 0, run.stderr + run.stdout
    assert config.read_text() == "[Preferences]\nWebUI\\Port=1\nWebUI\\SessionTimeout=7200\n"


def test_a_broken_plug_in_is_unknown_and_harms_no_other(tmp_path: Path) -> None:
    points = "[qbdoctor.checks]\nabsent = no_such_module\nbare = plug_bare\ntwin = plug_twin\n"
    twin = CHECK.replace('id="plugged"', 'id="login"')
    found = check(plugged(tmp_path, {"plug_bare": "", "plug_twin": twin}, points))
    assert {name for name, one in found.items() if one["status"] == "unknown"} == {"absent", "bare", "twin"}
    assert "ModuleNotFoundError" in found["absent"]["reason"]
    assert found["login"]["title"] == "The login"
