"""Finds logins that are made once, in any language: a flag or a kept cookie guards them, and no 401 or 403 clears it."""

from __future__ import annotations

import re

from qbdoctor.lint.facts.program import Facts, KeptLogin, Place
from qbdoctor.patterns import regex

_OWNER = r"(?:self\.|this\.|\$this->|@)?"
_NAME = rf"{_OWNER}\$?([A-Za-z_]\w*)"
_GUARDS = (
    rf"\bif[ \t]*\(?[ \t]*(?:not[ \t]+|![ \t]*){_NAME}!?[ \t]*\)?(?![\w(.])",
    rf"\bif[ \t]*\(?[ \t]*{_NAME}[ \t]*(?:===?|is)[ \t]*(?:null|None|nil|undefined|\"\"|''|false|False)[ \t]*\)?",
    r"\[\[?[ \t]+-z[ \t]+\"?\$\{?([A-Za-z_]\w*)\}?\"?[ \t]+\]\]?",
)
_MEMBER_GUARDS = tuple(guard.replace(_OWNER, rf"{_OWNER}(?:\w+(?:\.|->))?") for guard in _GUARDS[:2]) + _GUARDS[2:]
"""As above, of a member: `if not self.session.sid`."""
_FALSE = r"(?:False|false|None|null|nil|undefined|\"\"|''|0)(?![\w.])"
_DECLARES = regex(
    r"\b(?:let|var|const|val|private|public|protected|static|bool|boolean|string|String|late|readonly|declare)\b"
)
_LEAVES = regex(
    r"(?:log_?out|log_?off|close|disconnect|stop|dispose|shutdown|__init__|constructor|__construct|__exit__|new)\b",
    re.IGNORECASE,
)
_HEADER = regex(
    r"^[ \t]*(?:export[ \t]+)?(?:async[ \t]+)?(?:def|function|fun|func|fn|public|private|protected|static|constructor|"
    r"[a-zA-Z_]\w*[ \t]*\([^()\n]*\)[ \t]*[:{])[^\n]*",
    re.MULTILINE,
)
_REFUSED = regex(
    r"\b40[13]\b|[Ff]orbidden|FORBIDDEN|[Uu]nauthori[sz]ed|UNAUTHORIZED|\bexcept\b|\bcatch\b|\brescue\b|interceptor|[Rr]etry|[Ee]xpire|re_?login",
)
_LOOKS = regex(
    r"status|\.ok\b|40[13]|\bcatch\b|\bexcept\b|is_success|isSuccess|EnsureSuccess|raise_for|throw|raise\b|expire|interceptor",
    re.IGNORECASE,
)
_NAMED_LOGIN = regex(r"log|auth|sign|connect|session|cookie|sid|init", re.IGNORECASE)
_NEAR = 300  # characters
_TURNED = regex(
    r"===?[ \t]*403\b[ \t]*\)?[ \t]*(?:->|\?|return|\{[ \t]*return|throw)?[ \t]*(?:new[ \t]+)?([A-Z][\w.]*)"
)
_TESTED = regex(
    r"\b(?:is|instanceof)[ \t]+([A-Z][\w.]*)[ \t]*\)?[ \t]*&&[ \t]*[\w.]*(?:code|status)\w*[ \t]*===?[ \t]*403\b",
    re.IGNORECASE,
)


def find(facts: Facts, code: str, *, member: bool = False) -> list[KeptLogin]:
    """Return such logins of a file. ``code`` is its text with comments blanked, at the same places.

    ``member``: the code is that of several files, one after another, and the name may be another object's.
    """
    names = {login.scope_name for login in facts.logins if login.scope_name}
    if not names or not (facts.calls or facts.asks_any):
        return []
    tested = [found for pattern in (_MEMBER_GUARDS if member else _GUARDS) for found in re.finditer(pattern, code)]
    if not tested and (
        len(facts.logins) != 1 or _NAMED_LOGIN.search(facts.logins[0].scope_name) or _LOOKS.search(code)
    ):
        return []  # before the search for calls, which takes time
    called = re.compile(rf"(?<![\w$])(?:{'|'.join(map(re.escape, sorted(names)))})\b[ \t]*(?=[(\n;])")
    sites = [found.start() for found in called.finditer(code) if not _is_definition(code, found.start())]
    guards = [(found, found[1]) for found in tested if _guards(code, found.end(), sites)]
    if not guards:
        return _at_start(facts, code, sites)
    unreached = _unreached(code)
    if _again(code, [site for site in sites if not any(start <= site <= end for start, end in unreached)], guards):
        return []
    brief = re.search(r"\bdef __a?enter__\b", code) is not None
    made = []
    for found, name in guards:
        if _is_set(facts, code, name, found.end()) and not _is_cleared(code, name):
            line = code.count("\n", 0, found.start()) + 1
            column = found.start() - code.rfind("\n", 0, found.start())
            made.append(KeptLogin(Place(line, column, line), name, bool(unreached), brief))
    return made


def _guards(code: str, end: int, sites: list[int]) -> bool:
    """Whether what stands right behind a condition is the login."""
    return any(end <= site <= end + 80 and code.count("\n", end, site) <= 2 for site in sites)


def _is_definition(code: str, at: int) -> bool:
    line = code[code.rfind("\n", 0, at) + 1 : at]
    if re.search(r"\b(?:def|function|fun|func|fn|suspend)\b[^=;]*$", line):
        return True
    ends = code.find("\n", at)
    rest = code[at : ends if ends >= 0 else len(code)]
    return re.search(r"\)\s*(?::\s*[\w<>\[\], |]+)?\s*\{\s*$|\)\s*\{", rest) is not None and not re.search(
        r"(?:await|return|if|=|\.|->)\s*$|\bif\b", line
    )


def _again(code: str, sites: list[int], guards: list[tuple[re.Match[str], str]]) -> bool:
    """Whether some other call of the login follows on a refusal, a failure or a timer."""
    guarded = [(found.start(), found.end() + 80) for found, _ in guards]
    for site in sites:
        before = code[max(0, site - _NEAR) : site]
        if re.search(r"(?:setInterval|schedule\w*)\([^\n]{0,60}$", before):
            return True
        if not any(start <= site <= end for start, end in guarded) and _REFUSED.search(before):
            return True
    return False


def _unreached(code: str) -> list[tuple[int, int]]:
    """Return what stands behind tests for 403 that no 403 comes to: of a 403, another kind of error was made before."""
    turned = {found[1] for found in _TURNED.finditer(code)}
    return [
        (found.start(), found.end() + 80)
        for found in _TESTED.finditer(code)
        if turned
        and found[1] not in turned
        and re.search(rf"\b{re.escape(found[1])}\(", code)
        and not any(
            re.search(rf"\b(?:is|instanceof|catch[ \t]*\([^)\n]*)[ \t]*{re.escape(name)}\b", code) for name in turned
        )
    ]


def _is_set(facts: Facts, code: str, name: str, after: int) -> bool:
    """Whether the login, or what is done right after it, gives the name a value."""
    given = re.compile(rf"(?<![\w])\$?{re.escape(name)}[ \t]*(?::[ \t]*\w+[ \t]*)?=(?![=>])")
    if given.search(code, after, after + 160):
        return True
    for login in facts.logins:
        begin = max(0, _offset(code, login.place.line) - 400)
        for found in given.finditer(code, begin, begin + 2400):
            if not re.match(rf"[ \t]*{_FALSE}", code[found.end() : found.end() + 12]):
                return True
    return False


def _offset(code: str, line: int) -> int:
    at = 0
    for _ in range(line - 1):
        at = code.find("\n", at) + 1
        if at == 0:
            return len(code)
    return at


def _is_cleared(code: str, name: str) -> bool:
    """Whether anything but its declaration, a constructor and a logout takes the name's value away."""
    plain = re.escape(name)
    if re.search(
        rf"\bdel[ \t]+[\w.]*\b{plain}\b|\bunset[ \t(]+\$?(?:this->)?{plain}\b|\b{plain}\.clear\(|rm -f \"?\$\{{?{plain}",
        code,
    ):
        return True
    for found in re.finditer(rf"(?<![\w]){plain}[ \t]*(?::[ \t]*[\w | ?]+)?=[ \t]*{_FALSE}", code):
        start = code.rfind("\n", 0, found.start()) + 1
        before = code[start : found.start()]
        if _DECLARES.search(before) or (before == "" and ":=" not in found[0]):
            continue
        headers = list(_HEADER.finditer(code, max(0, start - 3000), start))
        if headers and _LEAVES.search(headers[-1][0]):
            continue
        if not headers or (re.search(r":[ \t]*[\w |?]+=", found[0]) and not before.strip()):
            continue  # a field of a class
        return True
    return False


def _at_start(facts: Facts, code: str, sites: list[int]) -> list[KeptLogin]:
    """Return a library that logs in by a function whose name does not say so, and never looks how a call went."""
    logins = facts.logins
    if sites or len(logins) != 1 or _NAMED_LOGIN.search(logins[0].scope_name) or _LOOKS.search(code):
        return []
    others = [call for call in facts.calls if call.scope not in {0, logins[0].scope}]
    kept = re.search(r"set-?cookie", code, re.IGNORECASE)
    return [KeptLogin(logins[0].place, "")] if others and kept else []
