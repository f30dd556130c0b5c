"""Runs the qbdoctor that is installed on the host: what its modules share.

Secrets go to it by the environment and by standard input, never by its arguments, which every user of the host can read.
"""

from __future__ import annotations

import json
import sys
from typing import Any

TARGET_OPTIONS: dict[str, dict[str, Any]] = {
    "url": {"type": "str"},
    "profile": {"type": "path"},
    "config": {"type": "path"},
    "container": {"type": "str"},
    "target": {"type": "str"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "api_key": {"type": "str", "no_log": True},
    "public_url": {"type": "str"},
    "ca_file": {"type": "path"},
    "insecure": {"type": "bool", "default": False},
    "no_login": {"type": "bool", "default": False},
    "deadline": {"type": "float", "default": 30.0},
    "state_dir": {"type": "path"},
    "python": {"type": "path"},
}
"""The argument specification that every module has."""
CHANGING_OPTIONS: dict[str, dict[str, Any]] = {
    "via": {"type": "str", "choices": ["auto", "api", "file"], "default": "auto"},
    "restart": {"type": "bool", "default": False},
}
"""What fix and rollback have besides."""
_FLAGS = ("insecure", "no_login", "restart", "force", "last", "all")
_TEXTS = (
    "url", "profile", "config", "container", "target", "username", "public_url", "ca_file", "deadline", "state_dir",
    "via", "fail_on",
)  # fmt: skip
_VARIABLES = {"password": "QBDOCTOR_PASSWORD", "api_key": "QBDOCTOR_API_KEY"}


def command(word: str, given: dict[str, Any], *, dry_run: bool = False, names: tuple[str, ...] = ()) -> list[str]:
    """Return the command line; no secret stands in it. ``word`` is qbdoctor's command, ``names`` its fixes or records."""
    line = [given.get("python") or sys.executable, "-m", "qbdoctor", word, "--json"]
    for key in _TEXTS:
        if given.get(key) is not None:
            value = f"{given[key]:g}" if isinstance(given[key], float) else given[key]
            line.append(f"--{key.replace('_', '-')}={value}")
    line += ["--" + key.replace("_", "-") for key in _FLAGS if given.get(key)]
    for key, value in sorted((given.get("inputs") or {}).items()):
        line.append(f"--set={key}={value}")
    if given.get("new_password") is not None:
        line.append("--new-password-file=-")
    if word in ("fix", "rollback"):
        line.append("--dry-run" if dry_run else "--yes")
    return [*line, *names]


def environment(given: dict[str, Any]) -> dict[str, str]:
    """Return the variables that hand the secrets over."""
    return {name: given[key] for key, name in _VARIABLES.items() if given.get(key)}


def run(module: Any, word: str, names: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run the command on the host and return the object that it printed; a host without qbdoctor fails the task."""
    given = module.params
    line = command(word, given, dry_run=module.check_mode, names=names)
    code, out, err = module.run_command(
        line, environ_update=environment(given), data=given.get("new_password") or "", binary_data=True
    )
    try:
        said = json.loads(out)
    except ValueError:
        said = None
    if isinstance(said, dict):
        return said
    if "No module named qbdoctor" in err or "No module named 'qbdoctor'" in err:
        text = (
            f"{line[0]} has no qbdoctor on this host: install it there ({line[0]} -m pip install qbdoctor), "
            "or name the Python that has it with the option python."
        )
    else:
        text = f"qbdoctor {word} on this host printed no result and ended with {code}."
    module.fail_json(msg=text, rc=code, stderr=err)
    raise AssertionError("fail_json returns")  # it ends the process


def difference(changes: list[dict[str, Any]]) -> dict[str, str]:
    """Return the changes as Ansible's diff mode shows them; secrets are masked in them already."""
    sides = {}
    for side in ("before", "after"):
        held = [f"{one['setting']}={one[side]}\n" for one in changes if one[side] is not None]
        sides[side] = "".join(held)
    return {**sides, "before_header": "settings", "after_header": "settings"}


def merged(outcomes: list[dict[str, Any]], *, planned: bool) -> dict[str, Any]:
    """Return what the runs of fix or rollback came to, as the result of a task."""
    changes = [change for one in outcomes for change in one["changes"]]
    made = ("planned",) if planned else ("verified", "rolled-back", "confirmed", "to-be-confirmed")
    changed = any(one["state"] in made and one["exit_code"] == 0 for one in outcomes) and bool(changes)
    return {
        "changed": changed,
        "state": outcomes[-1]["state"],
        "msg": " ".join(one["text"] for one in outcomes),
        "changes": changes,
        "records": [record for one in outcomes for record in one["records"]],
        "diff": difference(changes if changed else []),
    }
