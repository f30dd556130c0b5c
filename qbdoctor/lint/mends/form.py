"""Mends the login's body: values encoded, a form in the place of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qbdoctor.lint.facts.program import Facts
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.mends.imports import go_import, python_import
from qbdoctor.lint.source import SCRIPT, Source, TextEdit, arguments
from qbdoctor.patterns import regex

_FORM_TYPE = "application/x-www-form-urlencoded"
_CALLS = {
    "javascript": "encodeURIComponent({})",
    "typescript": "encodeURIComponent({})",
    "tsx": "encodeURIComponent({})",
    "go": "url.QueryEscape({})",
    "python": 'quote({}, safe="")',
}
_PRINTF = regex(r"(?:Sprintf|sprintf|String\.format|string\.Format|String\.Format)\(\s*$")


def _encoded(language: str, value: str) -> str:
    return _CALLS[language].format(value.strip())


def unencoded_form(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:  # noqa: ARG001
    """``"password=" + value`` with the value encoded."""
    start, end = source.span(hit.place)
    text = source.text[start:end]
    if source.language == "bash":
        yield from _shell_form(source, start, end, text)
        return
    made = _templates(source.language, text) or _concatenated(source.language, text)
    changes = [TextEdit(start, end, made)] if made is not None and made != text else _printed(source, start, end)
    if not changes:
        return
    if source.language == "go":
        changes += go_import(source, "net/url")
    elif source.language == "python":
        changes += python_import(source, "urllib.parse", "quote")
    yield changes


def _templates(language: str, text: str) -> str | None:
    """Interpolations right after a ``=``."""
    if language in SCRIPT and text.startswith("`"):
        return re.sub(r"(?<==)\$\{([^{}]+)\}", lambda found: "${" + _encoded(language, found[1]) + "}", text)
    if language == "python" and re.match(r"[rRbB]?[fF]", text):
        return re.sub(
            r"(?<==)\{([^{}!:]+)\}",
            lambda found: "{" + _encoded(language, found[1]).replace('"', "'" if text.rstrip()[-1] == '"' else '"') + "}", text,
        )  # fmt: skip
    return None


def _concatenated(language: str, text: str) -> str | None:
    """``"…password=" + value``."""
    pattern = r"(=[\"'`]\s*\+\s*)((?:[\w$\[\]>?-]|\.|\([^()]*\))+?)(?=\s*(?:[+.]\s*[\"'`]|$|[,;)]))"
    return re.sub(pattern, lambda found: found[1] + _encoded(language, found[2]), text)


def _printed(source: Source, start: int, end: int) -> list[TextEdit]:
    """Return the arguments of ``Sprintf("username=%s&password=%s", …)``, ``"…" % (…)`` and ``"…".format(…)``."""
    language = source.language
    if language == "python":
        whole = source.text[start:end]
        found = re.search(r"[\"']\s*%\s*\(", whole) or re.search(r"[\"']\.format\(", whole)
        opening = start + found.end() - 1 if found else -1
    else:
        opening = start - 1 if _PRINTF.search(source.text[:start][-40:]) else -1
        while opening > 0 and source.text[opening] != "(":
            opening -= 1
    closing = source.closing(opening) if opening >= 0 else -1
    if closing < 0:
        return []
    inside = source.text[opening + 1 : closing]
    skip = 0 if language == "python" else 1
    return [
        TextEdit(opening + 1 + first, opening + 1 + last, _encoded(language, inside[first:last]))
        for first, last in arguments(inside)[skip:]
    ]


def _shell_form(source: Source, start: int, end: int, text: str) -> Iterator[list[TextEdit]]:
    quote = text[0] if text[:1] in {'"', "'"} else ""
    inside = text.strip("\"'")
    option = re.search(r"(?:-d|--data|--data-raw|--data-binary|--data-ascii)(?:\s+|=)$", source.text[:start])
    pairs = inside.split("&")
    if option is not None and all("=" in pair for pair in pairs):
        made = " ".join(f"--data-urlencode {quote}{pair}{quote}" for pair in pairs)
        yield [TextEdit(option.start(), end, made)]
        return
    variable = r"\$(?:\{[A-Za-z_]\w*\}|[A-Za-z_]\w*)"
    made = re.sub(rf"(?<==)({variable})", r"""$(printf %s "\1" | jq -sRr @uri)""", text)
    if made != text and quote == '"':
        yield [TextEdit(start, end, made)]


# --- JSON ------------------------------------------------------------------------------------------------------------


def json_login(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:  # noqa: ARG001
    """Yield a form in the place of JSON."""
    start, end = source.span(hit.place)
    first = source.offset(source.statement_start(start))
    last_line = max(source.statement_end(start), hit.place.last_line)
    last = max(end, source.offset(last_line) + len(source.line(last_line)))
    for begin in (first, source.offset(max(1, source.line_of(first) - 12))):
        changes = _as_form(source, begin, last)
        if changes:
            yield changes


def _as_form(source: Source, first: int, last: int) -> list[TextEdit]:
    language = source.language
    if language in SCRIPT:
        changes = _script_form(source, first, last)
    elif language == "go":
        changes = _go_form(source, first, last)
    elif language == "bash":
        changes = _shell_from_json(source, first, last)
    elif language == "python":
        changes = _python_form(source, first, last)
    else:
        changes = []
    if changes and language != "bash":
        inner = [each for each in changes if "json" in source.text[each.start : each.end]]
        types = _swap(source, first, last, r"(?<=[\"'`])application/json(?:;\s*charset=[\w-]+)?(?=[\"'`])", _FORM_TYPE)
        changes += [each for each in types if not any(one.start <= each.start < one.end for one in inner)]
    return changes


def _swap(source: Source, first: int, last: int, pattern: str, new: str) -> list[TextEdit]:
    return [
        TextEdit(found.start(), found.end(), new) for found in re.compile(pattern).finditer(source.text, first, last)
    ]


def _script_form(source: Source, first: int, last: int) -> list[TextEdit]:
    changes = _swap(source, first, last, r"JSON\.stringify\(", "new URLSearchParams(")
    if changes:
        return changes
    if re.search(r"\bgot\b", source.text):
        changes = _swap(source, first, last, r"\bjson(?=\s*:\s*[{A-Za-z_])", "form")
        if changes:
            return changes
    post = re.compile(r"\.post\(").search(source.text, first, last)
    if post is None:
        return []
    closing = source.closing(post.end() - 1)
    inside = source.text[post.end() : closing]
    given = arguments(inside) if closing > 0 else []
    if len(given) < 2 or not inside[given[1][0] :].startswith("{"):
        return []
    begin, finish = (post.end() + at for at in given[1])
    return [TextEdit(begin, begin, "new URLSearchParams("), TextEdit(finish, finish, ")")]


def _go_form(source: Source, first: int, last: int) -> list[TextEdit]:
    found = re.compile(r"json\.Marshal\(\s*map\[string\](?:string|interface\{\}|any)\{").search(
        source.text, first, last
    )
    if found is None:
        return []
    closing = source.closing(found.end() - 1)
    outer = source.text.find(")", closing)
    fields = []
    for begin, finish in arguments(source.text[found.end() : closing]):
        name, _, value = source.text[found.end() + begin : found.end() + finish].partition(":")
        fields.append(f"{name.strip()}: {{{value.strip()}}}")
    line = source.line(source.line_of(found.start()))
    encoded = f"[]byte(url.Values{{{', '.join(fields)}}}.Encode())"
    both = re.search(
        r"(\w+)\s*,\s*(_|err)\s*:?=\s*$", source.text[source.offset(source.line_of(found.start())) : found.start()]
    )
    if both is None or not line:
        return []
    begin = found.start() - len(both[0])
    made = f"{both[1]} := {encoded}" if both[2] == "_" else f"{both[0].rstrip()} {encoded}, error(nil)"
    changes = [TextEdit(begin, outer + 1, made), *go_import(source, "net/url")]
    if len(re.findall(r"\bjson\.", source.text)) == 1:
        unused = re.search(r"^[ \t]*\"encoding/json\"\n", source.text, re.MULTILINE)
        if unused is not None:
            changes.append(TextEdit(unused.start(), unused.end(), ""))
    return changes


def _shell_from_json(source: Source, first: int, last: int) -> list[TextEdit]:
    options = r"(?:-d|--data|--data-raw|--data-binary|--json)"
    data = re.compile(options + r"\s+(['\"])(.*?)(?<!\\)\1(?=\s|$|\))", re.DOTALL).search(source.text, first, last)
    if data is None:
        return []
    quote = data[1]
    pairs = re.findall(r"\"(\w+)\"\s*:\s*\"((?:[^\"\\]|\\.)*)\"", data[2].replace('\\"', '"'))
    if not pairs:
        return []
    made = " ".join(f"--data-urlencode {quote}{name}={value}{quote}" for name, value in pairs)
    header = re.compile(
        r"(?:-H|--header)\s+(['\"])content-type:\s*application/json[^'\"]*\1[ \t]*(?:\\\n[ \t]*)?", re.IGNORECASE
    )
    changes = [TextEdit(data.start(), data.end(), made)]
    found = header.search(source.text, first, last)
    if found is not None:
        changes.append(TextEdit(found.start(), found.end(), ""))
    return changes


def _python_form(source: Source, first: int, last: int) -> list[TextEdit]:
    changes = _swap(source, first, last, r"\bjson(?=\s*=(?!=))", "data")
    dumps = re.compile(r"\bjson\.dumps\(").search(source.text, first, last)
    if not changes and dumps is not None:
        closing = source.closing(dumps.end() - 1)
        tail = re.match(r"\)(?:\.encode\([^()]*\))?", source.text[closing:])[0]  # type: ignore[index]
        inside = source.text[dumps.end() : closing]
        if "urlopen" in source.text or "Request(" in source.text:
            encoded = f"urlencode({inside}).encode()"
            changes = [
                TextEdit(dumps.start(), closing + len(tail), encoded),
                *python_import(source, "urllib.parse", "urlencode"),
            ]
        else:
            changes = [TextEdit(dumps.start(), closing + len(tail), inside)]
    return changes
