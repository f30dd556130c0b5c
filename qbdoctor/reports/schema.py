"""Loads the JSON Schemas of qbdoctor's formats, as they are shipped in the package."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def load(name: str) -> dict[str, Any]:
    """Return a schema by the name of its format: ``report/1``, with or without ``qbdoctor.`` before it.

    Raises :class:`FileNotFoundError` if no such schema is shipped.
    """
    file = name.removeprefix("qbdoctor.").replace("/", "-") + ".schema.json"
    text = resources.files("qbdoctor").joinpath("schemas", file).read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
