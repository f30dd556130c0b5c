"""Sets AlternativeUIEnabled=false: the built-in Web UI again."""

from qbdoctor.api import Edit, Effectiveness, Fix, Observations

SETTING = "AlternativeUIEnabled"


def plan(_seen: Observations, _cause: str | None) -> tuple[Edit, ...]:
    """Return the one edit."""
    return (Edit(SETTING, False),)


def judge(before: Observations, after: Observations) -> Effectiveness:
    """Judge by the start page, as far as it was asked for."""
    page = after.start_page
    if page.status != 200:
        return Effectiveness(False if after.target.direct else None, f"the start page: {page.outcome()}")
    if before.has("start_page") and before.start_page.status != 200:
        return Effectiveness(True, f"the start page answered {before.start_page.status} before and loads now")
    return Effectiveness(None, "the start page loads")


FIX = Fix(
    id="disable-alternative-webui",
    title="The built-in Web UI is served",
    order=50,
    answers=("alt-webui-broken",),
    effect="keeps",
    plan=plan,
    judge=judge,
    changes="AlternativeUIEnabled=false (app/preferences: alternative_webui_enabled=false)",
    about=(
        "Goes back to the Web UI that qBittorrent brings along. RootFolder, the folder of the alternative one, stays set, "
        "so that it can be switched on again once the folder is right."
    ),
)
