#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Takes fixes of a host's qBittorrent back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback
short_description: Take applied fixes of qBittorrent's settings back, to the byte
version_added: 0.2.0
description:
  - Runs C(qbdoctor rollback --yes) on the host. A setting that someone else changed since is left alone, and the task fails.
  - Where nothing is left to take back, nothing is changed and the task is well.
author:
  - The authors of qbdoctor (@qbdoctor)
options:
  records:
    description: The records by their ids. Without any, those of the last run of fix.
    type: list
    elements: str
    default: []
  all:
    description: All records.
    type: bool
    default: false
  last:
    description: The newest record alone.
    type: bool
    default: false
  force:
    description: Take back what someone else changed since as well. It is saved first.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: The plan is made and nothing is changed.
  diff_mode:
    support: full
    description: The settings before and after. Secrets are masked.
extends_documentation_fragment:
  - qbdoctor.qbdoctor.target
  - qbdoctor.qbdoctor.target.changes
seealso:
  - module: qbdoctor.qbdoctor.fix
"""

EXAMPLES = r"""
- name: Take the last run of fix back
  qbdoctor.qbdoctor.rollback:
    password: "{{ vault_qbittorrent_password }}"
"""

RETURN = r"""
state:
  description: How it ended, such as C(rolled-back), C(planned), C(refused) or C(error).
  returned: where qbdoctor ran
  type: str
changes:
  description: Each setting with its value before and after. Secrets are masked.
  returned: where qbdoctor ran
  type: list
  elements: dict
records:
  description: The records that were taken back, in the form of C(qbdoctor.record/1).
  returned: where qbdoctor ran
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.qbdoctor.qbdoctor.plugins.module_utils import doctor

OPTIONS = {
    "records": {"type": "list", "elements": "str", "default": []},
    "all": {"type": "bool", "default": False},
    "last": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
}


def main() -> None:
    """Run the module; each record is a run of its own, so that those taken back already do not stop the others."""
    module = AnsibleModule(
        {**doctor.TARGET_OPTIONS, **doctor.CHANGING_OPTIONS, **OPTIONS},
        supports_check_mode=True,
        mutually_exclusive=[["all", "last", "records"]],
    )
    outcomes = []
    for name in module.params["records"] or [None]:
        outcome = doctor.run(module, "rollback", () if name is None else (name,))
        outcomes.append(outcome)
        if outcome["exit_code"] and not nothing_left(outcome):
            break
    said = doctor.merged(outcomes, planned=module.check_mode)
    failed = outcomes[-1]["exit_code"] and not nothing_left(outcomes[-1])
    (module.fail_json if failed else module.exit_json)(**said)


def nothing_left(outcome: dict[str, Any]) -> bool:
    """Whether there was nothing to take back, which is what is wanted."""
    return (outcome.get("error") or {}).get("code") == "nothing-to-roll-back"


if __name__ == "__main__":
    main()
