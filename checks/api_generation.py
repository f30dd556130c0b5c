"""Checks whether it is a qBittorrent from before /api/v2."""

from qbdoctor.api import Check, Evidence, Finding, Judgement, Observations, releases

OLD_PATHS = (403, 404)


def judge(seen: Observations) -> Judgement:
    """Judge a 404 (or a 403 that is not of the present kind) by whether the old API's version answers."""
    first = seen.anonymous
    if not first.answered:
        return Judgement("skip", "Not judged", "no answer came")
    if first.status != 404 and not (first.status in OLD_PATHS and seen.serves_qbittorrent is not True):
        present = seen.serves_qbittorrent is True
        return Judgement("pass", "/api/v2 is there" if present else "No sign of an old release")
    old = seen.old_api
    number = old.body.strip()
    if old.status != 200 or not number.isdigit() or len(number) > 3:
        return Judgement("pass", "/version/api is not answered: this is no old release")
    text = f"This qBittorrent has only the old API (its version is {number}) and no /api/v2, which came with {releases.OLDEST}"
    found = Finding("api-too-old", "likely", text, (Evidence.response(old), Evidence.response(first)))
    return Judgement("fail", text, findings=(found,))


CHECK = Check(
    id="api-generation",
    title="The API's generation",
    order=35,
    judge=judge,
    causes=("api-too-old",),
    about=(
        "Where /api/v2/app/version is not found (404), or answered in no way of qBittorrent's, asks once for /version/api, "
        "which releases before 4.2 answer with a number to anybody. A number there and no /api/v2 is a release before 4.1."
    ),
)
