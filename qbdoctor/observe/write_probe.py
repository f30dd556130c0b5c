"""Makes the write probe: adds a torrent that can never start, sees it counted, removes it, sees it gone.

Made only when it was asked for. The torrent is a magnet link with a random hash and no tracker, added stopped, so there
is nothing that could be downloaded and nobody who could be asked for it. Whatever goes wrong after the add, an interrupt
included, it is removed again.

qBittorrent answers torrents/add before the torrent exists. A delete sent within the next milliseconds finds nothing, and
the torrent appears after it (measured: 4.2.5, 4.5.2, 5.1.0 and 5.3.0, 78 of 80 pairs sent at once). So the removal waits
for the torrent before it believes that it is gone.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING

from qbdoctor.model.exchanges import Exchange
from qbdoctor.observe.base.observed_values import WriteProbe
from qbdoctor.webui.recognise import REFUSALS, bears_marks

if TYPE_CHECKING:
    from qbdoctor.webui.session import SessionClient

NAME = "qbdoctor-write-probe"
SETTLE_SECONDS = 3.0
"""4.3 checks resume data before it lists the torrent; it is gone 0.6 s after the delete (measured, 4.2.5 to 5.3.0)."""
LIST_CAP = 64 << 20
"""torrents/info has about 1 kB for each torrent; torrents/count exists from 4.6.1 on only."""


FILE_SIZE = 2_000_000
"""Bytes: more than nginx takes by default (1 MB), as the torrent files of large collections have."""


def probe(session: SessionClient, *, front: bool) -> WriteProbe:
    """Make the probe with a session that is good; ``front``: something may stand in front, which may limit sizes."""
    began = time.perf_counter()
    chosen = secrets.token_hex(20)
    before = _count(session)
    added: Exchange | None = None
    during: int | None = None
    problem = ""
    settled = False
    try:
        # Up to 4.6 `paused` keeps it from starting, from 5.0 `stopped`; each release ignores the other one.
        form = {"urls": f"magnet:?xt=urn:btih:{chosen}&dn={NAME}", "paused": "true", "stopped": "true"}
        added = session.call("POST", "/api/v2/torrents/add", form)
        if not _accepted(added):
            problem = f"torrents/add answered {added.outcome()}: {_refusal(added)}"
            # A gateway's 5xx says nothing of what the server did with the request.
            settled = added.status is not None and added.status < 500
        elif not _until(session, chosen, listed=True):
            problem = f"torrents/add answered {added.outcome()}, but the torrent did not appear"
            settled = True
        else:
            settled = True
            during = _count(session)
    finally:
        deleted, gone = _remove(session, chosen, settled=settled)
    if not gone and not (settled and during is None and added is not None and not _accepted(added)):
        problem = f"the torrent {NAME} ({chosen}) could not be removed (torrents/delete answered {deleted.outcome()})"
    after = _count(session)
    if not problem and before is not None and (during, after) != (before + 1, before):
        problem = f"the number of torrents went {before}, {during}, {after}: something else adds or removes torrents"
    sizes = tuple(_sized(session, size) for size in (FILE_SIZE, 0)) if front else ()
    return WriteProbe((before, during, after), (time.perf_counter() - began) * 1000, problem, added, sizes)


def _sized(session: SessionClient, size: int) -> Exchange:
    """Ask for a torrent that cannot exist, with so much beside it, which every release ignores (measured, to 5.3.0)."""
    return session.call("POST", "/api/v2/torrents/properties", {"hash": "0" * 40, "pad": "0" * size})


def _accepted(added: Exchange) -> bool:
    """Up to 5.1 the answer is 200 Ok., from 5.2 on 200 or 202 and JSON; Fails. and 409 mean that nothing was added."""
    return added.failure is None and added.status in {200, 202} and added.body.strip() != "Fails."


def _refusal(added: Exchange) -> str:
    """Return what a refused add is about, by its status and body; 4xx is not always about the session."""
    if not added.answered:
        return "whether it was added is not known"
    if not bears_marks(added):
        what = {413: "what is sent is too large for it", 404: "it does not know the path", 405: "it refuses the method"}
        return f"that comes from something in front of qBittorrent; {what.get(added.status or 0, 'the call did not get through')}"
    text = added.body.strip()
    if added.status == 409 or text == "Fails.":
        return "qBittorrent took the call and added nothing; the login and the way are in order"
    told = {
        401: "its Host, Origin or Referer is refused, not the session",
        403: "the session is refused"
        if text in REFUSALS
        else "the session is good; qBittorrent may not do what is asked for",
        404: "this release does not have that call",
        405: "this release does not take that call by POST",
        413: "what is sent is too large for qBittorrent",
        415: "what is sent is no torrent to qBittorrent",
    }
    return told.get(added.status or 0, "qBittorrent did not take the call")


def _count(session: SessionClient) -> int | None:
    exchange, raw = session.read("GET", "/api/v2/torrents/info", show_body=False, cap=LIST_CAP)
    try:
        return len(json.loads(raw)) if exchange.status == 200 else None
    except (ValueError, RecursionError):
        return None


def _remove(session: SessionClient, chosen: str, *, settled: bool) -> tuple[Exchange, bool]:
    """Delete the torrent until it is gone; while the add is not `settled` it may still appear: SETTLE_SECONDS at most."""
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        deleted = session.call("POST", "/api/v2/torrents/delete", {"hashes": chosen, "deleteFiles": "false"})
        if settled or not _until(session, chosen, listed=True, end=end):
            return deleted, _until(session, chosen, listed=False)
        settled = True


def _until(session: SessionClient, chosen: str, *, listed: bool, end: float | None = None) -> bool:
    """Wait until the torrent is listed, or is not; False if that does not come about before `end` (monotonic seconds)."""
    end = end or time.monotonic() + SETTLE_SECONDS
    while True:
        exchange, raw = session.read("GET", f"/api/v2/torrents/info?hashes={chosen}", show_body=False)
        try:
            if exchange.status == 200 and bool(json.loads(raw)) is listed:
                return True
        except (ValueError, RecursionError):
            return False
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
