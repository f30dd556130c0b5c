"""Translates the session cookie: its name both ways, and the attributes that belong to the server's own address."""

from __future__ import annotations

from dataclasses import dataclass

from qbdoctor.forwarding.forwarder import Headers
from qbdoctor.releases import session_name_rank

_LENGTH = 32  # of a session's id (webapplication.cpp, generateSid)


@dataclass(frozen=True)
class CookieNames:
    """The session cookie's name for clients, and on the server; ``path`` is that of the server's URL, "" for none.

    ``sure``: the server has shown its name, which is else sent beside the client's own.
    """

    spoken: str
    real: str
    path: str = ""
    sure: bool = True

    def to_server(self, headers: Headers) -> tuple[Headers, bool]:
        """Return a request's headers with the cookie's name on the server, and whether that changed anything."""
        if self.spoken == self.real:
            return headers, False
        changed = False
        made = []
        for name, value in headers:
            if name.lower() == "cookie":
                parts = [part.strip() for part in value.split(";")]
                named = [part for part in parts if part.partition("=")[0].strip() == self.spoken]
                if named:
                    changed = self.sure
                    gone = (self.spoken, self.real) if self.sure else (self.real,)
                    others = [part for part in parts if part.partition("=")[0].strip() not in gone]
                    value = "; ".join([*others, f"{self.real}={named[-1].partition('=')[2]}"])  # noqa: PLW2901
            made.append((name, value))
        return made, changed

    def to_client(self, headers: Headers, *, expires: bool) -> tuple[Headers, bool]:
        """Return an answer's headers with the cookie as clients are to see it, and whether its name changed.

        ``expires``: whether the spoken release gives a session a date. Secure goes, since clients speak http with the
        bridge, and with it ``SameSite=None``, which counts with Secure only; Domain, since it names the server's host.
        """
        changed = False
        made = []
        for name, value in headers:
            if name.lower() == "set-cookie":
                value, renamed = self._given(value, expires=expires)  # noqa: PLW2901
                changed = changed or renamed
            made.append((name, value))
        return made, changed

    def _given(self, text: str, *, expires: bool) -> tuple[str, bool]:
        pair, *attributes = [part.strip() for part in text.split(";")]
        name, _, value = pair.partition("=")
        ours = name == self.real
        kept = []
        for attribute in attributes:
            key, _, rest = attribute.partition("=")
            match key.lower():
                case "secure" | "domain" | "":
                    continue
                case "samesite" if rest.lower() == "none":
                    continue
                case "expires" | "max-age" if ours and value and not expires:
                    continue
                case "path" if self.path and (rest == self.path or rest.startswith(f"{self.path}/")):
                    kept.append(f"{key}={rest[len(self.path) :] or '/'}")
                case _:
                    kept.append(attribute)
        renamed = ours and self.spoken != self.real
        return "; ".join([f"{self.spoken if ours else name}={value}", *kept]), renamed


def session_name(headers: Headers, *, login: bool) -> str | None:
    """Return the name of the session cookie that an answer sets; None where it sets none.

    ``login``: the answer accepts a login, so that a name of a person's own choice ([WebAPI] SessionCookieName) counts.
    """
    found = None
    for name, value in headers:
        if name.lower() == "set-cookie":
            pair, *attributes = value.split(";")
            cookie, _, text = pair.strip().partition("=")
            rank = session_name_rank(cookie)
            shaped = login and len(text) == _LENGTH and any(each.strip().lower() == "httponly" for each in attributes)
            if text and (rank or shaped) and (found is None or rank >= session_name_rank(found)):
                found = cookie
    return found


def session_of(headers: Headers, name: str) -> str | None:
    """Return the pair ``name=value`` that an answer sets, to be sent back; None where it sets none."""
    for key, value in headers:
        if key.lower() == "set-cookie" and value.partition("=")[0].strip() == name:
            return value.partition(";")[0].strip()
    return None
