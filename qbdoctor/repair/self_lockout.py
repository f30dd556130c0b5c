"""Decides whether a change made live would cut the very way that it is made by: then its end could never be seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from qbdoctor.config.list_values import NAMES
from qbdoctor.model.basics import Json
from qbdoctor.model.errors import Refused
from qbdoctor.repair.edits.changes import Change
from qbdoctor.target.description import Target

_LIST, _VALIDATES = "web_ui_domain_list", "web_ui_host_header_validation_enabled"


def check(target: Target, present: Mapping[str, Json], changes: Iterable[Change]) -> None:
    """Refuse to take out of the allowed names the one that we come by. ``changes`` are those of a rollback.

    An address that the connection arrives at is never refused; the names must stand in the list. Raises Refused.
    """
    after = next((one.json.before for one in changes if one.setting == NAMES and one.json is not None), None)
    before = present.get(_LIST)
    host = target.address.host
    if present.get(_VALIDATES) is False or not isinstance(after, str) or not isinstance(before, str):
        return
    if target.address.is_ip and target.direct is True:
        return
    if _allows(before, host) and not _allows(after, host):
        port = target.server_port or target.address.port
        raise Refused(
            f"Without {host} among the allowed names ({NAMES}) qBittorrent refuses every call to {target.address.url}, this "
            f"one as well: give another address of it, such as --url {target.address.scheme}://127.0.0.1:{port} on its own "
            "machine.",
            "cuts-itself-off",
        )


def _allows(names: str, host: str) -> bool:
    return any(fnmatchcase(host.lower(), each.strip().lower()) for each in names.split(";") if each.strip())
