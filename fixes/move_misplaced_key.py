"""Moves a Web UI setting that stands where this release does not look to where it does."""

from collections.abc import Mapping

from qbdoctor.api import (
    EVERY,
    Effectiveness,
    Fix,
    Input,
    Move,
    Observations,
    as_read,
    inputvalues,
    not_there,
    odd_keys,
    releases,
)

CAUSE = "misplaced-key"


def plan(seen: Observations, cause: str | None, given: Mapping[str, str]) -> tuple[Move, ...]:
    """Return one edit a key; for a cause only where all of them can be made."""
    moves = _moves(seen, given)
    if cause is None:
        return moves
    keys = {(one.section, one.place) for one in odd_keys(seen, CAUSE, given["only"])}
    return moves if len(moves) == len(keys) and not _twice(moves) else ()


def forbids(seen: Observations, via: str, given: Mapping[str, str]) -> str:
    """Refuse a key by name that is not one of them, and a setting that stands in several wrong places."""
    if via == "api":
        return ""
    for name in _twice(_moves(seen, given)):
        lines = " and ".join(str(one.line) for one in odd_keys(seen, CAUSE, given["only"]) if one.name == name)
        return (
            f"{name} stands in more than one wrong place (lines {lines}), and which value was meant cannot be known: name "
            "one with --set only=KEY, or take the others out first."
        )
    return not_there(seen, CAUSE, given["only"], "setting in a wrong place called")


def _moves(seen: Observations, given: Mapping[str, str]) -> tuple[Move, ...]:
    read = as_read(seen)
    if read is None:
        return ()
    return tuple(
        dict.fromkeys(
            Move(one.name, one.section, one.place, *read.place(one.name))
            for one in odd_keys(seen, CAUSE, given["only"])
            if read.version is None or releases.reads(releases.key(one.name), read.version)
        )
    )


def _twice(moves: tuple[Move, ...]) -> list[str]:
    names = [move.setting for move in moves]
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def judge(_before: Observations, _after: Observations, _given: Mapping[str, str]) -> Effectiveness:
    """Judge nothing: which setting it is differs, and the file and the preferences are read in any case."""
    return Effectiveness(None, "the value is in force")


FIX = Fix(
    id="move-misplaced-key",
    title="A setting in the wrong place is moved to where the release reads it",
    order=86,
    answers=(CAUSE,),
    effect="keeps",
    plan=plan,
    judge=judge,
    forbids=forbids,
    inputs=(Input("only", "the one key to move, as the file spells it", inputvalues.key_name, default=EVERY),),
    file_only=True,
    by_value=True,
    changes=(
        "The place of Web UI settings that stand where this release does not read them, or of the one that --set "
        "only=KEY names"
    ),
    about=(
        "Takes the line out of the section where it has no effect and writes the same value where the release looks: NAME in "
        "[WebUI] from 5.3.0 on, WebUI\\NAME in [Preferences] before. From then on the value counts, whatever it is. Where the "
        "right place holds a value already, that one counts and nothing is moved: the check names both lines where they differ."
    ),
)
