"""The proxy leads elsewhere than meant, and only its address is given; and what differs without a known reason."""

from __future__ import annotations

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD
from tests.support.doctor import cause, causes, diagnose
import json
import pytest
from tests.kit.profile import free_port

pytestmark = [pytest.mark.in_turn, pytest.mark.usefixtures("own_servers_alone")]
HOST = "proxy_set_header Host $host;"


def show(r):
    print(json.dumps(r["verdict"]))
    for c in r["causes"]:
        print("  ", c["id"], c["severity"], c["confidence"], c["summary"])
        [print("      ", e.get("text")) for e in c["evidence"]]


def test_x(server: ServerFactory, release: Release) -> None:
    meant = server()
    other = server(password="of another server")
    with Nginx(other.url, HOST) as proxy:
        show(diagnose("--url", proxy.url, password=PASSWORD))
    with Nginx(f"http://127.0.0.1:{free_port()}", HOST) as proxy:
        show(diagnose("--url", proxy.url, password=PASSWORD))
    other.stop()
    with Nginx(f"http://127.0.0.1:{free_port()}", HOST) as proxy:
        show(diagnose("--url", proxy.url, password=PASSWORD))
