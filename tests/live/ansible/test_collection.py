"""The Ansible collection against three hosts over ssh, each with a real qBittorrent, the last one apart as a container is."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from qbdoctor.reports.schema import load
from tests.kit import ansible, namespaces, needs
from tests.kit.ansible import Host, Tools
from tests.kit.server import PASSWORD
from tests.support.ansible_site import Site, values

pytestmark = [pytest.mark.live, pytest.mark.extended]

RELEASES = {"one": "4.2.5", "two": "5.1.0", "three": "5.3.0"}
OPEN = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}
"""Everybody is let in: exposed-bypass, an error, which disable-subnet-whitelist answers."""


@pytest.fixture(scope="module")
def tools() -> Tools:
    if reason := namespaces.unavailable():
        needs.without(reason)
    needs.program("sshd")
    return ansible.tools()


@pytest.fixture
def hosts(tools: Tools, tmp_path: Path) -> Iterator[dict[str, Host]]:
    with ansible.hosts(tmp_path, RELEASES, OPEN) as hosts:
        for host in hosts.values():  # so that the file is as qBittorrent itself writes it
            host.server.set_preferences({"web_ui_session_timeout": 3601})
        yield hosts


@pytest.fixture
def site(tools: Tools, tmp_path: Path, hosts: dict[str, Host]) -> Site:
    return Site(tools, tmp_path, hosts)


def test_modules(site: Site) -> None:
    before = site.configs()
    looked = site.task("Look", "check")
    for one in values(looked, "report"):
        jsonschema.validate(one, load("report/1"))
    assert [one[0] for one in values(looked, "causes")] == ["exposed-bypass"] * 3
    assert values(looked, "failed") == [True] * 3
    assert values(looked, "changed") == [False] * 3

    planned = site.task("Fix", "fix", "--check", "--diff")
    assert values(planned, "state") == ["planned"] * 3
    assert values(planned, "changed") == [True] * 3
    assert all("AuthSubnetWhitelistEnabled=false" in one["diff"]["after"] for one in planned.values())
    assert site.configs() == before, "check mode changed a file"

    made = site.task("Fix", "fix", "--diff")
    assert (values(made, "changed"), values(made, "state")) == ([True] * 3, ["verified"] * 3)
    assert all(one["fix"] == "disable-subnet-whitelist" for (one,) in values(made, "records"))
    after = site.configs()
    assert all(after[name] != before[name] for name in before)

    again = site.task("Fix", "fix")
    assert (values(again, "changed"), values(again, "failed")) == ([False] * 3, [False] * 3)
    named = site.task("Fix", "fix", fixes=["disable-subnet-whitelist"])
    assert (values(named, "changed"), values(named, "state")) == ([False] * 3, ["nothing-to-do"] * 3)
    assert site.configs() == after
    assert values(site.task("Look", "check"), "failed") == [False] * 3

    records = {host: one["records"][0]["id"] for host, one in made.items()}
    assert values(site.task("Back", "rollback", "--check"), "changed") == [True] * 3
    assert site.configs() == after
    back = site.task("Back", "rollback")
    assert {host: one["records"][0]["id"] for host, one in back.items()} == records
    assert values(back, "changed") == [True] * 3
    assert site.configs() == before, "the rollback left something"
    nothing = site.task("Back", "rollback")
    assert (values(nothing, "changed"), values(nothing, "failed")) == ([False] * 3, [False] * 3)


def test_the_role_goes_host_by_host_and_stops_at_the_first_that_fails(site: Site) -> None:
    before = site.configs()
    said = json.loads(site.inventory.read_text())
    said["all"]["hosts"]["two"]["repair_via"] = "file"  # of a running server, without a restart: refused
    site.inventory.write_text(json.dumps(said))
    code, text = site.play("qbdoctor.qbdoctor.repair", "--check")
    assert site.configs() == before, text
    code, text = site.play("qbdoctor.qbdoctor.repair")
    assert code == 2, text
    after = site.configs()
    assert [after[name] != before[name] for name in RELEASES] == [True, False, False], text
    assert "ok: [three]" not in text

    del said["all"]["hosts"]["two"]["repair_via"]
    site.inventory.write_text(json.dumps(said))
    code, text = site.play("qbdoctor.qbdoctor.repair")
    assert code == 0, text
    changed = [line.split() for line in text.splitlines() if "changed=" in line]
    assert [(words[0], words[3]) for words in changed] == [
        ("one", "changed=0"), ("three", "changed=1"), ("two", "changed=1")
    ]  # fmt: skip


def test_a_fleet_by_ansible(site: Site, hosts: dict[str, Host]) -> None:
    said = json.loads(site.inventory.read_text())
    del said["all"]["vars"]["qbdoctor_password"]
    said["all"]["hosts"]["gone"] = {"ansible_host": "10.255.255.1", "ansible_ssh_common_args": "-o ConnectTimeout=1"}
    site.inventory.write_text(json.dumps(said))
    hosts["two"].server.set_preferences({"bypass_auth_subnet_whitelist_enabled": False})
    words = ("-m", "qbdoctor", "fleet", "--ansible", str(site.inventory))
    env = {**site.env, "QBDOCTOR_PASSWORD": PASSWORD}
    env.pop("ANSIBLE_COLLECTIONS_PATH")  # the package's own collection is found
    run = site.tools.run("python", *words, "--json", env=env, cwd=Path("/"))
    found = {one["target"]["name"]: one for one in map(json.loads, run.stdout.splitlines())}
    assert set(found) == {*RELEASES, "gone"}, run.stderr
    for one in found.values():
        jsonschema.validate(one, load("report/1"))
    states = {name: one["verdict"]["state"] for name, one in found.items()}
    assert states == {"one": "problem", "two": "healthy", "three": "problem", "gone": "unknown"}
    assert found["two"]["login_attempts"] == 1
    assert run.returncode == 3
    assert PASSWORD not in run.stdout + run.stderr
    (site.folder / "before.jsonl").write_text(json.dumps(found["gone"]) + "\n")
    rest = site.tools.run(
        "python", *words, "--no-login", "--resume", str(site.folder / "before.jsonl"), env=env, cwd=Path("/")
    )
    assert "3 of 3 targets: 2 problem, 1 healthy" in rest.stdout, rest.stdout + rest.stderr
    assert "2  exposed-bypass  (" in rest.stdout
    assert "python -m qbdoctor explain exposed-bypass)" in rest.stdout, "as it was called"
    assert rest.returncode == 1
    assert not list(Path(tempfile.gettempdir()).glob("qbdoctor-ansible-*"))


def installed(tools: Tools, folder: Path) -> Path:
    where = folder / "ansible_collections/qbdoctor/qbdoctor"
    tools.run("ansible-galaxy", "collection", "install", str(tools.collection()), "-p", str(folder))
    return where


def test_lint(tools: Tools, tmp_path: Path) -> None:
    where = installed(tools, tmp_path)
    lint = tools.run(
        "ansible-lint",
        "--offline",
        "--profile",
        "production",
        cwd=where,
        env={"ANSIBLE_COLLECTIONS_PATH": str(tmp_path)},
    )
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_sanity(tools: Tools, tmp_path: Path) -> None:
    """All of Ansible's own sanity tests; pip comes from the standard library, not from Ansible's server."""
    cache = tmp_path / "home/.ansible/test/cache"
    cache.mkdir(parents=True)
    (cache / "get_pip_24_2.py").write_text("import ensurepip\nensurepip.bootstrap(default_pip=True)\n")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    words = ("sanity", "--python", version, "--color", "no")
    env = {"HOME": str(tmp_path / "home")}
    done = tools.run("ansible-test", *words, cwd=installed(tools, tmp_path), env=env, seconds=570)
    if "No matching distribution" in done.stdout + done.stderr:
        needs.without(f"{needs.MISSING}a package index, from which ansible-test takes what it checks with")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert 'Running sanity test "validate-modules"' in done.stdout + done.stderr
