"""What we start imports nothing from the folder that a person happens to be in, and is handed no secret."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.support.doctor import Run
from tests.support.strangers import EVE, command, give, needs_root, owned_folder, run

CANARY = "canary-0123456789"
PLANTED = "import os\nopen(os.environ['QBDOCTOR_TEST_MARK'], 'a').write(__name__ + '\\n')\nraise SystemExit(7)\n"


@pytest.mark.parametrize("arguments", [("demo", "--standin"), ("clients",)], ids=lambda words: words[0])
def test_no_module_of_the_current_folder_is_run(base: Path, arguments: tuple[str, ...]) -> None:
    here = base / "here"
    here.mkdir()
    for name in ("argparse", "asyncio", "json", "http", "requests", "httpx", "aiohttp", "ssl", "sitecustomize"):
        (here / f"{name}.py").write_text(PLANTED)
    mark = base / "mark"
    done = run(*arguments, home=base / "root", cwd=here, env={"QBDOCTOR_TEST_MARK": str(mark)})
    assert not mark.exists(), mark.read_text()
    assert done.code == 0, done.err


def test_no_secret_is_handed_to_a_traced_program(base: Path) -> None:
    seen = base / "seen"
    program = f"import json, os; json.dump(dict(os.environ), open({str(seen)!r}, 'w'))"
    run(
        "trace", "--url", "http://127.0.0.1:1", "--run", "--", sys.executable, "-c", program,
        home=base / "root", env={"QBDOCTOR_PASSWORD": CANARY, "QBDOCTOR_API_KEY": f"qbt_{CANARY}"},
    )  # fmt: skip
    held = json.loads(seen.read_text())
    assert "QBDOCTOR_TRACE_URL" in held
    assert CANARY not in json.dumps(held)


@needs_root
def test_a_port_file_is_not_written_through_a_link(base: Path) -> None:
    """The name beside it was foreseeable, so a link could lie there already."""
    place = owned_folder(base / "eve", EVE)
    decoy = base / "root/secret"
    decoy.write_bytes(b"root's own\n")
    script = (
        "import os, sys; from pathlib import Path; place = Path(sys.argv[1]);\n"
        f"(place / f'port.{{os.getpid()}}.new').symlink_to({str(decoy)!r}); (place / 'port').symlink_to({str(decoy)!r})\n"
        f"os.execv(sys.executable, {command()!r} + sys.argv[2:])\n"
    )
    done = run(
        home=base / "root",
        words=[
            "timeout",
            "4",
            sys.executable,
            "-c",
            script,
            str(place),
            "simulate",
            "--port-file",
            str(place / "port"),
        ],
    )
    assert decoy.read_bytes() == b"root's own\n", done
    assert decoy.stat().st_uid == 0
    give(0, place)


def test_the_search_path_has_no_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qbdoctor.storage import own_programs

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", ".", str(tmp_path), *sys.path])
    assert not {"", ".", str(tmp_path)} & set(own_programs.search_path())
    monkeypatch.setenv("QBDOCTOR_PASSWORD", CANARY)
    assert CANARY not in own_programs.environment().values()
    assert own_programs.environment()["PATH"] == os.environ["PATH"]


# --- Ansible, which runs what its settings and its folder name -------------------------------------------------------

STAND_IN = """
import os, sys
print(f"    host of {sys.argv[1:3]} with {os.environ.get('QBDOCTOR_PASSWORD')} and {os.environ.get('ANSIBLE_CONFIG')}")
"""
FIND = "from qbdoctor.ansible import inventory; print(inventory.find_hosts('a,b,', []))"


def find_hosts(base: Path, here: Path) -> Run:
    """List the hosts of an inventory in a folder; Ansible is a stand-in that says what it was given."""
    for name in ("ansible", "ansible_runner"):
        (base / "site" / name).mkdir(parents=True, exist_ok=True)
        (base / "site" / name / "__init__.py").touch()
    (base / "site/ansible/__main__.py").write_text(STAND_IN)
    env = {"PYTHONPATH": f"{base / 'site'}:{Path(__file__).parents[2]}", "QBDOCTOR_PASSWORD": "canary-1"}
    return run(home=base / "root", words=[sys.executable, "-P", "-c", FIND], cwd=here, env=env)


@needs_root
def test_ansible_runs_nothing_of_the_folder_and_gets_no_secret(base: Path) -> None:
    here = owned_folder(base / "here", EVE)
    ran = base / "ran"
    (here / "ansible.py").write_text(f"open({str(ran)!r}, 'w')")
    told = find_hosts(base, here)
    assert "host of ['adhoc', 'all'] with None and None" in told.out, told
    assert not ran.exists()


@needs_root
@pytest.mark.parametrize(
    ("folder", "mode", "owner", "taken"),
    [(0, 0o755, 0, True), (EVE, 0o755, 0, False), (0, 0o777, 0, False), (0, 0o1777, EVE, False)],
)
def test_ansible_settings_of_another_user_do_not_count(
    base: Path, folder: int, mode: int, owner: int, taken: bool
) -> None:
    """They name folders of plug-ins, which are run."""
    here = owned_folder(base / "here", folder, mode)
    settings = here / "ansible.cfg"
    settings.write_text("[defaults]\n")
    give(owner, settings)
    told = find_hosts(base, here)
    assert (f"and {settings}" in told.out) is taken, told
    assert taken or f"from {settings}, which another user can have put there" in told.err.replace("\n", " "), told
