"""Keeps the stand-in's torrents: added, shown and deleted as each release does it. Nothing is ever transferred."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote

from qbdoctor import releases
from qbdoctor.patterns import regex
from qbdoctor.releases.action_fields import means_all
from qbdoctor.releases.response_fields import CATEGORY, COMPUTED, MAINDATA, SERVER_STATE, SYNC_TORRENT, TORRENT
from qbdoctor.releases.versions import Version
from qbdoctor.releases.web_api import fields
from qbdoctor.simulator.http_parser import Upload

_FETCHED = regex(r"(https?|ftp)://", re.IGNORECASE)
_HASH = regex(r"[0-9A-Fa-f]{40}|[2-7A-Za-z]{32}")
_MOST_RIDS = 1_000_000
_DEEPEST = 100


class NoTorrent(Exception):
    """A file that is no torrent, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name


class Added(NamedTuple):
    """What torrents/add made of its sources."""

    ids: tuple[str, ...]
    pending: int
    failed: int
    repeated: int  # known already, where the release counts that as added


@dataclass
class Torrent:
    """One torrent. ``length`` in bytes, None without metadata; ``pieces`` is their size and number."""

    id: str
    name: str
    trackers: tuple[str, ...] = ()
    length: int | None = None
    pieces: tuple[int, int] = (-1, -1)
    private: bool | None = None
    stopped: bool = False
    complete: bool = False
    category: str = ""
    tags: str = ""
    save_path: str = ""
    added: int = field(default_factory=lambda: int(time.time()))


class Torrents:
    """The torrents of one stand-in. ``config`` is its config file, which the folder for downloads goes by."""

    def __init__(self, version: Version, config: Path | None) -> None:
        self._version = version
        self.folder = "/downloads" if config is None else str(config.absolute().parent.parent / "downloads")
        self._held: dict[str, Torrent] = {}
        self._categories: set[str] = set()

    def __len__(self) -> int:
        return len(self._held)

    def default_save_path(self) -> str:
        """app/defaultSavePath."""
        return self.folder + ("/" if releases.rule("save_path.ends_in_slash", self._version) else "")

    # --- add, stop, delete -------------------------------------------------------------------------------------------

    def add(self, form: dict[str, str], files: list[Upload]) -> Added:
        """Take torrents in. Raises :class:`NoTorrent`; what was taken before stays."""
        ids: list[str] = []
        pending = failed = repeated = 0
        for url in filter(None, (line.strip() for line in form.get("urls", "").split("\n"))):
            if _FETCHED.match(url):
                pending += 1
                continue
            torrent = _from_magnet(url)
            if torrent is None:
                failed += 1
            elif self._take(torrent, form):
                ids.append(torrent.id)
            elif releases.rule("add.duplicate_magnet", self._version):
                repeated += 1
            else:
                failed += 1
        for name, data in sorted(dict(files).items()):
            torrent = _from_file(data)
            if torrent is None:
                raise NoTorrent(name)
            if self._take(torrent, form):
                ids.append(torrent.id)
            else:
                failed += 1
        return Added(tuple(ids), pending, failed, repeated)

    def _take(self, torrent: Torrent, form: dict[str, str]) -> bool:
        if torrent.id in self._held:
            return False
        torrent.stopped = _is_true(form.get(releases.add_parameter(self._version), ""))
        torrent.complete = torrent.length is not None and _is_true(
            form.get(releases.rule("add.skips_checking", self._version), "")
        )
        torrent.name = form.get("rename", "").strip() or torrent.name
        torrent.category, torrent.tags = form.get("category", ""), form.get("tags", "")
        torrent.save_path = form.get("savepath", "").strip()
        self._categories |= {torrent.category} - {""}
        self._held[torrent.id] = torrent
        return True

    def stop(self, hashes: str, *, stopped: bool) -> None:
        """Stop or start torrents, by their hashes or "all"."""
        for torrent in self._named(hashes):
            torrent.stopped = stopped

    def categories(self) -> dict[str, dict[str, Any]]:
        """torrents/categories: those that torrents were added with."""
        table = fields(CATEGORY, self._version)
        return {name: {**table, "name": name, "savePath": ""} for name in sorted(self._categories)}

    def has(self, torrent: str) -> bool:
        """Whether there is a torrent with that hash."""
        return torrent.lower() in self._held

    def delete(self, hashes: str) -> None:
        """Forget torrents, by their hashes or "all"."""
        for torrent in self._named(hashes):
            del self._held[torrent.id]

    def _named(self, hashes: str) -> list[Torrent]:
        wanted = hashes.lower().split("|")
        return [one for one in self._held.values() if wanted == ["all"] or one.id in wanted]

    # --- reading -----------------------------------------------------------------------------------------------------

    def info(self, form: dict[str, str]) -> list[dict[str, Any]] | None:
        """torrents/info, in the order in which they came; None: there is no such field to sort by."""
        hashes = [each for each in form.get("hashes", "").split("|") if each]
        if releases.rule("hash.any_case", self._version):
            hashes = [each.lower() for each in hashes]
        shown = [
            self._shown(one)
            for one in self._held.values()
            if (not hashes or one.id in hashes)
            and self._passes(one, form.get("filter", ""))
            and form.get("category", one.category) == one.category
        ]
        column = form.get("sort", "")
        if shown and column:
            if column not in shown[0]:
                return None
            shown.sort(key=lambda each: str(each[column]), reverse=_is_true(form.get("reverse", "")))
        offset, limit = _number(form.get("offset", "")), _number(form.get("limit", ""))
        offset = offset + len(shown) if offset < 0 else offset
        shown = shown[offset:] if 0 <= offset < len(shown) else shown
        return shown[:limit] if limit > 0 else shown

    def _passes(self, torrent: Torrent, wanted: str) -> bool:
        if means_all(wanted, self._version):
            return True
        match wanted:
            case "downloading":
                return not torrent.complete
            case "seeding" | "completed":
                return torrent.complete
            case "paused" | "stopped":
                return torrent.stopped
            case "resumed" | "running":
                return not torrent.stopped
            case "active" | "errored" | "stalled_uploading" | "checking" | "moving":
                return False
            case "stalled" | "stalled_downloading":
                return not torrent.stopped and torrent.length is not None
        return True

    def _state(self, torrent: Torrent) -> str:
        downloading, uploading = releases.rule("state.stopped", self._version)
        if torrent.stopped:
            return str(uploading if torrent.complete else downloading)
        if torrent.length is None:
            return "metaDL"
        return "stalledUP" if torrent.complete else "stalledDL"

    def _shown(self, torrent: Torrent) -> dict[str, Any]:
        length, tracked = torrent.length, releases.rule("torrent.tracker_shown", self._version)
        folder = torrent.save_path or self.default_save_path()
        computed = {
            "added_on": torrent.added,
            "amount_left": 0 if torrent.complete else length or 0,
            "category": torrent.category,
            "content_path": "" if length is None else f"{folder.rstrip('/')}/{torrent.name}",
            "has_metadata": length is not None,
            "hash": torrent.id,
            "infohash_v1": torrent.id,
            "last_activity": torrent.added,
            "magnet_uri": self._magnet(torrent),
            "name": torrent.name,
            "piece_size": torrent.pieces[0],
            "pieces_num": torrent.pieces[1],
            "priority": list(self._held).index(torrent.id) + 1,
            "private": torrent.private,
            "save_path": folder,
            "size": length or 0,
            "state": self._state(torrent),
            "tags": torrent.tags,
            "total_size": -1 if length is None else length,
            "tracker": torrent.trackers[0] if tracked and torrent.trackers else "",
            "trackers_count": len(torrent.trackers),
        }
        table = fields(TORRENT, self._version)
        return {name: computed[name] if value is COMPUTED else value for name, value in table.items()}

    def _magnet(self, torrent: Torrent) -> str:
        size, case = releases.rule("torrent.magnet", self._version)
        parts = [f"magnet:?xt=urn:btih:{torrent.id}"]
        parts += [f"dn={_escaped(torrent.name, case)}"] if torrent.name != torrent.id else []
        parts += [f"xl={torrent.length}"] if torrent.length is not None and size == "with size" else []
        return "&".join([*parts, *(f"tr={_escaped(tracker, case)}" for tracker in torrent.trackers)])

    # --- sync/maindata -----------------------------------------------------------------------------------------------

    def maindata(self, held: dict[str, Any], rid: str) -> dict[str, Any]:
        """sync/maindata for a client that has the answer ``rid``; ``held`` is what its session remembers."""
        now = self._maindata()
        wanted = _number(rid)
        gathers = releases.rule("sync.form", self._version) == "changes"
        last = held.get("rid", 0) if gathers or wanted > 0 else 0
        if wanted > 0 and last == wanted:
            held["accepted"] = (wanted, held["sent"])
        accepted, base = held.get("accepted", (0, {}))
        whole = wanted <= 0 or accepted != wanted
        if whole:
            held["accepted"] = (0, {})
            answer = {name: value for name, value in now.items() if value or not gathers} | {"full_update": True}
        else:
            answer = _changes(base, now)
        held["rid"], held["sent"] = last % _MOST_RIDS + 1, now
        return {**answer, "rid": held["rid"]}

    def _maindata(self) -> dict[str, Any]:
        torrents: dict[str, Any] = {}
        trackers: dict[str, list[str]] = {}
        for one in self._held.values():
            shown = self._shown(one) | fields(SYNC_TORRENT, self._version)
            torrents[shown.pop("hash")] = shown
            for tracker in one.trackers:
                trackers.setdefault(tracker, []).append(one.id)
        computed = {"categories": self.categories(), "torrents": torrents, "trackers": trackers}
        lists = {name: computed.get(name, value) for name, value in fields(MAINDATA, self._version).items()}
        return {**lists, "server_state": fields(SERVER_STATE, self._version)}


def _changes(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Return what is new or other than before, and, as ``…_removed``, what is gone."""
    found: dict[str, Any] = {}
    for name, value in now.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            new = {key: _newer(old.get(key), each) for key, each in value.items() if old.get(key) != each}
            gone = [key for key in old if key not in value]
            found |= {name: new} if new else {}
            found |= {f"{name}_removed": gone} if gone else {}
        elif value != old:
            found[name] = value
    return found


def _newer(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: each for key, each in new.items() if old.get(key) != each}
    return new


def _escaped(text: str, case: str) -> str:
    escaped = quote(text, safe="")
    return re.sub("%..", lambda match: match[0].lower(), escaped) if case == "lower" else escaped


def _is_true(text: str) -> bool:
    return text.strip().lower() in ("true", "1", "yes", "on")  # utils/string.cpp, parseBool


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", text, re.ASCII) else 0


# --- what a torrent is read from -------------------------------------------------------------------------------------


def _from_magnet(url: str) -> Torrent | None:
    """Return the torrent of a magnet link, or of a bare hash."""
    if _HASH.fullmatch(url):
        return Torrent(_hex(url), _hex(url))
    if not url.lower().startswith("magnet:"):
        return None
    pairs = parse_qsl(url.partition("?")[2])
    prefix = "urn:btih:"
    hashes = [value[len(prefix) :] for name, value in pairs if name == "xt" and value.lower().startswith(prefix)]
    if not hashes or not _HASH.fullmatch(hashes[0]):
        return None
    named = [value for name, value in pairs if name == "dn"]
    trackers = tuple(value for name, value in pairs if name == "tr")
    return Torrent(_hex(hashes[0]), named[0] if named else _hex(hashes[0]), trackers)


def _hex(text: str) -> str:
    if len(text) == 40:
        return text.lower()
    try:
        return base64.b32decode(text.upper()).hex()
    except binascii.Error:
        return ""


def _from_file(data: bytes) -> Torrent | None:
    """Return the torrent of a .torrent file; None for anything else."""
    try:
        whole, end, info = _bencoded(data, 0, 0)
    except (ValueError, IndexError, RecursionError):
        return None
    described = whole.get(b"info") if isinstance(whole, dict) else None
    if end != len(data) or not isinstance(described, dict) or info is None:
        return None
    name, size, hashes = (described.get(key) for key in (b"name", b"piece length", b"pieces"))
    files = described.get(b"files", [described])
    if not isinstance(name, bytes) or not isinstance(size, int) or not isinstance(hashes, bytes) or not hashes:
        return None
    if size <= 0 or not isinstance(files, list) or not files:
        return None
    lengths = [one.get(b"length") for one in files if isinstance(one, dict)]
    known = [length for length in lengths if isinstance(length, int)]
    if len(known) != len(files):
        return None
    announce = whole.get(b"announce")
    return Torrent(
        hashlib.sha1(info, usedforsecurity=False).hexdigest(),
        name.decode("utf-8", "replace"),
        trackers=(announce.decode("utf-8", "replace"),) if isinstance(announce, bytes) else (),
        length=sum(known),
        pieces=(size, len(hashes) // 20),
        private=described.get(b"private") == 1,
    )


def _bencoded(data: bytes, at: int, depth: int) -> tuple[Any, int, bytes | None]:
    """Return the value that begins there, where it ends, and the bytes of its entry "info". Raises ValueError, IndexError."""
    if depth > _DEEPEST:
        raise ValueError("too deep")
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1, None
    if kind == b"l":
        items, at = [], at + 1
        while data[at : at + 1] != b"e":
            item, at, _ = _bencoded(data, at, depth + 1)
            items.append(item)
        return items, at + 1, None
    if kind == b"d":
        found, info, at = {}, None, at + 1
        while data[at : at + 1] != b"e":
            key, at, _ = _bencoded(data, at, depth + 1)
            begin = at
            found[key], at, _ = _bencoded(data, at, depth + 1)
            info = data[begin:at] if key == b"info" else info
        return found, at + 1, info
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    if end > len(data) or end <= colon:
        raise ValueError("cut off")
    return data[colon + 1 : end], end, None
