"""Finds which calls are HTTP requests in a syntax tree, by which library, by which method."""

from __future__ import annotations

import re
from typing import Any

from qbdoctor.lint.facts.program import ENDPOINT, HOLE, Body, Request
from qbdoctor.lint.trees.base import COMMENTS, LONGEST
from qbdoctor.lint.trees.flow import Flow
from qbdoctor.lint.trees.places import length, span, start_of
from qbdoctor.patterns import regex
from qbdoctor.values import replace

_ARGUMENTS = frozenset(("arguments", "argument_list", "value_arguments", "call_suffix", "token_tree"))
_MADE = {
    "rust": r"Client::(?:new|builder)\(|reqwest::(?:get|blocking::get)\(|ClientBuilder",
    "java": r"OkHttpClient(?:\.Builder)?\(|HttpClient\.newHttpClient|HttpClient\.newBuilder|openConnection",
    "kotlin": r"OkHttpClient(?:\.Builder)?\(|HttpClient\(|HttpClient\.new|openConnection",
}
CARRIES = regex(
    r"cookie|\bjar\b|authorization|bearer|\bSID\b|credential_?helper|session_?id|api[-_]?key", re.IGNORECASE
)
_NO_REQUEST = regex(
    r"(?:^|[.>:])(?:log|info|warn|warning|error|debug|trace|println!?|printf|console\.\w+|Println|Printf|Sprintf|Errorf|format!?|URL|Uri|URI|parse|append|push|"
    r"startsWith|endsWith|includes|contains|Contains|equals|join|joinURL|concat|replace|match|test|describe|it|route|HandleFunc|Handle|expect|toBe|split|"
    r"IsMatch|assert\w*|panic|Join|Combine|encodeURIComponent|urljoin|buildUrl|buildURL|withPath|Resource|Debug|Log|Error|Info|url_for|rtrim|trim|ltrim)$"
)


_JSON_BODY = regex(
    r"PostAsJsonAsync|JsonContent\.Create|\.json\(&?|[\"']application/json[\"']|application/json; charset|[\"']json[\"']\s*=>"
    r"|ContentType\.Application\.Json"
)
_HANDS_ON = frozenset(
    ("then", "use", "let", "also", "map", "flatMap", "thenApply", "thenAccept", "subscribe", "andThen")
)
_ADDRESS = regex(r"\b(?:url|uri|path|URL|endpoint)\s*:\s*&?([A-Za-z_]\w*)\b(?!\s*[(.:+])")
_ANY_PATH = regex(r"\bpath\s*:\s*[\"'`]/?api/v2/?(?:[\"'`]\s*\+\s*\w+|\$\{\w+\})")
_QBITS_LOGIN = regex(r"\bq[-_]?b(?:it)?(?:torrent)?\w*(?:\.|->)log_?in$", re.IGNORECASE)


class Calls(Flow):
    """Tells requests from other calls. ``helpers`` holds, by a function's name, the request that it makes for any path."""

    def __init__(self, language: str, text: str, code: str) -> None:
        super().__init__(language, text, code)
        self.helpers: dict[str, Request] = {}
        self.callees: list[str] = []  # what is called, for each of the facts' requests
        self.instances = _instances(language, code)
        self.known: dict[str, bool] = {}

    def call(self, node: Any) -> None:
        """Read a call: perhaps a request."""
        children = node.children()
        if not children:
            return
        arguments = next((child for child in children if child.kind() in _ARGUMENTS), None)
        if arguments is None:
            if children[-1].kind() in {"annotated_lambda", "lambda_literal"}:  # call(…).use { answer -> … }
                self.then(node, children[-1])
            return
        end = start_of(arguments)
        callee = self.text[max(0, end - 200) : end].rstrip()
        tail = re.search(r"((?:new\s+)?[\w.$:>?!@-]+)(?:<[^<>()]*>)?$", callee)
        name = tail[1].rstrip("!?(") if tail is not None else ""
        last = name.rsplit(".", maxsplit=1)[-1].rsplit("->", maxsplit=1)[-1]
        self.facts.names.add(last)
        if re.search(r"log_?in|log_?on|authenticate", last, re.IGNORECASE):
            self.facts.logs_in_at(self.scope, self.starts.line(node))
        self.named_calls.append((last, self.scopes[-1][1], node))
        if last in _HANDS_ON:
            self.then(node, arguments)
        elif last == "openConnection":
            self.connection(node, arguments)
            return
        given = [child for child in arguments.children() if child.is_named() and child.kind() not in COMMENTS][:4]
        if _no_request(name):
            if re.search(r"\bUR[LI](?:\.create)?$", name):
                text = next((text for text in map(self.texts.fold, given) if ENDPOINT.search(text)), "")
                if text:
                    self.holds(node, ENDPOINT.findall(text)[-1])
            return
        urls = [self.address(each) for each in given]
        url = next((each for each in urls if ENDPOINT.search(each)), "")
        if not url:
            self.passed_on(node, name, given)
            if not urls or HOLE not in urls[0] or "/" not in urls[0] or not self.scopes[-1][1]:
                return
        library, client = self.library(name)
        start, end = span(node)
        whole = self.code[start:end]
        if not url:
            if library:
                made = self.made(node, name, whole, given, urls[0], library, client)
                known = self.helpers.setdefault(self.scopes[-1][1], made)
                if known.method != made.method:  # GET in one branch and POST in another: the caller decides
                    self.helpers[self.scopes[-1][1]] = replace(known, method="")
            return
        endpoint = ENDPOINT.findall(url)[-1]
        self.holds(node, endpoint)
        if last == "curl_setopt":  # what curl_exec and curl_getinfo give for this handle belongs to it
            self.answers[self.scope, given[0].text().lstrip("$")] = endpoint
        if endpoint == "auth/login":
            self.facts.logs_in_at(self.scope, self.starts.line(node))
        self.callees.append(last)
        self.facts.requests.append(self.made(node, name, whole, given, url, library, client))

    def address(self, node: Any) -> str:
        """Return an argument's text; of a struct or an object the text of its address."""
        folded = self.texts.fold(node)
        if (
            folded == HOLE
            and node.kind() in {"struct_expression", "object", "composite_literal"}
            and length(node) < 600
        ):
            named = _ADDRESS.search(node.text())
            if named is None and _ANY_PATH.search(node.text()) is not None:
                return f"{HOLE}/api/v2/{HOLE}"
            return self.texts.constants.get(named[1], HOLE) if named is not None else HOLE
        return folded

    def made(self, node: Any, name: str, whole: str, given: list[Any], url: str, library: str, client: str) -> Request:
        """Return the request that a call makes."""
        script = self.language in {"javascript", "typescript", "tsx"}
        text = whole if script or self.language in {"go", "php", "csharp"} else self.statement(node)
        looped, guarded = self.passed(node)
        return Request(
            self.place(node), *self.scopes[-1], url, self.method(name, whole, given), library, client,
            self.body(name, given, text + self.definitions(given, text)),
            bool(CARRIES.search(whole)) or (script and url.startswith("/") and client != "instance"),
            looped, guarded=guarded,
            in_query=bool(script and re.search(r",\s*(?:null|undefined|\{\s*\})\s*,\s*\{\s*params\b", whole)),
        )  # fmt: skip

    def resolve_helpers(self) -> None:
        """Take calls of a function that makes a request for any path for such requests."""
        for index, request in enumerate(self.facts.requests):
            helper = self.helpers.get(self.callees[index]) if index < len(self.callees) else None
            if helper is not None and not request.library:
                if request.is_login:
                    self.facts.login_helpers.add(helper.scope)
                self.facts.requests[index] = replace(
                    request, library=helper.library, client=helper.client, place=helper.place,
                    method=request.method or helper.method, carries=request.carries or helper.carries,
                )  # fmt: skip

    def then(self, node: Any, arguments: Any) -> None:
        """``fetch(login).then((answer) => …)``: what the parameter holds."""
        begin = start_of(node)
        found = ENDPOINT.findall(re.sub(r"[\"'`]", "/", self.code[begin : start_of(arguments)][-LONGEST:]))
        parameter = re.match(
            r"[({]\s*(?:async\s*)?(?:function\s*\w*\s*)?\(?\s*([A-Za-z_$][\w$]*)", self.start(arguments, 80)
        )
        if found and parameter is not None:
            self.answers[self.scope, parameter[1]] = found[-1]

    def connection(self, node: Any, arguments: Any) -> None:
        """Read ``new URL(base + "/api/v2/…").openConnection()``, in one or by a variable."""
        begin = start_of(node)
        receiver = self.code[begin : start_of(arguments)][-LONGEST:]
        found = ENDPOINT.findall(re.sub(r"[\"']", "/", receiver))
        word = re.match(r"\s*([A-Za-z_]\w*)\s*\.", receiver)
        endpoint = found[-1] if found else self.answers.get((self.scope, word[1]), "") if word is not None else ""
        if not endpoint:
            return
        self.holds(node, endpoint)
        if endpoint == "auth/login":
            self.facts.logs_in_at(self.scope, self.starts.line(node))
        looped, guarded = self.passed(node)
        self.callees.append("openConnection")
        self.facts.requests.append(
            Request(
                self.place(node),
                *self.scopes[-1],
                f"{HOLE}/api/v2/{endpoint}",
                "",
                "java",
                looped=looped,
                guarded=guarded,
            )
        )

    def passed_on(self, node: Any, name: str, given: list[Any]) -> None:
        """``answer = client.send(request)``: what is made of a known request, or of its answer, belongs to it."""
        if _QBITS_LOGIN.search(name) or (
            re.search(r"log_?in|sign_?in|authenticate", name, re.IGNORECASE) and self.logs_in(name)
        ):
            self.holds(node, "auth/login")
            return
        words = [*re.findall(r"[A-Za-z_]\w*", name), *(each.text() for each in given if length(each) < 40)]
        for word in words:
            known = self.answers.get((self.scope, word.lstrip("$&")))
            if known:
                self.holds(node, known)
                return
        self.holds(node, "")  # what a name held before, it holds no more

    def logs_in(self, name: str) -> bool:
        """Whether a function of that name makes the login and no other request, as far as the file was read."""
        last = re.split(r"\.|->|::", name)[-1].strip()
        asked = {request.endpoint for request in self.facts.requests if request.scope_name == last}
        return asked == {"auth/login"}

    def definitions(self, given: list[Any], text: str) -> str:
        """Return what the variables in a call are given, as far as one statement of its function says."""
        names = {each.text().lstrip("$&") for each in given if length(each) < 40}
        names |= set(re.findall(r"[(,]\s*&?\$?([A-Za-z_]\w*)\s*[),]", text))
        made = []
        for name in sorted(names):
            if re.fullmatch(r"[A-Za-z_]\w*", name):
                pattern = rf"(?:^|[\s$]){name}\s*(?::[^=\n]+)?(?::=|=(?!=))([^;\n]{{0,400}})"
                made += re.findall(pattern, self.scope_texts.get(self.scope, ""))[:2]
        return " ".join(("", *made))

    def statement(self, node: Any) -> str:
        """Return the text of the statement around a node: a chain of calls in it belongs together."""
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
        start = start_of(node)
        line = self.text.rfind("\n", 0, start) + 1
        before = self.text[max(line, start - 200) : start]
        found = re.search(
            r"((?:[\[{(]\s*)?\$?[A-Za-z_][\w, :$]*?[\]})]?)\s*(?::\s*[\w<>\[\]. |]+)?\s*(?::=|=(?![=>]))\s*"
            r"(?:\([\w.<>]+\)\s*)?(?:\w+\s*)?(?:await\s+)?[\w.&(\s]*$",
            before,
        )
        if found is None:
            return
        words = re.findall(r"[A-Za-z_]\w*", found[1])
        for word in words[-4:]:
            if word not in {"const", "let", "var", "val", "final", "auto", "_", "err", "await", "string", "mut"}:
                self.answers[self.scope, word] = endpoint

    def library(self, name: str) -> tuple[str, str]:
        """Return the library that a call uses, where it is known to keep no cookies; and as in ``Request.client``."""
        owner, _, last = name.removeprefix("await ").strip().rpartition(".")
        if self.language == "csharp" and re.search(r"(?:Get|Post|Put|Delete|Send)\w*Async$", last):
            if self.has(r"UseCookies\s*=\s*false"):
                return "httpclient", ""
            return "httpclient", self.local(owner)
        if self.language in {"javascript", "typescript", "tsx"} and owner.removeprefix("this.") in self.instances:
            return "axios", "instance"
        return self.plain(name), ""

    def has(self, pattern: str) -> bool:
        """Whether the file's code holds a pattern; looked for once."""
        if pattern not in self.known:
            self.known[pattern] = re.search(pattern, self.code) is not None
        return self.known[pattern]

    def local(self, owner: str) -> str:
        """Return a client that a function makes and keeps to itself; "?" for any other."""
        text = self.scope_texts.get(self.scope, "")
        if not self.scope or not re.fullmatch(r"\w+", owner):
            return "?"
        if re.search(rf"\b{owner}\s*=\s*new\s+HttpClient\(\s*\)", text) is None:
            return "?"
        handed_on = re.search(rf"(?:return\s+|[(,]\s*|=\s*){owner}\b(?!\s*[.=])", text)
        return "?" if handed_on else f"new:{self.scope}:{owner}"

    def plain(self, name: str) -> str:
        """Return the library, where no object of the file is its client."""
        if self.language in {"javascript", "typescript", "tsx"}:
            last = name.removeprefix("await ").strip()
            if last in {"fetch", "globalThis.fetch", "window.fetch", "nodeFetch", "undici.fetch"}:
                return "fetch"
            if last in {"http.request", "https.request"}:
                return "node-http"
            return "axios" if re.fullmatch(r"axios(?:\.\w+)?", last) else ""
        if self.language == "go":
            if re.fullmatch(r"http\.(?:Get|Post|PostForm|Head)", name):
                return "net/http"
            if not self.has(r"\bhttp\.(?:Client\s*\{|DefaultClient)|new\(http\.Client\)"):
                return ""  # the client comes from elsewhere, and may have a jar
            return "net/http" if re.search(r"\.(?:Get|Post|PostForm|Head|NewRequest(?:WithContext)?)$", name) else ""
        if self.language == "php":
            if name in {"curl_init", "curl_setopt"}:
                return "php-curl"
            if self.has("GuzzleHttp") and self.has(r"new\s+\\?(?:GuzzleHttp\\)?Client\("):
                return "guzzle" if re.search(r"->(?:get|post|request|put|delete)$", name) else ""
            return "php-file" if name == "file_get_contents" else ""
        if self.language in _MADE and not self.has(_MADE[self.language]):
            return ""  # the client comes from elsewhere, and may keep cookies
        if self.language == "rust":
            return "reqwest" if self.has("reqwest") and re.search(r"(?:^|[.:])(?:get|post)$", name) else ""
        if self.language in {"java", "kotlin"}:
            if self.has("okhttp3"):
                return "okhttp"
            if self.has(r"io\.ktor\.client"):
                return "ktor"
            return (
                "java" if self.has(r"java\.net\.(?:http|\*|HttpURLConnection|URL)") and not self.has("apache") else ""
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
        if last == "curl_setopt" and self.scope:
            return self.method_of_handle(given[0].text())
        found = re.search(r"[\"'](GET|POST)[\"']|Method\.(Get|Post)\b|http\.Method(Get|Post)", whole)
        if found is not None and last != "curl_setopt":
            return next(group for group in found.groups() if group).upper()
        return "POST" if last.lower().startswith("post") else ""

    def method_of_handle(self, handle: str) -> str:
        """Return the method of PHP's curl for a handle: GET where its function sets no other and hands it to nothing else."""
        text = self.scope_texts.get(self.scope, "")
        if re.search(r"CURLOPT_(?:POST|CUSTOMREQUEST|NOBODY|PUT|UPLOAD|HTTPGET)", text):
            return ""
        users = re.findall(rf"(\w+)\([^()\n;]{{0,80}}{re.escape(handle)}\b", text)
        return (
            "GET"
            if set(users) <= {"curl_setopt", "curl_exec", "curl_getinfo", "curl_error", "curl_errno", "curl_close"}
            else ""
        )

    def body(self, name: str, given: list[Any], whole: str) -> Body:
        """Whether a request's body is JSON, as far as the call shows."""
        form = re.search(
            r"urlencoded|URLSearchParams|FormData|FormUrlEncodedContent|\.form\(|form_params|FormBody|submitForm", whole
        )
        if form is not None:
            return "form"
        if self.language in {"javascript", "typescript", "tsx"}:
            if re.search(r"JSON\.stringify\(", whole):
                return "json"
            if (
                name.endswith(".post")
                and len(given) > 1
                and given[1].kind() == "object"
                and "axios" in self.code.lower()
            ):
                return "json" if re.search(r"user|pass", given[1].text(), re.IGNORECASE) else "unknown"
            return "json" if re.search(r"\bjson\s*:\s*(?:\{|true|[A-Za-z_]\w*\s*[,}])", whole) else "unknown"
        if _JSON_BODY.search(whole):
            return "json"
        return "unknown"


def _instances(language: str, code: str) -> frozenset[str]:
    """Return the names of axios clients that are made without anything that keeps cookies, for an address of another host."""
    if language not in {"javascript", "typescript", "tsx"} or "axios.create(" not in code:
        return frozenset()
    made = re.findall(r"(?:this\.)?([\w$#]+)\s*(?::\s*[\w<>]+\s*)?=\s*axios\.create\(([^;]{0,300})", code)
    return frozenset(name for name, options in made if not re.search(r"baseURL\s*:\s*[\"'`](?!https?:|\$\{)", options))


def _no_request(name: str) -> bool:
    """Whether a call of that name with a path in it builds a text or writes a log rather than asks a server."""
    return _NO_REQUEST.search(name.removeprefix("new ").strip()) is not None and not name.endswith((".Resource",))
