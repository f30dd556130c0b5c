"""The languages read by tree-sitter: which calls are HTTP requests, by which library, by which method."""

from __future__ import annotations

import re
from typing import Any

from qbdoctor.lint.facts import ENDPOINT, Body, Request
from qbdoctor.lint.tree_base import COMMENTS, LONGEST, Walker, length

_ARGUMENTS = frozenset(("arguments", "argument_list", "value_arguments", "call_suffix", "token_tree"))
_MADE = {
    "rust": r"Client::(?:new|builder)\(|reqwest::(?:get|blocking::get)\(|ClientBuilder",
    "java": r"OkHttpClient(?:\.Builder)?\(|HttpClient\.newHttpClient|HttpClient\.newBuilder|openConnection",
    "kotlin": r"OkHttpClient(?:\.Builder)?\(|HttpClient\(|HttpClient\.new|openConnection",
}
CARRIES = re.compile(
    r"cookie|\bjar\b|authorization|bearer|\bSID\b|credential_?helper|session_?id|api[-_]?key", re.IGNORECASE
)
_NO_REQUEST = re.compile(
    r"(?:^|[.>:])(?:log|info|warn|warning|error|debug|trace|println!?|printf|console\.\w+|Println|Printf|Sprintf|Errorf|format!?|URL|Uri|URI|parse|append|push|"
    r"startsWith|endsWith|includes|contains|Contains|equals|join|joinURL|concat|replace|match|test|describe|it|route|HandleFunc|Handle|expect|toBe|split|"
    r"IsMatch|assert\w*|panic|Join|Combine|encodeURIComponent|urljoin|buildUrl|buildURL|withPath|Resource|Debug|Log|Error|Info|url_for|rtrim|trim|ltrim)$"
)


class Calls(Walker):
    """Tells requests from other calls."""

    def call(self, node: Any) -> None:
        """A call: perhaps a request."""
        children = node.children()
        if not children:
            return
        arguments = next((child for child in children if child.kind() in _ARGUMENTS), None)
        if arguments is None:
            return
        end = arguments.range().start.index
        callee = self.text[max(0, end - 200) : end].rstrip()
        tail = re.search(r"((?:new\s+)?[\w.$:>?!@-]+)(?:<[^<>()]*>)?$", callee)
        name = tail[1].rstrip("!?(") if tail is not None else ""
        last = name.rsplit(".", maxsplit=1)[-1].rsplit("->", maxsplit=1)[-1]
        self.facts.names.add(last)
        if re.search(r"log_?in|log_?on|authenticate", last, re.IGNORECASE):
            self.facts.relogin.add(self.scope)
        given = [child for child in arguments.children() if child.is_named() and child.kind() not in COMMENTS][:4]
        if _no_request(name):
            return
        urls = [self.texts.fold(each) for each in given]
        url = next((each for each in urls if ENDPOINT.search(each)), "")
        if not url:
            return
        self.holds(node, ENDPOINT.findall(url)[-1])
        whole = node.text()
        statement = self.statement(node)
        library = self.library(name)
        self.facts.requests.append(
            Request(
                self.place(node),
                *self.scopes[-1],
                url,
                self.method(name, whole, given),
                library,
                "",
                self.body(
                    whole if self.language in {"javascript", "typescript", "tsx", "go", "php", "csharp"} else statement,
                ),
                bool(CARRIES.search(whole))
                or (self.language in {"javascript", "typescript", "tsx"} and url.startswith("/")),
            )
        )

    def statement(self, node: Any) -> str:
        """The text of the statement around a node: a chain of calls in it belongs together."""
        for above in [node, *node.ancestors()]:
            if above.kind().endswith(("statement", "declaration", "_item")) or above.kind() in {
                "block",
                "program",
                "source_file",
            }:
                return self.start(above, LONGEST) if length(above) < LONGEST else self.start(node, LONGEST)
        return self.start(node, LONGEST)

    def holds(self, node: Any, endpoint: str) -> None:
        """Note the variables that a request's answer goes to."""
        start = node.range().start.index
        line = self.text.rfind("\n", 0, start) + 1
        before = self.text[max(line, start - 200) : start]
        found = re.search(
            r"((?:[\[{(]\s*)?\$?[A-Za-z_][\w, :$]*?[\]})]?)\s*(?::\s*[\w<>\[\]. |]+)?\s*(?::=|=(?![=>]))\s*"
            r"(?:\w+\s*)?(?:await\s+)?[\w.&(\s]*$",
            before,
        )
        if found is None:
            return
        words = re.findall(r"[A-Za-z_]\w*", found[1])
        for word in words[-4:]:
            if word not in {"const", "let", "var", "val", "final", "auto", "_", "err", "await", "string", "mut"}:
                self.answers[self.scope, word] = endpoint

    def library(self, name: str) -> str:
        """The library that a call uses, where that is one which is known to keep no cookies."""
        if self.language in {"javascript", "typescript", "tsx"}:
            last = name.removeprefix("await ").strip()
            if last in {"fetch", "globalThis.fetch", "window.fetch", "nodeFetch", "undici.fetch"}:
                return "fetch"
            return "axios" if re.fullmatch(r"axios(?:\.\w+)?", last) else ""
        if self.language == "go":
            return (
                "net/http" if re.fullmatch(r"http\.(?:Get|Post|PostForm|Head|NewRequest(?:WithContext)?)", name) else ""
            )
        if self.language == "php":
            if name in {"curl_init", "curl_setopt"}:
                return "php-curl"
            return "php-file" if name == "file_get_contents" else ""
        if self.language in _MADE and not re.search(_MADE[self.language], self.code):
            return ""  # the client comes from elsewhere, and may keep cookies
        if self.language == "rust":
            return "reqwest" if "reqwest" in self.code and re.search(r"(?:^|[.:])(?:get|post)$", name) else ""
        if self.language in {"java", "kotlin"}:
            if "okhttp3" in self.code:
                return "okhttp"
            if "io.ktor.client" in self.code:
                return "ktor"
            return (
                "java"
                if re.search(r"java\.net\.(?:http|\*|HttpURLConnection|URL)", self.code) and "apache" not in self.code
                else ""
            )
        return ""

    def method(self, name: str, whole: str, given: list[Any]) -> str:
        """GET or POST, where the call says it."""
        last = re.split(r"\.|->|::", name)[-1]
        if self.language in {"javascript", "typescript", "tsx"}:
            if last.endswith("fetch"):
                if re.search(r"method\s*:\s*[\"'`]post", whole, re.IGNORECASE):
                    return "POST"
                options = given[1:2]
                sees = not options or (
                    options[0].kind() == "object"
                    and "..." not in options[0].text()
                    and "method" not in options[0].text()
                )
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

    def body(self, whole: str) -> Body:
        """Whether a request's body is JSON, as far as the call shows."""
        form = re.search(
            r"urlencoded|URLSearchParams|FormData|FormUrlEncodedContent|\.form\(|form_params|FormBody|submitForm", whole
        )
        if form is not None:
            return "form"
        if self.language in {"javascript", "typescript", "tsx"}:
            if re.search(r"JSON\.stringify\(", whole):
                return "json"
            axios = re.match(r"axios\.post\(\s*[^,]+,\s*\{", whole)
            return "json" if axios is not None else "unknown"
        if re.search(
            r"PostAsJsonAsync|JsonContent\.Create|\.json\(&?|[\"']application/json[\"']|[\"']json[\"']\s*=>|ContentType\.Application\.Json",
            whole,
        ):
            return "json"
        return "unknown"


def _no_request(name: str) -> bool:
    """Whether a call of that name with a path in it builds a text or writes a log rather than asks a server."""
    return _NO_REQUEST.search(name.removeprefix("new ").strip()) is not None and not name.endswith((".Resource",))
