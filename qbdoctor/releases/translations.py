r"""Lists under which names a field goes on both sides of a release, and what stands in for a field that a client leaves out.

A client of one release can so be understood by a server of another. A field that a release does not know is passed over
without a word: ``skip_checking`` has no effect on 5.3.0, ``paused`` none on 5.0.0 and later. Source:
src/webui/api/torrentscontroller.cpp at the tags named, 4.3.2 for ``contentLayout``; all but that measured on 4.5.2,
5.1.0 and 5.3.0.
"""

from collections.abc import Mapping
from typing import NamedTuple

from qbdoctor.releases.action_fields import RENAMED_FILTERS, means_all, required
from qbdoctor.releases.actions import RENAMED
from qbdoctor.releases.lookup import rule
from qbdoctor.releases.versions import Version, known
from qbdoctor.releases.web_api import has_action


class RenamedField(NamedTuple):
    """A field's name before a release and from it on; ``values`` are those that changed with it."""

    since: str
    before: str
    after: str
    values: tuple[tuple[str, str], ...] = ()


RENAMED_FIELDS: dict[str, tuple[RenamedField, ...]] = {
    "torrents/add": (
        RenamedField("4.3.2", "root_folder", "contentLayout", (("true", "Original"), ("false", "NoSubfolder"))),
        RenamedField("5.0.0", "paused", "stopped"),
        RenamedField("5.3.0", "skip_checking", "seedMode"),
    ),
    "torrents/editTracker": (RenamedField("5.2.0", "origUrl", "url"),),
}

STANDINS: dict[str, dict[str, str]] = {
    "torrents/setShareLimits": {
        "seedingTimeLimit": "-2",
        "inactiveSeedingTimeLimit": "-2",
        "shareLimitAction": "Default",
        "shareLimitsMode": "Default",
    },
}
"""Action -> what a required field is where a client of an older release does not send it: the release's own default."""


class FieldName(NamedTuple):
    """What a field is called by a release that does not know it under the client's name."""

    name: str
    values: Mapping[str, str]

    def value(self, text: str, otherwise: str) -> str:
        """Return the value that stands for the client's one there; ``otherwise`` where it is the same."""
        return self.values.get(text.lower(), otherwise)


def field_names(action: str, version: Version) -> dict[str, FieldName]:
    """Return the names of fields that a release does not read, with what it reads instead."""
    found = {}
    for row in RENAMED_FIELDS.get(action, ()):
        if known(row.since) <= version.release:
            found[row.before] = FieldName(row.after, dict(row.values))
        else:
            found[row.after] = FieldName(row.before, {new.lower(): old for old, new in row.values})
    return found


def standins(action: str, version: Version) -> dict[str, str]:
    """Return the fields that a release requires of an action and that an older client may not know, with their values."""
    return {name: value for name, value in STANDINS.get(action, {}).items() if name in required(action, version)}


def action_name(action: str, version: Version) -> str:
    """Return what a release calls an action that it does not have under this name; the name itself where it is the same."""
    other = RENAMED.get(action)
    return other if other is not None and not has_action(action, version) and has_action(other, version) else action


def filter_word(word: str, version: Version) -> str:
    """Return what a release calls a word of torrents/info?filter= that it would take for *all*; else the word itself."""
    other = RENAMED_FILTERS.get(word)
    return other if other is not None and means_all(word, version) and not means_all(other, version) else word


def state_names(spoken: Version, real: Version) -> tuple[tuple[str, str], ...]:
    """Return the states of torrents that two releases call differently: (the real name, the spoken one)."""
    pairs = zip(rule("state.stopped", real), rule("state.stopped", spoken), strict=True)
    return tuple((theirs, ours) for theirs, ours in pairs if theirs != ours)
