r"""Reads qBittorrent's own log: failed logins, refused headers, where it listens, when it started.

The texts are translated (``[Preferences] General\Locale``), so lines are told apart by what no translation changes:
the level, whether the first address stands in quotes, and which numbers stand before and after it. Tried with the 57
languages of 4.2.5, 4.5.2, 5.1.0 and 5.3.0; Italian breaks some texts over several lines.

Only evidence, never proof, and nothing here raises: a user name may hold a line end, and the log then shows lines of
that client's making (seen in all four releases).
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

from qbdoctor.patterns import regex
from qbdoctor.storage import foreign
from qbdoctor.target.address import account, plain_address
from qbdoctor.values import frozen

Level = Literal["N", "I", "W", "C"]
DEFAULT_LIMIT = 1 << 20

_LINE = regex(r"\((?P<level>[NIWC])\) (?P<when>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\S* - (?P<text>.*)")
_TOKEN = regex(r"(?<![0-9A-Za-z_])[0-9A-Fa-f:.]{0,63}[0-9A-Fa-f:](?:%[0-9A-Za-z_.-]{1,64})?")
_VERSION = regex(r"(?<![\w.])v\d+\.\d+\.\d+(?:\.\d+)?(?:(?:alpha|beta|rc)\d*)?(?![\w]|\.\d)", re.ASCII)
QUOTES = {one[0]: one[1:] for one in ("''", '""', "‘’", "‚‘", "“”", "””", "„”“", "«»", "»«", "‹›", "「」", "『』")}
_LISTENING = regex(r"(?P<address>\*|[0-9A-Fa-f:.]+(?:%\w+)?)(?P<between>\D{1,40})(?P<port>\d{1,5})(?!\d)\D{0,40}")
_UNBOUND = regex(
    r"(?<![0-9A-Za-z:.])(?P<address>\*|[0-9A-Fa-f:.]*[0-9A-Fa-f](?:%\w+)?)[^\w./]{1,3}[^\d/]{1,40}?(?P<port>\d{1,5})(?!\d)"
)
_FOLDER = regex(r"[:：]\s{0,9}((?:/|[A-Za-z]:[/\\])[^\"]*)\Z")
_PLAIN_HTTP = regex(r"http(?!s)")
_LABEL_BEFORE = regex(r"(?:[:：]|\w\s)\s{0,9}\Z")
_LABEL_AFTER = regex(r"\s{0,9}[,،、，;；\s][^:：]{0,80}[:：]")
_MOST_CHARACTERS = 8192
"""Of one line: a client chooses how long a header, and with it a line, is; what is told by it stands at its start."""
_SLACK = timedelta(seconds=2)  # the log has whole seconds
_START_SLACK = 60.0  # seconds from the process's start to its first line
_QUARTER = 900.0  # seconds; every time zone's offset is a multiple
_ZONES = 26 * 3600.0  # seconds that two zones can differ by


@frozen
class LogLine:
    """One entry. ``when`` is the server's local time, without zone; a text of several lines is joined by blanks."""

    level: Level
    when: datetime | None
    text: str

    @property
    def shown(self) -> str:
        """The text as a report may show it: without the user name of a login, where people mistype a password."""
        found = _login_address(self)
        if found is None or not self.text[found.end :].strip():
            return self.text
        return f"{self.text[: found.end]} …"


@frozen
class LogTail:
    """The end of a log, oldest entry first. ``reason`` says why there is nothing, or less than there might be."""

    lines: tuple[LogLine, ...]
    reason: str | None = None
    files: tuple[Path, ...] = ()


@frozen
class _Found:
    """An address in a text, and whether it stands in quotes."""

    start: int
    end: int
    address: str
    quoted: bool


def read_tail(path: Path, limit_bytes: int = DEFAULT_LIMIT) -> LogTail:
    """Return the last ``limit_bytes`` of a log; of the rotated ones too where the start of the process is not in it.

    Rotated logs are ``.bak``, ``.bak1`` and so on; deleted ones leave gaps, so their order is that of their times.
    """
    left = max(0, limit_bytes)
    texts: list[str] = []
    files: list[Path] = []
    reason: str | None = None
    lines: tuple[LogLine, ...] = ()
    for candidate in (path, *_rotated(path)):
        if left <= 0:
            break
        try:
            text, size = _tail_text(candidate, left)
        except OSError as error:
            why = error.strerror or type(error).__name__
            reason = reason or f"the log {candidate} cannot be read: {why}"
            if candidate == path and not isinstance(error, FileNotFoundError):
                break  # without the newest file the older ones would tell of the past as if it were now
            continue
        left -= size
        texts.insert(0, text)
        files.insert(0, candidate)
        lines = tuple(parse("\n".join(texts)))
        if any(is_start(line) for line in lines):
            break
    return LogTail(lines, reason, tuple(files))


def is_start(line: LogLine) -> bool:
    """Return whether the line is the start mark, ``qBittorrent v5.1.0 started``, in whatever language.

    Some translations write the program's name in another script; names of torrents stand in quotes.
    """
    if line.level != "N" or len(line.text) > 120 or any(mark in line.text for mark in '"“”„«»「」『』/\\'):
        return False
    return _VERSION.search(line.text) is not None


def version(lines: Sequence[LogLine]) -> str | None:
    """Return the version, as ``v5.1.0``, in the start mark at which these lines of one run begin; a process starts once."""
    found = _VERSION.search(lines[0].text) if lines and is_start(lines[0]) else None
    return None if found is None else found[0]


def since_start(lines: Sequence[LogLine], started: datetime | None) -> tuple[LogLine, ...]:
    """Return the lines of the process that runs now.

    Without ``started`` these begin at the last start mark (all lines, if there is none). With it (aware, or naive in
    local time) at the mark that fits it, not at one of a client's making. A server in a container may write another time
    zone's hours: then at the last one that can be its. If none fits, time alone decides, in our zone.
    """
    marks = [index for index, line in enumerate(lines) if is_start(line)]
    if started is None:
        return tuple(lines[marks[-1] :]) if marks else tuple(lines)
    local = local_time(started)
    sure = [n for n in marks if _fits(lines[n].when, local, same_zone=True)]
    zoned = [n for n in marks if _fits(lines[n].when, local, same_zone=False)]
    own = next(iter(sure), zoned[-1] if zoned else None)
    for n in sure[1:]:  # one more start within that minute; but a refused login's user name makes such lines as well
        if any(refused_login(line) for line in lines[own:n]):
            break
        own = n
    if own is not None:
        return tuple(lines[own:])
    return tuple(line for line in lines if line.when is None or line.when >= local - _SLACK)


def login_failures(
    lines: Sequence[LogLine], address: str, *, limit: int = 0, ban_seconds: float = 0.0, now: datetime | None = None
) -> int:
    """Return how many failed logins the server may count for this address, by the lines of its run.

    It is the largest number that the server gave. A line about a success does not clear it, nor one about a start: a user
    name with line ends puts such lines into the log. With ``now`` (the server's local time) a ban of ``ban_seconds`` that
    the failure number ``limit`` began clears it, counted from the latest failure. It stays 0
    where the server never bans. All of this machine's loopback addresses count as one.
    """
    wanted = account(address)
    count = 0
    last: datetime | None = None
    for line in lines:
        found = _login_address(line)
        if found is None or account(found.address) != wanted or line.level == "N":
            continue
        if (number := _attempt(line, found)) is not None:
            count = max(count, number)
            last = max(filter(None, (last, line.when)), default=None)
    if now is not None and last is not None and 0 < limit <= count and now > last + timedelta(seconds=ban_seconds):
        return 0
    return count


def is_failed_login(line: LogLine) -> bool:
    """Return whether the line is about a login that was refused and counted."""
    found = _login_address(line)
    return line.level == "W" and found is not None and _attempt(line, found) is not None


def is_nameless_login(line: LogLine) -> bool:
    """Return whether the line is about a refused login to which no user name had come."""
    found = _login_address(line) if is_failed_login(line) else None
    return found is not None and re.split("[:：]", line.text[found.end :])[-1].strip() == ""


def refused_login(line: LogLine) -> tuple[str, bool] | None:
    """Return whose login the line says was refused, and whether for a ban; None for another line."""
    found = _login_address(line) if line.level == "W" else None
    return None if found is None else (found.address, _attempt(line, found) is None)


def last_failure(lines: Sequence[LogLine], address: str) -> datetime | None:
    """Return when this address last failed to log in and was counted (the server's local time), or None."""
    wanted = plain_address(address)
    for line in reversed(lines):
        found = _login_address(line) if is_failed_login(line) else None
        if found is not None and found.address == wanted:
            return line.when
    return None


def banned(lines: Sequence[LogLine], address: str) -> LogLine | None:
    """Return the last line that says this address is banned, unless a success or a start came after it."""
    wanted = plain_address(address)
    last: LogLine | None = None
    for line in lines:
        found = _login_address(line)
        if is_start(line):
            last = None
        elif found is not None and found.address == wanted:
            # a counted failure shows that the ban, if there was one, is over
            last = line if line.level == "W" and _attempt(line, found) is None else None
    return last


def listening(lines: Sequence[LogLine]) -> tuple[str, int] | None:
    """Return the address (as configured, ``*`` for all) and port where the Web UI last said that it listens."""
    for line in reversed(lines):
        if line.level != "N" or (found := _listening(line.text)) is None:
            continue
        return found
    return None


def bind_failure(lines: Sequence[LogLine]) -> tuple[str, int, LogLine] | None:
    """Return address, port and line where the Web UI last could not open its port, unless it did so afterwards.

    The one critical line with an address (``*`` for all) and then a port; tried in the languages of four releases.
    """
    for line in reversed(lines):
        if line.level == "N" and _listening(line.text) is not None:
            return None
        for match in _UNBOUND.finditer(line.text) if line.level == "C" else ():
            if match["address"] == "*" or first_address(match["address"]) is not None:
                return match["address"], int(match["port"]), line
    return None


def login_addresses(lines: Sequence[LogLine]) -> tuple[str, ...]:
    """Return the client addresses of all logins, refused ones too, the latest first, each once."""
    found = (_login_address(line) for line in reversed(lines))
    return tuple(dict.fromkeys(one.address for one in found if one is not None))


def config_folder(lines: Sequence[LogLine]) -> str | None:
    """Return the config folder that the start named at which these lines begin (4.2.1 and later); None if no line says it.

    It is the first text of level N after the start mark that ends in a bare absolute path, whatever the language.
    """
    for line in lines[1:4] if lines and is_start(lines[0]) else ():
        found = _FOLDER.search(line.text.rstrip()[:4096]) if line.level == "N" else None
        if found is not None:
            return found[1]
    return None


def https_fallback(lines: Sequence[LogLine]) -> LogLine | None:
    """Return the last line that says HTTPS could not be set up and HTTP is spoken instead."""
    for line in reversed(lines):
        text = line.text.lower()
        secure = text.find("https") if line.level == "C" else -1
        if secure >= 0 and _PLAIN_HTTP.search(text, secure + 5):
            return line
    return None


def _rotated(path: Path) -> list[Path]:
    """Return the rotated logs, the newest first."""
    try:
        found = [(other.stat().st_mtime, other) for other in path.parent.glob(f"{path.name}.bak*")]
    except OSError:
        return []
    return [other for _, other in sorted(found, reverse=True)]


def _tail_text(path: Path, limit: int) -> tuple[str, int]:
    """Return the end of a file as text and how many bytes were read; a first line that is cut is left out."""
    data, offset = foreign.read_end(path, limit)
    read = len(data)
    if offset:
        data = data.partition(b"\n")[2]
    return data.decode("utf-8", errors="replace"), read


def parse(text: str) -> Iterator[LogLine]:
    """Take a log's text apart, oldest entry first; a line without a time of its own belongs to the one before."""
    pending: LogLine | None = None
    more: list[str] = []
    room = 0
    for raw in text.replace("\r\n", "\n").split("\n"):
        match = _LINE.fullmatch(raw[:_MOST_CHARACTERS])
        if match is None:
            if pending is not None and room > 0 and raw.strip():
                more.append(raw[:room].strip())
                room -= len(more[-1])
            continue
        room = _MOST_CHARACTERS
        if pending is not None:
            yield _joined(pending, more)
        pending, more = LogLine(_level(match["level"]), _when(match["when"]), match["text"]), []
    if pending is not None:
        yield _joined(pending, more)


def _joined(line: LogLine, more: list[str]) -> LogLine:
    """Return the line with its continuation."""
    return LogLine(line.level, line.when, " ".join([line.text.rstrip(), *more])) if more else line


def _level(letter: str) -> Level:
    """Return the level; the pattern lets no other letter through."""
    return "N" if letter == "N" else "I" if letter == "I" else "W" if letter == "W" else "C"


def _when(text: str) -> datetime | None:
    """Return the time of an entry, or None for one that is no time."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def local_time(moment: datetime) -> datetime:
    """Return a moment as naive local time."""
    return moment if moment.tzinfo is None else moment.astimezone().replace(tzinfo=None)


def _fits(when: datetime | None, started: datetime, *, same_zone: bool) -> bool:
    """Return whether a start mark can be that of a process which started then."""
    apart = math.inf if when is None else (when - started).total_seconds()
    if not same_zone:
        apart = math.remainder(apart, _QUARTER) if abs(apart) <= _ZONES else math.inf
    return -_SLACK.total_seconds() <= apart <= _START_SLACK


@lru_cache(maxsize=4096)  # each line of a log is asked for it half a dozen times
def first_address(text: str) -> _Found | None:
    """Return the first address in a text."""
    for token in _TOKEN.finditer(text):
        value = token[0]
        if value.count(":") < 2 and value.count(".") < 3:
            continue
        for skipped, candidate in ((0, value), (0, value.rstrip(".:")), (1, value[1:])):
            try:
                ipaddress.ip_address(candidate)
            except ValueError:
                continue
            start = token.start() + skipped
            before = text[:start].rstrip()[-1:]
            return _Found(start, start + len(candidate), plain_address(candidate), before in QUOTES and before != "")
    return None


def _login_address(line: LogLine) -> _Found | None:
    """Return the client's address if the line is about a login.

    Success: level N, the address last. Failure: level W, one number (the count) before the address and the user name's
    label after it. Banned: the same without the number. The address is never quoted there, and always is in the lines
    about headers; a closed connection (up to 4.5) names an address at its end, with level W.
    """
    if line.level not in "NW":
        return None
    found = first_address(line.text)
    if found is None or found.quoted:
        return None
    before, after = line.text[: found.start], line.text[found.end :]
    numbers = re.findall(r"\d+", before)
    if line.level == "N":
        return found if not numbers and not any(character.isalnum() for character in after) else None
    labelled = _LABEL_BEFORE.search(before) and _LABEL_AFTER.match(after)  # not as in a failed port map: [ADDRESS]
    return found if len(numbers) <= 1 and labelled else None


def _attempt(line: LogLine, found: _Found) -> int | None:
    """Return the count in a line about a failed login, None in one about a banned address."""
    number = re.search(r"\d{1,9}", line.text[: found.start])
    return int(number[0]) if number else None


def _listening(text: str) -> tuple[str, int] | None:
    """Return the address and port in a text of level N, where neither stands in quotes."""
    found = first_address(text)
    if found is not None:
        start, address = found.start, text[found.start : found.end]
    elif (star := text.find("*")) >= 0:
        start, address = star, "*"
    else:
        return None
    if (found is not None and found.quoted) or re.search(r"\d", text[:start]):
        return None
    match = _LISTENING.fullmatch(text, start)
    if match is None or match["address"] != address or not 0 < int(match["port"]) < 65536:
        return None
    return address, int(match["port"])
