"""Judges maintained client libraries by version, as requirements and lock files name them.

Only versions that were tried against real servers, or whose login was read, stand here: a library that is not listed is
not judged. qbit-rs (Rust; 0.3.5 to 0.5.1 were read) and QBittorrent.Client (.NET; read at 041b117) need no entry: they
take any 2xx and send back whatever cookie came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePath

from qbdoctor.lint.facts.program import MendedLines, Place
from qbdoctor.lint.findings import Hit
from qbdoctor.patterns import regex
from qbdoctor.values import frozen


@frozen
class Library:
    """A library and the first version that gets along with the newest releases; None: none does so far."""

    ecosystem: str  # pypi, npm, go
    name: str
    good: tuple[int, ...] | None
    id: str
    fault: str
    remedy: str


# Tried by logging in with the right password at 5.1.0 and 5.3.0 (2026-11): qbittorrent-api 2025.7.0 LoginFailed, 2025.11.0 ok;
# @ctrl/qbittorrent 8.3.0, 9.1.0, 9.6.0, 9.7.0, 9.11.0, 9.11.2 "Invalid cookie", 9.12.1 and 9.14.0 ok;
# aioqbt 0.7.1 and 1.0.0 fail, 1.1.0 ok (by a host name; by an IP address all three are 403);
# python-qbittorrent 0.4.3, the newest, fails.
# Read in the source (2026-11): go-qbittorrent LoginCtx takes 200 alone up to 1.14.0, and 204 too from 1.15.0 (commit c211e84,
# 2026-05-04, "handle http status 204"); qbittorrent-api-v2 1.2.2, the newest, rejects whatever is not 200;
# @robertklep/qbittorrent 1.1.0, the newest, sends the session back as SID.
LIBRARIES = (
    Library(
        "pypi",
        "qbittorrent-api",
        (2025, 11),
        "client-wants-sid-name",
        "refuses the right password (LoginFailed)",
        "Require qbittorrent-api>=2025.11.1.",
    ),
    Library(
        "pypi",
        "python-qbittorrent",
        None,
        "client-wants-ok-body",
        "takes the right password for a wrong one (LoginRequired)",
        "No version gets along with 5.2; use qbittorrent-api>=2025.11.1.",
    ),
    Library(
        "pypi",
        "aioqbt",
        (1, 1),
        "client-wants-ok-body",
        "fails at the login with the right password",
        "Require aioqbt>=1.1.0.",
    ),
    Library(
        "npm",
        "@ctrl/qbittorrent",
        (9, 12),
        "client-wants-sid-name",
        "refuses the right password (Invalid cookie)",
        "Require @ctrl/qbittorrent 9.12.1 or later.",
    ),
    Library(
        "npm",
        "qbittorrent-api-v2",
        None,
        "client-wants-ok-body",
        "takes a good login for a failed one (HTTP request error: 204)",
        "No version gets along with 5.2; use @ctrl/qbittorrent 9.12.1 or later.",
    ),
    Library(
        "npm",
        "@robertklep/qbittorrent",
        None,
        "client-wants-sid-name",
        "sends the session back under the name SID (403 on every call)",
        "No version gets along with 5.2; use @ctrl/qbittorrent 9.12.1 or later.",
    ),
    Library(
        "go",
        "github.com/autobrr/go-qbittorrent",
        (1, 15),
        "client-wants-ok-body",
        "takes a good login for a failed one (unexpected status 204)",
        "Require github.com/autobrr/go-qbittorrent v1.15.0 or later.",
    ),
)
_BY_NAME = {(library.ecosystem, library.name): library for library in LIBRARIES}
_NAMES = regex("|".join(re.escape(library.name).replace("\\-", "[-_.]") for library in LIBRARIES), re.IGNORECASE)
_REQUIREMENT = regex(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*((?:(?:==|~=|<=|>=|!=|<|>)=?\s*[\w.*+!-]+\s*,?\s*)*)")
_CLAUSE = regex(r"(===?|~=|<=|>=|!=|<|>|\^|~)?\s*v?([0-9]+(?:\.[0-9]+)*)")


def names_one(text: str) -> bool:
    """Whether a list of requirements names a library that is known."""
    return _NAMES.search(text) is not None


def judge(name: str, text: str) -> Iterator[Hit]:
    """Yield the known libraries that a file pins to a version which new releases refuse."""
    if not names_one(text):
        return
    for ecosystem, library, version, exact, line in _entries(PurePath(name).name, text):
        known = _BY_NAME.get((ecosystem, re.sub(r"[-_.]+", "-", library.lower()) if ecosystem == "pypi" else library))
        if known is None:
            continue
        newest = _newest_allowed(version, exact=exact)
        if known.good is not None and (newest is None or newest >= known.good):
            continue
        mended = _mended(PurePath(name).name, text.splitlines(), line, version, known)
        which = f"{known.name} {version.strip() or '(any version)'}"
        yield Hit(
            known.id, "likely", Place(line, 1, line), f"{which} {known.fault} on 5.2 and later", known.remedy, mended,
        )  # fmt: skip


_FIRST = {
    "qbittorrent-api": "2025.11.1",
    "aioqbt": "1.1.0",
    "@ctrl/qbittorrent": "9.12.1",
    "github.com/autobrr/go-qbittorrent": "1.15.0",
}
"""The first version that is known to work, by library."""


def _mended(file: str, lines: list[str], number: int, version: str, known: Library) -> tuple[MendedLines, ...]:
    """Return the requirement with a version that works; nothing for lock files, which a tool writes."""
    good, old, line = _FIRST.get(known.name), version.strip(), lines[number - 1]
    if good is None or "lock" in file or file == "METADATA" or old not in line or not old:
        return ()
    at = line.rindex(old)
    sign = {"npm": "^", "go": ""}.get(known.ecosystem, ">=")
    return (MendedLines(number, f"{line[:at]}{sign}{good}{line[at + len(old) :]}"),)


def _newest_allowed(version: str, *, exact: bool) -> tuple[int, ...] | None:
    """Return the newest version that a specifier lets in; None: no bound above."""
    bounds: list[tuple[int, ...]] = []
    for found in _CLAUSE.finditer(version):
        operator, number = found[1] or ("==" if exact else ""), tuple(int(part) for part in found[2].split("."))
        if operator in {"==", "===", "<="}:
            star = version[found.end() : found.end() + 2] == ".*"
            bounds.append((*number, 10**9) if star else number)
        elif operator == "<":
            bounds.append(
                (*number[:-1], number[-1] - 1, 10**9)
                if number[-1] > 0
                else (*number[:-2], number[-2] - 1, 10**9)
                if len(number) > 1
                else (0,)
            )
        elif operator in {"~=", "~"}:
            bounds.append((*number[: max(1, len(number) - 1)], 10**9))
        elif operator == "^":
            bounds.append((number[0], 10**9))
    return min(bounds) if bounds else None


Entry = tuple[str, str, str, bool, int]


def _entries(file: str, text: str) -> Iterator[Entry]:
    """(ecosystem, name, version or specifier, whether a bare number pins, line) of each requirement."""
    lines = text.splitlines()
    if file == "go.mod":
        for number, line in enumerate(lines, 1):
            found = re.match(r"\s*(?:require\s+)?([\w.-]+/[\w./-]+)\s+v([0-9]+(?:\.[0-9]+)*)(-\S+)?", line)
            if found is not None and not re.match(
                r"-.*[0-9]{14}-[0-9a-f]{12}$", found[3] or ""
            ):  # a commit between two
                yield "go", found[1], found[2], True, number
    elif file in {"poetry.lock", "uv.lock", "pdm.lock"}:
        for number, line in enumerate(lines, 1):
            found = re.match(r'name = "([^"]+)"', line)
            if found is not None:
                pinned = next(
                    (
                        re.match(r'version = "([^"]+)"', each)
                        for each in lines[number : number + 3]
                        if each.startswith("version")
                    ),
                    None,
                )
                if pinned is not None:
                    yield "pypi", found[1], pinned[1], True, number
    elif file in {"package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"}:
        yield from _npm(file, lines)
    elif file == "Pipfile.lock":
        yield from _pipfile_lock(text, lines)
    elif file == "METADATA":
        for number, line in enumerate(lines, 1):
            found = (
                _REQUIREMENT.match(line.removeprefix("Requires-Dist:").strip()) if "Requires-Dist:" in line else None
            )
            if found is not None:
                yield "pypi", found[1], found[2], False, number
    elif file in {"pyproject.toml", "setup.cfg", "Pipfile"}:
        for number, line in enumerate(lines, 1):
            table = re.match(r'\s*"?([\w.-]+)"?\s*=\s*(?:\{.*?version\s*=\s*)?"([^"]*)"', line)
            if table is not None and _NAMES.fullmatch(table[1]):
                yield "pypi", table[1], table[2], True, number
                continue
            for quoted in re.findall(r"[\"']([^\"']+)[\"']", line) or ([line.strip()] if file == "setup.cfg" else []):
                found = _REQUIREMENT.match(quoted)
                if found is not None and _NAMES.fullmatch(found[1]):
                    yield "pypi", found[1], found[2], False, number
    elif file.endswith((".txt", ".in")):
        for number, line in enumerate(lines, 1):
            found = _REQUIREMENT.match(line.strip())
            if found is not None:
                yield "pypi", found[1], found[2], False, number


def _npm(file: str, lines: list[str]) -> Iterator[Entry]:
    for number, line in enumerate(lines, 1):
        if file == "package.json":
            found = re.match(r'\s*"([^"]+)"\s*:\s*"([\^~<>=]*\s*v?[0-9][^"]*)"', line)
            if found is not None:
                yield "npm", found[1], found[2], True, number
        elif file == "pnpm-lock.yaml":
            found = re.match(r"\s+['\"]?/?(@?[\w./-]+?)@([0-9][\w.-]*)[^:]*:", line)
            if found is not None:
                yield "npm", found[1], found[2], True, number
        elif file == "yarn.lock":
            found = re.match(r'"?(@?[\w./-]+?)@', line)
            pinned = (
                re.match(r'\s+version:?\s+"?([0-9][\w.-]*)', lines[number])
                if found is not None and number < len(lines)
                else None
            )
            if found is not None and pinned is not None:
                yield "npm", found[1], pinned[1], True, number
        else:
            found = re.match(r'\s*"(?:node_modules/)?(@?[\w./-]+)"\s*:\s*\{', line)
            pinned = (
                re.match(r'\s*"version"\s*:\s*"([0-9][^"]*)"', lines[number])
                if found is not None and number < len(lines)
                else None
            )
            if found is not None and pinned is not None:
                yield "npm", found[1], pinned[1], True, number


def _pipfile_lock(text: str, lines: list[str]) -> Iterator[Entry]:
    try:
        made = json.loads(text)
    except (ValueError, RecursionError):
        return
    for section in ("default", "develop"):
        packages = made.get(section) if isinstance(made, dict) else None
        for name, about in packages.items() if isinstance(packages, dict) else ():
            version = about.get("version", "") if isinstance(about, dict) else ""
            number = next((index for index, line in enumerate(lines, 1) if f'"{name}"' in line), 1)
            if isinstance(version, str):
                yield "pypi", str(name), version, True, number
