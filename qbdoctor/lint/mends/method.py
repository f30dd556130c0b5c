"""Mends calls by GET that must be POST: the method, and the query's fields in the body, where qBittorrent reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qbdoctor.lint.facts.program import Facts
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.mends.imports import go_import
from qbdoctor.lint.source import SCRIPT, Source, TextEdit, arguments
from qbdoctor.patterns import regex

_QUERY = regex(r"\?([\w.-]+=[^\"'`&?\n]*(?:&[\w.-]+=[^\"'`&?\n]*)*&?)(?=[\"'`])")


def by_post(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:  # noqa: ARG001
    """Yield the call by POST."""
    start, end = source.span(hit.place)
    text = source.text[start:end]
    query = _QUERY.search(text)
    fields = _fields(source.language, query[1]) if query is not None else []
    if fields is None:
        return
    if "auth/login" in text and not fields and not re.search(r"params|\s-d\s|--data", text):
        return  # an empty login, which counts towards a ban
    cut = [TextEdit(start + query.start(), start + query.start(1) + len(query[1]), "")] if query is not None else []
    language = source.language
    if language in SCRIPT:
        yield from _script(source, start, end, cut, fields)
    elif language == "bash":
        yield from _shell(source, start, end, query, cut)
    elif language == "python":
        yield from _python(source, start, end, cut, fields)
    elif language == "go":
        for verb in re.finditer(r"\.Get\(", text):
            values = (
                "url.Values{" + ", ".join(f'"{name}": {{{value}}}' for name, value in fields) + "}" if fields else "nil"
            )
            changes = [
                *cut,
                TextEdit(start + verb.start(), start + verb.end(), ".PostForm("),
                TextEdit(end - 1, end - 1, f", {values}"),
            ]
            yield [*changes, *(go_import(source, "net/url") if fields else [])]
        if not fields:
            yield _swapped(source, start, end, r"http\.MethodGet|\"GET\"", "http.MethodPost")


def _swapped(source: Source, start: int, end: int, pattern: str, new: str) -> list[TextEdit]:
    return [
        TextEdit(found.start(), found.end(), new) for found in re.compile(pattern).finditer(source.text, start, end)
    ]


def _fields(language: str, query: str) -> list[tuple[str, str]] | None:
    """Return a query's names and values, the values as expressions of the language; None where they cannot be told."""
    place = r"\$\{([^{}]+)\}" if language in SCRIPT else r"\{([^{}]+)\}" if language == "python" else r"(?!)"
    quote = "'" if language in SCRIPT else '"'
    made = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if not name:
            continue
        whole = re.fullmatch(place, value)
        if whole is not None:
            inner = re.sub(
                r"^(?:encodeURIComponent|quote|quote_plus|urlencode|Uri\.EscapeDataString)\((.*)\)$", r"\1", whole[1]
            )
            if not inner:
                return None
            made.append((name, inner))
        elif re.search(r"[{}$%]", value):
            return None
        else:
            made.append((name, f"{quote}{value}{quote}"))
    return made


def _object(fields: list[tuple[str, str]]) -> str:
    return "{ " + ", ".join(name if name == value else f"{name}: {value}" for name, value in fields) + " }"


def _script(
    source: Source, start: int, end: int, cut: list[TextEdit], fields: list[tuple[str, str]]
) -> Iterator[list[TextEdit]]:
    text = source.text[start:end]
    opening = source.text.index("(", start)
    given = arguments(source.text[opening + 1 : end - 1])
    get = re.match(r"[\w.$]+\.get(?=\()", text)
    if get is not None:
        verb = TextEdit(start + get.end() - 3, start + get.end(), "post")
        if len(given) > 1:
            options = source.text[opening + 1 + given[1][0] : opening + 1 + given[1][1]]
            params = re.fullmatch(r"\{\s*params(?:\s*:\s*(.*?))?\s*,?\s*\}", options, re.DOTALL)
            if params is None:
                return
            form = f"new URLSearchParams({params[1] or 'params'})"
            yield [verb, TextEdit(opening + 1 + given[1][0], opening + 1 + given[1][1], form)]
            return
        more = [TextEdit(end - 1, end - 1, f", new URLSearchParams({_object(fields)})")] if fields else []
        yield [*cut, verb, *more]
        return
    body = f", body: new URLSearchParams({_object(fields)})" if fields else ""
    if len(given) < 2:
        yield [*cut, TextEdit(end - 1, end - 1, f", {{ method: 'POST'{body} }}")]
        return
    at = opening + 1 + given[1][0]
    named = re.compile(r"method\s*:\s*([\"'`])GET\1").search(source.text, at, end)
    if named is not None:
        yield [*cut, TextEdit(named.start(), named.end(), f"method: 'POST'{body}")]
    elif source.text[at] == "{":
        yield [*cut, TextEdit(at + 1, at + 1, f" method: 'POST'{body},")]


def _shell(
    source: Source, start: int, end: int, query: re.Match[str] | None, cut: list[TextEdit]
) -> Iterator[list[TextEdit]]:
    text = source.text[start:end]
    at = start + re.match(r"\S+", text).end()  # type: ignore[union-attr]
    gets = [
        TextEdit(start + found.start(), start + found.end(), "")
        for found in re.finditer(r"\s(?:-G|--get|-X\s*GET|--request\s+GET)(?=\s|$)", text)
    ]
    if query is None:
        yield [*gets, *([] if any("-G" in text or "--get" in text for _ in "1") else [TextEdit(at, at, " -X POST")])]
        return
    if text.startswith("wget"):
        yield [*cut, TextEdit(at, at, f" --post-data '{query[1]}'")] if "$" not in query[1] else []
        return
    pairs = [pair for pair in query[1].split("&") if pair]
    plain = "$" not in query[1]
    data = f" -d '{query[1]}'" if plain else "".join(f' --data-urlencode "{pair}"' for pair in pairs)
    yield [*gets, *cut, TextEdit(at, at, data)]


def _python(
    source: Source, start: int, end: int, cut: list[TextEdit], fields: list[tuple[str, str]]
) -> Iterator[list[TextEdit]]:
    text = source.text[start:end]
    params = [
        TextEdit(start + found.start(), start + found.end(), "data")
        for found in re.finditer(r"\bparams(?=\s*=(?!=))", text)
    ]
    verb = re.search(r"\.get(?=\()", text)
    change = [TextEdit(start + verb.start() + 1, start + verb.end(), "post")] if verb is not None else []
    named = re.search(r"([\"'])GET\1", text)
    if named is not None:
        change = [TextEdit(start + named.start(), start + named.end(), f"{named[1]}POST{named[1]}")]
    opens = re.search(r"\b(?:urlopen|open)\(", text)
    if not change and opens is not None and fields and all(value.startswith('"') for _, value in fields):
        body = "&".join(f"{name}={value[1:-1]}" for name, value in fields)
        yield [*cut, TextEdit(end - 1, end - 1, f', data=b"{body}"')]
        return
    if not change:
        return
    data = ", data={" + ", ".join(f'"{name}": {value}' for name, value in fields) + "}" if fields else ""
    yield [*change, *params, *cut, *([TextEdit(end - 1, end - 1, data)] if data and not params else [])]
