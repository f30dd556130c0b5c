"""Mends conditions on the login's answer: 204 counts too."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qbdoctor.lint.facts.outcome import answers, value
from qbdoctor.lint.facts.program import Facts, Guard, Request
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.source import NAME, SCRIPT, Source, TextEdit

_STATUS_CODE = re.compile(r"(?<![\w.])200(?![\w.])")
_STATUS_NAME = re.compile(r"\b(StatusOK|HTTP_OK)\b|(?<=[.:])(OK|Ok|ok)\b(?!\()")
_NEW_NAMES = {
    "StatusOK": "StatusNoContent",
    "HTTP_OK": "HTTP_NO_CONTENT",
}
_NO_CONTENT = {
    "csharp": "NoContent",
    "kotlin": "NoContent",
    "rust": "NO_CONTENT",
    "python": "NO_CONTENT",
    "java": "NO_CONTENT",
}
_OLD_TEXT = re.compile(r"([\"'])Ok\.?\1")


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
    for more in _also(source, facts, check, text, positive=positive):
        yield [TextEdit(start, end, _joined(source, start, end, text, more, positive=positive))]


def _joined(source: Source, start: int, end: int, text: str, more: str, *, positive: bool) -> str:
    word = ("or" if positive else "and") if source.language == "python" else ("||" if positive else "&&")
    other = {"or": " and ", "and": " or ", "||": "&&", "&&": "||"}[word]
    made = f"({text}) {word} {more}" if other in text else f"{text} {word} {more}"
    whole = source.text[start - 1 : start] == "(" and source.text[end : end + 1] == ")"
    opens = re.search(r"(?:\b(?:if|elif|while|return)|:?=)\s*$", source.text[:start][-12:]) is not None
    follows = source.text[end : end + 12].lstrip(" ")
    alone = opens and re.match(r"[;{:\n]|$|//|#", follows) is not None
    return made if whole or alone else f"({made})"


def _also(source: Source, facts: Facts, check: Guard, text: str, *, positive: bool) -> Iterator[str]:
    """What tells a good login of new releases, as the source would say it; the surest first."""
    part = _status_part(text)
    if part is not None:
        yield part.strip()
    answer = _status_of(source, facts, check, text)
    sign = "==" if positive else "!="
    if source.language in SCRIPT | {"php"}:
        sign += "="
    if answer:
        yield f"{answer} {sign} 204"
    for leaf in re.finditer(r"[^&|()]*(?:\([^()]*\)[^&|()]*)*", text):
        if _OLD_TEXT.search(leaf[0]):
            empty = _OLD_TEXT.sub(lambda found: found[1] * 2, leaf[0].strip(), count=1)
            if not re.search(r"\bin\b|ontains|ncludes|tarts|strpos|has", empty):
                yield empty
    found = re.search(r"([\w.$>()\[\]-]+?)\.(?:includes|contains|Contains|startsWith|StartsWith|starts_with)\(", text)
    found = found or re.search(
        r"(?:strings\.(?:Contains|HasPrefix)|strpos|str_contains|str_starts_with)\(\s*(.+?),", text
    )
    found = found or re.search(r"[\"']\s+in\s+([\w.()]+)", text)
    if found is not None:
        quote = "'" if source.language in SCRIPT | {"php"} else '"'
        operand = found[1].lstrip("(!")
        equals = f'{operand}.equals("")' if source.language == "java" else f"{operand} {sign} {quote * 2}"
        yield equals if positive or source.language != "java" else f"!{equals}"


def _status_part(text: str) -> str | None:
    """The comparison of a status in a condition, with 204 in the place of 200."""
    for part in re.split(r"&&|\|\||\band\b|\bor\b", text):
        plain = part.strip()
        while plain.startswith("(") and plain.count("(") > plain.count(")"):
            plain = plain[1:].strip()
        while plain.endswith(")") and plain.count(")") > plain.count("("):
            plain = plain[:-1].strip()
        if _OLD_TEXT.search(plain):
            continue
        if _STATUS_CODE.search(plain):
            return _STATUS_CODE.sub("204", plain, count=1)
        found = _STATUS_NAME.search(plain)
        if found is not None:
            name = found[0]
            new = _NEW_NAMES.get(name) or {"ok": "no_content", "OK": "NO_CONTENT", "Ok": "NoContent"}[name]
            if name == "OK" and re.search(r"HttpStatusCode\.OK", plain):
                new = "NoContent"
            return plain[: found.start()] + new + plain[found.end() :]
    return None


def _status_of(source: Source, facts: Facts, check: Guard, text: str) -> str:
    """The status of the login's answer in the source's own words; "" where that cannot be told."""
    language = source.language
    if language == "rust":
        return ""  # the answer is consumed by .text()
    login = _login(facts, check)
    around = _around(source, check, login)
    if language == "php":
        handle = re.findall(r"curl_exec\(\s*(\$[\w>-]+)\s*\)", around)
        if handle:
            return f"curl_getinfo({handle[-1]}, CURLINFO_HTTP_CODE)"
        laravel = re.search(r"(\$[\w>-]+)->body\(", text)
        if laravel is not None:
            return f"{laravel[1]}->status()"
        found = re.search(r"(\$[\w>-]+)->getBody\(", text) or re.search(r"(\$\w+)->getBody\(", around)
        return f"{found[1]}->getStatusCode()" if found else ""
    name = ""
    direct = re.search(rf"(?<![\w.])({NAME})(?:\.(?:body|data|text|Body|string|content|read)\b|\?\.body\b)", text)
    if direct is not None:
        name = direct[1]
    else:
        for word in re.findall(rf"(?<![\w.\"'])({NAME})", text):
            kept = re.search(
                rf"\b{re.escape(word)}\b[^=\n]*(?::=|=)\s*(?:await\s+)?(?:io\.ReadAll\(|ioutil\.ReadAll\()?\(?(?:await\s+)?({NAME})"
                r"(?:\??\.(?:text|body|Body|Content|data|bodyAsText|string|read|content)\b)",
                around,
            )
            if kept is not None:
                name = kept[1]
    if not name or name in {"this", "self", "String", "string"}:
        return ""
    member = r"\??\.(?:code|status|statusCode|StatusCode|status_code|statusCode\(\)|code\(\)|getStatusCode\(\))\s*(?:$|[;,\n])"
    kept = re.search(rf"\b({NAME})\s*(?::=|=)\s*{re.escape(name)}{member}", around, re.MULTILINE)
    if kept is not None:
        return kept[1]
    if language in SCRIPT:
        module = r"(?:from |require\()['\"](?:node:)?https?['\"]"
        wide = re.search(rf"\bgot\b|superagent|needle|{module}", source.text)
        return f"{name}.{'statusCode' if wide else 'status'}"
    if language == "python":
        aio = login is not None and login.library in {"aiohttp", "urllib"}
        return f"{name}.{'status' if aio else 'status_code'}"
    okhttp = "okhttp3" in source.text
    return {
        "go": f"{name}.StatusCode",
        "csharp": f"(int){name}.StatusCode",
        "java": f"{name}.code()" if okhttp else f"{name}.statusCode()",
        "kotlin": f"{name}.code"
        if okhttp
        else f"{name}.status.value"
        if "io.ktor" in source.text
        else f"{name}.statusCode()",
    }.get(language, "")


def _login(facts: Facts, check: Guard) -> Request | None:
    here = [each for each in facts.logins if each.scope == check.scope]
    return (here or facts.logins or [None])[0]  # type: ignore[list-item]


def _around(source: Source, check: Guard, login: Request | None) -> str:
    """The lines from the login, or from 15 before, to the condition."""
    first = max(1, check.place.line - 15)
    if login is not None and login.scope == check.scope and login.place.line <= check.place.line:
        first = login.place.line
    return source.text[source.offset(first) : source.offset(check.place.line)]


# --- shell -----------------------------------------------------------------------------------------------------------


def _shell(source: Source, facts: Facts, check: Guard, *, positive: bool) -> Iterator[list[TextEdit]]:
    start, end = source.span(check.place)
    text = source.text[start:end]
    double = source.text[:start].rstrip().endswith("[[") or re.search(r"\[\[[^\]\n]*$", source.text[:start]) is not None
    word = "||" if positive else "&&"
    between = f" {word} " if double else f" ] {word} [ "
    if _STATUS_CODE.search(text):
        yield [TextEdit(start, end, f"{text}{between}{_STATUS_CODE.sub('204', text, count=1)}")]
        return
    login = _login(facts, check)
    asked: list[TextEdit] = []
    if login is not None and login.library == "curl":
        begin, finish = source.span(login.place)
        command = source.text[begin:finish]
        if not re.search(r"\s-\w*[wioDI]\b|--(?:write-out|include|output|head)\b", command):
            at = begin + re.match(r"\S+", command).end()  # type: ignore[union-attr]
            asked = [TextEdit(at, at, " -w '%{http_code}'")]
    if text.lstrip().startswith(("grep", "egrep")):
        if asked:
            yield [*asked, TextEdit(start, end, "grep -Eq 'Ok\\.|204$'")]
        return
    if asked:
        old = re.sub(r"Ok\.?", "Ok.200", text, count=1)
        yield [*asked, TextEdit(start, end, old + between + re.sub(r"Ok\.?", "204", text, count=1))]
    yield [TextEdit(start, end, text + between + re.sub(r"Ok\.?", "", text, count=1))]
