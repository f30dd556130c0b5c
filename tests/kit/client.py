"""Talking to one server with plain `requests`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import requests

from tests.kit.tls import Certificate

TIMEOUT = 10.0


class Client:
    """The requests of tests to a server at `host` and `port`, which is mostly a `Server`."""

    def __init__(self, host: str, port: int, *, password: str | None, certificate: Certificate | None = None) -> None:
        self.host = host
        self.port = port
        self.password = password
        self.certificate = certificate
        self._admin: requests.Session | None = None

    @property
    def temporary_password(self) -> str | None:
        """The password made up for this session, where that can be known."""
        return None

    @property
    def scheme(self) -> str:
        """What it is meant to speak."""
        return "https" if self.certificate else "http"

    @property
    def url(self) -> str:
        """Its address, without a final slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def session(self) -> requests.Session:
        """A plain session that knows nothing of the environment's proxies and trusts this server's certificate."""
        session = requests.Session()
        session.trust_env = False
        if self.certificate:
            session.verify = str(self.certificate.ca)
        return session

    def get(self, path: str, **keywords: Any) -> requests.Response:
        """GET, in a session of its own."""
        return self.request("GET", path, **keywords)

    def post(self, path: str, **keywords: Any) -> requests.Response:
        """POST, in a session of its own."""
        return self.request("POST", path, **keywords)

    def request(self, method: str, path: str, **keywords: Any) -> requests.Response:
        """Any request, in a session of its own, so without cookies."""
        keywords.setdefault("timeout", TIMEOUT)
        keywords.setdefault("allow_redirects", False)
        with self.session() as session:
            return session.request(method, self.url + path, **keywords)

    def try_login(self, password: str, username: str = "admin", **keywords: Any) -> requests.Response:
        """One login, whatever comes of it."""
        return self.post("/api/v2/auth/login", data={"username": username, "password": password}, **keywords)

    def login(self, password: str | None = None, username: str = "admin") -> requests.Session:
        """A session that is logged in; an error where that fails."""
        session = self.session()
        if password is None:
            password = self.password or self.temporary_password or "adminadmin"
        answer = session.post(
            f"{self.url}/api/v2/auth/login", data={"username": username, "password": password}, timeout=TIMEOUT
        )
        if answer.status_code != 204 and answer.text != "Ok.":
            raise AssertionError(f"login at {self.url}: {answer.status_code} {answer.text[:200]!r}")
        return session

    def fail_logins(self, count: int) -> list[requests.Response]:
        """`count` logins with a wrong password."""
        return [self.try_login("certainly wrong") for _ in range(count)]

    def preferences(self) -> dict[str, Any]:
        """All preferences, as the Web API tells them. The first call of a start is one more login."""
        answer = self._as_admin("GET", "/api/v2/app/preferences")
        found: dict[str, Any] = answer.json()
        return found

    def set_preferences(self, changes: Mapping[str, Any]) -> None:
        """Change preferences through the Web API. The first call of a start is one more login."""
        self._as_admin("POST", "/api/v2/app/setPreferences", data={"json": json.dumps(dict(changes))})

    def _as_admin(self, method: str, path: str, **keywords: Any) -> requests.Response:
        if self._admin is None:
            self._admin = self.login()
        answer = self._admin.request(method, self.url + path, timeout=TIMEOUT, **keywords)
        answer.raise_for_status()
        return answer

    def forget_session(self) -> None:
        """Let go of the session kept for the preferences: it ends with the server's process."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None
