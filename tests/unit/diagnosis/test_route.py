"""The way of a request, drawn from what was seen: who stands between, which Host arrives, where it breaks."""

from __future__ import annotations

from typing import Any

import pytest

from qbdoctor.diagnosis.catalogue import pages as catalogue
from qbdoctor.diagnosis.catalogue.page_parts import BREAKS
from qbdoctor.diagnosis.route import route
from qbdoctor.model.exchanges import Exchange, Failure
from qbdoctor.model.report import Cause, TargetInfo
from qbdoctor.model.route import Break, Route
from qbdoctor.observe.base.observations import Observations
from qbdoctor.observe.base.observed_values import Client
from qbdoctor.reports.route import line
from qbdoctor.target.address import Address
from qbdoctor.target.description import Target

NAS = Address("http", "nas.lan", 8112)
INFO = TargetInfo(version="5.1.0")
ANSWER = Exchange("GET", NAS.url, status=401, local="10.0.0.2")


def drawn(cause: str = "", target: Target | None = None, first: Exchange = ANSWER, **seen: Any) -> Route:
    values = {"server_port": "8080"} if cause == "host-port-mismatch" else {}
    causes = [Cause(cause, "error", "likely", "", values=values)] if cause else []
    made = Observations({"anonymous": first, "target": target or Target(NAS, "url", direct=None), **seen})
    found = route(made, INFO, causes)
    assert found is not None
    return found


def test_nothing_asked_is_no_way() -> None:
    assert route(Observations({}), INFO, []) is None


def test_a_direct_way() -> None:
    found = drawn(target=Target(NAS, "url", direct=True, here=True))
    assert [hop.kind for hop in found.hops] == ["client", "server"]
    assert found.hosts == ("nas.lan:8112",)
    assert found.broken is None


@pytest.mark.parametrize(
    ("cause", "where"),
    [
        ("host-unreachable", ("leg", 0)),
        ("foreign-auth-in-front", ("hop", 1)),
        ("cookie-stripped", ("leg", 1)),
        ("wrong-credentials", ("hop", 2)),
        ("secure-cookie-over-http", ("hop", 0)),
        ("sessions-evicted", ("hop", 2)),
    ],
)
def test_where_it_breaks(cause: str, where: tuple[str, int]) -> None:
    found = drawn(cause, in_front="nginx")
    assert found.broken is not None
    assert (found.broken.at, found.broken.index) == where
    assert found.broken.cause == cause


def test_an_error_of_what_is_not_seen_in_front_draws_it_all_the_same() -> None:
    found = drawn("cookie-stripped")
    assert [hop.kind for hop in found.hops] == ["client", "unknown", "server"]
    assert found.broken == Break("leg", 1, "cookie-stripped")


@pytest.mark.parametrize("direct", [True, None])
def test_nothing_is_drawn_in_front_that_nothing_shows(direct: bool | None) -> None:
    found = drawn("base-path", target=Target(NAS, "url", direct=direct))
    assert [hop.kind for hop in found.hops] == ["client", "server"]
    assert found.broken == Break("hop", 0, "base-path")
    assert drawn("base-path", in_front="nginx").broken == Break("hop", 1, "base-path")


def test_a_port_map_leaves_the_host_alone_and_a_proxy_may_not() -> None:
    mapped = drawn(target=Target(NAS, "url", server_port=8080, mapped_by="docker-proxy", direct=False))
    assert mapped.hops[1].facts == ("8112 → 8080",)
    assert mapped.hosts == ("nas.lan:8112", "nas.lan:8112")
    assert drawn(in_front="nginx").hosts == ("nas.lan:8112", None)


def test_a_refused_port_shows_that_something_maps_it() -> None:
    assert drawn("host-port-mismatch").hops[1].facts == ("8112 → 8080",)


def test_whom_the_server_sees() -> None:
    client = Client("172.17.0.1", "log", "10.0.0.2", "the proxy in front (nginx)")
    assert "sees 172.17.0.1" in drawn(in_front="nginx", client=client).hops[-1].facts


def test_no_answer() -> None:
    refused = Exchange("GET", NAS.url, failure=Failure("refused", "connection refused"))
    assert drawn("not-running", first=refused).hops[-1].name == "nothing listens"


def test_every_cause_has_a_place() -> None:
    assert {page.breaks for page in catalogue.pages()} == set(BREAKS)
    for page in catalogue.pages():
        found = drawn(page.id).broken
        assert found is not None, page.id


def test_the_line_leaves_out_what_says_least() -> None:
    found = drawn("cookie-stripped", in_front="nginx")
    whole = line(found)
    assert whole == ("10.0.0.2 → Host: nas.lan:8112 → nginx (nas.lan:8112) ✗→ qBittorrent 5.1.0 (nas.lan:8112)")
    for room in range(10, len(whole)):
        assert len(line(found, room)) <= room
    assert line(found, 60) == "10.0.0.2 → nginx (nas.lan:8112) ✗→ qBittorrent 5.1.0"


def test_where_nothing_answers_nothing_is_made_up_between() -> None:
    """Another qBittorrent in a container does not put a port map before a port that nobody listens at."""
    client = Client(None, "", "10.0.0.2", "something that hands the port on, perhaps to a container")
    refused = Exchange("GET", NAS.url, failure=Failure("refused", "connection refused"))
    assert [hop.kind for hop in drawn("not-running", first=refused, client=client).hops] == ["client", "server"]
    assert [hop.kind for hop in drawn(client=client).hops] == ["client", "unknown", "server"]
