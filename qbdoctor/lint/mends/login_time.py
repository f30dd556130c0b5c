"""Mends when a program logs in: on a 403, neither each round nor never again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qbdoctor.lint.facts.program import Facts, Request
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.source import SCRIPT, Source, TextEdit, arguments

_VERSION = "app/version"


def logs_in_each_call(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:
    """Yield the login under a condition: only where a call is answered by 403."""
    login = next((each for each in facts.logins if each.place == hit.place), None)
    if login is None:
        found = re.search(r"([A-Za-z_]\w*)\s*(?:\(|$)", source.of(hit.place))
        login = next((each for each in facts.logins if found is not None and each.scope_name == found[1]), None)
    if login is None:
        return
    start, end = source.span(login.place)
    first, last = login.place.line, source.statement_end(start)
    if source.language == "bash":
        last = source.line_of(end)
    lead = source.line(first)[: login.place.column - 1].strip()
    if lead not in {"", "await", "yield"}:
        return  # its answer is kept and looked at
    asks = _asks(source, login, source.text[start:end])
    if not asks:
        return
    indent = source.indent(first)
    lines = [source.line(number) for number in range(first, last + 1)]
    if source.language == "python":
        inner = [f"{indent}if {asks} == 403:", *(f"    {line}" for line in lines)]
    elif source.language == "bash":
        inner = [f'{indent}if [ "$({asks})" = 403 ]; then', *(f"  {line}" for line in lines), f"{indent}fi"]
    else:
        inner = [f"{indent}if ({asks} === 403) {{", *(f"  {line}" for line in lines), f"{indent}}}"]
    begin = source.offset(first)
    finish = source.offset(last) + len(source.line(last))
    yield [TextEdit(begin, finish, "\n".join(inner)), *_session_outside(source, login, first)]


def _asks(source: Source, login: Request, text: str) -> str:
    """Return a call that shows whether the session still holds, as the source would make it: its status."""
    language = source.language
    if language == "bash":
        jar = re.search(r"(?:\s-\w*[cb]|--cookie(?:-jar)?)\s+(\"[^\"]*\"|'[^']*'|\S+)", text)
        asked = re.search(r"(\"[^\"]*auth/login\"|'[^']*auth/login'|\S*auth/login)(?=\s|$)", text)
        if jar is None or asked is None or login.library != "curl":
            return ""
        address = asked[1].replace("auth/login", _VERSION)
        return f"curl -s -o /dev/null -w '%{{http_code}}' -b {jar[1]} {address}"
    opening = text.find("(")
    given = arguments(text[opening + 1 :])
    url = text[opening + 1 :][given[0][0] : given[0][1]] if given else ""
    if "auth/login" not in url:
        return ""
    url = url.replace("auth/login", _VERSION)
    if language == "python":
        client = re.match(r"([\w.]+)\.post$", text[:opening])
        if client is None or login.library not in {"requests", "httpx", ""} or "await" in source.line(login.place.line):
            return ""
        return f"{client[1]}.get({url}).status_code"
    if language in SCRIPT:
        client = re.match(r"([\w.$]+)\.post$", text[:opening])
        if client is not None and "axios" in source.text:
            return f"(await {client[1]}.get({url}, {{ validateStatus: () => true }})).status"
    return ""


def _session_outside(source: Source, login: Request, first: int) -> list[TextEdit]:
    """Return a session that the login's function makes for itself, made once outside."""
    client = re.match(r"(\w+)\.post\(", source.text[source.span(login.place)[0] :])
    if source.language != "python" or client is None or not login.scope_name:
        return []
    for number in range(first - 1, max(0, first - 12), -1):
        line = source.line(number)
        if re.match(rf"\s+{client[1]}\s*=\s*(?:requests\.[Ss]ession|httpx\.Client)\(.*\)\s*$", line):
            head = next(
                (each for each in range(number, 0, -1) if re.match(r"(?:def|async def)\s", source.line(each))), 0
            )
            if not head:
                return []
            begin = source.offset(number)
            return [TextEdit(begin, begin + len(line) + 1, ""), source.before(head, f"{line.strip()}\n\n")]
        if re.match(r"(?:def|async def)\s", line):
            break
    return []


def never_logs_in_again(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:
    """Yield a login and the same call once more, before the branch that gives up."""
    number = hit.place.line
    language = source.language
    shapes = {
        "python": r"(\s*)if (.+):",
        "go": r"(\s*)if (.+) \{",
        "rust": r"(\s*)if (.+) \{",
        "bash": r"(\s*)if (.+); then",
    }
    code = re.sub(r"\s+(?:#|//).*$", "", source.line(number))
    head = re.fullmatch(shapes.get(language, r"(\s*)if \((.+)\) ?\{"), code)
    again = _login_call(source, facts, number)
    if head is None or not again:
        return
    indent, condition = head[1], head[2]
    words = [
        word for word in re.findall(r"[A-Za-z_]\w*", condition) if word not in {"if", "not", "and", "or", "err", "nil"}
    ]
    asked = _asked(source, number, words)
    if asked is None:
        return
    made, changes = asked
    step = "\t" if "\t" in indent or language == "go" else "  " if language in SCRIPT | {"bash"} else "    "
    end = "" if language in {"python", "go", "kotlin", "bash"} else ";"
    bare = f"if {condition} {{"
    opening = {"python": f"if {condition}:", "go": bare, "rust": bare, "bash": f"if {condition}; then"}
    closing = {"python": [], "bash": [f"{indent}fi"]}.get(language, [f"{indent}}}"])
    lines = [
        f"{indent}{opening.get(language, f'if ({condition}) {{')}", f"{indent}{step}{again}{end}", f"{indent}{step}{made}",
        *closing,
    ]  # fmt: skip
    yield [*changes, source.before(number, "\n".join(lines))]


def _asked(source: Source, number: int, words: list[str]) -> tuple[str, list[TextEdit]] | None:
    """Return the assignment that the condition's answer comes from, as it would be made once more; changes that this needs."""
    for line in range(number - 1, max(0, number - 12), -1):
        text = source.line(line)
        for word in words:
            found = re.match(
                rf"\s*((?:const|let|var|val|auto)\s+)?(\$?{word}(?:\s*,\s*\w+)?)\s*(:=|=)(?!=)\s*(.+)$", text
            )
            if found is None or source.statement_end(source.offset(line) + found.start(4)) >= number:
                continue
            last = source.statement_end(source.offset(line) + found.start(4))
            rest = "\n".join([found[4], *(source.line(each) for each in range(line + 1, last + 1))])
            rest = re.sub(r"\s+(?://|#).*$", "", rest)
            at = source.offset(line)
            changes = []
            if found[1] and found[1].strip() in {"const", "val"}:
                new = "let " if found[1].startswith("const") else "var "
                changes = [TextEdit(at + found.start(1), at + found.end(1), new)]
            return f"{found[2]} = {rest}" if source.language != "bash" else f"{found[2]}={rest}", changes
    return None


def _login_call(source: Source, facts: Facts, number: int) -> str:
    """How the file calls its own login."""
    for login in facts.logins:
        name = login.scope_name
        if not name:
            continue
        definition = (
            rf"(?:def|function|func|fn|fun)\s+(?:\([^)]*\)\s*)?{name}\b|^[ \t]*(?:async\s+)?{name}\s*\([^)]*\)\s*\{{"
            rf"|\b{name}\(\)\s*\{{"
        )
        plain = re.sub(definition, lambda found: " " * len(found[0]), source.text, flags=re.MULTILINE)
        if source.language == "bash":
            return name if re.search(rf"^[ \t]*{name}[ \t]*$", plain, re.MULTILINE) else ""
        for found in re.finditer(rf"(?:await\s+)?(?:[\w$]+(?:\.|->))?\b{name}\(([^()]*)\)", plain):
            near = abs(source.line_of(found.start()) - number) < 40
            if not found[1].strip() or near:
                return found[0]
    return ""
