"""Reads shell: curl and wget by their options, tests of what they answered, patterns for sed, grep and awk."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from qbdoctor.lint.facts import cookie_names
from qbdoctor.lint.facts.outcome import Expr
from qbdoctor.lint.facts.program import ENDPOINT, Body, Field, Form, Guard, Header, Request
from qbdoctor.lint.trees.places import start_of
from qbdoctor.lint.trees.texts import inner
from qbdoctor.patterns import regex

if TYPE_CHECKING:
    from qbdoctor.lint.trees.base import Walker
    from qbdoctor.lint.trees.calls import Calls

_CURL_CARRIES = regex(r"-[a-zA-Z]*b|--cookie(?:=.*)?|-[a-zA-Z]*K|--config|-[a-zA-Z]*u|--user|--oauth2-bearer")
_CARRYING_HEADER = regex(r"(?:cookie|authorization)\s*:", re.IGNORECASE)
_DATA = frozenset(("-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--post-data"))
_TAKE_DATA = _DATA | {"-H", "--header", "-F", "--form", "--data-urlencode", "-e", "--referer", "-o", "--output"}
_POSTS = regex(r"-[a-zA-Z]*[dF]$|--data.*|--form.*|--json.*|--post-data.*|--post-file.*")


def command(reader: Calls, node: Any) -> None:
    """Read a command: a request by curl or wget, or a test by grep."""
    children = [child for child in node.children() if child.is_named()]
    if not children:
        return
    name = children[0].text().strip("\"'${}")
    arguments = children[1:]
    folded = [reader.texts.fold(each) for each in arguments]
    if re.search(r"(?:^|/)(?:curl|wget)$", name, re.IGNORECASE):
        _request(reader, node, "wget" if name.lower().endswith("wget") else "curl", arguments, folded)
    elif name in {"grep", "egrep"}:
        _grep(reader, node, folded)
    else:
        reader.named_calls.append((name, reader.scopes[-1][1], node))
        if re.search(r"log_?in|log_?on|authenticate", name, re.IGNORECASE):
            reader.facts.logs_in_at(reader.scope, reader.starts.line(node))


def _request(reader: Calls, node: Any, tool: str, arguments: list[Any], folded: list[str]) -> None:
    raw = [each.text() for each in arguments]
    options = [inner(each) for each in raw]
    given = [each for each, before in zip(folded, ["", *options], strict=False) if before not in _TAKE_DATA]
    url = next((each for each in given if ENDPOINT.search(each)), "")
    if not url:
        return
    if tool == "wget":
        carries = any(each.startswith(("--load-cookies", "--auth")) for each in options)
    else:
        carries = any(_CURL_CARRIES.fullmatch(each) for each in options if each.startswith("-"))
    carries = carries or _unquoted(raw) or any(_CARRYING_HEADER.search(each) for each in options)
    explicit = next((after for each, after in pairwise(options) if each in {"-X", "--request"}), "")
    explicit = explicit or next((each[2:] for each in options if re.fullmatch(r"-X(?:GET|POST)", each)), "")
    posts = any(_POSTS.fullmatch(each) for each in options if each.startswith("-"))
    method = explicit.upper() or ("GET" if "-G" in options or "--get" in options or not posts else "POST")
    if "-I" in options or "--head" in options or _unquoted(raw):
        method = explicit.upper()
    json = (
        any(re.search(r"content-type:\s*application/json", each, re.IGNORECASE) for each in options)
        or "--json" in options
    )
    place = reader.place(node)
    number, name = reader.scopes[-1]
    looped, guarded = reader.passed(node)
    body: Body = "json" if json else "unknown"
    reader.facts.requests.append(
        Request(place, number, name, url, method, tool, "", body, carries, looped, guarded=guarded)
    )
    endpoint = ENDPOINT.findall(url)[-1]
    if endpoint == "auth/login":
        reader.facts.logs_in_at(number, place.line)
    reader.holds(node, endpoint)
    start = start_of(node)
    assigned = re.search(r"([A-Za-z_]\w*)=\"?\$\(\s*$", reader.text[max(0, start - 80) : start])
    if assigned is not None:
        reader.answers[reader.scope, assigned[1]] = endpoint
    for option, value, argument in zip(options, folded[1:], arguments[1:], strict=False):
        if option in _DATA and endpoint == "auth/login" and re.match(r"pass(?:word)?=[\0\1]", value):
            reader.facts.forms.append(Form(reader.place(argument), value))
        field = re.match(r"(paused|stopped)=(?!false)", value)
        if field is not None and endpoint == "torrents/add":
            reader.facts.fields.append(Field(reader.place(argument), field[1], number))
        header = re.match(r"(X-Api-Key|Origin|Referer)\s*:\s*(.*)", value, re.IGNORECASE)
        if option in {"-H", "--header"} and header is not None:
            reader.facts.headers.append(Header(reader.place(argument), header[1], header[2], number))


def _unquoted(raw: list[str]) -> bool:
    """Whether an argument is a bare ``$options`` or an array, which may hold any option."""
    return any("@]" in each or each in {'"$@"', "$@"} or re.fullmatch(r"\$\{?[A-Za-z_]\w*\}?", each) for each in raw)


def _grep(reader: Walker, node: Any, folded: list[str]) -> None:
    """``grep -q "Ok."``: true where the login's text is there."""
    if any(re.fullmatch(r"\^?Ok\\?\.?\$?", each) for each in folded):
        number, name = reader.scopes[-1]
        here = [each.endpoint for each in reader.facts.requests if each.scope == number and each.endpoint]
        about = "login" if here[-1:] == ["auth/login"] else "other" if here else "unknown"
        reader.facts.checks.append(Guard(reader.place(node), number, name, Expr("has", leaf="body", value="Ok"), about))  # type: ignore[arg-type]


_SED = regex(r"s(.)((?:(?!\1).)*)\1((?:(?!\1).)*)")


def string(reader: Walker, node: Any, folded: str) -> None:
    """Read a text with SID in it: a pattern of sed, grep or awk, or a cookie made by hand."""
    if "SID" not in folded.upper():
        return
    sed = _SED.match(folded)
    if re.match(rf"(?:Cookie:\s*)?{cookie_names.old_name()}=[\0\1\2]", folded):
        reader.keep_sid("build", node, folded)
    elif sed is not None:
        pattern, instead = _extended(sed[2]), re.sub(r"(?<!\\)&", r"\\g<0>", sed[3])
        if cookie_names.pattern_is_lone(pattern) and not cookie_names.hides(pattern, instead):
            reader.keep_sid("pattern", node, folded)
    elif re.match(r"\S*SID", folded) and len(folded) < 120 and cookie_names.pattern_is_lone(folded):
        reader.keep_sid("pattern", node, folded)


def _extended(pattern: str) -> str:
    """Return a basic regular expression, which has a backslash before its groups, as an extended one."""
    return pattern.replace(r"\(", "(").replace(r"\)", ")") if r"\(" in pattern else pattern
