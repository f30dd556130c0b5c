#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Applies reversible fixes to a host's qBittorrent."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fix
short_description: Apply reversible fixes to qBittorrent's Web UI settings and verify them
version_added: 0.2.0
description:
  - Runs C(qbdoctor fix --yes) on the host. What does not help is undone by qbdoctor itself, and the task fails.
  - Each fix leaves a rollback record on the host, which M(qbdoctor.qbdoctor.rollback) takes back.
author:
  - The authors of qbdoctor (@qbdoctor)
options:
  fixes:
    description: The fixes by their ids. Without any, those that answer the errors and warnings found; none of them loosens
      security.
    type: list
    elements: str
    default: []
  inputs:
    description: What fixes must be told, such as C(host=nas.lan) for C(allow-host). Never a secret.
    type: dict
  new_password:
    description: The new password for C(set-password). It reaches qbdoctor by standard input. Each run writes a new hash.
    type: str
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
  - module: qbdoctor.qbdoctor.rollback
"""

EXAMPLES = r"""
- name: Answer what was found
  qbdoctor.qbdoctor.fix:
    password: "{{ vault_qbittorrent_password }}"

- name: Ask for a password on the host itself as well
  qbdoctor.qbdoctor.fix:
    fixes: [require-localhost-auth]
    config: /srv/qbittorrent/qBittorrent/config/qBittorrent.conf
    restart: true
"""

RETURN = r"""
state:
  description: How it ended, such as C(verified), C(nothing-to-do), C(planned), C(undone) or C(refused).
  returned: where qbdoctor ran
  type: str
changes:
  description: Each setting with its value before and after. Secrets are masked.
  returned: where qbdoctor ran
  type: list
  elements: dict
records:
  description: The rollback records that were made, in the form of C(qbdoctor.record/1).
  returned: where qbdoctor ran
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.qbdoctor.qbdoctor.plugins.module_utils import doctor

OPTIONS = {
    "fixes": {"type": "list", "elements": "str", "default": []},
    "inputs": {"type": "dict"},
    "new_password": {"type": "str", "no_log": True},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule({**doctor.TARGET_OPTIONS, **doctor.CHANGING_OPTIONS, **OPTIONS}, supports_check_mode=True)
    outcome = doctor.run(module, "fix", tuple(module.params["fixes"]))
    said = doctor.merged([outcome], planned=module.check_mode)
    (module.fail_json if outcome["exit_code"] else module.exit_json)(**said)


if __name__ == "__main__":
    main()
