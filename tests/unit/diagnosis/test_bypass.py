"""Which setting lets us in is judged by the address that the server sees, not by ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from qbdoctor.api import Client, Exchange, Observations, ways_for_us
from qbdoctor.config.settings import Settings
from qbdoctor.observe import client_address
from qbdoctor.releases import Version
from qbdoctor.target.address import parse_url
from qbdoctor.target.description import Target
from qbdoctor.target.engines.container import Container, ContainerState, Published

LOCAL, SUBNETS = "LocalHostAuth", "AuthSubnetWhitelist"
MAP = "the port map of its container (docker qb)"
CONFIG = (
    b"[Preferences]\nWebUI\\LocalHostAuth=false\nWebUI\\AuthSubnetWhitelistEnabled=true\n"
    b"WebUI\\AuthSubnetWhitelist=192.168.65.0/24\n"
)


@pytest.mark.parametrize(
    ("client", "ways"),
    [
        (Client("127.0.0.1", "socket", "127.0.0.1", None), (LOCAL,)),
        (Client(None, "", "127.0.0.1", None), (LOCAL,)),
        (Client("192.168.65.1", "log", "127.0.0.1", MAP), (SUBNETS,)),
        (Client(None, "", "127.0.0.1", MAP), (LOCAL, SUBNETS)),
    ],
)
def test_the_way_in(client: Client, ways: tuple[str, ...]) -> None:
    """Docker Desktop's gateway is in the whitelist: closing LocalHostAuth would change nothing."""
    seen = Observations({"client": client, "settings": Settings.parse(CONFIG), "version": Version.parse("5.3.0")})
    assert ways_for_us(seen) == ways


def test_a_published_port_hides_us_where_no_process_is_seen() -> None:
    """As in a virtual machine: no process of a container is there to speak of its network."""
    port = Published("0.0.0.0", 8080, 8080)
    one = Container("docker", "a" * 64, "qb", "image", ContainerState("running"), ports=(port,))
    address = parse_url("http://127.0.0.1:8080")
    target = Target(address, "url", config_file=Path("/x"), direct=False, container=one, publisher=one, published=port)
    seen = Observations(
        {
            "anonymous": Exchange("GET", address.url, status=403, local="127.0.0.1"),
            "target": target,
            "in_front": None,
            "log": (),
            "log_behind": (),
        }
    )
    assert client_address.client(seen) == Client(None, "", "127.0.0.1", MAP)
