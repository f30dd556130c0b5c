"""Suggests the nearest known names for one that does not exist."""

from __future__ import annotations

from collections.abc import Sequence

_LIKE = 0.7
"""How alike two words are that differ by a typing error; `install` and `instance-lock` are 0.6."""


def suggest(word: str, known: Sequence[str], count: int = 3) -> tuple[str, ...]:
    """Return the ids nearest to a word that is none: those that hold it first, then those spelled like it."""
    low = word.strip().lower().replace("_", "-").replace(" ", "-")
    # `all` stands in `allow-host` by chance alone: a short word must be one of the id's own.
    holding = [one for one in known if low and low in (one if len(low) > 3 else one.split("-"))]
    import difflib  # noqa: PLC0415 - for a typing error alone

    alike = difflib.get_close_matches(low, known, n=count, cutoff=_LIKE)
    return tuple(dict.fromkeys([*holding, *alike]))[:count]


def other_meaning(word: str, command: str) -> str | None:
    """Return how an address or a file is given that was typed where a command or an id is expected; None for neither."""
    from qbdoctor.cli import program  # noqa: PLC0415 - for a typing error alone

    given = f"{program.name()} {command}"
    if word.startswith(("/", "~", "./", "../")) or word.lower().endswith((".conf", ".ini")):
        option = "--config" if word.lower().endswith((".conf", ".ini")) else "--profile"
        what = "a config file" if option == "--config" else "a profile's folder"
        return f"{what} is given by {option}: {given} {option} {program.quoted(word)}"
    if word.isdigit() or word == "localhost" or "." in word or ":" in word:
        return f"an address is given by --url: {given} --url {program.quoted(word)}"
    return None
