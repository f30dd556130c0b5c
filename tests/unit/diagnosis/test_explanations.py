"""What `explain` prints: order, width, places, the list and its suggestions."""

from __future__ import annotations

import json
import re

import pytest

from qbdoctor.cli import suggest
from qbdoctor.diagnosis.catalogue import explain, pages, systems
from qbdoctor.diagnosis.catalogue.page_parts import CONDITIONS
from qbdoctor.model.findings import Check, Judgement
from tests.support.page_values import CONTRACT, FULL

ANY_PAGE = pytest.mark.parametrize("cause", CONTRACT)


@pytest.fixture(autouse=True)
def _in_the_words_of_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the pages are written; test_systems judges what becomes of them elsewhere."""
    monkeypatch.setattr(systems, "HERE", "linux")


def test_pages_come_by_rank() -> None:
    ranks = [page.rank for page in pages.pages()]
    assert ranks == sorted(ranks)


@ANY_PAGE
def test_an_explanation_is_wrapped_and_its_commands_are_not(cause: str) -> None:
    page = pages.page(cause)
    shown = explain.cause_page(page)
    text = shown.text()
    assert text.startswith(f"{cause}\n{page.title[:40]}")
    assert text.endswith("\n")
    assert "\n\n\n" not in text
    for heading in ("What you see", "Why", "Releases", "How sure it can be", "Confirm it by hand", "What to do"):
        assert f"\n{heading}" in text
    commands = [line for section in shown.sections for block in section.blocks for line in block.commands]
    for line in commands:
        assert line.rstrip() in text
    quoted = {line.strip() for line in page.see.split("\n") + page.why.split("\n") if line.startswith("    ")}
    for line in text.split("\n"):
        verbatim = line.strip() in {command.strip() for command in commands} | quoted
        assert len(line) <= 100 or verbatim or " " not in line.strip(), line
    data = json.loads(json.dumps(shown.data))
    assert (data["kind"], data["id"]) == ("cause", cause)
    assert len(data["remedies"]) == sum(pages.applies(one.when, {}) for one in page.remedies)


def test_an_explanation_takes_the_targets_values() -> None:
    text = explain.cause_page(pages.page("host-port-mismatch"), FULL).text()
    assert '- "8112:8112"' in text
    assert "WEBUI_PORT=8112" in text
    assert "proxy_pass http://127.0.0.1:8080;" in text


def test_a_check_has_a_page() -> None:
    check = Check("login", "Login", 10, lambda _: Judgement("pass", ""), ("ip-banned", "mine"), "Sends one login.")
    shown = explain.check_page(check)
    assert "Sends one login." in shown.text()
    assert "ip-banned: The server has banned" in shown.text()
    assert "mine: (a plug-in's cause)" in shown.text()
    assert shown.data["causes"] == ["ip-banned", "mine"]


def test_the_list_names_every_cause_once() -> None:
    text = explain.list_causes(pages.pages())
    for cause in pages.ids():
        assert len(re.findall(rf"(?m)^[ *] {re.escape(cause)} ", text)) == 1
    assert max(map(len, text.split("\n"))) <= 100
    assert len(explain.list_causes_json(pages.pages())) == len(pages.ids())


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("host-port-mismach", "host-port-mismatch"),
        ("ip_banned", "ip-banned"),
        ("banned", "ip-banned"),
        ("Cookie", None),
    ],
)
def test_suggest(word: str, first: str | None) -> None:
    found = suggest.suggest(word, pages.ids())
    assert found
    assert first in (None, found[0])
    assert len(found) <= 3


def test_suggest_gives_nothing_for_nonsense() -> None:
    assert suggest.suggest("zzzzzzzz", pages.ids()) == ()
    assert suggest.suggest("", pages.ids()) == ()


def test_conditions_used_are_known() -> None:
    used = {word for page in pages.pages() for one in page.remedies for word in one.when.split()}
    assert {word for word in used if word[0] not in "<>"} <= set(CONDITIONS)
