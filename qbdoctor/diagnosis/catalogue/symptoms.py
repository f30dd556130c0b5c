"""Finds the causes behind what people see: a status, a message, a page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from qbdoctor.diagnosis.catalogue import built
from qbdoctor.values import frozen


@frozen
class Symptom:
    """What is seen, the words by which people name it, and the causes behind it, the most frequent first."""

    title: str
    words: tuple[str, ...]
    causes: tuple[str, ...]


@cache
def symptoms() -> tuple[Symptom, ...]:
    """Return all symptoms in the order of the file."""
    kept = built.table("SYMPTOMS")
    if kept:
        return tuple(Symptom(**row) for row in kept)
    import tomllib  # noqa: PLC0415 - as in pages.page
    from pathlib import Path  # noqa: PLC0415

    file = Path(__file__).with_name("symptoms.toml")
    found = tomllib.loads(file.read_text(encoding="utf-8"))["symptom"]
    return tuple(Symptom(str(one["title"]), tuple(one["words"]), tuple(one["causes"])) for one in found)


def search(text: str, known: Sequence[Symptom] | None = None) -> tuple[Symptom, ...]:
    """Return the symptoms that a text names: by one of its words alone, else those whose words stand in it."""
    wanted = " ".join(text.lower().split())
    each = symptoms() if known is None else known
    exact = tuple(one for one in each if wanted in one.words)
    if exact or not wanted:
        return exact
    padded = f" {''.join(letter if letter.isalnum() or letter in '.-_' else ' ' for letter in wanted)} "
    return tuple(one for one in each if any(f" {word} " in padded for word in one.words))
