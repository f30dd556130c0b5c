"""Removes the lines of keys that no release reads."""

from collections.abc import Mapping

from qbdoctor.api import EVERY, Effectiveness, Fix, Input, Observations, Remove, inputvalues, not_there, odd_keys

CAUSE = "unknown-key"


def plan(seen: Observations, _cause: str | None, given: Mapping[str, str]) -> tuple[Remove, ...]:
    """Return one edit a key; one that an older or a newer release reads is none of them."""
    return tuple(
        dict.fromkeys(Remove(one.section, one.place, one.name) for one in odd_keys(seen, CAUSE, given["only"]))
    )


def forbids(seen: Observations, via: str, given: Mapping[str, str]) -> str:
    """Refuse a key by name that is not one of them."""
    return "" if via == "api" else not_there(seen, CAUSE, given["only"], "key that no release reads called")


def judge(_before: Observations, _after: Observations, _given: Mapping[str, str]) -> Effectiveness:
    """Judge nothing: what no release reads does not show in any answer."""
    return Effectiveness(None, "no answer can show a key that nothing reads")


FIX = Fix(
    id="remove-unknown-key",
    title="Keys that no release reads are taken out of the file",
    order=85,
    answers=(CAUSE,),
    effect="keeps",
    plan=plan,
    judge=judge,
    forbids=forbids,
    inputs=(Input("only", "the one key to take out, as the file spells it", inputvalues.key_name, default=EVERY),),
    file_only=True,
    changes="The lines of keys in the Web UI's areas that no release reads, or of the one that --set only=KEY names",
    about=(
        "qBittorrent keeps keys that it does not know and passes over them, so such a line only seems to set something. The "
        "fix takes out every line of each such key, and nothing else: comments, blank lines, other keys and other sections "
        "stay to the byte. A key that an older or a newer release reads stays. What the line was meant to do is not done: "
        "the check names the real setting where there is one."
    ),
)
