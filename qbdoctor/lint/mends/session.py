"""Mends calls that go without the session: a client that keeps the login's cookie, for all of the file's calls."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qbdoctor.lint.facts.program import Facts, Request
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.mends.imports import go_import, put_after_imports, python_import
from qbdoctor.lint.source import Source, TextEdit, arguments

_JAR_FILE = "cookies.txt"


def drops_cookie(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:  # noqa: ARG001
    """Yield an aiohttp session with a jar that takes cookies from IP addresses."""
    start, end = source.span(hit.place)
    opening = source.text.find("(", start)
    owner = source.text[start:opening].strip().removesuffix("ClientSession")
    jar = f"{owner or 'aiohttp.'}CookieJar(unsafe=True)"
    more = [] if owner else python_import(source, "aiohttp")
    inside = source.text[opening + 1 : end - 1]
    for first, last in arguments(inside):
        argument = inside[first:last]
        if not re.match(r"cookie_jar\s*=", argument):
            continue
        name = re.fullmatch(r"cookie_jar\s*=\s*([\w.]+)", argument)
        if name is not None:
            for found in re.finditer(
                rf"\b{re.escape(name[1])}\s*=\s*(?:aiohttp\.)?(?:Dummy)?CookieJar\([^()]*\)", source.text
            ):
                made = f"{name[1]} = {jar}"
                yield [TextEdit(found.start(), found.end(), made), *more]
        yield [TextEdit(opening + 1 + first, opening + 1 + last, f"cookie_jar={jar}"), *more]
        return
    comma = ", " if inside.strip() and not inside.rstrip().endswith(",") else ""
    at = opening + 1 + len(inside.rstrip())
    yield [TextEdit(at, at, f"{comma}cookie_jar={jar}"), *more]


def sends_no_cookie(source: Source, facts: Facts, hit: Hit) -> Iterator[list[TextEdit]]:
    """One client with a jar for login and calls."""
    call = next((each for each in facts.calls if each.place == hit.place), None)
    if call is None:
        return
    requests = [each for each in facts.requests if each.library == call.library and (each.is_login or each.is_call)]
    if call.library == "fetch":
        yield _fetch(source, requests)
    elif call.library == "axios":
        yield from _axios(source, call, requests)
    elif call.library in {"curl", "wget"}:
        yield from _shell(source, facts, call)
    elif call.library == "urllib":
        yield _urllib(source)
    elif call.library in {"requests", "httpx", "aiohttp"}:
        yield from _python(source, call, requests)
    elif call.library == "net/http":
        yield from _go(source)


def _swapped(source: Source, pattern: str, new: object) -> list[TextEdit]:
    made = []
    for found in re.finditer(pattern, source.text):
        text = new(found) if callable(new) else str(new)
        made.append(TextEdit(found.start(), found.end(), text))
    return made


# --- scripts ---------------------------------------------------------------------------------------------------------


def _fetch(source: Source, requests: list[Request]) -> list[TextEdit]:
    typed = source.language in {"typescript", "tsx"}
    pairs = "answer.headers.getSetCookie()"
    if "node-fetch" in source.text:
        pairs = "(answer.headers.raw()['set-cookie'] ?? [])"
    header = "...(options.headers as Record<string, string>)" if typed else "...options.headers"
    lines = [
        "",
        "let sessionCookie = '';",
        f"async function fetchWithCookie(url{': string' if typed else ''}, options{': RequestInit' if typed else ''} = {{}}) {{",
        f"  const headers = {{ {header}, ...(sessionCookie ? {{ cookie: sessionCookie }} : {{}}) }};",
        "  const answer = await fetch(url, { ...options, headers });",
        f"  const pairs = {pairs}.map((each{': string' if typed else ''}) => each.split(';')[0]);",
        "  if (pairs.length > 0) sessionCookie = pairs.join('; ');",
        "  return answer;",
        "}",
    ]
    changes = [put_after_imports(source, "\n".join(lines))]
    for each in requests:
        found = re.compile(r"[\w.]*\bfetch(?=\()").search(source.text, source.span(each.place)[0])
        if found is not None:
            changes.append(TextEdit(found.start(), found.end(), "fetchWithCookie"))
    return changes


def _axios(source: Source, call: Request, requests: list[Request]) -> Iterator[list[TextEdit]]:
    typed = source.language in {"typescript", "tsx"}
    block = (
        "{0}.interceptors.response.use((answer) => {{\n"
        "{1}  const pairs = (answer.headers['set-cookie'] ?? []).map((each"
        + (": string" if typed else "")
        + ") => each.split(';')[0]);\n"
        "{1}  if (pairs.length > 0) {0}.defaults.headers.common.Cookie = pairs.join('; ');\n"
        "{1}  return answer;\n"
        "{1}}});"
    )
    if call.client == "instance":
        changes = []
        for found in re.finditer(
            r"(?:const |let |var )?((?:this\.)?[\w$#]+)\s*(?::\s*\w+\s*)?=\s*axios\.create\(", source.text
        ):
            end = source.closing(found.end() - 1)
            number = source.line_of(end)
            indent = source.indent(source.line_of(found.start()))
            changes.append(source.after(number, indent + block.format(found[1], indent)))
        yield changes
        return
    lines = "\nconst qbittorrent = axios.create();\n" + block.format("qbittorrent", "")
    changes = [put_after_imports(source, lines)]
    for each in requests:
        plain = re.compile(r"\baxios(?=[.(])").search(source.text, source.span(each.place)[0])
        if plain is not None:
            changes.append(TextEdit(plain.start(), plain.end(), "qbittorrent"))
    yield changes


# --- shell -----------------------------------------------------------------------------------------------------------


def _shell(source: Source, facts: Facts, call: Request) -> Iterator[list[TextEdit]]:
    login = next((each for each in facts.logins if each.library == call.library), None)
    if login is None:
        return
    begin, end = source.span(login.place)
    command = source.text[begin:end]
    if call.library == "wget":
        kept = re.search(r"--save-cookies[ =](\S+)", command)
        jar = kept[1] if kept else _JAR_FILE
        save, load = f" --save-cookies {jar} --keep-session-cookies", f" --load-cookies {jar}"
    else:
        kept = re.search(r"(?:\s-\w*c|--cookie-jar)\s+(\"[^\"]*\"|'[^']*'|\S+)", command)
        jar = kept[1] if kept else _JAR_FILE
        if jar in {"/dev/null", "-"}:
            return
        save, load = f" -c {jar}", f" -b {jar}"
    changes = [] if kept else [_option(source, login, save)]
    yield [*changes, _option(source, call, load)]


def _option(source: Source, request: Request, option: str) -> TextEdit:
    begin, _ = source.span(request.place)
    at = begin + re.match(r"\S+", source.text[begin:]).end()  # type: ignore[union-attr]
    return TextEdit(at, at, option)


# --- Python ----------------------------------------------------------------------------------------------------------


def _urllib(source: Source) -> list[TextEdit]:
    changes = _swapped(source, r"(?<![\w.])(?:urllib\.request\.|request\.)?urlopen\(", "opener.open(")
    lines = (
        "from urllib.request import HTTPCookieProcessor, build_opener\n\nopener = build_opener(HTTPCookieProcessor())"
    )
    return [*changes, put_after_imports(source, lines)]


def _python(source: Source, call: Request, requests: list[Request]) -> Iterator[list[TextEdit]]:
    """Plain calls by a session; sessions that functions make for themselves, as one of the module's or with one jar."""
    if not call.client.startswith("new:"):
        maker = "requests.Session()" if call.library == "requests" else "httpx.Client()"
        changes = [put_after_imports(source, f"import {call.library}\n\nsession = {maker}")]
        for each in requests:
            found = re.compile(r"(?<![\w.])(get|post|request|put|delete)\(").search(
                source.text, *source.span(each.place)
            )
            if found is not None:
                changes.append(TextEdit(found.start(), found.start(), "session."))
        yield changes
        return
    if call.library == "aiohttp":
        changes = []
        for found in re.finditer(r"\b(?:aiohttp\.)?ClientSession\(", source.text):
            end = source.closing(found.end() - 1)
            inside = source.text[found.end() : end]
            own = re.search(r"cookie_jar\s*=\s*[\w.]*CookieJar\([^()]*\)", inside)
            if own is not None:
                begin = found.end() + own.start()
                changes.append(TextEdit(begin, begin + len(own[0]), "cookie_jar=cookie_jar()"))
                continue
            comma = ", " if inside.strip() and not inside.rstrip().endswith(",") else ""
            changes.append(TextEdit(end, end, f"{comma}cookie_jar=cookie_jar()"))
        lines = [
            "from functools import cache",
            *(["import aiohttp"] if not re.search(r"^import aiohttp", source.text, re.MULTILINE) else []),
            "",
            "",
            "@cache",
            "def cookie_jar():",
            "    return aiohttp.CookieJar(unsafe=True)  # one for all sessions",
        ]
        yield [*changes, put_after_imports(source, "\n".join(lines))]
        return
    if call.library == "requests":
        made = _swapped(source, r"(?<=[=\s(])requests\.[Ss]ession\(\)", "shared_session")
        yield [*made, put_after_imports(source, "\nshared_session = requests.Session()")]
        return
    changes = []
    for found in re.finditer(r"\bhttpx\.(?:Async)?Client\(", source.text):
        end = source.closing(found.end() - 1)
        inside = source.text[found.end() : end]
        comma = ", " if inside.strip() and not inside.rstrip().endswith(",") else ""
        changes.append(TextEdit(end, end, f"{comma}cookies=cookie_jar"))
    shared = "\ncookie_jar = CookieJar()  # shared: every client that is made with it has the login's cookie"
    imported = python_import(source, "http.cookiejar", "CookieJar")
    text = "\n".join([*(change.text.strip("\n") for change in imported), shared])
    yield [*changes, put_after_imports(source, text)]


# --- Go --------------------------------------------------------------------------------------------------------------


def _go(source: Source) -> Iterator[list[TextEdit]]:
    made = _swapped(
        source,
        r"\bhttp\.Client\s*\{(\s*\})?",
        lambda found: "http.Client{Jar: cookieJar" + ("}" if found[1] else ", "),
    )
    imports = go_import(source, "net/http/cookiejar")
    if made:
        yield [*made, *imports, _after_go_imports(source, "var cookieJar, _ = cookiejar.New(nil)")]
    body = "func init() {\n\thttp.DefaultClient.Jar, _ = cookiejar.New(nil)\n}"
    yield [*imports, _after_go_imports(source, body)]


def _after_go_imports(source: Source, lines: str) -> TextEdit:
    block = re.search(r"^import\s*\((?:.|\n)*?^\)", source.text, re.MULTILINE) or re.search(
        r"^(?:import|package) [^\n]*", source.text, re.MULTILINE
    )
    number = source.line_of(block.end()) if block is not None else 1
    return source.after(number, f"\n{lines}")
