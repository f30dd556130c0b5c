"""Reads the texts of a syntax tree, with constants of the file put in and the rest as holes."""

from __future__ import annotations

import re
from bisect import bisect_left
from operator import itemgetter
from typing import Any

from qbdoctor.lint.facts.program import ENCODED, HOLE
from qbdoctor.lint.trees.places import length, start_of
from qbdoctor.patterns import regex

STRINGS = frozenset(
    (
        "string", "template_string", "regex", "raw_string", "encapsed_string", "interpreted_string_literal", "raw_string_literal",
        "string_literal", "interpolated_string_expression", "verbatim_string_literal", "line_string_literal",
        "multiline_string_literal",
        "ansi_c_string", "heredoc", "character_literal",
    )
)  # fmt: skip
ENCODERS = regex(
    r"encodeURIComponent|url_?encode(?!d)|urlencoded\(|QueryEscape|EscapeDataString|UrlEncode(?!d)|URLEncoder|encodeURL|PathEscape|@uri|percent_?encode"
    r"|quote\(|(?:CGI|url)\.escape\(|curl_(?:easy_)?escape|encode\(|encode(?:Query)?Component|encode_www_form|PercentEncod|URLQueryItem",
    re.IGNORECASE,
)
_PLACES = {
    "javascript": regex(r"\$\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}"),
    "kotlin": regex(r"\$\{([^{}]*)\}|\$([A-Za-z_]\w*)"),
    "bash": regex(r"\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)|\$\{([^{}]*)\}|\$([A-Za-z_0-9@*]\w*)|`([^`]*)`"),
    "php": regex(r"\{(\$[^{}]*)\}|\$\{([^{}]*)\}|(\$[A-Za-z_]\w*(?:->\w+|\[[^\]]*\])?)"),
    "csharp": regex(r"(?<!\{)\{([^{}]*)\}(?!\})"),
    "rust": regex(r"(?<!\{)\{([^{}]*)\}(?!\})"),
    "go": regex(r"%[+#]?[svdqx]()"),
    "java": regex(r"%[0-9$]*[sd]()"),
    "lua": regex(r"%[sdq]()"),
    "ruby": regex(r"#\{([^{}]*)\}"),
    "swift": regex(r"\\\(([^()]*(?:\([^()]*\)[^()]*)*)\)"),
}
_PLACES["dart"] = _PLACES["kotlin"]
_PLACES["typescript"] = _PLACES["tsx"] = _PLACES["javascript"]
_LONGEST = 4000  # characters of a text that is looked at
_QUOTES = regex(r"^(?:[@$]*|[rbcf]*#*|\$)(\"\"\"|\"|'|`|/)")


def inner(text: str) -> str:
    """Return a literal without its quotes and prefix; of a regular expression without slashes and flags."""
    found = _QUOTES.match(text)
    if found is None or (found[1] == "/" and (len(text) < 3 or re.search(r"/[a-z]*$", text[1:]) is None)):
        return text
    quote = found[1]
    body = text[found.end() :]
    end = body.rfind(quote)
    return body[:end] if end >= 0 else body


class Texts:
    """Folds nodes to texts. ``constants`` are the file's names that hold one known text."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.places = _PLACES[language]
        self.constants: dict[str, str] = {}
        self.given: dict[
            str, list[tuple[int, str]]
        ] = {}  # by name: where it is given something, and the text or a hole
        self.function = 0  # where the function that is read begins
        self.as_typed = False  # whether a shell's variables stand for what its user writes into them

    def literal(self, text: str) -> str:
        """Return a literal's text with its interpolations folded."""
        body = text if self.language == "bash" and text.startswith("/") else inner(text)
        plain = (
            (self.language == "csharp" and "$" not in text[:2])
            or (self.language in {"javascript", "typescript", "tsx"} and not text.startswith("`"))
            or (self.language in {"bash", "php"} and text.startswith("'"))
        )
        if plain:
            return body
        return self.places.sub(lambda found: self._place(next((group for group in found.groups() if group), "")), body)

    def _place(self, expression: str) -> str:
        if ENCODERS.search(expression):
            return ENCODED
        name = (
            re.split(r"[:%#/]", expression.strip().strip("$"), maxsplit=1)[0]
            if self.language == "bash"
            else expression.strip()
        )
        known = self.constants.get(name.removeprefix("this.").lstrip("$"), HOLE)
        return HOLE if self.as_typed and known != ENCODED else known

    def local(self, name: str, node: Any) -> str:
        """Return what a name that holds several texts in the file was given last, within the function and before a node."""
        given = self.given.get(name, [])
        last = bisect_left(given, start_of(node), key=itemgetter(0)) - 1
        return given[last][1] if last >= 0 and given[last][0] >= self.function else HOLE

    def fold(self, node: Any, depth: int = 0) -> str:
        """Return a node's text: of a literal, a concatenation, a name that the file gives a text."""
        kind = node.kind()
        if length(node) > _LONGEST:
            return HOLE
        if kind in STRINGS:
            return self.literal(node.text())
        if depth < 10 and kind in {
            "binary_expression",
            "additive_expression",
            "concatenation",
            "parenthesized_expression",
            "argument",
            "value_argument",
            "await_expression",
            "reference_expression",
        }:
            parts = [
                child for child in node.children() if child.kind() not in {"+", ".", "..", "(", ")", "await", "&", ","}
            ]
            return "".join(self.fold(part, depth + 1) for part in parts)
        text = node.text()
        if len(text) < 200 and ENCODERS.search(text):
            return ENCODED
        if kind == "word" and self.language == "bash":
            return self.literal(text)
        name = text.removeprefix("this.").lstrip("$")
        if re.fullmatch(r"[\w.]+", name):
            return self.constants.get(name) or self.local(name, node)
        found = ENDPOINT_IN.search(text) if len(text) < 400 else None
        if found is not None:  # new URL("/api/v2/auth/login", base), buildUrl("auth/login"), format!("{}/api/v2/…")
            return HOLE + "/" + found[1]
        return HOLE


ENDPOINT_IN = regex(r"[\"'`/}]((?:api/v2/)?(?:auth|app|torrents|transfer|sync|log|rss|search)/[a-zA-Z]{3,})[\"'`?]")
_CONSTANT = regex(
    r"(?:^|[\s({;])(?:this\.|self\.|\$this->)?\$?([A-Za-z_]\w*)\s*(?::\s*[\w<>&' |?\[\]]+)?\s*(?::=|=(?![=>~]))\s*(?:\(?\s*)"
    r"(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`\n]*`|\$\"[^\"\n]*\"|[^\n;]{0,200})"
)


def find_constants(code: str, texts: Texts) -> None:
    """Fill in the names that are given one text in the whole file, or an address with one of qBittorrent's paths."""
    several: set[str] = set()
    for found in _CONSTANT.finditer(code):
        name, given = found[1], found[2].strip()
        if ENCODERS.search(given) is not None and "pass=" not in given and "password=" not in given:
            folded = ENCODED
        elif (re.match(r"(?:@?\$?[\"'`]|\$\")", given) and not _goes_on(code, found.end())) or (
            texts.language == "bash" and re.fullmatch(r"[^\s\"'`()|&<>]+", given)
        ):
            folded = texts.literal(given)
        elif (
            (inside := ENDPOINT_IN.search(given)) is not None
            and len(ENDPOINT_IN.findall(given)) == 1
            and not _requests(given)
        ):
            folded = HOLE + "/" + inside[1]
        else:
            several.add(name)
            texts.given.setdefault(name, []).append((found.start(1), HOLE))
            continue
        if texts.constants.get(name, folded) != folded:
            several.add(name)
        texts.constants[name] = folded
        texts.given.setdefault(name, []).append((found.start(1), folded))
    for name in several:
        texts.constants.pop(name, None)


def _goes_on(code: str, end: int) -> bool:
    return re.match(r"[ \t]*[+.?|&]", code[end : end + 8]) is not None


def _requests(text: str) -> bool:
    return re.search(r"fetch|axios|\.(?:post|get|send|request)\w*\(|curl|Post|Get|Submit|Request", text) is not None
