"""What is known of programs: the table, and the three places that show it."""

from __future__ import annotations

import json

import jsonschema
import pytest

from qbdoctor.reports.schema import load
from qbdoctor.trace.known_clients import KNOWN_CLIENTS, known_client, remedies
from tests.support.doctor import qbdoctor


def test_the_table_has_its_sources_and_says_what_is_unknown() -> None:
    assert len(KNOWN_CLIENTS) >= 40
    names = [one.name for one in KNOWN_CLIENTS]
    assert names == sorted(names, key=str.lower)
    assert len(set(names)) == len(names)
    for one in KNOWN_CLIENTS:
        assert one.source and one.says, one.name
        assert not one.since or one.state in {"measured", "said"}, one.name
        assert one.state != "measured" or one.since, one.name


@pytest.mark.parametrize(
    ("agent", "name"), [("Sonarr/4.0.15 (ubuntu 24.04)", "Sonarr"), ("Radarr/6.1.1", "Radarr"), ("curl/8.5.0", None)]
)
def test_by_the_user_agent(agent: str, name: str | None) -> None:
    found = known_client(agent)
    assert (found.name if found else None) == name
    assert len(remedies(agent)) == (name is not None)


def test_as_a_table_and_as_data() -> None:
    shown = qbdoctor("clients", "--known")
    assert shown.code == 0
    assert all(one.name in shown.out for one in KNOWN_CLIENTS)
    data = json.loads(qbdoctor("clients", "--known", "--json").out)
    jsonschema.validate(data, load("known-clients/1"))
    assert len(data["clients"]) == len(KNOWN_CLIENTS)


def test_explained_with_the_cookie() -> None:
    page = qbdoctor("explain", "cookie-renamed").out
    assert "What version do I need?" in page
    assert "qbittorrent-api: from 2025.11.1 on" in page
    assert len(json.loads(qbdoctor("explain", "cookie-renamed", "--json").out)["clients"]) == len(KNOWN_CLIENTS)


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        (["sonarr"], {"Sonarr"}),
        (["Radarr"], {"Radarr"}),
        (["qbit_manage"], {"qbit_manage"}),
        (["home", "assistant"], {"Home Assistant"}),
    ],
)
def test_a_program_is_explained_by_its_name(typed: list[str], names: set[str]) -> None:
    run = qbdoctor("explain", *typed)
    assert run.code == 0, run.err
    assert all(f"- {name}" in run.out for name in names), run.out
    assert run.out.count("\n  - ") == len(names), "the others are not asked for"
    assert "qbdoctor explain cookie-renamed" in run.out
    assert {
        one["name"].partition(":")[0] for one in json.loads(qbdoctor("explain", *typed, "--json").out)["clients"]
    } == names


def test_what_is_no_program_stays_unknown() -> None:
    for word in ("no-such-program", "ab", "api", "client"):
        assert qbdoctor("explain", word).code == 2
