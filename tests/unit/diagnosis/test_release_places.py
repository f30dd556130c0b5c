"""No page holds a release's number of its own: each is read from the table of releases, where it has its source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qbdoctor import releases
from qbdoctor.diagnosis.catalogue import page_parts, pages
from qbdoctor.releases.claims import CLAIMS

FOLDER = Path(pages.__file__).parent
NUMBER = re.compile(r"(?<![\w.:/])v?[345]\.(?:x|\d+(?:\.\d+){0,2})(?!\w|\.\d)")
USED = re.compile(r"\{(?:since|until):([a-z0-9_.]+)")


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.toml")), ids=lambda file: file.stem)
def test_no_number_is_written_by_hand(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines()
    found = [f"line {n}: {match[0]}" for n, line in enumerate(lines, 1) for match in NUMBER.finditer(line)]
    assert not found, f"{file.name}: write {{since:RULE}} or {{until:RULE}}, with a rule of qbdoctor/releases"


@pytest.mark.parametrize("text", ["v5.3.0 started", "From 5.2 on", "up to 4.3.0.1.", "(4.6.7)"])
def test_the_search_finds_them(text: str) -> None:
    assert NUMBER.search(text)


@pytest.mark.parametrize("text", ["127.0.0.1", "192.168.4.5", "2025.11.0", "http://x/4.5", "version 14.5"])
def test_the_search_passes_other_numbers(text: str) -> None:
    assert not NUMBER.search(text)


def test_every_claim_of_texts_alone_is_used_by_one() -> None:
    used = {name for file in FOLDER.rglob("*.toml") for name in USED.findall(file.read_text("utf-8"))}
    assert used <= set(releases.names())
    assert set(CLAIMS) <= used


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("{since:cookie.name}", "5.2.0"),
        ("{until:cookie.name}", "5.1.4"),
        ("{since:cookie.name_is_setting/2}", "5.2.0"),
        ("{until:cookie.name_is_setting/2}", "5.1.4"),
        ("{oldest}", "4.1.0"),
        ("{newest}", str(releases.NEWEST)),
        ("{before_oldest}", "4.0.4"),
    ],
)
def test_a_place_is_filled_from_the_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str, shown: str
) -> None:
    assert said(monkeypatch, tmp_path, place) == f"X {shown}"


@pytest.mark.parametrize("place", ["{since:cookie.name_is_setting}", "{since:no.such}", "{until:cookie.name/2}"])
def test_a_wrong_place_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    with pytest.raises(page_parts.CatalogueError, match="bind-failed"):
        said(monkeypatch, tmp_path, place)


def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> str:
    good = (FOLDER / "causes" / "bind-failed.toml").read_text("utf-8")
    made = re.sub(r'(?m)^title = ".*"', lambda _: f'title = "X {place}"', good)
    (tmp_path / "bind-failed.toml").write_text(made, "utf-8")
    monkeypatch.setattr(pages, "_folder", lambda: tmp_path)
    pages.page.cache_clear()
    try:
        return pages.page("bind-failed").title
    finally:
        pages.page.cache_clear()
