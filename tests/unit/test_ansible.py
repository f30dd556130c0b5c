"""What the Ansible collection's modules hand to the host's qbdoctor, and what they make of its answers. No Ansible is needed."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import qbdoctor
from qbdoctor.ansible import inventory
from qbdoctor.cli.arguments import parse
from qbdoctor.model.errors import UserError

ROOT = Path(inventory.__file__).parent / "ansible_collections/qbdoctor/qbdoctor"


def loaded(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("collection_doctor", ROOT / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


doctor = loaded("plugins/module_utils/doctor.py")
SECRETS = {"password": "p-canary", "api_key": "k-canary", "new_password": "n-canary"}


class Module:
    """Stands for AnsibleModule: takes the command and gives an answer."""

    def __init__(self, params: dict[str, Any], answer: tuple[int, str, str], *, check_mode: bool = False) -> None:
        self.params, self.answer, self.check_mode = params, answer, check_mode
        self.asked: tuple[Any, ...] = ()

    def run_command(self, line: list[str], **keywords: Any) -> tuple[int, str, str]:
        self.asked = (line, keywords)
        return self.answer

    def fail_json(self, **said: Any) -> None:
        raise SystemExit(said["msg"])


@pytest.mark.parametrize("word", ["check", "fix", "rollback"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_the_program_understands_what_it_is_told_and_no_secret_is_an_argument(word: str, dry_run: bool) -> None:
    given: dict[str, Any] = {name: f"/{name}" for name in doctor.TARGET_OPTIONS} | SECRETS
    given |= {"insecure": True, "no_login": True, "deadline": 12.0, "python": None}
    if word == "fix":
        given |= {"inputs": {"host": "nas.lan"}, "via": "file", "restart": True}
    else:
        del given["new_password"]
    line = doctor.command(word, given, dry_run=dry_run, names=("a-name",))
    assert line[:3] == [sys.executable, "-m", "qbdoctor"]
    assert "canary" not in " ".join(line)
    args = parse(line[3:])
    assert (args.command, args.format, args.ids, args.deadline) == (word, "json", ["a-name"], 12.0)
    assert (args.url, args.config, args.insecure, args.no_login) == ("/url", "/config", True, True)
    if word != "check":
        assert (args.dry_run, args.yes) == (dry_run, not dry_run)
    if word == "fix":
        assert (args.set, args.via, args.restart, args.new_password_file) == (["host=nas.lan"], "file", True, "-")
    assert doctor.environment(given) == {"QBDOCTOR_PASSWORD": "p-canary", "QBDOCTOR_API_KEY": "k-canary"}


def test_secrets_go_by_environment_and_standard_input() -> None:
    module = Module({**SECRETS, "python": "/opt/q/bin/python"}, (0, json.dumps({"state": "verified"}), ""))
    assert doctor.run(module, "fix") == {"state": "verified"}
    line, keywords = module.asked
    assert line[0] == "/opt/q/bin/python"
    assert keywords["data"] == "n-canary"
    assert keywords["environ_update"]["QBDOCTOR_PASSWORD"] == "p-canary"
    for name in SECRETS.keys() - {"new_password"}:
        assert doctor.TARGET_OPTIONS[name]["no_log"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((1, "", "/usr/bin/python3: No module named qbdoctor"), "/usr/bin/python3 -m pip install qbdoctor"),
        ((1, "Traceback", ""), "printed no result and ended with 1"),
        ((0, "[]", ""), "printed no result"),
    ],
)
def test_a_host_without_qbdoctor_is_told_apart(answer: tuple[int, str, str], said: str) -> None:
    with pytest.raises(SystemExit, match=re.escape(said)):
        doctor.run(Module({"python": "/usr/bin/python3"}, answer), "check")


CHANGE = {"setting": "LocalHostAuth", "before": None, "after": "true", "diff": ["+LocalHostAuth=true"]}


@pytest.mark.parametrize(
    ("state", "code", "changes", "planned", "changed"),
    [
        ("verified", 0, [CHANGE], False, True),
        ("rolled-back", 0, [CHANGE], False, True),
        ("planned", 0, [CHANGE], True, True),
        ("nothing-to-do", 0, [], False, False),
        ("nothing-to-do", 0, [], True, False),
        ("undone", 4, [CHANGE], False, False),
        ("refused", 4, [CHANGE], False, False),
        ("planned", 4, [CHANGE], True, False),
    ],
)
def test_changed_only_where_something_changed(
    state: str, code: int, changes: list[dict[str, Any]], planned: bool, changed: bool
) -> None:
    outcome = {"state": state, "exit_code": code, "changes": changes, "records": [], "text": "Text."}
    said = doctor.merged([outcome], planned=planned)
    assert said["changed"] is changed
    assert said["diff"]["after"] == ("LocalHostAuth=true\n" if changed else "")
    assert said["diff"]["before"] == ""


def test_the_collection_is_of_this_release_and_knows_its_parts() -> None:
    galaxy = (ROOT / "galaxy.yml").read_text("utf-8")
    assert re.findall(r"^(?:namespace|name|version): (.*)$", galaxy, re.MULTILINE) == [
        "qbdoctor", "qbdoctor", qbdoctor.__version__
    ]  # fmt: skip
    modules = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
    assert re.findall(r"^    - (.*)$", (ROOT / "meta/runtime.yml").read_text("utf-8"), re.MULTILINE) == modules


def test_documented_options_are_those_of_the_code() -> None:
    text = (ROOT / "plugins/doc_fragments/target.py").read_text("utf-8")
    documented = re.findall(r"^  ([a-z_]+):$", text, re.MULTILINE)
    assert documented == [*doctor.TARGET_OPTIONS, *doctor.CHANGING_OPTIONS]


def test_without_ansible_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r"qbdoctor\[ansible\]"):
        inventory.find_hosts("hosts", [])
