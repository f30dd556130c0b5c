"""Translates answers into those of the spoken release; what needs none streams as it comes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

from qbdoctor import releases
from qbdoctor.bridge.dialect import ADD, READ_PREFERENCES, Dialect
from qbdoctor.bridge.streams import beginning, chained, once
from qbdoctor.forwarding.forwarder import Headers, Incoming

BODY_MOST = 1 << 20
"""Bytes of an answer that is read whole before it is translated; a longer one passes as it is."""
Changes = list[tuple[str, str]]
_FRAMING = {"content-length", "transfer-encoding", "content-encoding"}


def with_body(answer: Incoming, status: int, reason: str, body: bytes, content_type: str | None = None) -> Incoming:
    """Return an answer with another status and body; its other headers stay."""
    dropped = _FRAMING if content_type is None else {*_FRAMING, "content-type"}
    headers = [(name, value) for name, value in answer.headers if name.lower() not in dropped]
    if content_type is not None:
        headers.append(("content-type", content_type))
    return Incoming(status, reason, [*headers, ("content-length", str(len(body)))], once(body))


def reads_body(dialect: Dialect, action: str) -> bool:
    """Whether the answer to an action may have to be read, so that it must not come compressed."""
    if dialect.real is None:
        return False
    return (
        dialect.version_text(action) is not None
        or (action == ADD and dialect.add_as_text)
        or (action == READ_PREFERENCES and bool(dialect.gone_preferences))
        or bool(dialect.states(action))
    )


async def login(dialect: Dialect, answer: Incoming, *, foreign: bool) -> tuple[Incoming, bool | None, Changes]:
    """Return the answer to a login, whether it was accepted (None: it was not judged), and what was changed.

    ``foreign``: the request has a source that the server may have refused it for, with the answer to a wrong password.
    """
    body = await beginning(answer.body, BODY_MOST)
    text = body.decode("utf-8", "replace").strip()
    accepted: bool | None = None
    if answer.status == 204 or (answer.status == 200 and text == "Ok."):
        accepted = True
    elif (answer.status == 200 and text == "Fails.") or (answer.status == 401 and not foreign):
        accepted = False
    if accepted is None:
        return replace(answer, body=chained(body, answer.body)), None, []
    wanted = (releases.login_accepted if accepted else releases.login_refused)(dialect.spoken)
    if wanted.status == answer.status and wanted.body == text:
        return replace(answer, body=chained(body, answer.body)), accepted, []
    change = ("login-answer", f"{answer.status} → {wanted.status} {wanted.body}".rstrip())
    if wanted.status == 204:
        kept = [each for each in answer.headers if each[0].lower() not in {*_FRAMING, "content-type"}]
        return Incoming(204, "No Content", kept, once(b"")), accepted, [change]
    reason = {200: "OK", 401: "Unauthorized"}[wanted.status]
    return with_body(answer, wanted.status, reason, wanted.body.encode(), "text/plain"), accepted, [change]


async def call(dialect: Dialect, action: str, answer: Incoming) -> tuple[Incoming, Changes]:
    """Return the answer to any other action, by the name that the server has for it, and what was changed."""
    answer = replace(answer, reason=dialect.reason(answer.status, answer.reason))
    if dialect.real is None:
        return answer, []
    if action == ADD and dialect.add_as_text and answer.status in (200, 202, 409):
        text = "Fails." if answer.status == 409 else "Ok."
        change = ("add-answer", f"{answer.status} and JSON → 200 {text}")
        return with_body(answer, 200, "OK", text.encode(), "text/plain"), [change]
    status = dialect.status(action, answer.status)
    if status != answer.status:
        change = ("status", f"{action}: {answer.status} → {status}")
        if status == 200:
            return with_body(answer, 200, "OK", b""), [change]
        return replace(answer, status=status, reason="Conflict" if status == 409 else ""), [change]
    if answer.status != 200 or any(name.lower() == "content-encoding" for name, _ in answer.headers):
        return answer, []
    return await _read(dialect, action, answer)


async def _read(dialect: Dialect, action: str, answer: Incoming) -> tuple[Incoming, Changes]:
    version = dialect.version_text(action)
    if version is not None:
        body = await beginning(answer.body, BODY_MOST)
        told = body.decode("utf-8", "replace").strip()
        return with_body(answer, 200, answer.reason, version.encode()), [("version", f"{told} → {version}")]
    if action == READ_PREFERENCES and dialect.gone_preferences:
        return await _preferences(dialect, answer)
    if (states := dialect.states(action)) and answer.body is not None:
        what = ", ".join(f"{old[9:-1].decode()} → {new.rstrip()[9:-1].decode()}" for old, new in states)
        return replace(answer, body=_replaced(answer.body, states)), [("state", what)]
    return answer, []


async def _preferences(dialect: Dialect, answer: Incoming) -> tuple[Incoming, Changes]:
    body = await beginning(answer.body, BODY_MOST)
    try:
        held = json.loads(body)
    except ValueError:  # longer than what is read, or no JSON
        return replace(answer, body=chained(body, answer.body)), []
    gone = {name: value for name, value in dialect.gone_preferences.items() if name not in held}
    made = json.dumps({**held, **gone}, separators=(",", ":"), ensure_ascii=False).encode()
    return with_body(answer, 200, answer.reason, made), [("preference", f"{len(gone)} added, as unset")]


async def _replaced(body: AsyncIterator[bytes], pairs: tuple[tuple[bytes, bytes], ...]) -> AsyncIterator[bytes]:
    """Replace texts by others of the same length in a stream.

    Within a JSON text every quote has a backslash before it, so no torrent's name can hold what is replaced.
    """
    longest = max(len(old) for old, _ in pairs)
    held = b""
    async for chunk in body:
        held += chunk
        for old, new in pairs:
            held = held.replace(old, new)
        yield held[: 1 - longest]
        held = held[1 - longest :]
    yield held


def headers_but(headers: Headers, *names: str) -> Headers:
    """Return headers without those of these names, given in lower case."""
    return [(name, value) for name, value in headers if name.lower() not in names]
