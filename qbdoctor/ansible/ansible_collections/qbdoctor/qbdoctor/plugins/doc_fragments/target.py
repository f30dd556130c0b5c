"""Documents the options that every module has."""

from __future__ import annotations


class ModuleDocFragment:
    """Holds the options of the target, and those of the modules that change something."""

    DOCUMENTATION = r"""
options:
  url:
    description: The Web UI's address, as seen from the host. Without any of I(url), I(profile), I(config), I(container) and
      I(target) the qBittorrent that runs on the host is found.
    type: str
  profile:
    description: The folder given to qBittorrent's own C(--profile).
    type: path
  config:
    description: The C(qBittorrent.conf) itself.
    type: path
  container:
    description: A container of Docker or Podman on the host, by name or id.
    type: str
  target:
    description: A named target of the host's own C(targets.toml).
    type: str
  username:
    description: The user name of the Web UI.
    type: str
  password:
    description: The password of the Web UI. It reaches qbdoctor by the environment.
    type: str
  api_key:
    description: An API key of qBittorrent 5.2 and later. With both, the key is used.
    type: str
  public_url:
    description: The address that people use through a reverse proxy. It is never connected to.
    type: str
  ca_file:
    description: Certificates that are trusted for https.
    type: path
  insecure:
    description: Do not check the certificate.
    type: bool
    default: false
  no_login:
    description: Never send credentials.
    type: bool
    default: false
  deadline:
    description: Seconds for the whole run.
    type: float
    default: 30.0
  state_dir:
    description: Where the host keeps rollback records and the ledger of logins.
    type: path
  python:
    description: The Python of the host that has qbdoctor; without it the one that Ansible uses there.
    type: path
requirements:
  - qbdoctor on the host
"""

    CHANGES = r"""
options:
  via:
    description: Live through the Web API, or in the file of a stopped qBittorrent. C(auto) takes what is safe.
    type: str
    choices: [auto, api, file]
    default: auto
  restart:
    description: Stop a running qBittorrent for an edit of its file and start it again as it was.
    type: bool
    default: false
"""
