"""Answers the stand-in's actions to a caller who has been let in."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

from qbdoctor import releases
from qbdoctor.releases.action_fields import required
from qbdoctor.releases.response_fields import BUILD, TRANSFER
from qbdoctor.releases.web_api import fields, status_of, webapi
from qbdoctor.simulator.http_parser import Upload
from qbdoctor.simulator.preferences import Rejected, preferences, set_preferences
from qbdoctor.simulator.state import StandIn
from qbdoctor.simulator.torrents import NoTorrent

JSON = "application/json"
SHUTDOWN_AFTER = 0.1
"""Seconds: about as long qBittorrent takes from the answer to its end."""

_EMPTY_LISTS = ("log/peers", "search/plugins", "search/status", "torrents/tags", "app/cookies", "torrentcreator/status")
_EMPTY_MAPS = ("rss/items", "rss/rules", "clientdata/load")
_NOUGHTS = ("transfer/speedLimitsMode", "transfer/downloadLimit", "transfer/uploadLimit")

PLAYED = frozenset(
    (
        *("app/buildInfo", "app/defaultSavePath", "app/deleteAPIKey", "app/preferences", "app/processInfo"),
        *("app/rotateAPIKey", "app/setPreferences", "app/shutdown", "app/version", "app/webapiVersion"),
        *("auth/login", "auth/logout", "log/main", "sync/maindata", "torrents/add", "torrents/count"),
        *("torrents/delete", "torrents/info", "torrents/pause", "torrents/resume", "torrents/start", "torrents/stop"),
        *("torrents/categories", "torrents/files", "torrents/properties", "torrents/trackers"),
        *("transfer/info", *_EMPTY_LISTS, *_EMPTY_MAPS, *_NOUGHTS),
    )
)
"""The actions that are played; auth/login and auth/logout by :mod:`qbdoctor.simulator.access`."""


class Refusal(Exception):
    """An answer that is an error, with its body; None: the reason phrase, where the release sends one."""

    def __init__(self, status: int, body: str | None = None) -> None:
        self.status = status
        self.body = body


@dataclass(frozen=True)
class ActionResult:
    """What an action gives. ``kind`` is the content type, None: the release's for text; ``is_page``: a file is sent."""

    status: int
    text: str = ""
    kind: str | None = None
    is_page: bool = False


def as_json(value: Any) -> str:
    """JSON as Qt writes it: compact, keys in order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def act(standin: StandIn, action: str, sid: str, form: dict[str, str], files: list[Upload]) -> ActionResult:
    """Do what is asked for. ``sid`` is the caller's session, "" for an API key's. Raises :class:`Refusal`."""
    version = standin.version
    missing = [name for name in required(action, version) if name not in form]
    if missing:
        text = str(releases.rule("body.missing_parameter", version))
        raise Refusal(400, text.replace("%1", ", ".join(missing)))
    if action in _EMPTY_LISTS or action in _EMPTY_MAPS:
        return ActionResult(200, "[]" if action in _EMPTY_LISTS else "{}", JSON)
    if action in _NOUGHTS:
        return ActionResult(200, "0")
    scope = action.partition("/")[0]
    if scope in ("torrents", "sync"):
        return _torrents(standin, action, sid, form, files)
    return _application(standin, action, form)


def _application(standin: StandIn, action: str, form: dict[str, str]) -> ActionResult:
    version = standin.version
    match action:
        case "app/version":
            return ActionResult(200, f"v{version}")
        case "app/webapiVersion":
            return ActionResult(200, webapi(version))
        case "app/buildInfo":
            return ActionResult(200, as_json(fields(BUILD, version)), JSON)
        case "app/defaultSavePath":
            return ActionResult(200, standin.torrents.default_save_path())
        case "app/processInfo":
            return ActionResult(200, as_json({"launch_time": standin.launched}), JSON)
        case "app/preferences":
            return ActionResult(200, as_json(preferences(standin)), JSON)
        case "app/setPreferences":
            try:
                set_preferences(standin, form["json"])
            except Rejected as rejected:
                raise Refusal(400, str(rejected)) from None
            return ActionResult(200)
        case "app/rotateAPIKey":
            return ActionResult(200, as_json({"apiKey": standin.rotate_key()}), JSON)
        case "app/deleteAPIKey":
            standin.set_key("")
            return ActionResult(status_of(action, version))
        case "app/shutdown":
            threading.Timer(SHUTDOWN_AFTER, standin.stopping.set).start()
            return ActionResult(200)
        case "transfer/info":
            return ActionResult(200, as_json(fields(TRANSFER, version)), JSON)
        case "log/main":
            return ActionResult(200, "[]", JSON)
    raise not_played(standin, action)


def _torrents(standin: StandIn, action: str, sid: str, form: dict[str, str], files: list[Upload]) -> ActionResult:
    torrents = standin.torrents
    match action:
        case "torrents/info":
            shown = torrents.info(form)
            if shown is None:
                raise Refusal(400, "'sort' parameter is invalid")
            return ActionResult(200, as_json(shown), JSON)
        case "torrents/categories":
            return ActionResult(200, as_json(torrents.categories()), JSON)
        case "torrents/count":
            return ActionResult(200, str(len(torrents)))
        case "sync/maindata":
            held = standin.session(sid).sync
            return ActionResult(200, as_json(torrents.maindata(held, form.get("rid", ""))), JSON)
        case "torrents/add":
            return _add(standin, form, files)
        case "torrents/delete":
            torrents.delete(form["hashes"])
            return ActionResult(200)
        case "torrents/pause" | "torrents/stop" | "torrents/resume" | "torrents/start":
            torrents.stop(form["hashes"], stopped=action in ("torrents/pause", "torrents/stop"))
            return ActionResult(200)
        case "torrents/files" | "torrents/properties" | "torrents/trackers" if not torrents.has(form["hash"]):
            raise Refusal(404)  # of one that is there they are not played
    raise not_played(standin, action)


def _add(standin: StandIn, form: dict[str, str], files: list[Upload]) -> ActionResult:
    version = standin.version
    try:
        added = standin.torrents.add(form, files)
    except NoTorrent as error:
        raise Refusal(415, f"Error: '{error.name}' is not a valid torrent file.") from None
    taken = bool(added.ids or added.pending or added.repeated)
    if releases.rule("add.answer", version) == "text":
        return ActionResult(200, "Ok." if taken else "Fails.")
    if not taken:
        raise Refusal(409)
    answer = {
        "added_torrent_ids": list(added.ids),
        "failure_count": added.failed,
        "pending_count": added.pending,
        "success_count": len(added.ids),
    }
    status = releases.rule("add.status_pending", version) if added.pending else 200
    return ActionResult(int(status), as_json(answer), JSON)


def not_played(standin: StandIn, action: str) -> Refusal:
    """Return what is said of an action that the release has and the stand-in has not; qBittorrent never says this."""
    return Refusal(501, f"This is qbdoctor's stand-in for qBittorrent {standin.version}: it does not play {action}.")
