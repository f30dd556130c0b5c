"""Changes the Web UI password: the API can set it but never returns it, so undo needs the config file.

What it was is in the config file alone, so that must be the very server's; and only there it can be put back as it was.
The password itself can be set again live, where it is known to be the one that the file has the hash of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.config import conversions
from qbdoctor.config.password_hash import fits
from qbdoctor.config.settings import Settings, wait_until
from qbdoctor.model.basics import Secret
from qbdoctor.model.edits import NewPassword
from qbdoctor.model.errors import Refused
from qbdoctor.repair.edits.preference_plan import FileText
from qbdoctor.values import field, frozen

if TYPE_CHECKING:
    from qbdoctor.model.edits import Edit
    from qbdoctor.observe.observer import Observer
    from qbdoctor.releases import Version
    from qbdoctor.target.description import Target

SAVE_SECONDS = 8.0
"""qBittorrent saves at once after setPreferences (0.1 s, 4.2.5 to 5.3.0); a slow disk gets more."""
BY_FILE = "stop qBittorrent and use --via file, or have it restarted for that with --restart."


@frozen
class Setting:
    """One that is to be set: its name in app/preferences, its value, the one before where that is known."""

    name: str
    value: Secret = field(repr=False)
    before: Secret | None = field(repr=False)
    text: FileText = field(repr=False)


def refusal(observer: Observer) -> str:
    """Return why the value before could not be kept, or ""; a sentence's second half."""
    target, seen = observer.target, observer.seen
    if target.config_file is None or seen.settings is None:
        why = "" if target.config_file is None else f" ({seen.settings_problem.rstrip('.')})"
        return (
            "the old password's hash is in qBittorrent's config file alone, which is not at hand here, so the change could "
            f"not be taken back{why}: name the file with --config; or {BY_FILE}"
        )
    if _is_its_own(target) or _is_known(observer):
        return ""
    return (
        f"whether {target.config_file} is the file of the qBittorrent that answers at {target.address.url} is not certain, and "
        f"it alone has the old password's hash: give the password that works now, which shows it; or {BY_FILE}"
    )


def setting(observer: Observer, edit: Edit) -> Setting | None:
    """Return what the Web API is to be sent for this edit, None for one of another kind. Raises Refused."""
    known = conversions.known(edit.setting)
    if not isinstance(edit.value, NewPassword) or known is None or known.json is None:
        return None
    if why := refusal(observer):
        raise Refused(f"{edit.setting}: {why}", "not-this-way")
    path = observer.target.config_file
    assert path is not None  # noqa: S101 - for the type checker: it was looked at just now
    before = observer.seen.password if _is_known(observer) else None
    text = texts(path, [edit.setting], observer.seen.version)[edit.setting]
    return Setting(known.json, edit.value.plain, before, text)


def texts(path: Path, names: Iterable[str], version: Version | None) -> dict[str, FileText]:
    """Return these settings' places and texts in the file. Raises UserError where it cannot be read for a second."""
    settings = wait_until(path, version, lambda _: True, 1.0) or Settings.load(path, version)
    return {name: _text(settings, name) for name in names}


def _text(settings: Settings, name: str) -> FileText:
    """Return where a setting stands in the file, or would, and its text there."""
    place = conversions.SettingPlace(*settings.place(name))
    entry = settings.ini.get(*place)
    return FileText(place, None if entry is None else entry.raw)


def check_saved(observer: Observer, values: Mapping[str, Secret]) -> None:
    """See that qBittorrent has taken these and saved them. Raises Refused, with nothing of the values."""
    path, version = observer.target.config_file, observer.seen.version
    for name, value in values.items():
        known = conversions.setting_of(name, version)

        def says(settings: Settings, known: str = known, value: Secret = value) -> bool:
            return fits(_text(settings, known).raw, value)

        if path is None or not wait_until(path, version, says, SAVE_SECONDS):
            raise Refused(
                f"qBittorrent answered, and after {SAVE_SECONDS:g} s {path} has no hash of that password: it cannot save "
                "its settings, or uses another file.",
                "not-taken",
            )


def _is_known(observer: Observer) -> bool:
    """Whether the password that was given is the server's own, and the file has its hash.

    Where nothing else says whose file it is, the server must have accepted it.
    """
    seen, target = observer.seen, observer.target
    if seen.password is None or seen.offline.outcome != "match":
        return False
    return _is_its_own(target) or (seen.has("sign_in") and seen.sign_in.outcome == "accepted")


def _is_its_own(target: Target) -> bool:
    """Whether the process that uses the config file is certainly the one that answers."""
    return target.instance is not None and (target.direct is True or target.mapped_by is not None)
