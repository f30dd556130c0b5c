"""The words of every page: nothing is left unfilled, nothing is said twice in a row, every path is whole."""

from __future__ import annotations

import re

import pytest

from qbdoctor import registry
from qbdoctor.diagnosis.catalogue import explain, pages
from qbdoctor.diagnosis.catalogue.phrases import PLACES
from qbdoctor.model.edits import Fix

DOUBLED = re.compile(r"(?<![-\w])([a-z]+(?: [a-z]+)?)[,:]? \1(?![-\w])", re.IGNORECASE)
# What stands in capitals is either a name that the field uses or a hole.
UNFILLED = re.compile(rf"\b({'|'.join(name.upper() for name in PLACES if '_' in name and name != 'no_proxy')})\b")
VAGUE = ("in question", "said above", "the unknown one")
EVERY = pytest.mark.parametrize("cause", pages.ids())


def flat(cause: str, **values: str) -> str:
    return " ".join(explain.cause_page(pages.page(cause), values).text(80).split())


@EVERY
@pytest.mark.parametrize("version", ["", "4.5.2", "5.3.0"])
def test_no_place_is_empty_and_no_word_doubled(cause: str, version: str) -> None:
    text = flat(cause, version=version)
    assert not UNFILLED.findall(text)
    assert [word for word in VAGUE if word in text and cause not in {"bypass-active", "cookie-stripped"}] == []
    prose = re.sub(r"`[^`]*`|--?\w+[= ]\w+", "", text)
    assert [m[0] for m in DOUBLED.finditer(prose) if not m[0][0].isdigit()] == []


@EVERY
def test_every_file_in_a_command_has_a_folder_and_is_made_first(cause: str) -> None:
    page = pages.page(cause)
    made: set[str] = set()
    for step in pages.steps(page, {}, stand_ins=True):
        for line in step.commands:
            made |= set(re.findall(r'(?:-c|>) "(\$HOME/[^"]+)"', line))
            used = set(re.findall(r"\$HOME/qb-[a-z]+\.txt", line))
            assert used <= made, f"nothing makes {used - made} before: {line}"
            assert not re.search(
                r'(?<![/.\w])(?:"|\s)(?:qBittorrent\.conf|cookies\.txt|jar|password\.txt|key\.txt)\b', line
            ), line


@EVERY
def test_a_login_that_may_be_refused_is_announced(cause: str) -> None:
    steps = pages.steps(pages.page(cause), {}, stand_ins=True)
    logins = [
        n
        for n, step in enumerate(steps)
        if any("/auth/login" in line and "--data-urlencode" in line for line in step.commands)
    ]
    if logins:
        told = " ".join(step.text for step in steps[: logins[0] + 1])
        assert re.search(r"counts? as a failed login", told), told


@pytest.mark.parametrize("fix", registry.fixes(), ids=lambda fix: fix.id)
def test_the_words_of_fixes_too(fix: Fix) -> None:
    for text in (fix.title, fix.about, fix.changes, fix.exposes):
        assert [found[0] for found in DOUBLED.finditer(text)] == []
