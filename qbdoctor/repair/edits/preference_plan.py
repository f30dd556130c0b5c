"""Plans what is kept of a change made live: the preferences before, and texts of the file that the Web API does not give."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from qbdoctor.config import conversions
from qbdoctor.config.conversions import SettingPlace
from qbdoctor.model.basics import Json, Secret
from qbdoctor.model.errors import Refused
from qbdoctor.releases import Version
from qbdoctor.repair.edits.changes import Change, JsonChange, Raws
from qbdoctor.values import field, frozen


@frozen
class FileText:
    """Where a setting stands in the file, or would, and its text there, None for none."""

    place: SettingPlace
    raw: str | None = field(repr=False)


Texts = Callable[[], Mapping[str, FileText]]
"""The texts in the file, by setting, of preferences that the Web API takes and never gives."""


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
    plain = {name: value for name, value in before.items() if not isinstance(value, Secret)}
    kept = {"before.conf": kept_texts(texts)} if texts else {}
    return kept | ({"before.json": dump(plain)} if plain or not texts else {})


def raws(before: Mapping[str, FileText], after: Mapping[str, FileText]) -> Raws:
    """Return the texts before and after, the latter None until it is known."""
    return {name: (old.raw, after[name].raw if name in after else None) for name, old in before.items()}


def api_changes(
    before: Mapping[str, Json],
    after: Mapping[str, Json],
    version: Version | None,
    texts: Mapping[str, FileText] | None = None,
) -> tuple[Change, ...]:
    """Return the changes between two sets of preferences, as records have them.

    ``texts`` are those in the file of settings that the Web API does not give, by setting.
    """
    changes = []
    for name, value in after.items():
        setting = conversions.setting_of(name, version)
        if texts and (there := texts.get(setting)) is not None:
            was = None if there.raw is None else conversions.MASK
            changes.append(Change(setting, was, conversions.MASK, True, *there.place))
            continue
        old = before.get(name)
        if name in before and conversions.same_json(setting, old, value):
            continue
        secret = conversions.is_secret(setting)
        was, will = (conversions.MASK if secret else conversions.raw_value(setting, each) for each in (old, value))
        said = None if secret else JsonChange(name, old, value)
        changes.append(Change(setting, was, will, secret, json=said))
    return tuple(changes)


def check_taken(wanted: Mapping[str, Json], present: Mapping[str, Json], changes: Sequence[Change]) -> None:
    """See that the server has what was written, where it shows it. Raises Refused, without any value."""
    settings = {change.json.name: change.setting for change in changes if change.json is not None}
    for name, setting in settings.items():
        if name in wanted and not (name in present and conversions.same_json(setting, present[name], wanted[name])):
            raise Refused(
                f"qBittorrent answered, and did not take {name}: it has another value than the one that was sent. The way to "
                "it (a proxy?) may keep changes out; stop qBittorrent and use --via file.",
                "not-taken",
            )
