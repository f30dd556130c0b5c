"""Mends programs that cut the session cookie out as SID: what is sent back is name=value, as the login set it.

Two ways are provable and no other is proposed: a regular expression whose match is sent as a Cookie header (it is tried on
the cookies of all releases), and a jar of requests or httpx that is asked for ``SID`` and handed on whole instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qbdoctor.lint.facts import cookie_names
from qbdoctor.lint.facts.program import Facts, SidUse
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.source import SCRIPT, Source, TextEdit
from qbdoctor.patterns import regex

_EITHER = r"(?:QBT_SID_[0-9]+|SID)"
_WIDE = "[QBT_]*SID[_0-9]*"  # without a group, for patterns whose groups are counted
_KNOWN = (_EITHER, _WIDE)
_KEY = r"(?:\[[\"']SID[\"']\]|\.get\([\"']SID[\"']\))"


def wants_sid_name(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:  # noqa: ARG001 -- all at once
    """Every place of the file, or none: what takes the cookie out and what sends it back must agree."""
    kinds = {use.kind for use in facts.sids}
    if "pattern" in kinds and kinds <= {"pattern", "build"}:
        changes = _by_pattern(source, facts.sids)
    elif source.language == "python" and "lookup" in kinds and kinds <= {"lookup", "build"}:
        changes = _whole_jar(source)
    else:
        return
    if changes is None:
        return
    left = source.applied(changes)
    for known in _KNOWN:
        left = left.replace(known, "")
    if source.language == "bash":  # a variable of that name
        left = re.sub(r"^[ \t]*(?:export[ \t]+|local[ \t]+)?SID=|\$\{?SID\}?", "", left, flags=re.MULTILINE)
    if re.search(r"(?<![A-Za-z_])SID(?:=|[\"'])", "\n".join(line.split("#")[0] for line in left.split("\n"))) is None:
        yield changes


# --- patterns --------------------------------------------------------------------------------------------------------


def _by_pattern(source: Source, uses: list[SidUse]) -> list[TextEdit] | None:
    """Patterns that take name and value, and headers made of what they take and nothing else."""
    if source.language not in {"python", "bash", "go"} | SCRIPT:
        return None
    builds = any(use.kind == "build" for use in uses)
    changes = []
    for use in uses:
        start, end = source.span(use.place)
        text = source.text[start:end]
        if use.kind == "build":
            change = _bare(source, start, end)
            if change is None:
                return None
            changes.append(change)
            continue
        made = _pattern(text, source.language)
        if made is None or not _takes_the_pair(made) or (not builds and not _takes_the_pair(text, old_alone=True)):
            return None
        changes.append(TextEdit(start, end, made))
    return changes


def _pattern(text: str, language: str) -> str | None:
    """Return a regular expression that finds both names; where it takes the value alone, name and value."""
    if language == "bash":
        return _shell_pattern(text)
    group = re.search(r"(?<![A-Za-z_])SID=\(((?:[^()\\]|\\.)*)\)", text)
    if group is not None:
        return f"{text[: group.start()]}({_EITHER}={group[1]}){text[group.end() :]}"
    behind = re.search(r"\(\?<=SID=\)", text)
    if behind is not None:
        return f"{text[: behind.start()]}{_EITHER}={text[behind.end() :]}"
    found = re.search(r"(?<![A-Za-z_])SID(?==)", text)
    return None if found is None else f"{text[: found.start()]}{_EITHER}{text[found.end() :]}"


def _shell_pattern(text: str) -> str | None:
    for old, new in ((r"SID=\K", "SID="), ("(?<=SID=)", "SID=")):
        text = text.replace(old, new)
    group = re.search(r"SID=(\\?\()((?:[^()\\]|\\[^()])*)(\\?\))", text)
    if group is not None:
        text = f"{text[: group.start()]}{group[1]}SID={group[2]}{group[3]}{text[group.end() :]}"
    found = re.search(r"(?<![A-Za-z_])SID(?==)", text)
    if found is None:
        return None
    made = f"{text[: found.start()]}{_WIDE}{text[found.end() :]}"
    # What stands before would take the name's beginning, being greedy: a blank must be between.
    return re.sub(r"\.\*(\\?\()?(?=\[QBT_\])", lambda kept: f".*[[:space:]]{kept[1] or ''}", made, count=1)


_LITERAL = regex(r"^[rRbBuU]*([\"'`/])(.*)\1[a-z]*$", re.DOTALL)
_ARGUMENT = regex(
    r"[rRbBuU]*([\"'`/])((?:(?!\1).)*SID\)?=(?:(?!\1).)*)\1"
)  # of a call such as re.search("SID=…", text)
_SED = regex(r"^s(.)((?:(?!\1).)*)\1\\1\1")


def _takes_the_pair(literal: str, *, old_alone: bool = False) -> bool:
    """Whether a pattern, as it stands in the source, takes exactly name=value out of what each release sets."""
    quoted = _LITERAL.match(literal) or _ARGUMENT.search(literal)
    pattern = quoted[2] if quoted is not None else literal
    sed = _SED.match(pattern)
    if sed is not None:
        pattern = sed[2].replace(r"\(", "(").replace(r"\)", ")") if r"\(" in pattern else sed[2]
    pattern = pattern.replace("[[:space:]]", r"\s").replace("\\/", "/").replace("[^\\;]", "[^;]")
    try:
        made = re.compile(pattern)
    except re.error:
        return False
    names = [cookie_names.old_name(), *([] if old_alone else [cookie_names.new_name(8080), cookie_names.new_name(443)])]
    for name in names:
        pair = f"{name}=Zk6xfR8YVl6h0pQ2b7uT9wLm3nAs5dEf"
        for before in ("", "set-cookie: ") if sed is None else ("set-cookie: ",):
            found = made.search(f"{before}{pair}; HttpOnly; SameSite=Strict; path=/")
            if found is None or (found[1] if made.groups else found[0]) != pair:
                return False
    return made.groups <= 1


def _bare(source: Source, start: int, end: int) -> TextEdit | None:
    """Return a header that is ``SID=`` and one value, as the value alone."""
    text = source.text[start:end]
    language = source.language
    if language == "bash":
        found = re.fullmatch(r"(\"(?:Cookie: ?)?)SID=(\$\{?[A-Za-z_]\w*\}?\")", text)
    elif language == "python":
        found = re.fullmatch(r"(f[\"'](?:Cookie: ?)?)SID=(\{[^{}]+\}[\"'])", text)
    elif language in SCRIPT:
        found = re.fullmatch(r"(`)SID=(\$\{[^{}]+\}`)", text)
    else:
        found = None
    if found is not None:
        return TextEdit(start, end, found[1] + found[2])
    joined = re.fullmatch(r"[\"'`]SID=[\"'`]\s*\+\s*([A-Za-z_][\w.\[\]]*)", text)
    if joined is None and re.fullmatch(r"[\"'`]SID=[\"'`]", text):  # the literal alone was kept
        after = re.compile(r"\s*\+\s*([A-Za-z_][\w.\[\]]*)(?=\s*[,;)}\]\n])").match(source.text, end)
        return None if after is None else TextEdit(start, after.end(), after[1])
    return None if joined is None else TextEdit(start, end, joined[1])


# --- a jar -----------------------------------------------------------------------------------------------------------


def _whole_jar(source: Source) -> list[TextEdit] | None:
    """``cookies={"SID": answer.cookies["SID"]}`` as ``cookies=answer.cookies``, by way of a name or directly."""
    text = source.text
    if not re.search(r"^[ \t]*(?:import|from)[ \t]+(?:requests|httpx)\b", text, re.MULTILINE) or "aiohttp" in text:
        return None
    direct = re.finditer(rf"\{{\s*[\"']SID[\"']:\s*([\w.]+\.cookies){_KEY}\s*\}}", text)
    changes = [TextEdit(found.start(), found.end(), found[1]) for found in direct]
    for found in re.finditer(rf"((?:\bself\.)?\b\w+)\s*=\s*([\w.]+\.cookies){_KEY}[ \t]*(?=#|$)", text, re.MULTILINE):
        name = re.escape(found[1])
        builds = list(re.finditer(rf"\{{\s*[\"']SID[\"']:\s*{name}\s*\}}", text))
        tests = re.findall(rf"\bif (?:not )?{name}\s*:", text)
        if not builds or len(re.findall(rf"\b{name}\b", text)) != 1 + len(builds) + len(tests):
            return None
        changes.append(TextEdit(found.start(), found.end(), f"{found[1]} = {found[2]}{' ' * found[0].endswith(' ')}"))
        changes += [TextEdit(each.start(), each.end(), found[1]) for each in builds]
    return changes or None
