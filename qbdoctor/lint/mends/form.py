"""Mends the login's body: values encoded, a form in the place of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qbdoctor.lint.facts.program import Facts
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.mends.imports import go_import, python_import
from qbdoctor.lint.source import SCRIPT, Source, TextEdit, arguments

_FORM_TYPE = "application/x-www-form-urlencoded"
_CALLS = {
    "javascript": "encodeURIComponent({})",
    "typescript": "encodeURIComponent({})",
    "tsx": "encodeURIComponent({})",
    "php": "urlencode({})",
    "go": "url.QueryEscape({})",
    "csharp": "Uri.EscapeDataString({})",
    "java": "java.net.URLEncoder.encode({}, java.nio.charset.StandardCharsets.UTF_8)",
    "kotlin": 'java.net.URLEncoder.encode({}, "UTF-8")',
    "python": 'quote({}, safe="")',
}
_PRINTF = re.compile(r"(?:Sprintf|sprintf|String\.format|string\.Format|String\.Format)\(\s*$")


def _encoded(language: str, value: str) -> str:
    return _CALLS[language].format(value.strip())


def unencoded_form(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:  # noqa: ARG001
    """``"password=" + value`` with the value encoded."""
    start, end = source.span(hit.place)
    text = source.text[start:end]
    if source.language == "bash":
        yield from _shell_form(source, start, end, text)
        return
    if source.language == "rust":
        yield from _rust_form(source, start, text)
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
    if language == "csharp" and re.match(r"[@$]*\$", text):
        return re.sub(r"(?<==)\{([^{}]+)\}", lambda found: "{" + _encoded(language, found[1]) + "}", text)
    if language == "kotlin":
        return re.sub(
            r"(?<==)\$(?:\{([^{}]+)\}|([A-Za-z_]\w*))",
            lambda found: "${" + _encoded(language, found[1] or found[2]) + "}", text,
        )  # fmt: skip
    if language == "php" and text.startswith('"'):
        made = re.sub(
            r"(?<==)(?:\{(\$[^{}]+)\}|(\$[A-Za-z_]\w*(?:->\w+|\[\w+\])?))",
            lambda found: f'" . {_encoded(language, found[1] or found[2])} . "', text,
        )  # fmt: skip
        return made.removesuffix(' . ""')
    if language == "python" and re.match(r"[rRbB]?[fF]", text):
        return re.sub(
            r"(?<==)\{([^{}!:]+)\}",
            lambda found: "{" + _encoded(language, found[1]).replace('"', "'" if text.rstrip()[-1] == '"' else '"') + "}", text,
        )  # fmt: skip
    return None


def _concatenated(language: str, text: str) -> str | None:
    """``"…password=" + value``."""
    sign = r"\s*\.\s*" if language == "php" else r"\s*\+\s*"
    pattern = rf"(=[\"'`]{sign})((?:[\w$\[\]>?-]|\.|\([^()]*\))+?)(?=\s*(?:[+.]\s*[\"'`]|$|[,;)]))"
    if language == "php":
        pattern = rf"(=[\"']{sign})((?:[\w$\[\]>'\"-]|\([^()]*\))+)"
    return re.sub(pattern, lambda found: found[1] + _encoded(language, found[2]), text)


def _printed(source: Source, start: int, end: int) -> list[TextEdit]:
    """The arguments of ``Sprintf("username=%s&password=%s", …)``, ``"…" % (…)`` and ``"…".format(…)``."""
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


def _rust_form(source: Source, start: int, text: str) -> Iterator[list[TextEdit]]:
    """``.body(format!("username={user}&password={pass}"))`` as ``.form(&[("username", user), ("password", pass)])``."""
    opening = source.text.rfind("(", 0, start)
    closing = source.closing(opening)
    macro = re.search(r"(?:std::)?format!\s*$", source.text[:opening])
    if closing < 0 or macro is None:
        return
    inside = source.text[opening + 1 : closing]
    given = [inside[first:last] for first, last in arguments(inside)][1:]
    pairs = []
    for name, value in re.findall(r"(\w+)=\{([\w.]*)\}", text):
        pairs.append((name, value or (given.pop(0) if given else "")))
    if len(pairs) < 2 or not all(value for _, value in pairs):
        return
    fields = "[" + ", ".join(f'("{name}", {value})' for name, value in pairs) + "]"
    before = source.text[: macro.start()]
    body = re.search(r"\.body\(\s*$", before)
    if body is not None:
        finish = closing + 1 + len(re.match(r"[\s,]*", source.text[closing + 1 :])[0])  # type: ignore[index]
        yield [TextEdit(body.start(), finish, f".form(&{fields}")]
        return
    bound = re.search(r"let\s+(?:mut\s+)?(\w+)(?:\s*:\s*\w+)?\s*=\s*$", before)
    if bound is None:
        return
    used = re.compile(rf"\.body\(\s*&?{bound[1]}(?:\.clone\(\))?\s*\)").search(source.text, closing)
    if used is not None:
        let = before[bound.start() :].replace(": String", "")
        yield [
            TextEdit(bound.start(), closing + 1, let + fields),
            TextEdit(used.start(), used.end(), f".form(&{bound[1]})"),
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
    """A form in the place of JSON."""
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
    elif language == "php":
        changes = _swap(source, first, last, r"(['\"])json\1(?=\s*=>)", "'form_params'")
        changes += _swap(source, first, last, r"\bjson_encode\(", "http_build_query(")
    elif language == "rust":
        changes = _swap(source, first, last, r"\.json\(", ".form(")
    elif language == "go":
        changes = _go_form(source, first, last)
    elif language == "csharp":
        changes = _csharp_form(source, first, last)
    elif language in {"java", "kotlin"}:
        changes = _java_form(source, first, last)
    elif language == "bash":
        changes = _shell_from_json(source, first, last)
    elif language == "python":
        changes = _python_form(source, first, last)
    else:
        changes = []
    if changes and language not in {"java", "kotlin", "bash"}:
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


def _csharp_form(source: Source, first: int, last: int) -> list[TextEdit]:
    for pattern, before in (
        (r"PostAsJsonAsync\(\s*(?P<url>[^,]+),\s*(?P<new>new\s*\{)", "PostAsync("),
        (
            r"new\s+StringContent\(\s*(?:JsonSerializer\.Serialize|JsonConvert\.SerializeObject)\(\s*(?P<new>new\s*\{)",
            "",
        ),
        (r"JsonContent\.Create\(\s*(?P<new>new\s*\{)", ""),
    ):
        found = re.compile(pattern).search(source.text, first, last)
        if found is None:
            continue
        opening = found.end() - 1
        closing = source.closing(opening)
        fields = []
        for begin, finish in arguments(source.text[opening + 1 : closing]):
            name, _, value = source.text[opening + 1 + begin : opening + 1 + finish].partition("=")
            plain = name.strip().rsplit(".", maxsplit=1)[-1]
            fields.append(f'["{plain}"] = {(value or name).strip()}')
        content = f"new FormUrlEncodedContent(new Dictionary<string, string> {{ {', '.join(fields)} }})"
        if before:
            return [TextEdit(found.start(), closing + 1, f"{before}{found['url']}, {content}")]
        return [TextEdit(found.start(), source.closing(source.text.index("(", found.start())) + 1, content)]
    return []


def _java_form(source: Source, first: int, last: int) -> list[TextEdit]:
    """A JSON text put together by hand, as OkHttp's FormBody."""
    opening = re.compile(r"RequestBody\.create\(").search(source.text, first, last)
    if opening is not None:
        begin, finish = opening.start(), source.closing(opening.end() - 1) + 1
    else:
        literal = re.compile(r"(\"\"\".*?\"\"\"|\"(?:[^\"\\]|\\.)*\")\s*\.toRequestBody\(").search(
            source.text, first, last
        )
        if literal is None:
            return []
        begin, finish = literal.start(), source.closing(literal.end() - 1) + 1
    text = source.text[begin:finish].replace('\\"', "\x01")
    pairs = re.findall(r"\x01(\w+)\x01\s*:\s*\x01\"\s*\+\s*([\w.()]+)\s*\+\s*\"\x01", text)
    pairs += re.findall(r"[\x01\"](\w+)[\x01\"]\s*:\s*[\x01\"]\$\{?([\w.]+)\}?[\x01\"]", text)
    if len(pairs) < 2:
        return []
    fields = "".join(f'.add("{name}", {value})' for name, value in pairs)
    new = "new " if source.language == "java" else ""
    package = "" if re.search(r"import okhttp3\.(?:\*|FormBody)", source.text) else "okhttp3."
    return [TextEdit(begin, finish, f"{new}{package}FormBody.Builder(){fields}.build()")]


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
