"""Reads PowerShell by its words, since ast-grep has no grammar of it: web requests, what is compared, how SID is named.

Requests are those of Invoke-RestMethod and Invoke-WebRequest with an address that is written there; a function of the file's
own around them is not seen through. Names are known where the file gives them one text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from operator import itemgetter

from qbdoctor.lint.facts import cookie_names, filter_words
from qbdoctor.lint.facts.outcome import UNKNOWN, Expr, is_login_text
from qbdoctor.lint.facts.program import (
    ENCODED,
    ENDPOINT,
    HOLE,
    Body,
    Facts,
    Form,
    Guard,
    Header,
    Place,
    Request,
    SidKind,
    SidUse,
    is_raw_login_form,
)  # fmt: skip
from qbdoctor.patterns import regex

_LONGEST = 4_000
"""Characters of a command or a condition; what is longer is cut, so that brackets without an end take no square of time."""
_LONGEST_FUNCTION = 40_000
_SKIPPED = regex(r"<#[\s\S]*?#>|(?<![`\w])#[^\n]*|\"(?:[^\"`]|`.|\"\")*\"|'(?:[^']|'')*'")
_LITERAL = regex(r"\"((?:[^\"`]|`[\s\S]|\"\")*)\"|'((?:[^']|'')*)'")
_REQUEST = regex(r"(?<![\w-])(?:Invoke-RestMethod|Invoke-WebRequest|irm|iwr)\b(?=[ \t`])", re.IGNORECASE)
_ASSIGNED = regex(r"\$(?:\w+:)?(\w+)\s*=\s*(?:\(\s*)?\Z")
_GIVEN = regex(r"\$(?:\w+:)?(\w+)[ \t]*=[ \t]*(@\{|[\"']|\[|[^\n]{1,200})")
_FUNCTION = regex(r"\bfunction\s+([\w:-]+)[^{\n]*\{", re.IGNORECASE)
_PARAMETER = regex(r"(?<![\w\"'])-([A-Za-z]+)\b[ \t:]*")
_LITERAL_OR_BRACKET = regex(rf"{_LITERAL.pattern}|[][(){{}}]")
_INTERPOLATED = regex(r"\$\((?P<code>[^()]*(?:\([^()]*\)[^()]*)*)\)|\$\{?(?:\w+:)?(?P<name>\w+)\}?(?:\.\w+)*")
_INSTEAD = regex(r"""\s*,\s*('[^'\n]*'|"[^"\n]*")""")
_FILLED = regex(r"\s*-f\b", re.IGNORECASE)
_PLACE = regex(r"\{\d+[^{}]*\}")
_ENCODERS = regex(r"EscapeDataString|UrlEncode", re.IGNORECASE)
_CARRIES = regex(r"cookie|authorization|\A\$", re.IGNORECASE)
_LEAF = regex(
    r"(?P<left>\$[\w:.()\[\]\"']*)\s*-(?P<op>[ci]?(?:eq|ne|like|notlike|match|notmatch))\s*(?P<right>\"[^\"\n]*\"|'[^'\n]*'|\d{3})",
    re.IGNORECASE,
)
_KNOWS = regex(r"\b204\b|NoContent", re.IGNORECASE)


def read(text: str) -> Facts:
    """Return the facts of a file."""
    return _Reader(text).facts


class _Reader:
    """One pass over one text. ``code`` is the text with its comments blanked, at the same places."""

    def __init__(self, text: str) -> None:
        self.facts = Facts("powershell")
        self.code = _SKIPPED.sub(lambda found: _blanked(found[0]) if found[0][0] in "<#" else found[0], text)
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self.functions = [
            (found.start(), _closing(self.code, found.end() - 1, _LONGEST_FUNCTION), found[1])
            for found in _FUNCTION.finditer(self.code)
        ]
        self.outer: list[int] = []  # of each function: the number of the one around it
        for number, (start, _, _) in enumerate(self.functions):
            self.outer.append(self._innermost(number, start))
        self.given = self.assignments()
        self.answers: dict[str, str] = {}
        for found in _REQUEST.finditer(self.code):
            self.request(found.start(), found.end())
        self.literals()
        self.conditions()
        self.facts.filter_words = filter_words.find(self.code)
        self.knowing()

    def assignments(self) -> dict[str, str]:
        """Return what the file gives each name, in its own words; names that get several things are left out."""
        made: dict[str, str] = {}
        several: set[str] = set()
        for found in _GIVEN.finditer(self.code):
            name, at = found[1].lower(), found.start(2)
            end = _closing(self.code, at + 1) + 1 if found[2] == "@{" else self.end_of(at)
            if made.get(name, self.code[at:end]) != self.code[at:end]:
                several.add(name)
            made[name] = self.code[at:end].strip()
        return {name: given for name, given in made.items() if name not in several}

    def end_of(self, at: int) -> int:
        """Return where a command ends that begins there: at a line's end, a semicolon, a pipe, a bracket that closes it."""
        depth, last = 0, min(at + _LONGEST, len(self.code))
        while at < last:
            literal = _LITERAL.match(self.code, at)
            if literal is not None:
                at = literal.end()
                continue
            char = self.code[at]
            depth += (char in "({[") - (char in ")}]")
            if depth < 0 or (
                depth == 0
                and (char in ";|" or (char == "\n" and self.code[max(0, at - 80) : at].rstrip(" \t")[-1:] != "`"))
            ):
                return at
            at += 1
        return at

    def place(self, at: int) -> Place:
        """Where a character stands."""
        line = bisect_right(self.starts, at)
        return Place(line, at - self.starts[line - 1] + 1, line)

    def scope(self, at: int) -> tuple[int, str]:
        """Return the number and the name of the function around a place; 0 for none."""
        number = self._innermost(bisect_right(self.functions, at, key=itemgetter(0)), at)
        return number, self.functions[number - 1][2] if number else ""

    def _innermost(self, number: int, at: int) -> int:
        """Return the number of the innermost function around a place; ``number`` is the last that begins before it."""
        while number and at >= self.functions[number - 1][1]:
            number = self.outer[number - 1]
        return number

    def fold(self, value: str) -> str:
        """Return a value's text: of a literal with its places folded, of a name what the file gives it."""
        value = value.strip()
        if re.fullmatch(r"\$(?:\w+:)?\w+", value):
            given = self.given.get(value.rsplit(":", 1)[-1].lstrip("$").lower(), "")
            return self.fold(given) if _LITERAL.fullmatch(given) else ENCODED if _ENCODERS.search(given) else HOLE
        literal = _LITERAL.fullmatch(value)
        if literal is None:
            return re.sub(r"^[(]|[)]$", "", value) if re.fullmatch(r"[\w:/.?=&-]+", value) else self.joined(value)
        if literal[2] is not None:
            return literal[2]
        return _INTERPOLATED.sub(self.place_in, literal[1])

    def joined(self, value: str) -> str:
        """Return literals put together by ``+``."""
        parts = re.split(r"\s\+\s", value.strip("() "))
        return "".join(self.fold(part) for part in parts) if len(parts) > 1 else HOLE

    def place_in(self, found: re.Match[str]) -> str:
        """Return what stands for a name or a command in a literal."""
        if found["code"] is not None:
            return ENCODED if _ENCODERS.search(found["code"]) else HOLE
        given = self.given.get(found["name"].lower(), "")
        literal = _LITERAL.fullmatch(given)
        if literal is not None and "$" not in given:
            return literal[1] or literal[2] or ""
        return ENCODED if _ENCODERS.search(given) else HOLE

    def request(self, start: int, after: int) -> None:
        """Read a web request whose address is written there."""
        end = self.end_of(after)
        words = self.code[after:end]
        parameters = _parameters(words)
        address = parameters.get("uri") or parameters.get("") or ""
        splat = re.search(r"@(\w+)", re.sub(r"@\{|\"[^\"]*\"", "", words))
        if splat is not None:
            table = self.given.get(splat[1].lower(), "")
            for key, value in _entries(table):
                parameters.setdefault(key, value)
            address = address or parameters.get("uri", "")
            parameters.setdefault("websession", "" if table else "$?")
        url = self.fold(address)
        if not ENDPOINT.search(url):
            self.facts.asks_any.add(self.scope(start)[0])
            return
        endpoint = ENDPOINT.findall(url)[-1]
        given = parameters.get("method", "Get").strip("\"'")
        method = "" if "$" in given else given.upper()
        headers = self.table(parameters.get("headers", ""))
        carries = bool(
            parameters.get("websession") or parameters.get("sessionvariable") or parameters.get("credential")
            or parameters.get("authentication") or _CARRIES.search(re.sub(r"=[^;\n]*", "=", headers))
        )  # fmt: skip
        number, name = self.scope(start)
        self.facts.requests.append(
            Request(self.place(start), number, name, url, method, "powershell", "", self.body(parameters), carries)
        )
        for key, value in _entries(headers):
            if key in {"origin", "referer", "x-api-key", "authorization"}:
                self.facts.headers.append(Header(self.place(start), key.title(), self.fold(value), number))
        assigned = _ASSIGNED.search(self.code, max(0, start - 80), start)
        if assigned is not None:
            self.answers[assigned[1].lower()] = endpoint

    def table(self, value: str) -> str:
        """Return a hash table in its own words; of a name that the file does not give one, the name."""
        if value.startswith("$"):
            return self.given.get(value.lstrip("$").lower(), value)
        return value

    def body(self, parameters: dict[str, str]) -> Body:
        """Tell how a body is sent: a hash table and a text are forms unless something else is said."""
        body = self.table(parameters.get("body", ""))
        json = "json" in parameters.get("contenttype", "").lower() or re.search(r"ConvertTo-Json", body, re.IGNORECASE)
        return "json" if body and json else "unknown"

    def literals(self) -> None:
        """Read each literal: a login form put together by hand, SID as a name, a pattern, a cookie."""
        old = cookie_names.old_name()
        for found in _LITERAL.finditer(self.code):
            folded = self.fold(found[0])
            filled = _FILLED.match(self.code, found.end())
            if filled is not None:  # "username={0}&password={1}" -f $user, $password
                encoded = _ENCODERS.search(self.code[filled.end() : self.end_of(filled.end())])
                folded = _PLACE.sub(ENCODED if encoded else HOLE, folded)
            self.facts.strings.append(folded)
            if is_raw_login_form(folded):
                self.facts.forms.append(Form(self.place(found.start()), folded))
            if "SID" not in folded:
                continue
            before, after = (
                self.code[max(0, found.start() - 40) : found.start()],
                self.code[found.end() : found.end() + 4],
            )
            if re.match(rf"(?:Cookie:\s*)?{old}=[\0\1\2]", folded):
                self.sid("build", found, folded)
            elif folded == old and re.search(r"-[ci]?(?:eq|ne)\s*$", before, re.IGNORECASE):
                self.sid("compare", found, folded)
            elif folded == old and ((before.endswith("[") and after.startswith("]")) or before.endswith("GetCookie(")):
                self.sid("lookup", found, folded)
            elif folded == old and re.search(
                r"Net\.Cookie[\"']?\s*[(,]\s*$|\.Name\s*=\s*$|Cookie\]::new\(\s*$", before
            ):
                self.sid("build", found, folded)
            elif re.search(r"(?:-[ci]?(?:match|replace|split)|::Match\([^\n]*)\s*$", before, re.IGNORECASE) and (
                cookie_names.pattern_is_lone(folded)
            ):
                instead = _INSTEAD.match(self.code, found.end())
                if instead is None or not cookie_names.hides(folded, self.fold(instead[1])):
                    self.sid("pattern", found, folded)

    def sid(self, kind: SidKind, found: re.Match[str], folded: str) -> None:
        """Keep a place that knows SID alone."""
        self.facts.sids.append(SidUse(self.place(found.start()), kind, folded, self.scope(found.start())[0]))

    def conditions(self) -> None:
        """Read each comparison with a login's text or a status, with what it is joined to in one condition."""
        taken = 0
        for found in _LEAF.finditer(self.code):
            if found.start() < taken or self.leaf(found) == UNKNOWN:
                continue
            opening = re.search(
                r"(?:if|elseif|while|until|-not|!)\s*\($", self.code[max(0, found.start() - 200) : found.start()]
            )
            start, end = found.start(), found.end()
            around = self.code.rfind("if", max(0, start - 200), start)
            bracket = self.code.find("(", around, start) if around >= 0 else -1
            if bracket >= 0 and _closing(self.code, bracket) > start:
                start, end = bracket + 1, _closing(self.code, bracket)
            expr = self.expression(self.code[start:end])
            if opening is not None and opening[0].startswith(("-not", "!")) and bracket < 0:
                expr = Expr("not", (expr,))
            taken = end
            number, name = self.scope(start)
            names = [name.lower() for name in re.findall(r"\$(\w+)", self.code[start:end])]
            known = [self.answers[name] for name in names if name in self.answers]
            about = "login" if "auth/login" in known else "other" if known else "unknown"
            self.facts.checks.append(Guard(self.place(start), number, name, expr, about))  # type: ignore[arg-type]

    def expression(self, text: str) -> Expr:
        """Return a condition's expression; brackets within it are not followed."""
        for word, kind in (("-or", "or"), ("-and", "and")):
            parts = re.split(rf"\s{word}\s", text, flags=re.IGNORECASE)
            if len(parts) > 1:
                return Expr(kind, tuple(self.expression(part) for part in parts))
        found = _LEAF.search(text)
        if found is None:
            return UNKNOWN
        made = self.leaf(found)
        negated = re.match(r"\s*\(*\s*(?:-not|!)\s*\(", text, re.IGNORECASE)
        return Expr("not", (made,)) if negated is not None else made

    def leaf(self, found: re.Match[str]) -> Expr:
        """Return one comparison."""
        op, right = found["op"].lower().lstrip("ci"), found["right"]
        if right.isdigit():
            compares = re.search(r"Status(?:Code)?", found["left"], re.IGNORECASE) and op in {"eq", "ne"}
            return (
                Expr("cmp", leaf="status", op="==" if op == "eq" else "!=", value=int(right)) if compares else UNKNOWN
            )
        text = right[1:-1].strip("*^$").replace("\\.", ".")
        if not is_login_text(text):
            return UNKNOWN
        if op in {"eq", "ne"}:
            return Expr("cmp", leaf="body", op="==" if op == "eq" else "!=", value=text)
        has = Expr("has", leaf="body", value=text)
        return Expr("not", (has,)) if op.startswith("not") else has

    def knowing(self) -> None:
        """Note the functions that speak of 204 in any way: they know what newer releases answer."""
        for found in _KNOWS.finditer(self.code):
            expr = Expr("cmp", leaf="status", op="==", value=204)
            self.facts.checks.append(Guard(Place(1, 1, 1), self.scope(found.start())[0], "", expr, "unknown"))


def _blanked(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _closing(code: str, at: int, most: int = _LONGEST) -> int:
    """Return where the bracket closes that opens there, or where ``most`` characters end."""
    opens = code[at]
    closes = {"(": ")", "{": "}", "[": "]"}.get(opens, "")
    depth, last = 0, min(at + most, len(code))
    for found in _LITERAL_OR_BRACKET.finditer(code, at, last):
        depth += (found[0] == opens) - (found[0] == closes)
        if depth == 0:
            return found.start()
    return last


def _parameters(words: str) -> dict[str, str]:
    """Return a command's parameters by their names in small letters; "" is the first without one."""
    made: dict[str, str] = {}
    at = _skip_blanks(words, 0)
    while at < len(words):
        named = _PARAMETER.match(words, at)
        name = named[1].lower() if named is not None else ""
        at = _skip_blanks(words, named.end()) if named is not None else at
        if named is not None and _PARAMETER.match(words, at):
            made.setdefault(name, "$true")
            continue
        end = _value_end(words, at)
        if words[at:end]:
            made.setdefault(name, words[at:end])
        at = _skip_blanks(words, max(end, at + 1))
    return made


def _skip_blanks(words: str, at: int) -> int:
    while at < len(words) and words[at] in " \t`\n":
        at += 1
    return at


def _value_end(words: str, at: int) -> int:
    while at < len(words) and words[at] not in " \t\n`,":
        literal = _LITERAL.match(words, at)
        if literal is not None:
            at = literal.end()
        elif words[at] in "({[":
            at = _closing(words, at) + 1
        else:
            at += 1
    return at


def _entries(table: str) -> list[tuple[str, str]]:
    """Return a hash table's keys in small letters and its values."""
    if not table.startswith("@{"):
        return []
    return [
        (key.strip("\"' ").lower(), value.strip())
        for key, value in re.findall(r"(?:^|[;\n{])[ \t]*([\"']?[\w-]+[\"']?)[ \t]*=[ \t]*([^;\n}]+)", table[1:])
    ]
