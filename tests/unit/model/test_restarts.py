"""Nothing advises a restart that is not there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from qbdoctor import registry
from qbdoctor.diagnosis.catalogue import pages, systems
from qbdoctor.model import restarts
from qbdoctor.model.errors import Refused, UserError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_no_text_advises_it_where_it_is_not(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(systems, "HERE", "linux")
    told = [
        text
        for page in map(pages.page, pages.ids())
        for one in pages.fill(page, {}, stand_ins=True)
        for text in (one.text, *one.commands)
    ]
    told += [fix.about for fix in registry.fixes()]
    advice = [text for text in told if "--restart" in text]
    assert len(advice) > 5
    monkeypatch.setattr(sys, "platform", platform)
    for text in advice:
        fitted = systems.text(text, "windows")
        assert "--restart" not in fitted, text
        assert not re.search(r"[,;] *[.,;:]|  | \.", fitted), fitted


@pytest.mark.parametrize(
    "file",
    [
        "qbdoctor/model/edits.py", "qbdoctor/repair/journal/undo.py", "qbdoctor/repair/password_change.py",
        "qbdoctor/repair/live_preferences.py", "qbdoctor/repair/planner.py", "fixes/use_http.py", "fixes/set_tls_files.py",
    ],
)  # fmt: skip
def test_sentences_of_errors_lose_it(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = re.findall(r'"([^"]*--restart[^"]*)"', (ROOT / file).read_text(encoding="utf-8"))
    sentences = [text for text in texts if "without --restart" not in text and "``" not in text]
    assert sentences
    monkeypatch.setattr(sys, "platform", "win32")
    for text in sentences:
        whole = (
            f"Stop it first; or {text if text.startswith('have') else f'have it {text}'}"
            if " or " not in text
            else text
        )
        assert "--restart" not in Refused(whole).reason
        assert "--restart" not in UserError("usage", whole).message


def test_on_linux_every_word_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    text = "stop it first; or have it restarted for that with --restart."
    assert restarts.fit(text) == text
