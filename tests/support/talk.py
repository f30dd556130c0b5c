"""A conversation of a client with qBittorrent, as a test writes it down."""

from __future__ import annotations

from typing import Any

from qbdoctor.forwarding.rewriting import kind_of
from qbdoctor.trace.exchange import Carried, Given, Seen, Trace
from qbdoctor.trace.result import TraceResult, result
from tests.support import schemas

# --- judging -------------------------------------------------------------------------------------------------------


class Talk:
    """A conversation as a test writes it down."""

    def __init__(self, *, new: bool = True, agent: str = "python-requests/2", host: str = "127.0.0.1:9090") -> None:
        self.seen: list[Seen] = []
        self.cookie = "QBT_SID_8080" if new else "SID"
        self.new, self.agent, self.host = new, agent, host
        self.connection = 1

    def add(self, method: str, action: str, status: int | None, **more: Any) -> Talk:
        n = len(self.seen) + 1
        path = f"/api/v2/{action}" if not action.startswith("/") else action
        kind = kind_of(self.host.rpartition(":")[0])
        usual: dict[str, Any] = {"connection": self.connection, "agent": self.agent, "host": self.host, "at": float(n)}
        usual |= {"address": "10.0.0.1", "host_kind": kind, "took": 0.01}
        self.seen.append(Seen(n=n, method=method, path=path, status=status, **{**usual, **more}))
        return self

    def login(self, session: str = "session-1", **more: Any) -> Talk:
        gift = (Given(self.cookie, session, more.pop("secure", False), more.pop("expires_in", None)),)
        status, answer = (204, "") if self.new else (200, "ok")
        return self.add("POST", "auth/login", status, **{"content": "form", "given": gift, "answer": answer, **more})

    def call(
        self, status: int = 200, session: str = "", name: str = "", action: str = "app/version", **more: Any
    ) -> Talk:
        cookies = (Carried(name or self.cookie, session),) if session or name else ()
        return self.add(more.pop("method", "GET"), action, status, **{"cookies": cookies, **more})

    def logout(self, session: str = "session-1") -> Talk:
        return self.add(
            "POST", "auth/logout", 200, cookies=(Carried(self.cookie, session),), given=(Given(self.cookie, ""),)
        )

    def judged(self, run_exit: int | None = None, scheme: str = "http") -> TraceResult:
        return result(Trace(f"{scheme}://10.0.0.9:8080", scheme, "10.0.0.9", 8080, "ip", tuple(self.seen), run_exit))

    def found(self, run_exit: int | None = None, scheme: str = "http") -> dict[str, str]:
        made = self.judged(run_exit, scheme)
        schemas.hold(made.to_json(), "trace/1")
        return {cause.id: cause.confidence for client in made.clients for cause in client.causes}
