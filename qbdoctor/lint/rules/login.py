"""Judges the login itself: how its answer is judged, how its body is made."""

from __future__ import annotations

from collections.abc import Iterator

from qbdoctor.lint.facts.outcome import answers, knows_new_answer, value, wants_old_answer
from qbdoctor.lint.facts.program import Facts, Guard
from qbdoctor.lint.findings import Hit
from qbdoctor.patterns import regex

_FIRST_API = regex(r"/?(?:query|command)/[a-zA-Z]+$")
_OK_REMEDY = (
    "Take any 2xx status whose body is not `Fails.` for a good login: 5.2 and later answer 204 with an empty body, "
    "and 401 to a wrong password."
)


def wants_ok_body(facts: Facts) -> Iterator[Hit]:
    """Yield a condition that takes a good login of 5.2 for a bad one, where nothing else in its function knows that answer."""
    if any(_FIRST_API.match(text) for text in facts.strings) and not any("api/v2" in text for text in facts.strings):
        return  # the API before 4.1 alone, which no release with new answers has
    relevant = [check for check in facts.checks if check.about != "other"]
    knowing = {check.scope for check in relevant if knows_new_answer(check.expr)}
    asked: dict[int, set[str]] = {}
    for request in facts.requests:
        asked.setdefault(request.scope, set()).add(request.endpoint)
    by_scope: dict[int, list[Guard]] = {}
    for check in relevant:
        by_scope.setdefault(check.scope, []).append(check)
    going_on = {scope: _last_that_goes_on(checks) for scope, checks in by_scope.items()}
    for check in relevant:
        if check.scope in knowing or not wants_old_answer(check.expr):
            continue
        if going_on[check.scope] > check.place.last_line:
            continue
        if not _is_about_login(facts, check, asked.get(check.scope, set()) - {""}):
            continue
        by_text = any(leaf.leaf == "body" for leaf in check.expr.leaves())
        what = "the text `Ok.`" if by_text else "the status 200"
        yield Hit(
            "client-wants-ok-body",
            "likely",
            check.place,
            f"Only {what} counts as a good login; 5.2 and later answer 204 without a body",
            _OK_REMEDY,
        )


def _last_that_goes_on(checks: list[Guard]) -> int:
    """Return the last line on which one function's conditions take any success of a new release for good; 0 for none.

    What is asked before that of an old answer is no end, as in
    ``if status == 200 and text in ("Ok.", "Fails."): …; if 200 <= status < 300: return``.
    """
    good, bad = answers()[1], answers()[3]
    if not any("Fails." in str(leaf.value) for each in checks for leaf in each.expr.leaves()):
        return 0
    takes = (
        each.place.line
        for each in checks
        if each.place.last_column and value(each.expr, good) is True and value(each.expr, bad) is False
    )
    return max(takes, default=0)


def _is_about_login(facts: Facts, check: Guard, asked: set[str]) -> bool:
    """Whether a condition is about the login, by what its function asks, calls and is called."""
    if check.about == "login":
        return True
    if check.scope in facts.login_helpers and check.about == "unknown":
        return True
    if not any(leaf.leaf == "body" for leaf in check.expr.leaves()):
        return False  # a status alone says nothing of what was called
    if asked:
        return asked == {"auth/login"}
    if check.scope and check.scope in facts.relogin:
        return True
    if check.scope in facts.asks_any and not facts.logins and any("auth/login" in text for text in facts.strings):
        return True  # the one place where answers are looked at
    words = check.scope_name.lower()
    return any(word in words for word in ("login", "auth", "sign", "connect", "session", "logon"))


def unencoded_form(facts: Facts) -> Iterator[Hit]:
    """Yield a login form put together from values that nothing encodes."""
    for form in facts.forms:
        yield Hit(
            "client-unencoded-form",
            "likely",
            form.place,
            "The login form is put together as text and the password is not encoded: with `&`, `+` or `%` in it, "
            "it arrives as another one",
            "Let the library encode the form (requests: data={...}; fetch: new URLSearchParams({...}); curl: --data-urlencode), "
            "or encode each value.",
            form.mended,
        )


def json_login(facts: Facts) -> Iterator[Hit]:
    """Yield a login sent as JSON."""
    for request in facts.logins:
        if request.body == "json":
            yield Hit(
                "client-json-login",
                "likely",
                request.place,
                "The login is sent as JSON, which qBittorrent answers with 400: it reads forms only",
                "Send a form: data= instead of json= in requests and httpx, a URLSearchParams object as the body in fetch "
                "and axios.",
                request.mended_form,
            )
        elif request.body == "octets":
            yield Hit(
                "client-json-login",
                "likely",
                request.place,
                "The login's body goes out without a form's content type, which qBittorrent answers with 400",
                "Say that it is a form: the content type application/x-www-form-urlencoded (Home Assistant: `content_type:`; "
                "Node-RED: a header of the request node).",
            )
