"""No fix closes the only way in unsaid, and a lost password is replaced by the command that is printed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest

from tests.kit.server import PASSWORD, Server
from tests.terminal.screen import Screen, seen

OPEN = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}
Own = Callable[..., Server]


def printed(text: str, verb: str) -> list[str]:
    """The arguments of the first command with this verb that stands on the screen; what was wrapped is no command."""
    found = re.search(rf"(?:^|\s)(\S*qbdoctor {verb}\b[^\n]*)", text, re.MULTILINE)
    assert found, text
    return shlex.split(re.sub(r"\s+\(.*\)$", "", found[1]).rstrip(".").replace("[y/N]", ""))[1:]


def anonymous(server: Server) -> int:
    return server.get("/api/v2/app/version").status_code


def test_the_only_way_in_is_not_closed_by_yes_alone(own: Own) -> None:
    server = own("5.3.0", password=None, settings=OPEN)
    code, screen = seen("fix", "--yes", "--url", server.url)
    assert anonymous(server) == 200, "nothing was changed"
    assert code == 1, screen.text
    assert "nobody" in screen.text
    assert "disable-subnet-whitelist" in screen.text


def test_a_person_is_told_and_asked(own: Own) -> None:
    server = own("5.3.0", password=None, settings=OPEN)
    screen = Screen("fix", "disable-subnet-whitelist", "--url", server.url)
    screen.wait_for("[y/N]")
    assert "nobody" in screen.text
    screen.type("n\n")
    assert screen.end() == 2
    assert anonymous(server) == 200


def test_by_its_name_it_is_done_and_the_printed_way_back_works(own: Own) -> None:
    server = own("5.3.0", password=None, settings=OPEN)
    code, screen = seen("fix", "disable-subnet-whitelist", "--yes", "--url", server.url)
    assert code == 0, screen.text
    assert anonymous(server) == 403
    back = Screen(*printed(screen.text, "rollback"), "--yes")
    assert back.end() == 0, back.text
    assert anonymous(server) == 200


def test_what_a_known_password_leaves_open_is_closed_by_yes(own: Own) -> None:
    server = own("5.3.0", settings=OPEN)
    code, screen = seen("fix", "--yes", "--url", server.url)
    assert code == 0, screen.text
    assert anonymous(server) == 403
    assert "nobody" not in screen.text


@pytest.mark.parametrize("release", ["4.5.2", "5.3.0"])
def test_a_lost_password(own: Own, release: str) -> None:
    server = own(release)
    code, screen = seen("-v", "--url", server.url, typed="what I remember\n")
    assert code == 1, screen.text
    command = printed(screen.text, "fix set-password")
    change = Screen(*command)
    shown = change.wait_for("assword")
    assert "New password for admin at " in shown, "not the old one, which is lost"
    assert server.url in shown
    change.type("a new one for it\n")
    change.wait_for("once more")
    change.type("a new one for it\n")
    change.wait_for("[y/N]")
    change.type("y\n")
    assert change.end() == 0, change.text
    server.password = "a new one for it"
    assert server.login()
    assert PASSWORD not in change.text
