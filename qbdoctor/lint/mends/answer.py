"""Mends conditions on the login's answer: 204 counts too. :mod:`qbdoctor.lint.mends.proof` holds each against all releases."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qbdoctor.lint.facts.outcome import answers, value
from qbdoctor.lint.facts.program import Facts, Guard, Request
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.source import NAME, SCRIPT, Source, TextEdit
from qbdoctor.patterns import regex

_STATUS_CODE = regex(r"(?<![\w.])200(?![\w.])")
_STATUS_NAME = regex(
    r"\b(StatusOK|HTTP_OK)\b|(?<=HTTPStatus\.)OK\b|(?<=HttpStatusCode\.)OK\b|(?<=StatusCode::)OK\b|(?<=\bcodes\.)ok\b"
)
_NEW_NAMES = {"StatusOK": "StatusNoContent", "HTTP_OK": "HTTP_NO_CONTENT", "ok": "no_content"}
_OLD_TEXT = regex(r"([\"'])Ok\.?\1")
_ATTRIBUTES = {  # of an answer, by the library that made it
    "requests": "status_code", "httpx": "status_code", "aiohttp": "status", "urllib": "status",
    "fetch": "status", "axios": "status", "net/http": "StatusCode",
}  # fmt: skip
_MEMBERS = (
    r"\??\.(?:code|status|statusCode|StatusCode|status_code|status\.value)(?![\w(.])"
    r"|\??\.(?:statusCode|code|getStatusCode|status)\(\)"
)


def wants_ok_body(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:
    """``answer.text == "Ok."`` as ``(answer.text == "Ok." or answer.status_code == 204)``."""
    check = next((each for each in facts.checks if each.place == hit.place), None)
    if check is None:
        return
    positive = value(check.expr, answers()[0])
    if positive is None:
        return
    if source.language == "bash":
        yield from _shell(source, facts, check, positive=positive)
        return
    start, end = source.span(check.place)
    text = source.text[start:end]
    part = _status_part(text)
    more = [part] if part is not None else []
    answer = _status_of(source, facts, check, text)
    sign = ("==" if positive else "!=") + ("=" if source.language in SCRIPT | {"php"} else "")
    if answer:
        more.append(f"{answer} {sign} 204")
    for each in more:
        yield [TextEdit(start, end, _joined(source, start, end, text, each, positive=positive))]
    whole = _status_alone(source, facts, check, text, positive=positive)
    if whole:
        yield [TextEdit(start, end, whole)]


def _joined(source: Source, start: int, end: int, text: str, more: str, *, positive: bool) -> str:
    word = ("or" if positive else "and") if source.language == "python" else ("||" if positive else "&&")
    other = {"or": " and ", "and": " or ", "||": "&&", "&&": "||"}[word]
    made = f"({text}) {word} {more}" if other in text else f"{text} {word} {more}"
    whole = source.text[start - 1 : start] == "(" and source.text[end : end + 1] == ")"
    opens = re.search(r"(?:\b(?:if|elif|while|return)|:?=)\s*$", source.text[:start][-12:]) is not None
    follows = source.text[end : end + 12].lstrip(" ")
    alone = opens and re.match(r"[;{:\n]|$|//|#", follows) is not None
    return made if whole or alone else f"({made})"


def _status_part(text: str) -> str | None:
    """Return the comparison of a status in a condition, with 204 in the place of 200."""
    for part in re.split(r"&&|\|\||\band\b|\bor\b", text):
        plain = part.strip()
        while plain.startswith("(") and plain.count("(") > plain.count(")"):
            plain = plain[1:].strip()
        while plain.endswith(")") and plain.count(")") > plain.count("("):
            plain = plain[:-1].strip()
        if _OLD_TEXT.search(plain):
            continue
        if _STATUS_CODE.search(plain):
            return _STATUS_CODE.sub("204", plain, count=1).strip()
        found = _STATUS_NAME.search(plain)
        if found is not None:
            new = _NEW_NAMES.get(found[0], "NoContent" if "HttpStatusCode" in plain else "NO_CONTENT")
            return (plain[: found.start()] + new + plain[found.end() :]).strip()
    return None


def _status_of(source: Source, facts: Facts, check: Guard, text: str) -> str:
    """Give the status of the login's answer, as its library calls it or as the source does near by; "" where neither is known."""
    login = _login(facts, check)
    around = _around(source, check, login)
    name = _answer_name(text, around)
    if not name or name in {"this", "self", "String", "string"} or _may_be_missing(name, around):
        return ""
    kept = re.search(rf"\b({NAME})\s*(?::=|=)\s*{re.escape(name)}(?:{_MEMBERS})\s*(?:$|[;,\n])", around, re.MULTILINE)
    if kept is not None:
        return kept[1]
    window = source.text[source.offset(max(1, check.place.line - 15)) : source.offset(check.place.line + 6)]
    said = re.search(rf"(?<![\w.$]){re.escape(name)}(?:{_MEMBERS})", window)
    if said is not None:
        return said[0]
    library = login.library if login is not None and login.scope == check.scope else ""
    library = library or _sole_library(source, name)
    if library == "fetch" and re.search(r"=\s*fetch\b|function fetch\b|\bfetch\s*[,}]", source.text):
        library = "" if "node-fetch" not in source.text and "undici" not in source.text else library
    attribute = _ATTRIBUTES.get(library, "")
    made = re.search(rf"\b{re.escape(name)}\b[^\n=]*(?::=|=|\bas\b)", around) or re.search(
        rf"\bas\s+{re.escape(name)}\s*:", around
    )
    return f"{name}.{attribute}" if attribute and made is not None else ""


def _may_be_missing(name: str, around: str) -> bool:
    """Whether the source gives another text where there is no answer, and goes on: ``r.text if r is not None else ""``."""
    plain = re.escape(name)
    return (
        re.search(
            rf"\bif\s+{plain}(?:\s+is\s+(?:not\s+)?None)?\s+else\b|(?<![\w.$]){plain}(?:\s*!==?\s*(?:null|undefined))?\s*\?(?![.?:])"
            rf"|=\s*{plain}\s*(?:&&|\band\b)\s*{plain}\b",
            around,
        )
        is not None
    )


def _sole_library(source: Source, name: str) -> str:
    """Return the library that an answer is of, where the file imports one alone."""
    if source.language == "python":
        found = set(re.findall(r"^[ \t]*(?:import|from)[ \t]+(requests|httpx|aiohttp)\b", source.text, re.MULTILINE))
        return str(found.pop()) if len(found) == 1 and "urllib.request" not in source.text else ""
    if source.language == "go" and f"{name}.Body" in source.text and '"net/http"' in source.text:
        return "net/http"
    return ""


def _answer_name(text: str, around: str) -> str:
    """Return the variable that holds the answer whose text a condition looks at."""
    direct = re.search(rf"(?<![\w.])({NAME})(?:\.(?:body|data|text|Body|string|content|read)\b|\?\.body\b)", text)
    if direct is not None:
        return direct[1]
    for word in re.findall(rf"(?<![\w.\"'])({NAME})", text):
        kept = re.search(
            rf"\b{re.escape(word)}\b[^=\n]*(?::=|=)\s*(?:await\s+)?(?:io\.ReadAll\(|ioutil\.ReadAll\()?\(?(?:await\s+)?({NAME})"
            r"(?:\??\.(?:text|body|Body|Content|data|bodyAsText|string|read|content)\b)",
            around,
        )
        if kept is not None:
            return kept[1]
        bytes_of = re.search(rf"\b{re.escape(word)}\s*:?=\s*(?:strings\.TrimSpace\()?string\((\w+)\)", around)
        read = bytes_of and re.search(
            rf"\b{re.escape(bytes_of[1])}\b[^=\n]*:?=\s*(?:io|ioutil)\.ReadAll\((\w+)\.Body\)", around
        )
        if read:
            return str(read[1])
    return ""


def _status_alone(source: Source, facts: Facts, check: Guard, text: str, *, positive: bool) -> str:
    """Find a status of 200 alone, which told no bad login of old releases: the text is looked at as well."""
    login = _login(facts, check)
    library = login.library if login is not None and login.scope == check.scope else ""
    plain = re.fullmatch(rf"({NAME})\.(status_code|status)\s*[=!]==?\s*200", text)
    if plain is None:
        return ""
    answer = f"{plain[1]}.{plain[2]}"
    if library in {"requests", "httpx"} and plain[2] == "status_code":
        return (
            f'({answer} in (200, 204) and {plain[1]}.text != "Fails.")'
            if positive
            else f'({answer} not in (200, 204) or {plain[1]}.text == "Fails.")'
        )
    name = re.escape(plain[1])
    read = re.search(rf"\b{name}\.(?:text|json|body|blob|arrayBuffer|read|clone)\b", source.text)
    if library == "fetch" and read is None and re.search(rf"\b{name}\s*=\s*await fetch\(", source.text):
        body = f"(await {plain[1]}.text())"
        return f"({plain[1]}.ok && {body} !== 'Fails.')" if positive else f"(!{plain[1]}.ok || {body} === 'Fails.')"
    if library == "urllib" and read is None and plain[2] == "status":
        body = f"{plain[1]}.read()"
        return (
            f'({answer} in (200, 204) and {body} != b"Fails.")'
            if positive
            else f'({answer} not in (200, 204) or {body} == b"Fails.")'
        )
    if library == "axios" and plain[2] == "status":
        return (
            f"(({answer} === 200 || {answer} === 204) && {plain[1]}.data !== 'Fails.')"
            if positive
            else f"(({answer} !== 200 && {answer} !== 204) || {plain[1]}.data === 'Fails.')"
        )
    return ""


def _login(facts: Facts, check: Guard) -> Request | None:
    here = [each for each in facts.logins if each.scope == check.scope]
    return (here or facts.logins or [None])[0]  # type: ignore[list-item]


def _around(source: Source, check: Guard, login: Request | None) -> str:
    """Return the lines from the login, or from 15 before, to the condition."""
    first = max(1, check.place.line - 15)
    if login is not None and login.scope == check.scope and login.place.line <= check.place.line:
        first = login.place.line
    return source.text[source.offset(first) : source.offset(check.place.line)]


# --- shell -----------------------------------------------------------------------------------------------------------


def _shell(source: Source, facts: Facts, check: Guard, *, positive: bool) -> Iterator[list[TextEdit]]:
    """Yield what curl prints gets the status behind it: ``Ok.200`` and ``204`` are good, ``Fails.200`` and the like are not."""
    login = _login(facts, check)
    if login is None or login.library != "curl":
        return
    start, end = source.span(check.place)
    text = source.text[start:end]
    begin, finish = source.span(login.place)
    command = source.text[begin:finish]
    if re.search(r"\s-\w*[wioDI]\b|--(?:write-out|include|output|head)\b", command):
        return
    at = begin + re.match(r"\S+", command).end()  # type: ignore[union-attr]
    asked = TextEdit(at, at, " -w '%{http_code}'")
    assigned = re.search(r"([A-Za-z_]\w*)=\"?\$\(\s*$", source.text[max(0, begin - 80) : begin])
    variable = assigned[1] if assigned is not None and source.text[finish:].lstrip()[:1] == ")" else ""
    if text.lstrip().startswith(("grep", "egrep")):
        piped = source.text[finish:start].strip() == "|"
        echoed = re.search(
            rf"(?:echo|printf \S+)\s+\"?\${{?{variable}}}?\"?\s*\|\s*$|^$", source.text[max(0, start - 80) : start]
        )
        if piped or (variable and echoed is not None and echoed[0]):
            quiet = "q" if re.search(r"\s-\w*q", text) else ""
            yield [asked, TextEdit(start, end, f"grep -E{quiet} 'Ok\\.|204$'")]
        return
    compared = re.fullmatch(r"(\"?\$\{?([A-Za-z_]\w*)\}?\"?\s*(?:==?|!=)\s*)([\"']?)Ok\.\3", text)
    if compared is None or compared[2] != variable:
        return
    double = source.text[:start].rstrip().endswith("[[") or re.search(r"\[\[[^\]\n]*$", source.text[:start]) is not None
    word = "||" if positive else "&&"
    between = f" {word} " if double else f" ] {word} [ "
    quote = compared[3]
    yield [asked, TextEdit(start, end, f"{compared[1]}{quote}Ok.200{quote}{between}{compared[1]}{quote}204{quote}")]
