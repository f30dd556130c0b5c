"""Mends fields and headers: `stopped` beside `paused`, a key as Bearer, qBittorrent's own address as Origin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from qbdoctor.lint.facts.program import DEFAULT, HOLE, Facts
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.source import SCRIPT, Source, TextEdit, value_end


def both_parameters(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:  # noqa: ARG001
    """Yield the field once more under its new name."""
    start, end = source.span(hit.place)
    text = source.text[start:end]
    if source.language == "bash":
        option = re.search(
            r"(?:-F|-d|--form|--data|--data-urlencode|--data-raw|--form-string)\s+$", source.text[:start]
        )
        name = option[0] if option else ""
        if name:
            yield [TextEdit(end, end, f" {name}{_renamed(text)}")]
        yield [TextEdit(start, end, re.sub(r"paused=(\w+)", r"paused=\1&stopped=\1", text))]
        return
    line_start = source.offset(hit.place.line)
    if re.match(r"paused\s*[:=]", text):  # an entry as a whole, or a keyword
        yield [TextEdit(end, end, f", {_renamed(text)}")]
        return
    if re.fullmatch(r"[\w.]+\[[\"']paused[\"']\]", text):  # data["paused"] = …
        yield _line_again(source, hit.place.line)
        return
    before, after = source.text[line_start:start], source.text[end:]
    if before.rstrip().endswith("[") and re.match(r"\s*\]\s*=(?!>)", after):
        opening = line_start + len(before.rstrip()) - 1
        if re.search(r"[\w)\]]\s*$", source.text[line_start:opening]):
            yield _line_again(source, hit.place.line)
            return
        yield [_entry_again(source, opening, source.text.index("=", end) + 1)]
        return
    separator = re.match(r"\s*(=>|:(?!:))", after)
    if separator is not None:
        yield [_entry_again(source, start, end + separator.end())]
        return
    opening = line_start + len(before.rstrip()) - 1
    closing = source.closing(opening) if before.rstrip()[-1:] in {"(", "{", "["} else -1
    if closing < 0:
        return
    callee = re.search(r"[\w$>.\-:?\[\])]*$", source.text[line_start:opening])
    called = callee[0] if callee else ""
    whole = source.text[opening : closing + 1]
    if not called:  # ("paused", "true")
        yield [TextEdit(closing + 1, closing + 1, f", {_renamed(whole)}")]
    elif not source.text[line_start : opening - len(called)].strip() and not called.startswith((".", ")", "?")):
        yield _line_again(source, hit.place.line)
    else:
        at = max(called.rfind("."), called.rfind("->"))
        if at >= 0:
            yield [TextEdit(closing + 1, closing + 1, called[at:] + _renamed(whole))]


def _renamed(text: str) -> str:
    return text.replace("paused", "stopped", 1)


def _line_again(source: Source, number: int) -> list[TextEdit]:
    line = source.line(number)
    code = re.sub(r"\s+(?://|#).*$", "", line)
    return [source.after(number, _renamed(code))]


def _entry_again(source: Source, start: int, value_from: int) -> TextEdit:
    """Look at an entry of a display once more, after its value."""
    entry = source.text[start : value_end(source.text, value_from, ",;")].rstrip()
    return TextEdit(start + len(entry), start + len(entry), f", {_renamed(entry)}")


# --- headers ---------------------------------------------------------------------------------------------------------


def auth_header(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:  # noqa: ARG001
    """``X-Api-Key: key`` as ``Authorization: Bearer key``."""
    start, end = source.span(hit.place)
    text = source.text[start:end]
    inside = re.search(r"X-API-KEY\s*:\s*", text, re.IGNORECASE)
    if inside is not None:
        yield [TextEdit(start + inside.start(), start + inside.end(), "Authorization: Bearer ")]
        return
    name = re.search(r"x-api-key|api-?key", text, re.IGNORECASE)
    if name is None:
        return
    quoted = re.search(r"([\"'`])(?:x-api-key|api-?key)\1", text, re.IGNORECASE)
    value = re.compile(r"\s*[\])]?\s*(?:=>|[:,=])\s*").match(
        source.text, start + (quoted.end() if quoted else name.end())
    )
    if value is None:
        return
    begin = value.end()
    finish = value_end(source.text, begin, ",;\n")
    given = source.text[begin:finish].rstrip()
    yield [
        TextEdit(start + name.start(), start + name.end(), "Authorization"),
        TextEdit(begin, begin + len(given), _bearer(source.language, given)),
    ]


def _bearer(language: str, value: str) -> str:
    literal = re.match(r"([frb@$]*[\"'`])", value)
    if literal is not None and re.fullmatch(r"[frb@$]*([\"'`])(?:(?!\1).)*\1", value):
        return f"{literal[1]}Bearer {value[literal.end() :]}"
    if language in SCRIPT:
        return f"`Bearer ${{{value}}}`"
    if language == "rust":
        return f'format!("Bearer {{}}", {value})'
    if language == "php":
        return f"'Bearer ' . {value}"
    if language == "go":
        return f'"Bearer "+{value}'
    return f'"Bearer " + {value}'


def own_origin(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:
    """Yield the address that is called, in the place of another's."""
    own = [urlsplit(each.url) for each in facts.requests if each.endpoint and not {HOLE, DEFAULT} & set(each.url)]
    own += [urlsplit(each.url) for each in facts.requests if each.endpoint]
    start, _ = source.span(hit.place)
    end = source.offset(hit.place.line) + len(source.line(hit.place.line))
    found = re.compile(r"https?://[^/\"'`\s]+").search(source.text, start, end)
    if found is None or not own:
        return
    yield [TextEdit(found.start(), found.end(), f"{own[0].scheme}://{own[0].netloc}")]
