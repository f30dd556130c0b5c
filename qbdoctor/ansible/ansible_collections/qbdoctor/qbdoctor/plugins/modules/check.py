#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Finds out why a host's qBittorrent answers 401 or 403; changes nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: check
short_description: Find out why qBittorrent's Web UI API answers 401 or 403
version_added: 0.2.0
description:
  - Runs C(qbdoctor check) on the host and returns its report. Nothing is changed, in check mode or not.
author:
  - The authors of qbdoctor (@qbdoctor)
options:
  fail_on:
    description: From which severity on a cause fails the task. A check that could not tell fails it always.
    type: str
    choices: [error, warning, never]
    default: error
attributes:
  check_mode:
    support: full
    description: Nothing is changed anyhow.
  diff_mode:
    support: none
    description: There is no difference to show.
extends_documentation_fragment:
  - qbdoctor.qbdoctor.target
"""

EXAMPLES = r"""
- name: Look at the qBittorrent that runs on the host
  qbdoctor.qbdoctor.check:
    password: "{{ vault_qbittorrent_password }}"
"""

RETURN = r"""
report:
  description: The report of C(qbdoctor check), in the form of C(qbdoctor.report/1).
  returned: where qbdoctor ran
  type: dict
causes:
  description: The ids of the causes found, most decisive first.
  returned: where qbdoctor ran
  type: list
  elements: str
  sample: [host-port-mismatch]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.qbdoctor.qbdoctor.plugins.module_utils import doctor


def result(report: dict[str, Any]) -> dict[str, Any]:
    """Return the task's result, which fails where qbdoctor's exit code says so."""
    return {
        "changed": False,
        "failed": report["exit_code"] != 0,
        "msg": (report["error"] or {}).get("message") or report["verdict"]["headline"],
        "causes": [one["id"] for one in report["causes"]],
        "report": report,
    }


def main() -> None:
    """Run the module."""
    fail_on = {"type": "str", "choices": ["error", "warning", "never"], "default": "error"}
    module = AnsibleModule(dict(doctor.TARGET_OPTIONS, fail_on=fail_on), supports_check_mode=True)
    said = result(doctor.run(module, "check"))
    (module.fail_json if said.pop("failed") else module.exit_json)(**said)


if __name__ == "__main__":
    main()
