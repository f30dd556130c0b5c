"""Moves settings that an upgrade left where the release does not look any more to where it does, together."""

from qbdoctor.api import Effectiveness, Fix, Move, Observations, as_read, odd_keys, releases

CAUSE = "settings-not-migrated"


def plan(seen: Observations, _cause: str | None) -> tuple[Move, ...]:
    """Return one move a setting. One that stands in the new section as well has its value there already, which is newer."""
    read = as_read(seen)
    if read is None:
        return ()
    found: dict[str, Move] = {}
    for one in odd_keys(seen, "misplaced-key"):
        if one.section == "Preferences" and (
            read.version is None or releases.reads(releases.key(one.name), read.version)
        ):
            found.setdefault(one.name, Move(one.name, one.section, one.place, *read.place(one.name)))
    return tuple(found.values())


def judge(_before: Observations, _after: Observations) -> Effectiveness:
    """Judge nothing: which settings they are differs, and the file and the preferences are read in any case."""
    return Effectiveness(None, "the values are in force")


FIX = Fix(
    id="migrate-settings",
    title="All settings that an upgrade left behind are moved to where the release reads them",
    order=87,
    answers=(CAUSE,),
    effect="keeps",
    plan=plan,
    judge=judge,
    file_only=True,
    by_value=True,
    changes="The place of every Web UI setting that still stands in [Preferences] WebUI\\NAME: it becomes NAME in [WebUI]",
    about=(
        "Does what 5.3.0 does itself at its first start with a file of an older release, for a file whose MigrationVersion says "
        "that it was done already. Each line is taken out of [Preferences] and the same value written to [WebUI]. Setting "
        "MigrationVersion back to 10 by hand would do it as well, but then the old values win over newer ones that stand in "
        "[WebUI]; here those stay."
    ),
)
