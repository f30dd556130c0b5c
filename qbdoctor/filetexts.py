"""What is kept of a change that is made live: the preferences before, and texts of the file that the Web API does not give."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from qbdoctor.config.conversions import Place
from qbdoctor.model.basics import Json, Secret
from qbdoctor.store import Raws


@dataclass(frozen=True, slots=True)
class FileText:
    """Where a setting stands in the file, or would, and its text there, None for none."""

    place: Place
    raw: str | None = field(repr=False)


def dump(held: Mapping[str, Json]) -> bytes:
    """Return preferences as they are kept."""
    return json.dumps(dict(held), indent=2).encode()


def kept_texts(texts: Mapping[str, FileText]) -> bytes:
    """Return the lines of the file that hold these settings, as a backup that a person can read and put back."""
    lines = []
    for text in texts.values():
        line = f"; {text.place.key} was not set" if text.raw is None else f"{text.place.key}={text.raw}"
        lines += [f"[{text.place.section}]", line]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def backup(before: Mapping[str, Json], texts: Mapping[str, FileText]) -> dict[str, bytes]:
    """Return the files that hold what was before, the record's backup first."""
    told = {name: value for name, value in before.items() if not isinstance(value, Secret)}
    kept = {"before.conf": kept_texts(texts)} if texts else {}
    return kept | ({"before.json": dump(told)} if told or not texts else {})


def raws(before: Mapping[str, FileText], after: Mapping[str, FileText]) -> Raws:
    """Return the texts before and after, the latter None until it is known."""
    return {name: (old.raw, after[name].raw if name in after else None) for name, old in before.items()}
