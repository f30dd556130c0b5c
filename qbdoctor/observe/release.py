"""Tells which release answers, without a login: signs that came by themselves, then a few questions that cost nothing.

None of the questions is a login, counts towards a ban or leaves a line in the log of the releases that it is sent to,
with one exception that goes out last: OPTIONS, which releases up to 4.5 note as a bad request.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.model import system
from qbdoctor.releases import ANY, Version, VersionRange, fingerprints
from qbdoctor.releases import fingerprints as signs
from qbdoctor.storage import files, foreign
from qbdoctor.webui.call import Call

if TYPE_CHECKING:
    from qbdoctor.model.exchanges import Exchange
    from qbdoctor.observe.base.inspection import Inspection
    from qbdoctor.target.description import Target

UNKNOWN_SCOPE = "/api/v2/nope/x"
APPLICATIONS = (Path("/Applications"), Path("~/Applications"))
"""Where macOS has programs: everybody's, and a user's own."""


def identify(inspection: Inspection, logged: Version | None) -> VersionRange:
    """Return the releases that fit all that is known; ``logged`` is what the process wrote when it started.

    The wire outranks the log, and the log the file, which a newer release may have written before this one was started.
    """
    settings = inspection.seen.settings
    exact = logged or _program(inspection.target)
    hints = [VersionRange(exact, exact)] if exact is not None else []
    if settings is not None:
        hints.append(settings.written_by)
    return ask(inspection, signs.meet(from_answers(inspection), *hints))


def _program(target: Target) -> Version | None:
    """Return the release by the running program's file, unless that was replaced since the process started."""
    one = target.instance
    if one is None or one.executable is None or not one.executable.is_absolute():
        return None
    path = one.executable if one.root is None else one.root.joinpath(*one.executable.parts[1:])
    try:
        replaced = path.stat().st_mtime > one.started.timestamp()
    except OSError:
        return None
    return None if replaced else signs.from_binary(path)


def from_answers(inspection: Inspection) -> VersionRange:
    """Return the releases that fit what was answered anyway: the first refusal's body, headers, cookies' names."""
    seen = inspection.seen
    first = seen.anonymous
    if not first.answered or not seen.serves_qbittorrent:
        return ANY
    known = signs.from_headers(first.header, whole=_whole(inspection))
    if first.status == 403:
        known = signs.meet(known, fingerprints.from_forbidden_body(first.body))
    for exchange in inspection.wire.exchanges:
        known = signs.meet(known, *(fingerprints.from_cookie_name(cookie.name) for cookie in exchange.cookies))
    return known


def ask(inspection: Inspection, known: VersionRange) -> VersionRange:
    """Ask what still divides the releases that fit; returns those that are left.

    Only where the first call got 403: then nothing on the way adds credentials that each further request would carry.
    An API key is not looked at by releases before 5.2 and is never counted by later ones (measured); on the start page
    it also keeps 5.2 and later from looking at an alternative UI, which they would switch off if it is broken.
    """
    seen = inspection.seen
    if seen.anonymous.status != 403 or not seen.serves_qbittorrent or known.single:
        return known
    whole = _whole(inspection)
    if _open(known, "status.root_with_bearer"):
        answer = seen.bearer_root
        if answer.answered and answer.status is not None:
            known = signs.meet(known, signs.from_bearer_root(answer.status, whole=whole))
            if _ours(answer):
                known = signs.meet(known, signs.from_headers(answer.header, whole=whole))
    if _open(known, "status.unknown_scope"):
        answer = inspection.wire.send(Call("GET", UNKNOWN_SCOPE))
        if _ours(answer) and answer.status is not None:
            known = signs.meet(known, signs.from_unknown_scope(answer.status))
    if whole and _open(known, "status.other_method"):
        answer = inspection.wire.send(Call("OPTIONS", "/"))
        if answer.answered and answer.status is not None:
            known = signs.meet(known, fingerprints.from_options_root(answer.status))
    return known


def _open(known: VersionRange, name: str) -> bool:
    return len(releases.possible(name, known)) > 1


def _whole(inspection: Inspection) -> bool:
    """Whether nothing between us and the server shows itself that might change what it says."""
    return inspection.target.direct is True or inspection.seen.in_front is None


def _ours(answer: Exchange) -> bool:
    """Whether the answer carries qBittorrent's own marks: a proxy's own page does not."""
    return answer.answered and answer.header("x-content-type-options") == "nosniff"


PROGRAMS = ("qbittorrent-nox", "qbittorrent")


def reader(inspection: Inspection) -> Version | None:
    """Return the release that runs on this config, else the one that is installed; None where neither is certain.

    An installed program counts for the config in the platform's own place alone: one that was named may be a container's,
    whose program is not this machine's. Sends nothing that was not sent before.
    """
    seen = inspection.seen
    if seen.has("version") and seen.version is not None:
        return seen.version
    settings = seen.settings
    if settings is not None and settings.version is not None:
        return settings.version
    if seen.has("releases") and seen.releases.single is not None:
        return seen.releases.single
    target = inspection.target
    if target.instance is not None or target.config_given:
        return None
    return (_bundled() if system.is_macos() else None) or _installed(os.environ.get("PATH"))


def _bundled() -> Version | None:
    """Return the release of the application on macOS, as its bundle says it (CFBundleShortVersionString)."""
    import plistlib  # noqa: PLC0415 - seldom needed
    from xml.parsers.expat import ExpatError  # noqa: PLC0415

    for folder in APPLICATIONS:
        try:
            held = plistlib.loads(foreign.read(files.expanded(folder) / "qbittorrent.app/Contents/Info.plist", 1 << 16))
        except (OSError, ValueError, ExpatError):
            continue
        said = held.get("CFBundleShortVersionString") if isinstance(held, dict) else None
        if isinstance(said, str) and (version := Version.parse(said)) is not None:
            return version
    return None


@functools.cache  # the programs' files are searched as a whole, and every step of a fix asks
def _installed(search_path: str | None) -> Version | None:
    """Return the release of the programs on the search path, where all of them keep the settings in the same section."""
    import shutil  # noqa: PLC0415 - seldom needed, and with its packers 2 ms

    paths = [Path(found).resolve() for name in PROGRAMS if (found := shutil.which(name, path=search_path))]
    known = [version for version in map(signs.from_binary, paths) if version is not None]
    if not known or len(known) < len(paths):
        return None
    return max(known) if len({releases.rule("config.migrates_below", version) for version in known}) == 1 else None
