"""Finds in a syntax tree texts that say how the cookie, the login form and the fields are called."""

from __future__ import annotations

import re
from typing import Any

from qbdoctor.lint.facts import cookie_names
from qbdoctor.lint.facts.program import HOLE, Field, Form, Header, is_raw_login_form
from qbdoctor.lint.trees import shell
from qbdoctor.lint.trees.base import Walker
from qbdoctor.lint.trees.places import end_of, length, span, start_of
from qbdoctor.lint.trees.texts import ENCODERS, inner
from qbdoctor.patterns import regex

_MATCHERS = regex(
    r"(?:match|matchAll|exec|test|search|replace|split|RegExp|MustCompile|Compile|compile|Regex|Regex::new|toRegex|preg_\w+|Match|IsMatch|Matches)$"
)
_REPLACERS = regex(r"(?i:replace\w*|sub|Regex)$")
_INSTEAD = regex(r"\)?\s*,\s*([\"'`])([^\"'`\n]*)\1\s*[,)]")
_TESTS = regex(
    r"(?:includes|startsWith|StartsWith|indexOf|IndexOf|strip_prefix|starts_with|HasPrefix|Contains|contains|find|trim_start_matches|split|TrimPrefix|strpos|str_starts_with|str_contains|substringAfter|Split|removePrefix)$"
)
_LOOKUPS = regex(
    r"(?:equals|Equals|equalsIgnoreCase|get|getCookie|GetCookie|getCookieByName|getCookieValue|cookie|find|eq_ignore_ascii_case|contains_key|containsKey|has|ContainsKey|TryGetValue)$"
)
_BUILDERS = regex(r"(?:setCookie|addCookie|Cookie|set|Cookie::new|BasicClientCookie|HttpCookie)$")
_FILLERS = regex(
    r"(?:append|set|Set|Add|add|insert|field|text|addFormDataPart|AddParameter|AddFormParameter|Field|WriteField|put|addTextBody|addPart)$"
)
_HEADER_LINE = regex(r"(X-Api-Key|Origin|Referer):(?!//)\s*(.*)", re.IGNORECASE)


class Uses(Walker):
    """Looks at literals, object entries and members."""

    def string(self, node: Any) -> None:
        """Read a literal: kept, and looked at as a name, a pattern, a form, a field."""
        text = node.text()
        folded = self.texts.literal(text)
        self.facts.strings.append(inner(text) if self.language != "csharp" else folded)
        self.form(node, self.typed(text) if self.language == "bash" else self.filled(node, folded))
        if "SID" in text.upper() and self.language != "bash":
            self.sid(node, folded, text)
        elif self.language == "bash":
            shell.string(self, node, folded)
        if folded.lower() in {"x-api-key", "origin", "referer"}:
            self.header(node, folded)
        elif self.language != "bash" and (line := _HEADER_LINE.match(folded)) is not None:
            self.facts.headers.append(Header(self.place(node), line[1], line[2].strip(), self.scope))
        elif self.language != "bash" and re.match(r"Basic\s+[\0\1\2]|Basic $", folded):
            self.facts.headers.append(Header(self.place(node), "Authorization", folded, self.scope))
        if folded in {"paused", "stopped"}:
            self.field(node, folded)

    def filled(self, node: Any, folded: str) -> str:
        """Return a text of C# with holes at its places, where it is one that string.Format fills."""
        if self.language != "csharp" or not folded.startswith("user") or not self.around(node)[0].endswith("Format"):
            return folded
        return self.texts.places.sub(HOLE, folded)

    def typed(self, text: str) -> str:
        """Return a shell's text with what is set at its head taken for what the user will write there."""
        self.texts.as_typed = True
        folded = self.texts.literal(text)
        self.texts.as_typed = False
        return folded

    def form(self, node: Any, folded: str) -> None:
        """Read a login form put together by hand."""
        if is_raw_login_form(folded) and "\n" not in folded.strip():
            if ENCODERS.search(self.rest_of_arguments(node)):  # sprintf("password=%s", urlencode($p))
                return
            place = self.place(node)
            if not any(each.place.line == place.line for each in self.facts.forms):
                self.facts.forms.append(Form(place, folded))

    def rest_of_arguments(self, node: Any) -> str:
        """Return the arguments after a node, up to the parenthesis that ends them."""
        end = end_of(node)
        depth = 0
        for at in range(end, min(end + 300, len(self.code))):
            char = self.code[at]
            depth += (char in "([{") - (char in ")]}")
            ends = char == "\n" and self.code[at:].lstrip()[:1] not in {".", "+", "&", "|", "?", ":", ","}
            if depth < 0 or (depth == 0 and (char == ";" or ends)):
                return self.code[end:at]
        return self.code[end : end + 300]

    def concatenation(self, node: Any) -> None:
        """Texts put together: the outermost alone, since it is visited first."""
        operator = node.children()[1].text() if len(node.children()) == 3 else ""
        if operator not in {"+", ".", ".."} and node.kind() != "concatenation":
            return
        folded = self.texts.fold(node)
        self.form(node, folded)
        if re.match(rf"(?:Cookie:\s*)?{cookie_names.old_name()}=[\0\1\2]", folded):
            self.keep_sid("build", node, folded)

    def sid(self, node: Any, folded: str, text: str) -> None:
        """Read a literal with SID in it."""
        old = cookie_names.old_name()
        callee, before, after = self.around(node)
        if text.startswith("/") or _MATCHERS.search(callee):
            pattern = re.sub(r"^/(.*)/\w*$", r"\1", folded) if self.language == "php" else folded
            pattern = pattern.replace("\\\\", "\\")
            if cookie_names.pattern_is_lone(pattern):
                instead = _INSTEAD.match(after) if _REPLACERS.search(callee) else None
                if instead is None or not cookie_names.hides(pattern, instead[2]):
                    self.keep_sid("pattern", node, folded)
                return
            if text.startswith("/"):
                return
        if re.match(rf"(?:Cookie:\s*)?{old}=[\0\1\2]", folded):
            self.keep_sid("build", node, folded)
        elif folded == old:
            if re.search(r"[=!]==?\s*$", before) or re.match(r"\s*[=!]==?[^=>]", after):
                self.keep_sid("compare", node, folded)
            elif (
                (before.endswith("[") and re.match(r"\s*\](?!\s*=[^=>])", after))
                or _LOOKUPS.search(callee)
                or re.match(r"\.(?:equals|Equals)", after)
            ):
                self.keep_sid("lookup", node, folded)
            elif re.match(r"\s*=>", after) or re.search(r"\bName\s*[:=]\s*$", before) or _BUILDERS.search(callee):
                self.keep_sid("build", node, folded)
            elif self.language in {"swift", "dart", "ruby", "lua"} and re.search(
                r"(?:contains|include\?|find)$", callee
            ):
                self.facts.strings.append("QBT_SID")  # whatever has SID in it: the new name as well
        elif folded.startswith(f"{old}=") and _TESTS.search(callee):
            self.keep_sid("compare", node, folded)

    def around(self, node: Any) -> tuple[str, str, str]:
        """Return what calls a literal directly, and the code right before and after it."""
        start, end = span(node)
        before = self.text[max(0, start - 80) : start]
        after = self.text[end : end + 40]
        found = re.search(r"([\w.:>$-]+)\s*!?(?:<[^<>]*>)?\(\s*(?:&|\w+\s*[,:]\s*)?$", before)
        return (found[1] if found else ""), before, after

    def member(self, node: Any) -> None:
        """``cookie.SID``."""
        text = node.text() if length(node) < 80 else ""
        if re.search(rf"[Cc]ookies?\??\.{cookie_names.old_name()}$", text):
            self.keep_sid("lookup", node, text)

    def header(self, node: Any, name: str) -> None:
        """Read a header's name, with the value where it is written out."""
        text = node.text()
        line = self.lines[self.starts.line(node) - 1]
        after = line[line.find(text) + len(text) :]
        found = re.match(r"\]?\s*(?:=>|[:,=])\s*([\"'`])(https?://[^\"'`]*)\1", after)
        self.facts.headers.append(Header(self.place(node), name, found[2] if found else HOLE, self.scope))

    def field(self, node: Any, name: str) -> None:
        """Read the field ``paused`` or ``stopped`` as it is set."""
        callee, before, after = self.around(node)
        sets = (
            re.match(r"\s*(?:=>|:|\]\s*=[^=])", after)
            or (_FILLERS.search(callee) and re.match(r"\s*,", after))
            or (before.rstrip().endswith("{") and re.match(r"\s*,", after))
            or (
                not callee and before.rstrip().endswith("(") and re.match(r"\s*,\s*[^()]*\)", after)
            )  # ("paused", "true")
        )
        if sets and not re.match(r"\W*(?:=>|:|,|=)?\s*[\"']?false", after):
            self.facts.fields.append(Field(self.place(node), name, self.scope))

    def pair(self, node: Any) -> None:
        """``paused: true``, ``SID: x`` and ``'X-Api-Key': x`` in an object, where the key is no literal."""
        text = self.start(node, 300)
        before = self.text[max(0, start_of(node) - 20) : start_of(node)]
        if re.match(r"SID\s*:\s*[A-Za-z_]", text) and re.search(r"cookies\s*:\s*\{\s*$", before):
            self.keep_sid("build", node, "SID")
        found = re.match(r"(paused|stopped|Origin|Referer)\s*:\s*(.{0,200})", text)
        if found is not None and not found[2].strip("\"'").startswith("false"):
            place = self.place(node)
            if found[1] in {"paused", "stopped"}:
                self.facts.fields.append(Field(place, found[1], self.scope))
            else:
                value = re.match(r"([\"'`])(https?://[^\"'`]*)\1", found[2])
                self.facts.headers.append(Header(place, found[1], value[2] if value else HOLE, self.scope))
