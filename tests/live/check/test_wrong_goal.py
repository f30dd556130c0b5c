"""The proxy leads elsewhere than meant, and only its address is given; and what differs without a known reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.proxies import Answer, EditingProxy
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD, free_port
from tests.support.doctor import cause, causes, diagnose
from tests.support.servers import until

pytestmark = [pytest.mark.in_turn, pytest.mark.usefixtures("own_servers_alone")]
HOST = "proxy_set_header Host $host;"


def test_a_proxy_that_leads_to_another_instance(server: ServerFactory, release: Release) -> None:
    """Of two servers of this machine it leads to the one that the password is not for."""
    ours = "of the one that is meant"  # the servers of tests beside this one have the usual one
    meant, other = server(password=ours), server(password="of another server")
    with Nginx(other.url, HOST) as proxy:
        report = diagnose("--url", proxy.url, password=ours)
        assert causes(report, "error")[0] == "proxy-goal-wrong", report["verdict"]
        found = cause(report, "proxy-goal-wrong")
        assert found["confidence"] == "likely"
        assert (str(meant.pid) in found["summary"], str(other.pid) in found["summary"]) == (True, True)
        assert f":{meant.port}" in str(found["remedies"])
        wrong = diagnose("--url", proxy.url, password="of neither of them")
        assert causes(wrong, "error") == ["wrong-credentials"]
    with Nginx(meant.url, HOST) as proxy:
        assert causes(diagnose("--url", proxy.url, password=ours), "error") == []


def test_a_proxy_that_leads_nowhere_beside_several_servers(server: ServerFactory, release: Release) -> None:
    """Which is meant cannot be known: those that run are named, with their ports."""
    one, two = server(), server()
    with Nginx(f"http://127.0.0.1:{free_port()}", HOST) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
    found = cause(report, "not-running")
    assert found["confidence"] == "likely"
    told = found["summary"]
    assert "if it is one of them that is meant, the proxy asks at another place" in told
    running = [f"process {each.pid} at port {each.port}" for each in (one, two)]
    assert "more" in told or all(each in told for each in running), (
        "those of tests beside this one may stand there as well"
    )


def _unheard_of(_path: str, answer: Answer) -> Answer:
    return replace(answer, headers=[*answer.headers, ("X-Whatever", "yes")])


@pytest.mark.parametrize(
    ("differs", "fails", "expected"),
    [(True, True, "unknown"), (True, False, "healthy"), (False, True, "healthy")],
    ids=["both", "no call fails", "no difference"],
)
def test_a_difference_without_a_reason_and_calls_that_fail(
    server: ServerFactory, release: Release, differs: bool, fails: bool, expected: str
) -> None:
    """Some calls on this way were refused for their Host, and this run's own get through: neither healthy nor an accusation."""
    running = server()
    with EditingProxy(running.url, down=_unheard_of if differs else None) as front:
        if fails:
            for _ in range(2):
                bad = requests.get(f"{running.url}/api/v2/app/version", headers={"Host": "nas.lan:1"}, timeout=5)
                assert bad.status_code == 401
            assert until(lambda: "nas.lan:1" in running.log_text())
        report = diagnose("--url", front.url, password=PASSWORD)
    assert (report["verdict"]["state"], causes(report, "error")) == (expected, []), report["verdict"]
    assert ("x-whatever" in str(report["verdict"]).lower()) is (expected == "unknown")
