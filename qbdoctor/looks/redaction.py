"""Takes out of a config and a log what a helper need not see: other sections' values, names of torrents and users, secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.patterns import regex
from qbdoctor.target import log as server_log
from qbdoctor.target.log import LogLine
from qbdoctor.target.log_rejections import host_rejections
from qbdoctor.values import replace

if TYPE_CHECKING:
    from qbdoctor.config.qtini.document import Entry
    from qbdoctor.config.settings import Settings

MASK = "***"
_HEADER = regex(rb"\s*\[[^\]]*\]\s*\Z")
_HIDDEN = frozenset({"customhttpheaders"})
_SHOWN = (
    frozenset(
        releases.place(key.name, "WebUI")[1].replace("\\", "/").rpartition("/")[2].lower()
        for key in releases.KEYS
        if not key.secret
    )
    - _HIDDEN
)
_PROGRAMS = frozenset({"program", "ontorrentadded/program"})
_SWITCHES = frozenset({"enabled", "ontorrentadded/enabled"})
_WORD = regex(r"[^\s|;&<>()$`'\"\\]+")
_TELLING = frozenset(
    (
        "curl",
        "wget",
        "fetch",
        "certutil",
        "bitsadmin",
        "invoke-webrequest",
        "iwr",
        "downloadstring",
        "tftp",
        "ftp",
        "nc",
        "ncat",
        "socat",
        "sudo",
        "sh",
        "bash",
        "dash",
        "zsh",
        "ksh",
        "ash",
        "eval",
        "source",
        "iex",
        "invoke-expression",
        "chmod",
        "+x",
        "base64",
        "python",
        "python3",
        "perl",
        "ruby",
        "php",
        "node",
        "xmrig",
        "mshta",
    )
)
_STARTS_WITH_FOLDER = 3
"""So many lines after a start mark may name the config folder."""


def config_text(settings: Settings) -> bytes:
    """Return a config with the lines of the Web UI alone, each at its place, and no secret in them."""
    data = settings.ini.data
    kept = {entry.line: entry for entry in settings.ini.asked}
    lines: list[bytes] = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        text = line.rstrip(b"\r")
        entry = kept.get(number)
        if entry is not None:
            lines.append(f"{entry.spelled_key}={_value(entry)}".encode("utf-8", "surrogateescape"))
        else:
            lines.append(text if _HEADER.match(text) else b"")
    if not kept and not settings.ini.is_empty:
        lines[-1:] = [b"masked=", b""]
    return b"\n".join(lines)


def _value(entry: Entry) -> str:
    last = entry.key.replace("\\", "/").lower()
    if entry.section.lower() == "autorun":
        return _command(entry.raw) if last in _PROGRAMS else entry.raw if last in _SWITCHES else ""
    name = last.rpartition("/")[2]
    if "\n" in entry.raw or name not in _SHOWN or "password" in name:
        return MASK if entry.raw.strip() else ""
    return entry.raw


def _command(raw: str) -> str:
    """Return a command by the words that tell what kind it is: the others may be tokens, names or addresses."""

    def shown(word: re.Match[str]) -> str:
        text = word[0]
        if text.lower().rpartition("/")[2] in _TELLING or re.fullmatch(r"-{1,2}[A-Za-z]{1,2}|/dev/tcp/?", text):
            return text
        return "https://…" if "://" in text else "…"

    return _WORD.sub(shown, raw.replace("\n", " "))


def log_lines(lines: Sequence[LogLine]) -> tuple[LogLine, ...]:
    """Return the lines of a log that say something about the Web UI, without the names of users."""
    kept: list[LogLine] = []
    since_start = _STARTS_WITH_FOLDER + 1
    for line in lines:
        since_start = 0 if server_log.is_start(line) else since_start + 1
        names_folder = 0 < since_start <= _STARTS_WITH_FOLDER and line.level == "N" and "/" in line.text
        if since_start == 0 or names_folder or _about_the_web_ui(line):
            kept.append(_nameless(line))
    return tuple(kept)


def _about_the_web_ui(line: LogLine) -> bool:
    one = (line,)
    return (
        server_log.refused_login(line) is not None
        or bool(server_log.login_addresses(one))
        or server_log.listening(one) is not None
        or server_log.bind_failure(one) is not None
        or server_log.https_fallback(one) is not None
        or (bool(host_rejections(one)) and line.text.lower().startswith("web"))
    )


def _nameless(line: LogLine) -> LogLine:
    """Return a line about a refused login without the user name, where people mistype a password."""
    if server_log.refused_login(line) is None:
        return line
    found = server_log.first_address(line.text)
    at = found.end if found is not None else 0
    rest = line.text[at:]
    label = max(rest.rfind(":"), rest.rfind("："))
    said = " …" if rest[label + 1 :].strip() else ""
    return replace(line, text=line.text[: at + label + 1] + said)
