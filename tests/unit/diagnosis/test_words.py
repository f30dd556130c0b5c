"""The words of every page: nothing is left unfilled, nothing is said twice in a row, every path is whole."""

from __future__ import annotations

import re

import pytest

from qbdoctor import registry
from qbdoctor.diagnosis.catalogue import explain, pages, phrases, systems
from qbdoctor.diagnosis.catalogue.phrases import PLACES
from qbdoctor.model.edits import Fix

DOUBLED = re.compile(r"(?<![-\w])([a-z]+(?: [a-z]+)?)[,:]? \1(?![-\w])", re.IGNORECASE)
# What stands in capitals is either a name that the field uses or a hole.
UNFILLED = re.compile(rf"\b({'|'.join(name.upper() for name in PLACES if '_' in name and name != 'no_proxy')})\b")
VAGUE = ("in question", "said above", "the unknown one")
MOST_WORDS = 40
"""In a sentence: one that is longer holds more than one idea."""
EVERY = pytest.mark.parametrize("cause", pages.ids())


@pytest.fixture(params=["linux", "windows", "macos"])
def here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The system that commands are worded for, ours and the server's."""
    monkeypatch.setattr(systems, "HERE", request.param)
    return str(request.param)


def flat(cause: str, **values: str) -> str:
    return " ".join(explain.cause_page(pages.page(cause), values).text(80).split())


@EVERY
@pytest.mark.parametrize("version", ["", "4.5.2", "5.3.0"])
def test_no_place_is_empty_and_no_word_doubled(cause: str, version: str, here: str) -> None:
    text = flat(cause, version=version)
    assert not UNFILLED.findall(text)
    assert [word for word in VAGUE if word in text] == []
    prose = re.sub(r"`[^`]*`|--?\w+[= ]\w+", "", text)
    assert [m[0] for m in DOUBLED.finditer(prose) if not m[0][0].isdigit()] == []


def sentences(cause: str) -> list[str]:
    """All sentences of a page, without the lines that it quotes."""
    page = pages.page(cause)
    texts = [pages.prose(page.see, {}), pages.prose(page.why, {}), pages.prose(page.reach_note, {})]
    texts += [step.text for step in pages.steps(page, {}, stand_ins=True)]
    texts += [one.text for one in pages.fill(page, {}, stand_ins=True)]
    prose = [line for text in texts for line in text.split("\n") if not line.startswith("    ")]
    return [one for line in prose for one in re.split(r"(?<=[.!?])\s+", line) if one]


@EVERY
def test_one_idea_a_sentence(cause: str) -> None:
    assert [one for one in sentences(cause) if len(one.split()) > MOST_WORDS] == []


@EVERY
def test_marks_stand_where_they_belong(cause: str) -> None:
    outside = (re.sub(r"`[^`]*`|\.(js|css|local)\b", "x", one) for one in sentences(cause))
    assert [one for one in outside if re.search(r"[.?!:;,][.;,](\s|$)|\s[.,;]", one)] == []


@EVERY
def test_a_step_says_what_its_answer_means(cause: str, here: str) -> None:
    """A command whose answer is left to the reader confirms nothing."""
    for step in pages.steps(pages.page(cause), {}, stand_ins=True):
        said = step.text.removesuffix(" In PowerShell:")
        if step.commands and said != phrases.REMOVAL[0]:
            assert len(said.split()) > 8, said


@EVERY
def test_every_file_in_a_command_has_a_folder_and_is_made_first(cause: str, here: str) -> None:
    page = pages.page(cause)
    made: set[str] = set()
    steps = pages.steps(page, {}, stand_ins=True)
    gone = set(re.findall(r"qb-[a-z]+\.txt", " ".join(phrases.REMOVAL[1])))
    for line in (line for step in steps for line in step.commands):
        typed = line.replace("$HOME\\", "$HOME/")  # PowerShell takes both
        made |= set(re.findall(r'(?:-c|>|WriteAllText\() ?"(\$HOME/[^"]+)"', typed))
        used = set(re.findall(r"\$HOME/qb-[a-z]+\.txt", typed))
        if line.startswith(("rm -f", "Remove-Item")):
            continue
        assert used <= made, f"nothing makes {used - made} before: {line}"
    commands = [line for step in steps for line in step.commands]
    commands += [line for remedy in pages.fill(page, {}, stand_ins=True) for line in remedy.commands]
    for line in commands:
        quoted = re.findall(r"'([^']*)'", re.sub(r'"[^"]*"', "", line))
        assert not [text for text in quoted if "$HOME" in text], f"no shell fills that in: {line}"
        assert not (line.startswith("curl ") and re.search(r" -s?i?[bc] (?![\"/])", line)), (
            f"a jar without a folder: {line}"
        )
        assert not re.search(
            r'(?<![/.\w])(?:"|\s)(?:qBittorrent\.conf|cookies\.txt|jar|password\.txt|key\.txt)\b', line
        ), line
    for remedy in pages.fill(page, {}, stand_ins=True):
        for line in remedy.commands:
            assert not any(name in line for name in gone), f"it is gone by then: {line}"


@EVERY
def test_a_list_of_listeners_says_who_sees_names(cause: str) -> None:
    for step in pages.steps(pages.page(cause), {}, stand_ins=True):
        if any(line.startswith("ss -ltnp") for line in step.commands):
            assert "with sudo" in step.text


OPENING = re.compile(r"set WebUI\\(?:Address=\*|HTTPS\\Enabled=false|ServerDomains=\*|LocalHostAuth=false)")


@EVERY
def test_what_opens_says_so(cause: str) -> None:
    """What a fix calls loosening (see repair/exposure) is not made by hand without a word."""
    broken = {"https-fallback", "secure-cookie-over-http"}  # where HTTPS does not work anyway
    for remedy in pages.fill(pages.page(cause), {}, stand_ins=True):
        assert remedy.loosens or cause in broken or not OPENING.search(remedy.text), remedy.text


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
