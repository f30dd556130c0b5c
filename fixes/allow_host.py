"""Adds a name that may stand in the Host header to ServerDomains."""

from collections.abc import Mapping

from qbdoctor.api import Added, Edit, Effectiveness, Fix, Input, Observations, inputvalues

SETTING = "ServerDomains"


def plan(_seen: Observations, _cause: str | None, given: Mapping[str, str]) -> tuple[Edit, ...]:
    """Return the one edit; a list that allows the name already is left alone."""
    return (Edit(SETTING, Added(given["host"])),)


def judge(before: Observations, after: Observations, given: Mapping[str, str]) -> Effectiveness:
    """Judge by our own Host header, where it is this name that we use."""
    host, was, now = given["host"], before.anonymous.status, after.anonymous.status
    if after.target.address.host != host:
        return Effectiveness(None, f"this run does not use the name {host}, so no answer shows it")
    if was == 401 and now in {200, 403}:
        return Effectiveness(True, f"a call by the name {host} was refused with 401 before and answers {now} now")
    if now == 401 and after.target.direct:
        return Effectiveness(False, f"a call by the name {host} is still refused with 401")
    return Effectiveness(None, f"a call by the name {host}: {after.anonymous.outcome()}")


FIX = Fix(
    id="allow-host",
    title="One more host name is accepted",
    order=30,
    answers=("host-not-allowed",),
    effect="keeps",
    plan=plan,
    judge=judge,
    inputs=(Input("host", "the host name or address that clients use", inputvalues.host_name, found="name"),),
    changes="ServerDomains gets one more entry (app/preferences: web_ui_domain_list)",
    about=(
        "Adds the one name that was refused to the list of server domains and keeps what is there; where the list holds "
        "* already, every name is allowed and nothing is changed. Without a finding give the name with --set host=NAME, "
        "without a port. While every call under that name is refused no login can be made under it: name another address "
        "that works with --url, such as http://127.0.0.1:8080, or use --restart."
    ),
)
