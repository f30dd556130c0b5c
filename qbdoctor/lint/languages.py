"""Tells which language a file is in, by its name or its first line."""

from __future__ import annotations

import re
from pathlib import PurePath

from qbdoctor.patterns import regex

SUFFIXES = {
    ".py": "python", ".pyw": "python", ".pyi": "python",
    ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".jsx": "javascript",
    ".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx",
    ".sh": "bash", ".bash": "bash", ".zsh": "bash", ".ksh": "bash",
    ".php": "php", ".go": "go", ".cs": "csharp", ".java": "java", ".kt": "kotlin", ".kts": "kotlin", ".rs": "rust",
    ".dart": "dart", ".swift": "swift", ".rb": "ruby", ".lua": "lua",
    ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".ps1": "powershell", ".psm1": "powershell",
}  # fmt: skip
VALUES = frozenset(("yaml", "json"))
"""Languages of files that are looked at only where they name qBittorrent's Web API: most of them hold no calls."""
MANIFESTS = regex(
    r"(?:requirements[\w.-]*\.(?:txt|in)|constraints[\w.-]*\.txt|poetry\.lock|uv\.lock|pdm\.lock|Pipfile(?:\.lock)?|pyproject\.toml"
    r"|setup\.cfg|go\.mod|package(?:-lock)?\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|METADATA)\Z"
)
_SHEBANG = regex(rb"#!\s*\S*/(?:(?:env|with-contenv|execlineb)\s+(?:-\S+\s+)*)?([a-z]+)")
_INTERPRETERS = {
    "python": "python",
    "sh": "bash",
    "bash": "bash",
    "dash": "bash",
    "ash": "bash",
    "zsh": "bash",
    "ksh": "bash",
    "bashio": "bash",
    "node": "javascript",
    "php": "php",
    "ruby": "ruby",
    "lua": "lua",
}


def of(name: str, beginning: bytes) -> str | None:
    """Return the language of a file, "manifest" for a list of requirements, None for what is neither."""
    path = PurePath(name)
    if MANIFESTS.match(path.name):
        return "manifest"
    known = SUFFIXES.get(path.suffix.lower())
    if known or path.suffix:
        return known
    found = _SHEBANG.match(beginning)
    return _INTERPRETERS.get(found[1].decode()) if found else None


_NAMED = rb"q[-_]?bit|qbt|(?<![a-z])qb(?![a-z])"
_NAME_IN_PATH = regex(r"q[-_]?bit|qbt", re.IGNORECASE)
_NAME = regex(_NAMED, re.IGNORECASE)
_NAME_IN_TEXT = regex(rb"q[-_]?bit", re.IGNORECASE)
_V2_ALONE = regex(rb"/\s*[\"']v2[\"']")
_TORRENTS = regex(rb"[\"'`/]torrents/(?:info|add|delete|properties|files)\b")
_API = regex(
    rb"api/v2|auth/login|torrents/|app/(?:version|setPreferences|preferences)|webapiVersion|[\"']Ok\.[\"']",
    re.IGNORECASE,
)
_BESIDE = regex(rb"q[-_]?bit[^\n]{0,80}auth/login", re.IGNORECASE)
_OK = regex(rb"[\"']Ok\.[\"']")
_SID_AND_OK = regex(rb"(?s)\A(?=.*[\"'`]SID[\"'`=])(?=.*[\"'`]Ok\.?[\"'`])")
"""What the login of qBittorrent alone answers, with its cookie's name: told without the program's name."""
_LOGS_IN = regex(rb"\bq[-_]?b(?:it)?(?:torrent)?\w*(?:\.|->)log_?in\(", re.IGNORECASE)
_DECLARED = regex(
    rb"^[ \t\w]*(?:class|package|struct|interface|namespace|impl|type)\s+[\w.]*q[-_]?bit", re.IGNORECASE | re.MULTILINE
)
# Paths that no other program's API v2 is known to have.
_OWN = regex(
    rb"torrents/(?:info|add|delete|pause|resume|stop|start|properties|files)\b|app/(?:webapiVersion|setPreferences)|sync/maindata|transfer/info|api/v2/(?:auth/log(?:in|out)|app/version)\b"
)


_SID_ALONE = regex(rb"[cC]ookies?(?:\.get\(|\[)[\"']SID[\"']")
_SERVES = regex(
    rb"(?:Set-Cookie[\"']?\s*[:,]\s*f?[\"'`]|\b(?:res|resp|response|reply)\.(?:cookie|set_cookie|setCookie)\(\s*[\"'])SID\b"
    rb"|\b(?:app|router|server|mux)\.(?:post|get|all|route|HandleFunc|add_(?:post|get|route))\(\s*[\"'`][^\"'`\n]{0,40}auth/login",
    re.IGNORECASE,
)


def imitates_qbittorrent(data: bytes) -> bool:
    """Whether a file answers as qBittorrent does: a server that sets the cookie, which is no client."""
    return _SERVES.search(data) is not None


def talks_to_qbittorrent(name: str, data: bytes) -> bool:
    """Whether a file talks to qBittorrent's Web API, by its texts, or by its own or its folder's name."""
    # The path first, which most of them have and which is found soonest. A name alone is not enough: a program for
    # qBittorrent may have an API, and an auth/login, of its own.
    if b"api/v2" in data and (_OWN.search(data) is not None or _NAME.search(data) is not None):
        return True
    if b"SID" in data and _SID_ALONE.search(data) is not None and _NAME_IN_TEXT.search(data) is not None:
        return True
    if _API.search(data) is None:
        return False
    if b"auth/login" in data and _OK.search(data) is not None and _NAME_IN_TEXT.search(data) is not None:
        return True
    if b"auth/login" in data and _SID_AND_OK.search(data) is not None:
        return True
    if _NAME_IN_PATH.search("/".join(PurePath(name).parts[-3:])) is not None or _DECLARED.search(data) is not None:
        return True
    if _BESIDE.search(data) is not None or (_OK.search(data) is not None and _LOGS_IN.search(data) is not None):
        return True
    # The path's beginning may be put together: URL(base) / "api" / "v2"
    return (
        _V2_ALONE.search(data) is not None
        and _NAME_IN_TEXT.search(data) is not None
        and _TORRENTS.search(data) is not None
    )


UNREAD = frozenset(
    (".pl", ".pm", ".scala", ".ex", ".exs", ".c", ".cc", ".cpp", ".h", ".hpp",
     ".m", ".vb", ".fs",
     ".nim", ".zig", ".r", ".groovy", ".jl", ".vue", ".svelte", ".coffee", ".tcl", ".bat", ".cmd")
)  # fmt: skip
"""Suffixes of what programs are written in, and lint does not read."""


def speaks_of_qbittorrent(data: bytes) -> bool:
    """Whether a file of any kind names qBittorrent's Web API."""
    return b"api/v2/" in data and (_NAME.search(data) is not None or _OWN.search(data) is not None)


_TEST_NAME = regex(r"(?:_test\.\w+|\.(?:test|spec)\.\w+|Tests?\.(?:java|kt|cs|php))\Z|\Atest_|\Aconftest\.")
_TEST_FOLDERS = frozenset(("test", "tests", "__tests__", "spec", "specs"))
_TEST_TEXT = regex(
    rb"pytest|unittest|@Test\b|\[(?:Fact|Test|Theory)\]|\*testing\.[TB]|\b(?:describe|it|test)\(|vitest|jest|mock|httptest|#\[(?:tokio::)?test\]",
    re.IGNORECASE,
)


def is_test(name: str, data: bytes) -> bool:
    """Whether a file holds tests: what it answers and expects is an invented server's, not what a client does."""
    path = PurePath(name)
    named = _TEST_NAME.search(path.name) is not None or bool(_TEST_FOLDERS & set(path.parts[-3:-1]))
    return named and _TEST_TEXT.search(data) is not None


def may_be_code(name: str) -> bool:
    """Whether a file's name alone lets it be code or a list of requirements; without a suffix its first line decides."""
    path = PurePath(name)
    return path.suffix.lower() in SUFFIXES or not path.suffix or MANIFESTS.match(path.name) is not None
