"""Mends places that know the session cookie as SID alone.

All of a file's places are mended together: what takes the cookie out and what sends it back must agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qbdoctor.lint.facts.program import Facts, SidUse
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.source import SCRIPT, Source, TextEdit

_EITHER = r"(?:QBT_SID_[0-9]+|SID)"
_ENCODERS = r"(?:url\.QueryEscape|encodeURIComponent|(?:raw)?urlencode|quote(?:_plus)?|Uri\.EscapeDataString)"
_WIDE = "[QBT_]*SID[_0-9]*"  # without a group, for patterns whose groups are counted
_OPERAND = r"[\w.$>?!:\[\]\"'-]*[\w\])](?:\([\w\s]*\))?"
_METHODS = "equals|Equals|equalsIgnoreCase|startsWith|StartsWith|starts_with|contains|Contains|includes|startswith"
_CUTTERS = re.compile(
    r"\.split\(\s*['\"]=['\"](?:\s*,\s*(?:maxsplit\s*=\s*)?[12])?\s*\)\s*\[1\]|\[4:\]|\.(?:slice|substring|substr|Substring)\(4\)"
    r"|\.(?:replace|removeprefix|removePrefix|Replace|lstrip|substringAfter|trim_start_matches)\(\s*['\"]SID=['\"]\s*(?:,\s*['\"]{2}\s*)?\)"
)


def wants_sid_name(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:  # noqa: ARG001 -- all at once
    """Every place of the file, or none."""
    texts = [use for use in facts.sids if use.kind == "build"]
    for build in (bool(texts), not texts):
        made: list[TextEdit] = []
        for use in facts.sids:
            changes = _one(source, use, build=build)
            if changes is None:
                break
            made += changes
        else:
            yield _without_overlaps(made)


def _without_overlaps(changes: list[TextEdit]) -> list[TextEdit]:
    made: list[TextEdit] = []
    for change in sorted(set(changes), key=lambda each: (each.start, -each.end)):
        if not made or change.start >= made[-1].end:
            made.append(change)
    return made


def _one(source: Source, use: SidUse, *, build: bool) -> list[TextEdit] | None:
    start, end = source.span(use.place)
    text = source.text[start:end]
    if use.kind == "pattern":
        made = _pattern(text, source.language)
        return None if made is None else [TextEdit(start, end, made)]
    if use.kind == "build":
        return _build(source, start, end)
    stripped = re.compile(r"\.strip_prefix\(\s*\"SID=\"\s*\)\??").search(source.text, max(0, start - 20), end + 3)
    if stripped is not None and build:  # what follows takes the name with it
        return [TextEdit(stripped.start(), stripped.end(), "")]
    number = use.place.line
    line_start = source.offset(number)
    stop = line_start + len(source.line(number))
    line = source.text[line_start : max(end, stop)]
    changes = _compare(source, line_start, line, start - line_start) or _lookup(source, line_start, line, build=build)
    if changes is None:
        return None
    if build:
        changes += _keep_pair(source, use, changes)
    return changes


# --- patterns --------------------------------------------------------------------------------------------------------


def _pattern(text: str, language: str) -> str | None:
    """A regular expression that finds both names; where it takes the value alone, name and value."""
    found = re.search(r"(?<![A-Za-z_])(SID|sid)(?=\s*\\?=|\\s\*=|$|[\"'/)\\$])", text)
    if found is None:
        return None
    if language == "bash":
        return _shell_pattern(text)
    group = re.search(r"(SID|sid)(=)\(((?:[^()\\]|\\.)*)\)", text)
    if group is not None:
        return f"{text[: group.start()]}({_EITHER}={group[3]}){text[group.end() :]}"
    behind = re.search(r"\(\?<=(?:SID|sid)=\)", text)
    if behind is not None:
        return f"{text[: behind.start()]}{_EITHER}={text[behind.end() :]}"
    return f"{text[: found.start()]}{_EITHER}{text[found.end() :]}"


def _shell_pattern(text: str) -> str | None:
    for old, new in ((r"SID=\K", "SID="), ("(?<=SID=)", "SID=")):
        text = text.replace(old, new)
    group = re.search(r"SID=(\\?\()((?:[^()\\]|\\[^()])*)(\\?\))", text)
    if group is not None:
        text = f"{text[: group.start()]}{group[1]}SID={group[2]}{group[3]}{text[group.end() :]}"
    found = re.search(r"(?<![A-Za-z_])SID", text)
    if found is None:
        return None
    made = f"{text[: found.start()]}{_WIDE}{text[found.end() :]}"
    # What stands before would take the name's beginning, being greedy: a blank must be between.
    return re.sub(r"\.\*(\\?\()?(?=\[QBT_\])", lambda kept: f".*[[:space:]]{kept[1] or ''}", made, count=1)


# --- what sends it back ----------------------------------------------------------------------------------------------


def _build(source: Source, start: int, end: int) -> list[TextEdit] | None:
    text = source.text[start:end]
    line_end = source.offset(source.line_of(end)) + len(source.line(source.line_of(end)))
    both = re.match(r"(['\"])SID=\1\s*(?:\.|\+)\s*(\$?[\w>.-]+)\[['\"]SID['\"]\]", source.text[start:line_end])
    if both is not None:
        whole = _all_pairs(source.language, both[2])
        return None if whole is None else [TextEdit(start, start + both.end(), whole)]
    if "SID=" in text:
        made = re.sub(r"(?<![A-Za-z_])SID=", "", text, count=1)
        after = source.text[end:line_end]
        empty = re.match(r"^[frb$]*([\"'`])\1$", made)
        if empty is not None:  # "SID=" + value
            coded = re.match(rf"\s*[+.]\s*{_ENCODERS}\(([\w.$>\[\]-]+)\)", after)
            if coded is not None:  # a pair is sent as it came
                return [TextEdit(start, end + coded.end(), coded[1])]
            follows = re.match(r"\s*[+.]\s*(?=[\w$(])", after)
            return [TextEdit(start, end + follows.end(), "")] if follows is not None else None
        made = re.sub(r"^[frb$]*([\"'`])\1\s*[+.]\s*", "", made)
        return [TextEdit(start, end, made)]
    return _entry(source, start, end, text)


def _entry(source: Source, start: int, end: int, text: str) -> list[TextEdit] | None:
    """``{"SID": value}`` as what the value is taken from: a jar, or name and value in one text."""
    if source.language != "python":
        return None
    opening = source.text.rfind("{", 0, start)
    closing = source.closing(opening) if opening >= 0 else -1
    if closing < 0 or not re.fullmatch(r"\s*", source.text[opening + 1 : start]) or '"' not in text.replace("'", '"'):
        return None
    value = source.text[end:closing].lstrip(" :").strip().rstrip(",")
    if "," in value and "(" not in value:
        return None
    lookup = re.fullmatch(r"(.+?cookies)(?:\[['\"]SID['\"]\]|\.get\(\s*['\"]SID['\"][^)]*\))", value)
    if lookup is not None:
        return [TextEdit(opening, closing + 1, lookup[1])]
    taken = re.search(r"cookies(?:\[['\"]SID['\"]\]|\.get\(\s*['\"]SID['\"])", source.text) is not None
    return [TextEdit(opening, closing + 1, value if taken else f'dict([{value}.split("=", 1)])')]


def _all_pairs(language: str, jar: str) -> str | None:
    if language == "php":
        return f'implode("; ", array_map(fn($name, $value) => "$name=$value", array_keys({jar}), {jar}))'
    if language in SCRIPT:
        return f"Object.entries({jar}).map(([name, value]) => `${{name}}=${{value}}`).join('; ')"
    if language == "python":
        return f'"; ".join(f"{{name}}={{value}}" for name, value in {jar}.items())'
    return None


# --- what recognizes it ----------------------------------------------------------------------------------------------


def _compare(source: Source, at: int, line: str, column: int) -> list[TextEdit] | None:
    """``name == "SID"``, ``text.startsWith("SID=")`` and the like, at a column of a line that begins at an offset."""
    language = source.language
    literal = r"([\"'`])SID(=?)\{}"
    shapes = (
        (rf"(?P<x>{_OPERAND})\s*(?P<op>===|==|!==|!=)\s*" + literal.format(3), "right"),
        (literal.format(1) + rf"\s*(?P<op>===|==|!==|!=)\s*(?P<x>{_OPERAND})", "left"),
        (rf"(?P<x>{_OPERAND})\.(?P<op>{_METHODS})\(\s*" + literal.format(3) + r"\s*\)", "method"),
        (literal.format(1) + rf"\.(?P<op>equals|Equals)\(\s*(?P<x>{_OPERAND})\s*\)", "turned"),
        (
            r"(?P<op>strings\.HasPrefix|strings\.Contains|str_starts_with|str_contains)\(\s*(?P<x>[^,]+?)\s*,\s*"
            + literal.format(3)
            + r"\s*\)",
            "function",
        ),
        (r"(?P<op>strpos)\(\s*(?P<x>[^,]+?)\s*,\s*" + literal.format(3) + r"\s*\)\s*(?:===|!==)\s*(?:0|false)", "function"),
    )  # fmt: skip
    for shape, where in shapes:
        for found in re.finditer(shape, line):
            if not found.start() <= column < found.end():
                continue
            groups = [each for each in found.groups() if each in {"", "="}]
            changed = _either(language, found[0], found["x"], found["op"], where, bool(groups and groups[0] == "="))
            if changed is None:
                return None
            around = line[max(0, found.start() - 1) : found.start()] + line[found.end() : found.end() + 1]
            if around == "()" and changed.startswith("("):
                changed = changed[1:-1]
            return [TextEdit(at + found.start(), at + found.end(), changed)]
    listed = re.search(r"([\"'])SID=?\1\s+(not\s+)?in\s+([\w.]+)", line) if language == "python" else None
    if listed is not None:
        names = f'any(name == "SID" or name.startswith("QBT_SID_") for name in {listed[3]}.keys())'
        if re.search(r"header|text|cookie$|part|each|line", listed[3]):
            names = f'("SID=" in {listed[3]} or "QBT_SID_" in {listed[3]})'
        return [TextEdit(at + listed.start(), at + listed.end(), f"not {names}" if listed[2] else names)]
    return None


def _either(language: str, text: str, operand: str, operator: str, where: str, begins: bool) -> str | None:
    negative = operator.startswith("!") or "!==" in text
    if language in SCRIPT:
        end = "=" if begins else "$"
        start = "" if operator in {"includes", "contains"} else "^"
        test = f"/{start}{_EITHER[:-1].replace('[0-9]', chr(92) + 'd')}){end}/.test({operand})"
        return f"!{test}" if negative else test
    begin = {
        "go": f'strings.HasPrefix({operand}, "QBT_SID_")',
        "csharp": f'{operand}.StartsWith("QBT_SID_")',
        "java": f'{operand}.startsWith("QBT_SID_")',
        "kotlin": f'{operand}.startsWith("QBT_SID_")',
        "rust": f'{operand}.starts_with("QBT_SID_")',
        "php": f"strpos({operand}, 'QBT_SID_') === 0",
        "python": f'{operand}.startswith("QBT_SID_")',
    }.get(language)
    if begin is None:
        return None
    if language == "python" and where == "method":
        return f'{operand}.startswith(("SID=", "QBT_SID_"))'
    word, other = ("or", "and") if language == "python" else ("||", "&&")
    if not negative:
        return f"({text} {word} {begin})"
    turned = (
        begin.replace("=== 0", "!== 0")
        if language == "php"
        else f"not {begin}"
        if language == "python"
        else f"!{begin}"
    )
    return f"({text} {other} {turned})"


# --- what looks it up ------------------------------------------------------------------------------------------------


def _lookup(source: Source, at: int, line: str, *, build: bool) -> list[TextEdit] | None:
    language = source.language
    key = r"(?:\[\s*[\"']SID[\"']\s*\]|\.get\(\s*[\"']SID[\"'](?:\s*,\s*[^()]*)?\)|\.pop\(\s*[\"']SID[\"'](?:\s*,\s*[^()]*)?\))"
    if language == "csharp":
        found = re.search(r"([\w.]+(?:\([^()]*\))?)\[\s*\"SID\"\s*\]", line)
        if found is None:
            return None
        made = f'{found[1]}.Cast<Cookie>().First(c => c.Name == "SID" || c.Name.StartsWith("QBT_SID_"))'
        return [TextEdit(at + found.start(), at + found.end(), made)]
    found = re.search(rf"(\$?[\w.$>()-]*[\w)]){key}", line)
    if found is None and language in SCRIPT:
        found = re.search(r"([\w.$]*[cC]ookies?)\??\.SID\b", line)
    if found is None:
        return None
    jar = found[1].lstrip("(")
    start = at + found.end() - (len(found[0]) - (len(found[1]) - len(jar)))
    lookup: str | None = None
    if language == "python":
        lookup = _python_lookup(source, jar, build=build)
    elif language in SCRIPT:
        lookup = f"Object.entries({jar}).find(([name]) => /^(?:QBT_SID_\\d+|SID)$/.test(name))?.{'join(chr)' if build else '[1]'}"
        lookup = lookup.replace("join(chr)", "join('=')")
    elif language == "php":
        names = "fn($name) => preg_match('/^(?:QBT_SID_[0-9]+|SID)$/', $name)"
        lookup = f"current(array_filter({jar}, {names}, ARRAY_FILTER_USE_KEY))"
    elif language == "kotlin":
        lookup = f'{jar}.entries.first {{ it.key == "SID" || it.key.startsWith("QBT_SID_") }}.value'
    elif language == "java":
        lookup = (
            f'{jar}.entrySet().stream().filter(e -> "SID".equals(e.getKey()) || e.getKey().startsWith("QBT_SID_"))'
            ".map(java.util.Map.Entry::getValue).findFirst().orElse(null)"
        )
    return None if lookup is None else [TextEdit(start, at + found.end(), lookup)]


def _python_lookup(source: Source, jar: str, *, build: bool) -> str:
    text_built = re.search(r"[\"']SID=|Cookie: SID=", source.text) is not None
    if build and not text_built:
        return jar
    value = "value.value" if "aiohttp" in source.text and "cookie" in jar else "value"
    if build:
        return f'"; ".join(f"{{name}}={{{value}}}" for name, value in {jar}.items())'
    return f'next(({value} for name, value in {jar}.items() if name == "SID" or name.startswith("QBT_SID_")), None)'


def _keep_pair(source: Source, use: SidUse, changes: list[TextEdit]) -> list[TextEdit]:
    """Near a place that recognizes the cookie: what takes its value alone, as taking name and value."""
    first = source.offset(use.place.line)
    last_line = min(use.place.line + 4, len(source.starts))
    last = source.offset(last_line) + len(source.line(last_line))
    made = [TextEdit(found.start(), found.end(), "") for found in _CUTTERS.finditer(source.text, first, last)]
    named = re.search(
        r"([\w$]+)\.(name|Name|getName\(\)|name\(\))", source.of(use.place) or source.line(use.place.line)
    )
    named = named or re.search(r"([\w$]+)\.(name|Name|getName\(\)|name\(\))", source.line(use.place.line))
    if named is not None:
        what, member = named[1], named[2]
        value = {"name": "value", "Name": "Value", "getName()": "getValue()", "name()": "value()"}[member]
        for found in re.finditer(rf"\b{re.escape(what)}\.{re.escape(value)}(?![\w(])", source.text[first:last]):
            pair = f'{what}.{member} + "=" + {what}.{value}'
            if source.language == "rust":
                pair = f'format!("{{}}={{}}", {what}.{member}, {what}.{value})'
            made.append(TextEdit(first + found.start(), first + found.end(), pair))
    return [each for each in made if not any(each.start < other.end and other.start < each.end for other in changes)]
