"""Says a change and its time in the words of a report."""

from __future__ import annotations

from datetime import datetime, timedelta

NAMES = {
    "answered_by": "what answers",
    "certificate": "the certificate",
    "certificate_until": "the certificate's end",
    "client_address": "the address that the server sees",
    "config_file": "the config file",
    "container": "the container",
    "container_id": "the container",
    "cookie_attributes": "the cookie's attributes",
    "cookie_name": "cookie",
    "given_password": "the password given",
    "image": "the image",
    "login_answer": "the login's answer",
    "release": "qBittorrent",
    "resolved": "the address reached",
    "started": "the process",
    "stored_api_key": "the API key in the config",
    "stored_password": "the password in the config",
    "username": "the user name given",
    "webapi_version": "Web API",
}
_TELL = {
    "accepted_password": "the password that worked then is refused",
    "certificate_until": "the certificate ended",
    "container_id": "the container was made anew",
    "https_failed": "the server could not set up HTTPS and speaks HTTP",
    "not_saved": "the server cannot save its settings",
    "given_password": "another password is given than the one that worked",
    "started": "the server was started again",
    "stored_api_key": "the API key in the config was changed",
    "stored_password": "the password in the config was changed",
}


_OF = {
    "ban": "the server banned {}",
    "bind_failed": "the server could not open its port {}",
    "leftover_adopted": "the server took its settings from the left-over {}",
}


def told(what: str, before: str | None, after: str | None) -> str:
    """Return a change in words."""
    if after == "not set":
        return f"{NAMES.get(what, what)} is not set any more"
    if what in _TELL:
        return _TELL[what]
    if what in _OF:
        return _OF[what].format(after)
    if what == "certificate":
        return f"the certificate was replaced{f' (the new one ends {after[:10]})' if after else ''}"
    if before is None and after is None:
        return f"{NAMES.get(what, what)} was changed"
    return f"{NAMES.get(what, what)} {_value(before)} → {_value(after)}"


def _value(text: str | None) -> str:
    return text or "(nothing)"


def at(moment: datetime, now: datetime) -> str:
    """Return a time for people, in local time: "today 03:00", "Tuesday 21:04", "2026-11-02 21:04"."""
    local, today = moment.astimezone(), now.astimezone()
    clock = local.strftime("%H:%M")
    days = (today.date() - local.date()).days
    if days == 0:
        return f"today {clock}"
    if days == 1:
        return f"yesterday {clock}"
    if 1 < days < 7:
        return f"{local.strftime('%A')} {clock}"
    return local.strftime("%Y-%m-%d %H:%M")


def parsed(text: str) -> datetime | None:
    """Return the moment of an RFC 3339 text, None for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None and abs(moment.year - 2050) < 100 else None


CLOSE = timedelta(seconds=2)
"""A process's start is known to about a second."""
