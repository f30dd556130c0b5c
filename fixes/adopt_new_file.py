"""Makes the file that qBittorrent left beside its config the config, as the next start would."""

from qbdoctor.api import Effectiveness, Fix, Observations, ReplaceFile


def plan(seen: Observations, cause: str | None) -> tuple[ReplaceFile, ...]:
    """Return the one edit; for a cause only where there is such a file."""
    if cause is not None and (seen.config_place is None or seen.config_place.new_file is None):
        return ()
    return (ReplaceFile(),)


def forbids(seen: Observations, via: str) -> str:
    """Refuse it under a qBittorrent that runs, also with a restart: at its next save that one writes this very file."""
    if via == "api" or seen.target.instance is not None:
        return (
            "qBittorrent runs, and writes that very file whenever it saves: stop it first, look whether the file is still "
            "there, and use --via file."
        )
    return ""


def judge(_before: Observations, _after: Observations) -> Effectiveness:
    """Judge nothing: what it is good for shows at the next start."""
    return Effectiveness(None, "what the file holds counts from the next start on")


FIX = Fix(
    id="adopt-new-file",
    title="The left-over qBittorrent_new.conf becomes the config",
    order=84,
    answers=("leftover-new-file",),
    effect="keeps",
    plan=plan,
    judge=judge,
    forbids=forbids,
    file_only=True,
    by_value=True,
    changes="The whole config: it gets the content of qBittorrent_new.conf (.ini), which goes",
    about=(
        "Where a save was broken off, qBittorrent_new.conf stays beside the config, and at its next start qBittorrent takes it "
        "for the config, whose content is then gone for good. The fix does the same while qBittorrent is stopped, after "
        "showing what differs, and keeps both files: a rollback brings them back as they were. A left-over without any key is "
        "passed over, as by qBittorrent; one that cannot be read with certainty is refused. To keep the old config instead, "
        "move the left-over out of the folder."
    ),
)
