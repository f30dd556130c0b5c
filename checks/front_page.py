"""Checks that the start page loads."""

from qbdoctor.api import (
    Check,
    Evidence,
    Exchange,
    Finding,
    Judgement,
    Observations,
    Remedy,
    content_type,
    is_broken,
    releases,
)

SWITCHED_OFF = "config.alternative_ui_switched_off"


def judge(seen: Observations) -> Judgement:
    """Judge by GET /, or by the folder alone where asking would make qBittorrent change a setting."""
    first = seen.anonymous
    if not first.answered or seen.serves_qbittorrent is False:
        return Judgement("skip", "Not asked", "no answer of qBittorrent's came")
    if first.status not in {200, 403}:
        return Judgement("skip", "Not asked", f"calls get {first.status}, and so would the page")
    alternative = _alternative(seen)
    if alternative is not False and True in releases.possible(SWITCHED_OFF, _range(seen)):
        return _by_folder(seen, alternative)
    page = seen.front_page
    if page.status == 200:
        with_session = _session(seen)
        page = seen.start_page if with_session else page
        if page.status == 200:
            return _loads(seen, alternative, with_session=with_session)
    if alternative and page.status in {404, 500}:
        return _broken(seen, page.outcome(), (Evidence.response(page),))
    if alternative is None and page.status == 500 and page.body.strip():
        # Its own two texts are about that folder; a crash of a proxy's has no such marks and no API beside it.
        return _broken(seen, page.outcome(), (Evidence.response(page),))
    return Judgement("skip", "Not judged", f"GET / is answered with {page.outcome()}, and no alternative Web UI is set")


def _range(seen: Observations) -> releases.VersionRange:
    if seen.has("version") and seen.version is not None:
        return releases.VersionRange(seen.version, seen.version)
    return seen.releases


def _alternative(seen: Observations) -> bool | None:
    """Return whether an alternative Web UI is set; None where neither the config nor the server says."""
    if seen.settings is not None:
        return seen.settings.boolean("AlternativeUIEnabled")
    known = seen.preferences if seen.has("version") and seen.version is not None else None
    if known is None or "alternative_webui_enabled" not in known:
        return None
    return bool(known["alternative_webui_enabled"])


def _by_folder(seen: Observations, alternative: bool | None) -> Judgement:
    """Judge by the files: such a release switches a broken one off at the first visit, and saves that."""
    if alternative is None:
        reason = "whether an alternative Web UI is set is not known, and a visit would switch off a broken one"
        return Judgement("skip", "The start page was not asked for", reason)
    fault = seen.alternative_ui_fault
    if fault is None:
        reason = "an alternative Web UI is set, whose folder may not be seen, and a visit would switch off a broken one"
        return Judgement("skip", "The start page was not asked for", reason, _made_for_older(seen, alternative))
    if not fault:
        text = "The folder of the alternative Web UI holds a start page"
        return Judgement("pass", text, findings=_made_for_older(seen, alternative))
    return _broken(seen, "the next visitor gets 500, and then qBittorrent goes back to the built-in one", ())


def _made_for_older(seen: Observations, alternative: bool) -> tuple[Finding, ...]:
    """Say that its login page is a client of its own, which may know the answers of older releases alone."""
    if not alternative or releases.possible("login.accepted", _range(seen)) != ((204, ""),):
        return ()
    text = (
        "An alternative Web UI is on: one that was made for older releases takes the answer 204 to a good login for a wrong "
        "password, and shows the torrents once its page is loaded anew"
    )
    evidence = Evidence.setting("AlternativeUIEnabled", "true", "an alternative Web UI is on")
    way = Remedy(
        "client", "Update the alternative Web UI to one that was made for this release, or use the built-in one."
    )
    return (Finding("client-wants-ok-body", "possible", text, (evidence,), severity="info", remedies=(way,)),)


def _session(seen: Observations) -> bool:
    """Whether this run has a session to ask with: a page may load for one who is logged in and not for a stranger."""
    return seen.sign_in.outcome == "accepted"


def _loads(seen: Observations, alternative: bool | None, *, with_session: bool) -> Judgement:
    """Judge what the page needs, where something other than qBittorrent's own program may hold or change it."""
    kind = "the alternative" if alternative else "the built-in"
    tried = f"{kind} Web UI, asked for without a session{' and with one' if with_session else ''}"
    anything_between = seen.in_front is not None or with_session
    if not alternative and not seen.target.direct and not anything_between:
        return Judgement("pass", f"The start page loads ({tried})")
    parts = seen.page_parts
    broken = [part for part in parts if is_broken(part)]
    if not broken:
        return Judgement(
            "pass", f"The start page loads ({tried}), and so do the {len(parts)} scripts and styles it names"
        )
    named = ", ".join(_part(part) for part in broken[:3])
    text = f"The start page at {seen.target.address.url} loads, but not what it needs: {named}; browsers show it broken or empty"
    evidence = (
        *(Evidence.response(part, _part(part)) for part in broken),
        Evidence.response(seen.front_page, "the page itself: 200"),
    )
    mistyped = any(part.status in {200, 304} and content_type(part) != "text/html" for part in broken)
    values = {"proxy": "no" if seen.target.direct else "yes", "another_type": "yes" if mistyped else "no"}
    return Judgement("fail", text, findings=(Finding("page-assets-missing", "likely", text, evidence, values=values),))


def _part(part: Exchange) -> str:
    if part.status in {200, 304}:
        kind = content_type(part)
        if kind == "text/html":
            return f"{part.url} is answered with a page (text/html)"
        return f"{part.url} comes as {kind or 'nothing in particular'}, a type for which browsers refuse to use it"
    return f"{part.url} gets {part.status if part.answered else part.outcome()}"


def _broken(seen: Observations, shown: str, evidence: tuple[Evidence, ...]) -> Judgement:
    fault = seen.alternative_ui_fault
    text = f"The alternative Web UI cannot be loaded{f' ({fault})' if fault else ''}, while the API answers: {shown}"
    settings = seen.settings
    if settings is not None:
        found = settings.found("RootFolder") or settings.found("AlternativeUIEnabled")
        file = str(seen.target.config_file) if seen.target.config_file else None
        value = settings.text("RootFolder")
        said = f"AlternativeUIEnabled is true, RootFolder is {value!r}{f': {fault}' if fault else ''}"
        evidence = (
            *evidence,
            Evidence.setting("RootFolder", value, said, file=file, line=found.line if found else None),
        )
    api = Evidence.response(seen.anonymous, f"the API answers: {seen.anonymous.outcome()}")
    return Judgement("fail", text, findings=(Finding("alt-webui-broken", "likely", text, (*evidence, api)),))


CHECK = Check(
    id="front-page",
    title="The start page",
    order=126,
    judge=judge,
    causes=("alt-webui-broken", "page-assets-missing", "client-wants-ok-body"),
    about=(
        "Asks for GET / as a browser does, without a session and, if there is one, with it. Then it asks for the scripts that "
        "the page names, relative to its path, and for its styles behind a proxy or in an alternative Web UI: they must come, "
        "and with a type that browsers take. 500 of the page "
        "while the API answers is an alternative Web UI that cannot be loaded. From 5.2 on the build without a window "
        "switches such a one off, and saves that, at the first visit: there the page is not asked for where an alternative "
        "Web UI is or may be set, and its folder is looked at instead, where it may be seen. That its login page may know older "
        "releases alone is said."
    ),
)
