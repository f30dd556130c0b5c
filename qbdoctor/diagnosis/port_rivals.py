"""Words about another qBittorrent of this machine that wanted the target's port, where a password is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbdoctor.model.exchanges import Evidence

if TYPE_CHECKING:
    from qbdoctor.observe.base.observations import Observations


def port_rivals(seen: Observations) -> tuple[str, tuple[Evidence, ...], dict[str, str]]:
    """Return a clause, its evidence and values for the page; nothing where nobody else wanted the port, or it is not known."""
    owner = seen.port_owner if seen.target.here else None
    if owner is None or not owner.wanted_by:
        return "", (), {"rival": "no"}
    names = " and ".join(map(str, owner.wanted_by))
    port = seen.target.address.port
    text = (
        f"process {names}, another qBittorrent of this machine, could not open port {port} and runs without a Web UI: "
        f"what answers there is process {owner.pid}"
    )
    return f"; {text}", (Evidence("process", text, {"pids": list(owner.wanted_by), "port": port}),), {"rival": "yes"}
