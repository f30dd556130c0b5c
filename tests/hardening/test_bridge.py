"""bridge takes no protection away from its server: who may use it, whose address counts, and what a stranger's page gets."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit import namespaces, needs
from tests.kit.namespaces import Net, net
from tests.kit.server import PASSWORD
from tests.support.bridged import bridged

TRUSTED = {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": "127.0.0.1"}
REASON = namespaces.unavailable()
_ASK = """
import json, sys, urllib.error, urllib.parse, urllib.request
url, path, form, headers = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
body = urllib.parse.urlencode(form).encode() if form else None
try:
    with urllib.request.urlopen(urllib.request.Request(url + path, body, headers), timeout=10) as got:
        print(json.dumps([got.status, got.read().decode()]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, error.read().decode()]))
"""


def asked(inside: Net, url: str, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
    """What a program on another machine is answered."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    out = inside.run(sys.executable, "-c", _ASK, url, f"/api/v2/{path}", json.dumps(form or {}), json.dumps(given))
    status, text = json.loads(out)
    return status, text


def test_a_strangers_page_gets_nowhere(server: ServerFactory) -> None:
    """A name of theirs that was made to lead here is refused before anything reaches the server."""
    running = server("5.3.0", settings={"LocalHostAuth": "false"})
    with bridged(running.url) as bridge:
        evil = {"Host": f"evil.example:{bridge.port}", "Origin": f"http://evil.example:{bridge.port}"}
        got = requests.get(f"{bridge.url}/api/v2/app/preferences", headers=evil, timeout=10)
        assert (got.status_code, "no name of the bridge" in got.text) == (401, True)
        crossed = {"Origin": "http://evil.example"}
        assert requests.get(f"{bridge.url}/api/v2/app/preferences", headers=crossed, timeout=10).status_code == 401
        assert requests.get(f"{bridge.url}/api/v2/app/preferences", timeout=10).status_code == 200
        own = {"Origin": bridge.url, "Referer": f"{bridge.url}/"}
        assert requests.get(f"{bridge.url}/api/v2/app/preferences", headers=own, timeout=10).status_code == 200


@pytest.mark.extended
@pytest.mark.skipif(REASON is not None, reason=f"{needs.MISSING}network namespaces: {REASON}")
def test_other_machines(server: ServerFactory) -> None:
    """Only those of --allow; their failures are counted on their own address where the server trusts the bridge."""
    running = server("5.3.0", settings={**TRUSTED, "MaxAuthenticationFailCount": "2"})
    with net() as inside:
        with bridged(running.url, "--listen", f"{inside.outer}:0", "--allow", "203.0.113.0/24") as bridge:
            status, text = asked(inside, bridge.url, "app/version")
            assert (status, "may not use this bridge" in text) == (403, True)
        with bridged(running.url, "--listen", f"{inside.outer}:0", "--allow", f"{inside.inner}/32") as bridge:
            wrong, right = ({"username": "admin", "password": each} for each in ("not the one", PASSWORD))
            assert asked(inside, bridge.url, "auth/login", right) == (200, "Ok.")
            forged = {"X_Forwarded_For": "127.0.0.1"}
            assert [asked(inside, bridge.url, "auth/login", wrong, **forged) for _ in range(2)] == [(200, "Fails.")] * 2
            assert asked(inside, bridge.url, "auth/login", right)[0] == 403  # banned, and by its own address
            here = requests.post(f"{running.url}/api/v2/auth/login", data=right, timeout=10)
            assert here.status_code == 204
    assert any(str(inside.inner) in line for line in running.log_lines("W"))


@pytest.mark.extended
@pytest.mark.skipif(REASON is not None, reason=f"{needs.MISSING}network namespaces: {REASON}")
def test_a_bypass_is_not_handed_on_without_a_word(server: ServerFactory) -> None:
    """A server that lets this machine in would let every client of --allow in; where it trusts the bridge it does not."""
    open_, trusting = ({"LocalHostAuth": "false", **more} for more in ({}, TRUSTED))
    with net() as inside:
        more = ("--listen", f"{inside.outer}:0", "--allow", f"{inside.inner}/32")
        running = server("5.3.0", settings=open_)
        command = [sys.executable, "-m", "qbdoctor", "bridge", "--url", running.url, *more]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
        with bridged(running.url, *more, "--yes") as bridge:
            assert asked(inside, bridge.url, "app/version")[0] == 200
        with bridged(server("5.3.0", settings=trusting).url, *more) as bridge:
            assert asked(inside, bridge.url, "app/version")[0] == 403
            assert asked(inside, bridge.url, "app/version", X_Forwarded_For="127.0.0.1")[0] == 403
