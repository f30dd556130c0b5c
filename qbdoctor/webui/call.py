"""Describes one request to the Web UI, and the limits that hold for every request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qbdoctor import __version__
from qbdoctor.model.basics import Secret
from qbdoctor.model.exchanges import SetCookie
from qbdoctor.values import field, frozen

if TYPE_CHECKING:
    from qbdoctor.target.address import Address


BODY_CAP = 1 << 20
"""Bytes of an answer that are read at most; the largest that qbdoctor asks for, app/preferences, has about 10 kB."""
LOGOUT_PATH = "/api/v2/auth/logout"
VERSION_PATH = "/api/v2/app/version"
REQUEST_SECONDS = 8.0
"""One request's share of the run: a loaded NAS answers in under two seconds, a hung server never."""


def parse_set_cookie(header: str) -> SetCookie | None:
    """Take one Set-Cookie header apart; None where there is no name. Never decides whether a client would keep it."""
    first, *attributes = header.split(";")
    name, equals, value = first.partition("=")
    if not equals or not name.strip():
        return None
    known: dict[str, str] = {}
    for attribute in attributes:
        key, _, text = attribute.partition("=")
        known[key.strip().lower()] = text.strip()
    return SetCookie(
        name=name.strip(),
        value=Secret(value.strip()),
        http_only="httponly" in known,
        secure="secure" in known,
        same_site=known.get("samesite"),
        path=known.get("path"),
        domain=known.get("domain"),
        expires=known.get("expires"),
        max_age=known.get("max-age"),
    )


@frozen
class Call:
    """One request to be sent. ``path`` starts with ``/`` and goes behind the address's own path.

    ``seconds`` is the total time for it, capped by the run's deadline. ``address``, ``verify`` and ``source`` (the
    local address to come from) override the wire's; ``proxy`` is the URL of an HTTP proxy to go through. ``peer`` is the IP
    address to connect to instead of looking the host's name up, and ``content`` a body as it is, in place of a form.
    ``harmless`` is a POST that changes nothing, so that it may be sent again, as a GET may.
    ``cap`` is how many bytes of an answer are read at most.
    ``show_body=False`` keeps the answer's text out of the exchange: app/preferences of 5.2 and later holds the API key.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    cookies: Mapping[str, Secret] = field(default_factory=dict)
    bearer: Secret | None = None
    address: Address | None = None
    verify: bool | str | None = None
    proxy: str | None = None
    source: str | None = None
    peer: str | None = None
    content: bytes | None = None
    seconds: float = REQUEST_SECONDS
    show_body: bool = True
    cap: int = BODY_CAP
    harmless: bool = False

    def sent_headers(self, authority: str) -> dict[str, str]:
        """Return the headers as they go out, secrets and all."""
        sent = {
            "Host": authority,
            "User-Agent": f"qbdoctor/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **self.headers,
        }
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value.reveal()}" for name, value in self.cookies.items())
        if self.bearer is not None:
            sent["Authorization"] = f"Bearer {self.bearer.reveal()}"
        return sent


LOGIN_PATH = "/api/v2/auth/login"


BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
}
"""What a browser says of itself: something in front may treat it otherwise than a program. Nothing is asked for packed, so that
the two ways can be compared."""
PROGRAM = {"User-Agent": "python-requests/2.32.3"}
"""What a program says that is made with the most used library; rules against robots know it by name."""
