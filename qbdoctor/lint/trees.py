"""Reads JavaScript, TypeScript, shell, PHP, Go, C#, Java, Kotlin and Rust by their syntax trees (ast-grep-py).

No data flow beyond one function: what a name holds is known where the file gives it one text, a variable that holds an
answer within its function. The extra ``qbdoctor[lint]`` is imported here and nowhere else.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any, Literal

from qbdoctor.lint import names, shell, tree_conditions
from qbdoctor.lint.facts import ENDPOINT, HOLE, Body, Check, Facts, Field, Form, Header, Place, Request, SidUse
from qbdoctor.lint.outcome import Expr
from qbdoctor.lint.tree_texts import ENCODERS, STRINGS, Texts, find_constants, inner

_FUNCTIONS = frozenset(
    (
        "function_declaration", "method_definition", "method_declaration", "function_definition", "function_item", "function_expression",
        "local_function_statement", "constructor_declaration", "generator_function_declaration", "secondary_constructor",
    )
)  # fmt: skip
_ARROWS = frozenset(("arrow_function", "function_expression", "func_literal", "lambda_literal", "closure_expression", "anonymous_function"))
_HOLDERS = frozenset(("variable_declarator", "pair", "public_field_definition", "assignment_expression", "property_declaration"))
_CALLS = frozenset(
    (
        "call_expression", "new_expression", "function_call_expression", "member_call_expression", "nullsafe_member_call_expression",
        "scoped_call_expression", "invocation_expression", "object_creation_expression", "method_invocation", "macro_invocation",
    )
)  # fmt: skip
_ARGUMENTS = frozenset(("arguments", "argument_list", "value_arguments", "call_suffix", "token_tree"))
_COMMENTS = frozenset(("comment", "line_comment", "block_comment", "multiline_comment", "shebang_comment", "doc_comment"))
_MATCHERS = re.compile(r"(?:match|matchAll|exec|test|search|replace|split|RegExp|MustCompile|Compile|compile|Regex|Regex::new|toRegex|preg_\w+|Match|IsMatch|Matches)$")
_TESTS = re.compile(r"(?:includes|startsWith|StartsWith|indexOf|IndexOf|strip_prefix|starts_with|HasPrefix|Contains|contains|find|trim_start_matches|split|TrimPrefix|strpos|str_starts_with|str_contains|substringAfter|Split|removePrefix)$")
_LOOKUPS = re.compile(r"(?:equals|Equals|equalsIgnoreCase|get|getCookie|GetCookie|getCookieByName|getCookieValue|cookie|find|eq_ignore_ascii_case|contains_key|containsKey|has|ContainsKey|TryGetValue)$")
_BUILDERS = re.compile(r"(?:setCookie|addCookie|Cookie|set|Cookie::new|BasicClientCookie|HttpCookie)$")
_FILLERS = re.compile(r"(?:append|set|Set|Add|add|insert|field|text|addFormDataPart|AddParameter|AddFormParameter|Field|WriteField|put|addTextBody|addPart)$")
_RAW_FORM = re.compile(r"(?:^|[?&;])pass(?:word)?=[\0\1]")
_CARRIES = re.compile(r"cookie|\bjar\b|authorization|bearer|\bSID\b|credential_?helper|session_?id|api[-_]?key", re.IGNORECASE)
_NODE = re.compile(r"\bprocess\.(?:env|argv|exit)|\brequire\(|from ['\"](?:node:|express|fs|path|dotenv|axios)|\bBuffer\.|node-fetch|undici")


def reader(language: str) -> Callable[[str], Facts] | None:
    """The reader of a language, or None where the extra is not installed."""
    try:
        parser = importlib.import_module("ast_grep_py").SgRoot
    except ImportError:
        return None
    return lambda text: _Reader(language, text, parser(text, language).root()).facts


class _Reader:
    """One walk over one tree."""

    def __init__(self, language: str, text: str, root: Any) -> None:
        self.language = language
        self.text = text
        self.lines = text.splitlines()
        self.facts = Facts(language)
        self.texts = Texts(language)
        self.scopes: list[tuple[int, str]] = [(0, "")]
        self.count = 0
        self.answers: dict[tuple[int, str], str] = {}  # (function, variable): the endpoint that it holds the answer of
        self.bodies: dict[int, set[str]] = {}
        self.scope_texts: dict[int, str] = {0: text}
        self.taken: set[tuple[int, int]] = set()
        self.code = _without_comments(text, root)
        find_constants(self.code, self.texts)
        carries = bool(_CARRIES.search(self.code))
        self.facts.ends_here = language == "bash" or not carries
        if language in {"javascript", "typescript", "tsx"} and re.search(r"credentials\s*:|withCredentials", self.code):
            self.facts.ends_here = not re.search(r"cookie|\bjar\b|authorization|bearer", self.code, re.IGNORECASE) and bool(_NODE.search(self.code))
        self.walk(root, None)
        self.finish()

    # --- walking ---------------------------------------------------------------------------------------------------

    @property
    def scope(self) -> int:
        """The number of the innermost function."""
        return self.scopes[-1][0]

    def place(self, node: Any) -> Place:
        """Where a node stands."""
        reach = node.range()
        return Place(reach.start.line + 1, reach.start.column + 1, reach.end.line + 1)

    def walk(self, root: Any, parent: Any) -> None:
        """Visit a tree, without recursion: generated code nests deeply."""
        stack: list[tuple[Any, Any, bool]] = [(root, parent, False)]
        while stack:
            node, above, leaving = stack.pop()
            if leaving:
                self.scopes.pop()
                continue
            kind = node.kind()
            if kind in _COMMENTS:
                continue
            if kind in _FUNCTIONS or (kind in _ARROWS and above is not None and above.kind() in _HOLDERS):
                self.count += 1
                self.scopes.append((self.count, _name(node if kind in _FUNCTIONS else above)))
                self.scope_texts[self.count] = self.code[node.range().start.index : node.range().end.index]
                stack.append((node, above, True))
            self.visit(node, kind, above)
            if kind in STRINGS and not any(child.kind() in {"template_substitution", "interpolation", "command_substitution"} for child in node.children()):
                continue
            stack.extend((child, node, False) for child in reversed(node.children()) if child.is_named())

    def visit(self, node: Any, kind: str, above: Any) -> None:
        """Look at one node."""
        if kind in STRINGS:
            self.string(node, above)
        elif kind in _CALLS:
            self.call(node)
        elif kind == "command":
            shell.command(self, node)
        elif kind in {"pair", "array_element_initializer", "keyed_element", "assignment_expression"}:
            self.pair(node)
        elif kind in {"member_expression", "member_access_expression", "navigation_expression"}:
            self.member(node)
        if kind in {"binary_expression", "concatenation", "additive_expression"}:
            self.concatenation(node)
        self.condition(node, kind)

    # --- conditions ------------------------------------------------------------------------------------------------

    def condition(self, node: Any, kind: str) -> None:
        """The outermost comparison or combination of comparisons, taken once."""
        reach = node.range()
        key = (reach.start.index, reach.end.index)
        children = node.children()
        boolean = (len(children) == 3 and children[1].text() in tree_conditions.OPERATORS and kind != "assignment_expression" and "declar" not in kind) or (
            kind in _CALLS and len(node.text()) < 200 and re.search(r"[\"'](?:Ok|Fails)\.?[\"']", node.text()) is not None
        )
        if not boolean or any(start <= key[0] and key[1] <= end for start, end in self.taken):
            return
        if kind in {"variable_assignment", "default_parameter", "init_declarator", "let_declaration", "named_argument"}:
            return
        text = node.text()
        if len(text) > 600:
            return
        bodies = self.bodies.get(self.scope)
        if bodies is None:
            bodies = self.bodies[self.scope] = _bodies(self.scope_texts[self.scope])
        made = tree_conditions.convert(node, frozenset(bodies))
        if not any(leaf.leaf for leaf in made.leaves()):
            return
        self.taken.add(key)
        number, name = self.scopes[-1]
        self.facts.checks.append(Check(self.place(node), number, name, made, self.about(text)))

    def about(self, text: str) -> Literal["login", "other", "unknown"]:
        """Whether a condition is about the login's answer, as far as the variables in it tell."""
        known = [self.answers[self.scope, name] for name in re.findall(r"[A-Za-z_]\w*", text) if (self.scope, name) in self.answers]
        if "auth/login" in known:
            return "login"
        return "other" if known else "unknown"

    # --- calls -----------------------------------------------------------------------------------------------------

    def call(self, node: Any) -> None:
        """A call: perhaps a request."""
        children = node.children()
        arguments = next((child for child in children if child.kind() in _ARGUMENTS), None)
        callee = self.text[node.range().start.index : arguments.range().start.index].strip() if arguments is not None else children[0].text()
        name = re.sub(r"<[^<>]*>$", "", callee.split("\n")[-1]).rstrip("!?(")
        last = name.rsplit(".", maxsplit=1)[-1].rsplit("->", maxsplit=1)[-1]
        self.facts.names.add(last)
        if re.search(r"log_?in|log_?on|authenticate", last, re.IGNORECASE):
            self.facts.relogin.add(self.scope)
        if arguments is None or len(callee) > 2000:
            return
        given = [child for child in arguments.children() if child.is_named() and child.kind() not in _COMMENTS][:4]
        if _no_request(name):
            return
        urls = [self.texts.fold(each) for each in given]
        url = next((each for each in urls if ENDPOINT.search(each)), "")
        if not url:
            return
        self.holds(node, ENDPOINT.findall(url)[-1])
        whole = node.text()
        statement = self.statement(node)
        library = self.library(name, whole)
        self.facts.requests.append(
            Request(
                self.place(node),
                *self.scopes[-1],
                url,
                self.method(name, whole, given),
                library,
                "",
                self.body(name, whole if self.language in {"javascript", "typescript", "tsx", "go", "php", "csharp"} else statement),
                bool(_CARRIES.search(whole)) or (self.language in {"javascript", "typescript", "tsx"} and url.startswith("/")),
            )
        )

    def statement(self, node: Any) -> str:
        """The text of the statement around a node: a chain of calls in it belongs together."""
        for above in [node, *node.ancestors()]:
            if above.kind().endswith(("statement", "declaration", "_item")) or above.kind() in {"block", "program", "source_file"}:
                return str(above.text()) if len(above.text()) < 3000 else str(node.text())
        return str(node.text())

    def holds(self, node: Any, endpoint: str) -> None:
        """Note the variables that a request's answer goes to."""
        start = node.range().start.index
        line = self.text.rfind("\n", 0, start) + 1
        before = self.text[max(line, start - 200) : start]
        found = re.search(r"((?:[\[{(]\s*)?\$?[A-Za-z_][\w, :$]*?[\]})]?)\s*(?::\s*[\w<>\[\]. |]+)?\s*(?::=|=(?![=>]))\s*(?:\w+\s*)?(?:await\s+)?[\w.&(\s]*$", before)
        if found is None:
            return
        words = re.findall(r"[A-Za-z_]\w*", found[1])
        for word in words[-4:]:
            if word not in {"const", "let", "var", "val", "final", "auto", "_", "err", "await", "string", "mut"}:
                self.answers[self.scope, word] = endpoint

    def library(self, name: str, whole: str) -> str:
        """The library that a call uses, where that is one which is known to keep no cookies."""
        if self.language in {"javascript", "typescript", "tsx"}:
            last = name.removeprefix("await ").strip()
            if last in {"fetch", "globalThis.fetch", "window.fetch", "nodeFetch", "undici.fetch"}:
                return "fetch"
            return "axios" if re.fullmatch(r"axios(?:\.\w+)?", last) else ""
        if self.language == "go":
            return "net/http" if re.fullmatch(r"http\.(?:Get|Post|PostForm|Head|NewRequest(?:WithContext)?)", name) else ""
        if self.language == "php":
            if name in {"curl_init", "curl_setopt"}:
                return "php-curl"
            return "php-file" if name == "file_get_contents" else ""
        if self.language == "rust":
            return "reqwest" if "reqwest" in self.code and re.search(r"(?:^|[.:])(?:get|post)$", name) else ""
        if self.language in {"java", "kotlin"}:
            if "okhttp3" in self.code:
                return "okhttp"
            if "io.ktor.client" in self.code:
                return "ktor"
            return "java" if re.search(r"java\.net\.(?:http|\*|HttpURLConnection|URL)", self.code) and "apache" not in self.code else ""
        return ""

    def method(self, name: str, whole: str, given: list[Any]) -> str:
        """GET or POST, where the call says it."""
        last = re.split(r"\.|->|::", name)[-1]
        if self.language in {"javascript", "typescript", "tsx"}:
            if last.endswith("fetch"):
                if re.search(r"method\s*:\s*[\"'`]post", whole, re.IGNORECASE):
                    return "POST"
                options = given[1:2]
                sees = not options or (options[0].kind() == "object" and "..." not in options[0].text() and "method" not in options[0].text())
                return "GET" if sees and last == "fetch" else ""
            if not name.startswith("axios"):
                return ""
        if last in {"get", "Get", "GetAsync", "GetStringAsync"}:
            return "GET"
        if last == "file_get_contents" and len(given) == 1:
            return "GET"
        found = re.search(r"[\"'](GET|POST)[\"']|Method\.(Get|Post)\b|http\.Method(Get|Post)", whole)
        if found is not None and last != "curl_setopt":
            return next(group for group in found.groups() if group).upper()
        return "POST" if last.lower().startswith("post") else ""

    def body(self, name: str, whole: str) -> Body:
        """Whether a request's body is JSON, as far as the call shows."""
        form = re.search(r"urlencoded|URLSearchParams|FormData|FormUrlEncodedContent|\.form\(|form_params|FormBody|submitForm", whole)
        if form is not None:
            return "form"
        if self.language in {"javascript", "typescript", "tsx"}:
            if re.search(r"JSON\.stringify\(", whole):
                return "json"
            axios = re.match(r"axios\.post\(\s*[^,]+,\s*\{", whole)
            return "json" if axios is not None else "unknown"
        if re.search(r"PostAsJsonAsync|JsonContent\.Create|\.json\(&?|[\"']application/json[\"']|[\"']json[\"']\s*=>|ContentType\.Application\.Json", whole):
            return "json"
        return "unknown"

    # --- texts -----------------------------------------------------------------------------------------------------

    def string(self, node: Any, above: Any) -> None:
        """A literal: kept, and looked at as a name, a pattern, a form, a field."""
        text = node.text()
        folded = self.texts.literal(text)
        self.facts.strings.append(inner(text) if self.language != "csharp" else folded)
        self.form(node, folded)
        if "SID" in text.upper() and self.language != "bash":
            self.sid(node, folded, text, above)
        elif self.language == "bash":
            shell.string(self, node, folded)
        if folded.lower() in {"x-api-key", "origin", "referer"}:
            self.header(node, folded)
        if folded in {"paused", "stopped"}:
            self.field(node, folded)

    def form(self, node: Any, folded: str) -> None:
        """A login form put together by hand."""
        if "user" in folded and _RAW_FORM.search(folded) and "\n" not in folded.strip():
            end = node.range().end.index
            if ENCODERS.search(self.text[end : end + 300]):  # sprintf("password=%s", urlencode($p))
                return
            place = self.place(node)
            if not any(each.place.line == place.line for each in self.facts.forms):
                self.facts.forms.append(Form(place, folded))

    def concatenation(self, node: Any) -> None:
        """Texts put together: the outermost alone, since it is visited first."""
        operator = node.children()[1].text() if len(node.children()) == 3 else ""
        if operator not in {"+", "."} and node.kind() != "concatenation":
            return
        folded = self.texts.fold(node)
        self.form(node, folded)
        if re.match(rf"(?:Cookie:\s*)?{names.old_name()}=[\0\1\2]", folded):
            self.keep_sid("build", node, folded)

    def sid(self, node: Any, folded: str, text: str, above: Any) -> None:
        """A literal with SID in it."""
        old = names.old_name()
        callee, before, after = self.around(node, above)
        if text.startswith("/") or _MATCHERS.search(callee):
            pattern = re.sub(r"^/(.*)/\w*$", r"\1", folded) if self.language == "php" else folded
            if names.pattern_is_lone(pattern.replace("\\\\", "\\")):
                self.keep_sid("pattern", node, folded)
                return
            if text.startswith("/"):
                return
        if re.match(rf"(?:Cookie:\s*)?{old}=[\0\1\2]", folded):
            self.keep_sid("build", node, folded)
        elif folded == old:
            if re.search(r"[=!]==?\s*$", before) or re.match(r"\s*[=!]==?[^=>]", after):
                self.keep_sid("compare", node, folded)
            elif (before.endswith("[") and re.match(r"\s*\](?!\s*=[^=>])", after)) or _LOOKUPS.search(callee) or re.match(r"\.(?:equals|Equals)", after):
                self.keep_sid("lookup", node, folded)
            elif re.match(r"\s*=>", after) or re.search(r"\bName\s*[:=]\s*$", before) or _BUILDERS.search(callee):
                self.keep_sid("build", node, folded)
        elif folded.startswith(f"{old}=") and _TESTS.search(callee):
            self.keep_sid("compare", node, folded)

    def around(self, node: Any, above: Any) -> tuple[str, str, str]:
        """What calls a literal directly, and the code right before and after it."""
        reach = node.range()
        before = self.text[max(0, reach.start.index - 80) : reach.start.index]
        after = self.text[reach.end.index : reach.end.index + 40]
        found = re.search(r"([\w.:>$-]+)\s*!?(?:<[^<>]*>)?\(\s*(?:&|\w+\s*[,:]\s*)?$", before)
        return (found[1] if found else ""), before, after

    def keep_sid(self, kind: Literal["lookup", "compare", "pattern", "build"], node: Any, text: str) -> None:
        """Keep a place that knows SID alone, one a line."""
        place = self.place(node)
        if not any(each.place.line == place.line for each in self.facts.sids):
            self.facts.sids.append(SidUse(place, kind, text, self.scope))

    def member(self, node: Any) -> None:
        """``cookie.SID``."""
        text = node.text()
        if len(text) < 80 and re.search(rf"[Cc]ookies?\??\.{names.old_name()}$", text):
            self.keep_sid("lookup", node, text)

    def header(self, node: Any, name: str) -> None:
        """A header's name, with the value where it is written out."""
        line = self.lines[self.place(node).line - 1]
        after = line[line.find(node.text()) + len(node.text()) :]
        found = re.match(r"\]?\s*(?:=>|[:,=])\s*([\"'`])(https?://[^\"'`]*)\1", after)
        self.facts.headers.append(Header(self.place(node), name, found[2] if found else HOLE, self.scope))

    def field(self, node: Any, name: str) -> None:
        """The field ``paused`` or ``stopped`` as it is set."""
        callee, before, after = self.around(node, None)
        sets = re.match(r"\s*(?:=>|:|\]\s*=[^=])", after) or (_FILLERS.search(callee) and re.match(r"\s*,", after)) or (before.rstrip().endswith("{") and re.match(r"\s*,", after))
        if sets and not re.match(r"\W*(?:=>|:|,|=)?\s*[\"']?false", after):
            self.facts.fields.append(Field(self.place(node), name, self.scope))

    def pair(self, node: Any) -> None:
        """``paused: true``, ``SID: x`` and ``'X-Api-Key': x`` in an object, where the key is no literal."""
        text = node.text()
        found = re.match(r"(paused|stopped|Origin|Referer)\s*:\s*(.{0,200})", text)
        if found is not None and not found[2].strip("\"'").startswith("false"):
            place = self.place(node)
            if found[1] in {"paused", "stopped"}:
                self.facts.fields.append(Field(place, found[1], self.scope))
            else:
                value = re.match(r"([\"'`])(https?://[^\"'`]*)\1", found[2])
                self.facts.headers.append(Header(place, found[1], value[2] if value else HOLE, self.scope))

    # --- the end ---------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Note the functions that speak of 204 in any way: they know what newer releases answer."""
        for number, text in self.scope_texts.items():
            if number and re.search(r"\b204\b|No_?Content\b", text, re.IGNORECASE):
                self.facts.checks.append(Check(Place(1, 1, 1), number, "", Expr("cmp", leaf="status", op="==", value=204), "unknown"))
        if self.scope_texts[0] and self.count == 0 and re.search(r"\b204\b|No_?Content\b|\b20\[04|\b20\*|\b2\?\?", self.code, re.IGNORECASE):
            self.facts.checks.append(Check(Place(1, 1, 1), 0, "", Expr("cmp", leaf="status", op="==", value=204), "unknown"))


def _bodies(text: str) -> set[str]:
    found = re.findall(r"([\w.$()\s]{1,60}?)\s*[=!]==?\s*[\"'](?:Ok|Fails)\.?[\"']", text)
    found += re.findall(r"[\"'](?:Ok|Fails)\.?[\"']\s*[=!]==?\s*([\w.$()]{1,60})", text)
    found += re.findall(r"([\w.$]+)\.(?:equals|includes|contains)\(\s*[\"'](?:Ok|Fails)\.?[\"']", text, re.IGNORECASE)
    return {name for each in found for name in [re.split(r"\.(?:trim|Trim|toString|text)\b", each.strip().lstrip("($"))[0].rsplit(" ", maxsplit=1)[-1].rsplit(".", maxsplit=1)[-1].strip("()$")] if name} | {
        tree_conditions.root(each) for each in found if tree_conditions.root(each)
    }


def _without_comments(text: str, root: Any) -> str:
    """The text with comments blanked, at the same length."""
    made = list(text)
    stack = [root]
    while stack:
        node = stack.pop()
        if node.kind() in _COMMENTS:
            reach = node.range()
            for index in range(reach.start.index, min(reach.end.index, len(made))):
                if made[index] != "\n":
                    made[index] = " "
        else:
            stack.extend(node.children())
    return "".join(made)


def _name(node: Any) -> str:
    found = node.field("name") or node.field("key") or node.field("property")
    if found is not None:
        return str(found.text())
    match = re.search(r"(?:fun|function|fn|func)?\s*([A-Za-z_]\w*)\s*[(=:]", node.text()[:200])
    return match[1] if match else ""


_NO_REQUEST = re.compile(
    r"(?:^|[.>:])(?:log|info|warn|warning|error|debug|trace|println!?|printf|console\.\w+|Println|Printf|Sprintf|Errorf|format!?|URL|Uri|URI|parse|append|push|"
    r"startsWith|endsWith|includes|contains|Contains|equals|join|joinURL|concat|replace|match|test|describe|it|route|HandleFunc|Handle|expect|toBe|split|"
    r"IsMatch|assert\w*|panic|Join|Combine|encodeURIComponent|urljoin|buildUrl|buildURL|withPath|Resource|Debug|Log|Error|Info|url_for|rtrim|trim|ltrim)$"
)


def _no_request(name: str) -> bool:
    """Whether a call of that name with a path in it builds a text or writes a log rather than asks a server."""
    return _NO_REQUEST.search(name.removeprefix("new ").strip()) is not None and not name.endswith((".Resource",))
