"""Keys taken out, keys moved, a left-over file adopted: on real servers, found, fixed, in force, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import cause, causes, diagnose, qbdoctor
from tests.support.fixer import INCIDENT, LIST, anonymous, change, records
from tests.support.servers import new_layout, now, own_place, raw

REMOVE, MOVE, ADOPT = "remove-unknown-key", "move-misplaced-key", "adopt-new-file"
TIMEOUT = "web_ui_session_timeout"


def stopped(server: ServerFactory, release: Release, more: str) -> Server:
    """A server whose config holds these lines more, after a run of it; it is stopped."""
    running = server(raw_config=raw(release, more))
    running.stop()
    return running


def timeout(running: Server) -> int:
    """What the process that runs now says, with a session of its own."""
    told = running.login().get(f"{running.url}/api/v2/app/preferences").json()
    return int(told[TIMEOUT])


def found(running: Server) -> dict[str, Any]:
    return diagnose("--profile", str(running.profile), password=PASSWORD)


def fixed(running: Server, *words: str) -> dict[str, Any]:
    return change("fix", *words, "--profile", str(running.profile))


def other_place(release: Release, line: str) -> str:
    """A line in the section that this release does not read."""
    return f"\n[Preferences]\nWebUI\\{line}\n" if new_layout(release) else f"\n[WebUI]\n{line}\n"


# --- a key that nothing reads -----------------------------------------------------------------------------------------


@pytest.mark.extended
def test_unknown_keys_there_and_back(server: ServerFactory, release: Release) -> None:
    lines = own_place(release, "BypassLocalAuth=true") + "; mine\n" + own_place(release, "BanList=1.2.3.4").lstrip()
    running = stopped(server, release, lines)
    text = running.config_file.read_bytes().replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    running.config_file.write_bytes(text)
    assert "unknown-key" in causes(found(running))
    made = fixed(running)
    (record,) = [one for one in made["records"] if one["fix"] == REMOVE]
    assert (record["reason"], record["via"], record["state"]) == ("unknown-key", "file", "verified")
    kept = running.config_file.read_bytes()
    assert kept == b"".join(
        one for one in text.splitlines(keepends=True) if b"Bypass" not in one and b"BanList" not in one
    )
    running.launch()
    assert "unknown-key" not in causes(diagnose("--url", running.url, password=PASSWORD))
    running.stop()
    rewritten = running.config_file.read_bytes()
    running.config_file.write_bytes(kept)
    change("rollback")
    assert running.config_file.read_bytes() == text
    assert rewritten != text


@pytest.mark.extended
def test_unknown_keys_come_back_after_a_run(server: ServerFactory, release: Release) -> None:
    running = stopped(server, release, own_place(release, "BypassLocalAuth=true"))
    fixed(running, REMOVE)
    running.launch()
    running.set_preferences({TIMEOUT: 4321})
    running.stop()
    before = running.config_file.read_bytes()
    assert b"BypassLocalAuth" not in before
    back = change("rollback")
    assert back["records"][0]["rollback"]["how"] == "by-setting"
    after = running.config_file.read_bytes()
    assert sorted(set(after.splitlines()) - set(before.splitlines())) in (
        [b"BypassLocalAuth=true"],
        [b"WebUI\\BypassLocalAuth=true"],
    )
    assert b"4321" in after
    running.launch()
    assert "unknown-key" in causes(diagnose("--url", running.url, password=PASSWORD))


@pytest.mark.extended
def test_a_running_one_is_restarted_for_it(own: Callable[..., Server], release: Release) -> None:
    running = own(raw_config=raw(release, own_place(release, "BypassLocalAuth=true")))
    config = str(running.config_file)
    before = running.config_file.read_bytes()
    refused = qbdoctor("fix", REMOVE, "--yes", "--config", config, password=PASSWORD)
    assert (refused.code, "--restart" in refused.err, running.config_file.read_bytes()) == (4, True, before)
    made = change("fix", "--restart", "--config", config, password=PASSWORD)
    (record,) = made["records"]
    assert (record["fix"], record["reason"], record["via"]) == (REMOVE, "unknown-key", "file")
    assert "restarted with it" in record["verified_by"]
    assert now(running).pid != running.pid
    assert b"BypassLocalAuth" not in running.config_file.read_bytes()
    back = qbdoctor("rollback", "--yes", "--config", config, password=PASSWORD)
    assert (back.code, "--restart" in back.out + back.err) == (4, True)
    change("rollback", "--restart", "--via", "file", "--config", config, password=PASSWORD)
    assert b"BypassLocalAuth=true" in running.config_file.read_bytes()


@pytest.mark.extended
def test_what_can_be_made_live_is_not_kept_off_by_it(server: ServerFactory, release: Release) -> None:
    running = server(raw_config=raw(release, own_place(release, "BypassLocalAuth=true"), **INCIDENT))
    run = qbdoctor("fix", "--yes", "--json", "--url", running.url)
    assert run.code == 0, run.out + run.err
    assert [one["fix"] for one in records()] == [LIST]
    assert f"{REMOVE} (for unknown-key) is left out" in run.err


# --- a setting in the wrong place -------------------------------------------------------------------------------------


@pytest.mark.extended
def test_a_misplaced_setting_counts_from_then_on(server: ServerFactory, release: Release) -> None:
    running = stopped(server, release, "\n[BitTorrent]\nWebUI\\SessionTimeout=1234\n")
    config = running.config_file
    before = config.read_bytes()
    report = found(running)
    assert "SessionTimeout" in cause(report, "misplaced-key")["summary"]
    made = fixed(running)
    (record,) = [one for one in made["records"] if one["fix"] == MOVE]
    assert record["reason"] == "misplaced-key"
    kept = config.read_bytes()
    running.launch()
    assert running.preferences()[TIMEOUT] == 1234
    assert "misplaced-key" not in causes(diagnose("--url", running.url, password=PASSWORD))
    running.stop()
    config.write_bytes(kept)  # as it was edited, not as that run may have rewritten it
    change("rollback")
    assert config.read_bytes() == before
    running.launch()
    assert running.preferences()[TIMEOUT] == 3600


@pytest.mark.extended
def test_one_that_loosens_needs_its_name(server: ServerFactory, release: Release) -> None:
    running = stopped(server, release, "\n[BitTorrent]\nWebUI\\LocalHostAuth=false\n")
    config = running.config_file
    before = config.read_bytes()
    alone = qbdoctor("fix", "--yes", "--profile", str(running.profile))
    # 1: the stopped server stands as an error that no fix answers
    assert (alone.code, config.read_bytes(), records()) == (1, before, [])
    assert f"qbdoctor fix {MOVE}" in alone.out
    dry = qbdoctor("fix", MOVE, "--dry-run", "--profile", str(running.profile))
    assert "LOOSENS security" in dry.out
    assert "LocalHostAuth=false" in dry.out
    fixed(running, MOVE)
    running.launch()
    assert anonymous(running) == 200
    running.stop()
    change("rollback")
    running.launch()
    assert anonymous(running) == 403


@pytest.mark.extended
def test_one_of_the_other_layout(own: Callable[..., Server], release: Release) -> None:
    """What the release reads is known from its log: to [WebUI] for 5.3, to [Preferences] for the others."""
    running = own(raw_config=raw(release, other_place(release, "SessionTimeout=1234")))
    config = str(running.config_file)
    assert timeout(running) == 3600
    made = change("fix", MOVE, "--restart", "--config", config, password=PASSWORD)
    (record,) = made["records"]
    section, key = ("WebUI", "SessionTimeout") if new_layout(release) else ("Preferences", "WebUI\\SessionTimeout")
    assert (record["changes"][1]["section"], record["changes"][1]["key"]) == (section, key)
    assert timeout(running) == 1234
    change("rollback", "--restart", "--via", "file", "--config", config, password=PASSWORD)
    assert timeout(running) == 3600


@pytest.mark.extended
def test_a_right_place_that_is_taken(server: ServerFactory, release: Release) -> None:
    running = stopped(
        server, release, "\n[BitTorrent]\nWebUI\\SessionTimeout=1234\n" + own_place(release, "SessionTimeout=99")
    )
    before = running.config_file.read_bytes()
    run = qbdoctor("fix", MOVE, "--yes", "--profile", str(running.profile))
    assert (run.code, running.config_file.read_bytes()) == (4, before)
    lines = before.decode().splitlines()
    numbers = [n for n, line in enumerate(lines, 1) if "SessionTimeout" in line]
    assert all(str(n) in run.err for n in numbers)
    change("fix", "--profile", str(running.profile), code=1)  # without names it is not part of the set
    assert running.config_file.read_bytes() == before


# --- a left-over file -------------------------------------------------------------------------------------------------


def with_leftover(running: Server, old: str, new: str) -> tuple[Path, bytes]:
    """Put a changed copy of the config beside it."""
    path = running.config_file.with_name("qBittorrent_new.conf")
    data = running.config_file.read_bytes()
    assert old.encode() in data
    path.write_bytes(data.replace(old.encode(), new.encode()))
    return path, path.read_bytes()


@pytest.mark.extended
def test_a_leftover_is_adopted_and_both_come_back(server: ServerFactory, release: Release) -> None:
    running = stopped(server, release, own_place(release, "SessionTimeout=1111"))
    config = running.config_file
    before = config.read_bytes()
    new, content = with_leftover(running, "SessionTimeout=1111", "SessionTimeout=2222")
    assert "leftover-new-file" in causes(found(running))
    unasked = qbdoctor("fix", "--yes", "--profile", str(running.profile))
    assert (unasked.code, config.read_bytes()) == (1, before)  # a whole other config is looked at by somebody first
    assert unasked.out.count(f"qbdoctor fix {ADOPT}") == 1
    (record,) = fixed(running, ADOPT)["records"]
    assert (record["fix"], record["reason"], record["beside"]["path"]) == (ADOPT, "requested", str(new))
    assert (config.read_bytes(), new.exists()) == (content, False)
    running.launch()
    assert running.preferences()[TIMEOUT] == 2222
    assert "leftover-new-file" not in causes(diagnose("--url", running.url, password=PASSWORD))
    running.stop()
    rewritten = config.read_bytes()
    config.write_bytes(content)
    change("rollback")
    assert (config.read_bytes(), new.read_bytes()) == (before, content)
    # What qBittorrent itself makes of the two is the same
    running.launch()
    assert running.preferences()[TIMEOUT] == 2222
    running.stop()
    assert not new.exists()
    assert sorted(config.read_bytes().splitlines()) == sorted(rewritten.splitlines())


@pytest.mark.extended
def test_a_leftover_comes_back_after_a_run(server: ServerFactory, release: Release) -> None:
    running = stopped(server, release, own_place(release, "SessionTimeout=1111"))
    new, content = with_leftover(running, "SessionTimeout=1111", "SessionTimeout=2222")
    fixed(running, ADOPT)
    running.launch()
    running.set_preferences({"web_ui_max_auth_fail_count": 9})
    running.stop()
    back = change("rollback")
    assert back["records"][0]["rollback"]["how"] == "by-setting"
    text = running.config_file.read_text()
    assert ("SessionTimeout=1111" in text, "MaxAuthenticationFailCount=9" in text) == (True, True)
    assert new.read_bytes() == content


@pytest.mark.extended
def test_a_leftover_that_opens_the_server(server: ServerFactory, release: Release) -> None:
    running = stopped(server, release, own_place(release, "LocalHostAuth=true"))
    new, content = with_leftover(running, "LocalHostAuth=true", "LocalHostAuth=false")
    alone = qbdoctor("fix", "--yes", "--profile", str(running.profile))
    assert (alone.code, new.read_bytes(), records()) == (1, content, [])
    assert f"qbdoctor fix {ADOPT}" in alone.out
    dry = qbdoctor("fix", ADOPT, "--dry-run", "--profile", str(running.profile))
    assert "LOOSENS security" in dry.out
    made = fixed(running, "require-localhost-auth", ADOPT)
    assert [one["fix"] for one in made["records"]] == [ADOPT, "require-localhost-auth"]
    running.launch()
    assert anonymous(running) == 403


@pytest.mark.extended
def test_a_leftover_beside_a_running_one(server: ServerFactory, release: Release) -> None:
    running = server(raw_config=raw(release, own_place(release, "SessionTimeout=1111")))
    with_leftover(running, "SessionTimeout=1111", "SessionTimeout=2222")
    for words in ([], ["--via", "file"], ["--restart"], ["--restart", "--via", "file"]):
        run = qbdoctor("fix", ADOPT, "--yes", *words, "--config", str(running.config_file), password=PASSWORD)
        assert (run.code, "stop it first" in run.err) == (4, True), run.err
    # Neither file is held to its bytes: a save of the server itself, some seconds after its start, may take the other
    assert (running.running, records()) == (True, [])


@pytest.mark.extended
@pytest.mark.parametrize("content", [b"", b"; nothing\n", b"[Preferences]\n"])
def test_a_leftover_that_counts_for_nothing(server: ServerFactory, release: Release, content: bytes) -> None:
    """The release passes over it too, so there is nothing to do."""
    running = stopped(server, release, own_place(release, "SessionTimeout=1111"))
    new = running.config_file.with_name("qBittorrent_new.conf")
    new.write_bytes(content)
    before = running.config_file.read_bytes()
    run = qbdoctor("fix", ADOPT, "--yes", "--profile", str(running.profile))
    assert (run.code, "Nothing to do" in run.out) == (0, True)
    assert (running.config_file.read_bytes(), new.read_bytes()) == (before, content)
    running.launch()
    assert running.preferences()[TIMEOUT] == 1111


# --- the everyday part ------------------------------------------------------------------------------------------------


def test_all_three_in_one_run(server: ServerFactory, releases: Any) -> None:
    """A left-over with an unknown key and a misplaced one: adopted, then mended, in force, and all taken back."""
    release = releases("5.1.0")
    running = server(release, raw_config=raw(release, own_place(release, "SessionTimeout=1111")))
    running.stop()
    config = running.config_file
    more = "\n[BitTorrent]\nWebUI\\MaxAuthenticationFailCount=3\n\n[Preferences]\nWebUI\\BypassLocalAuth=true\n"
    config.write_bytes(config.read_bytes() + more.encode())
    before = config.read_bytes()
    new, content = with_leftover(running, "SessionTimeout=1111", "SessionTimeout=2222")
    made = fixed(running, REMOVE, MOVE, ADOPT)
    assert [one["fix"] for one in made["records"]] == [ADOPT, REMOVE, MOVE]
    kept = config.read_bytes()
    running.launch()
    told = running.preferences()
    assert (told[TIMEOUT], told["web_ui_max_auth_fail_count"]) == (2222, 3)
    running.kill()
    config.write_bytes(kept)
    change("rollback")
    assert (config.read_bytes(), new.read_bytes()) == (before, content)
