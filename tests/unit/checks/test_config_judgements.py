"""The config checks over saved observations of a file, a server and a place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from qbdoctor import registry
from qbdoctor.config.key_lint import Oddity, lint_keys
from qbdoctor.config.settings import Settings
from qbdoctor.model.exchanges import Exchange, Failure
from qbdoctor.model.findings import Judgement
from qbdoctor.observe.base import config_place
from qbdoctor.observe.base.config_place import ConfigPlace
from qbdoctor.observe.base.observations import Observations
from qbdoctor.observe.base.observed_values import Asked, Offline, SignIn
from qbdoctor.releases import Version, VersionRange
from qbdoctor.target.address import parse_url
from qbdoctor.target.command_line import CommandLine
from qbdoctor.target.description import Target
from qbdoctor.target.processes import Instance

OLD = "[Preferences]\n"
SET = OLD + "WebUI\\Port=8080\n"
NEW = "[Meta]\nMigrationVersion=12\n[WebUI]\n"


def read(text: str | bytes, version: str | None = "5.1.0", platform: str = "linux") -> Settings:
    data = text.encode() if isinstance(text, str) else text
    return Settings.parse(data, Version.parse(version), platform=platform)


WRITTEN_BY_NEW = NEW + "Address=127.0.0.1\nPassword_PBKDF2=x\nPort=1\nUsername=me\n"


# --- the checks over saved observations -------------------------------------------------------------------------------

FILE = Path("/srv/qb/qBittorrent/config/qBittorrent.conf")
REFUSED = Exchange("GET", "http://127.0.0.1:8080/", status=403, local="127.0.0.1", peer="127.0.0.1")
OPEN = replace(REFUSED, status=200, body="v5.1.0")
DOWN = Exchange("GET", "http://127.0.0.1:8080/", failure=Failure("refused", "connection refused"))
FAILED = SignIn("refused", "the login is refused")
FINE = SignIn("accepted", "the login is accepted", REFUSED)


def instance(**changes: Any) -> Instance:
    one = Instance(
        7, ("qbittorrent-nox",), datetime(2026, 11, 1, tzinfo=UTC), config_file=FILE, listening=(("127.0.0.1", 8080),)
    )
    return replace(one, **changes)


def judged(
    check: str,
    text: str = SET,
    *,
    version: str | None = "5.1.0",
    place: ConfigPlace | None = None,
    running: Instance | None = None,
    first: Exchange = REFUSED,
    sign_in: SignIn | None = None,
    preferences: dict[str, Any] | None = None,
    other: Instance | None = None,
) -> Judgement:
    settings = read(text, version)
    known = Version.parse(version) or Version.parse("5.1.0")
    assert known is not None
    target = Target(
        parse_url("http://127.0.0.1:8080"),
        "config",
        config_file=FILE,
        config_given=True,
        instance=running,
        server_port=8080,
        server_port_source="listening" if running else "config",
    )
    seen: dict[str, Any] = {
        "asked": Asked(),
        "target": target,
        "settings": settings,
        "settings_problem": "",
        "anonymous": first,
        "config_place": place,
        "left_behind": place.new_file if place is not None else None,
        "other_server": other,
        "fitting_config": None,
        "releases": VersionRange(known, known),
        "session_call": OPEN if preferences is not None and first.status == 403 else None,
        "preferences": preferences,
        "log": (),
    }
    if version is not None:
        seen["version"] = known
    if sign_in is not None:
        seen["sign_in"] = sign_in
    found = next(one for one in registry.checks() if one.id == check)
    judgement = found.judge(Observations(seen))
    assert {one.cause for one in judgement.findings} <= set(found.causes)
    return judgement


def named(judgement: Judgement) -> list[tuple[str, str | None]]:
    return [(one.cause, one.severity) for one in judgement.findings]


def test_a_password_that_is_not_set_is_not_shown_as_a_hidden_one() -> None:
    check = next(one for one in registry.checks() if one.id == "password")
    target = Target(parse_url("http://127.0.0.1:8080"), "config", config_file=FILE)
    for offline, value in ((Offline("not-set", "none is set"), None), (Offline("malformed", "cut", line=3), "***")):
        (found,) = check.judge(Observations({"asked": Asked(), "target": target, "offline": offline})).findings
        assert [one.data["value"] for one in found.evidence] == [value]


def test_config_keys_over_a_clean_file() -> None:
    judgement = judged("config-keys", OLD + "WebUI\\Port=8080\n")
    assert (judgement.status, judgement.findings) == ("pass", ())


def test_a_short_session_is_named_by_what_runs() -> None:
    short = OLD + "WebUI\\SessionTimeout=59\n"
    assert named(judged("config-keys", short)) == [("session-too-short", None)]
    for text in (OLD, OLD + "WebUI\\SessionTimeout=60\n", OLD + "WebUI\\SessionTimeout=0\n"):
        assert named(judged("config-keys", text)) == []
    assert named(judged("config-keys", short, preferences={"web_ui_session_timeout": 3600})) == []
    assert named(judged("config-keys", OLD, preferences={"web_ui_session_timeout": 5})) == [("session-too-short", None)]


EMPTY = OLD + "WebUI\\Username=\n"


@pytest.mark.parametrize(
    ("version", "first", "sign_in", "severity"),
    [
        ("4.5.2", REFUSED, None, "error"),
        ("4.5.2", REFUSED, FAILED, "error"),
        ("4.5.2", OPEN, None, "warning"),  # a bypass lets callers in
        ("4.5.2", REFUSED, FINE, "warning"),  # edited since the start
        ("5.1.0", DOWN, None, "error"),
        ("5.1.0", REFUSED, None, "warning"),  # it would not have started with that name
    ],
)
def test_an_empty_user_name(version: str, first: Exchange, sign_in: SignIn | None, severity: str) -> None:
    found = judged("config-keys", EMPTY, version=version, first=first, sign_in=sign_in)
    assert named(found) == [("empty-username", severity)]
    assert named(judged("config-keys", OLD, version=version, first=first)) == []


def test_a_newer_releases_file_is_an_error_where_calls_fail() -> None:
    assert named(judged("config-keys", WRITTEN_BY_NEW)) == [("config-from-newer-release", "warning")]
    assert named(judged("config-keys", WRITTEN_BY_NEW, sign_in=FINE)) == [("config-from-newer-release", "warning")]
    assert named(judged("config-keys", WRITTEN_BY_NEW, sign_in=FAILED)) == [("config-from-newer-release", "error")]
    assert named(judged("config-keys", WRITTEN_BY_NEW, first=DOWN)) == [("config-from-newer-release", "error")]
    assert named(judged("config-keys", WRITTEN_BY_NEW, version="5.3.0", first=DOWN)) == []


GOOD = ConfigPlace(FILE, 900, 1000, 0o644, 1000, 0o755, 1000, True, True, True, True, free=10**9)


@pytest.mark.parametrize(
    ("changes", "version", "cause"),
    [
        ({}, "5.1.0", None),
        ({"user": 0}, "5.1.0", None),
        ({"readable": None, "replaceable": None, "writable": None}, "5.1.0", None),
        ({"readable": False}, "5.1.0", "config-permission"),
        ({"replaceable": False}, "4.2.5", "config-permission"),
        ({"writable": False}, "5.1.0", None),  # a new file is renamed over it
        ({"writable": False}, "5.3.0", "config-permission"),
        ({"owner_can_replace": False}, "5.1.0", None),  # the process itself may
        ({"mounted_alone": True}, "5.1.0", "settings-not-saved"),
        ({"read_only": True, "replaceable": False}, "5.1.0", "settings-not-saved"),
        ({"free": 1000}, "5.1.0", "settings-not-saved"),
        ({"free": None}, "5.1.0", None),
        ({"new_file": FILE.with_name("qBittorrent_new.conf")}, "5.1.0", "leftover-new-file"),
        ({"named_by_log": Path("/elsewhere")}, "5.1.0", "wrong-config-file"),
    ],
)
def test_config_file(changes: dict[str, Any], version: str, cause: str | None) -> None:
    found = judged("config-file", version=version, place=replace(GOOD, **changes), running=instance(), sign_in=FINE)
    assert [name for name, _ in named(found)] == ([cause] if cause else [])
    assert all(severity in {None, "warning"} for _, severity in named(found))
    assert found.status == ("warn" if cause else "pass")


def test_an_owner_who_may_not_write_counts_only_where_nothing_runs() -> None:
    place = replace(GOOD, user=None, readable=None, writable=None, replaceable=None, owner_can_replace=False)
    (found,) = judged("config-file", place=place, first=DOWN).findings
    assert (found.cause, found.confidence, found.severity) == ("config-permission", "possible", "warning")


def test_an_unreadable_file_is_an_error_where_calls_fail() -> None:
    place = replace(GOOD, readable=False)
    assert named(judged("config-file", place=place, running=instance(), sign_in=FAILED)) == [
        ("config-permission", "error")
    ]


def test_another_config_serves_the_address() -> None:
    other = instance(pid=8, config_file=Path("/other/qBittorrent.conf"))
    (found,) = judged("config-file", place=GOOD, other=other).findings
    assert (found.cause, found.severity) == ("wrong-config-file", None)
    assert "process 8" in found.summary
    assert str(Path("/other/qBittorrent.conf")) in found.summary


@pytest.mark.parametrize(
    ("text", "changes", "running", "lost"),
    [
        ("", {"size": 0}, True, True),
        ("", {"size": 0, "settled": False}, True, False),  # a start has not written it yet
        ("", {"size": 0}, False, False),  # an empty file is a valid one for a first start
        ("", {"size": 0, "used_before": True}, False, True),
        ("", {"size": 0, "new_file": Path("/x")}, True, False),  # the new file is taken instead
        ("[LegalNotice]\nAccepted=true\n", {"port_before": 9090}, True, True),
        ("[LegalNotice]\nAccepted=true\n", {"port_before": 8080}, True, False),
        (OLD + "WebUI\\Port=8080\n", {"port_before": 9090}, True, False),  # changed on purpose
        (OLD + "WebUI\\Password_PBKDF2=x\n", {"port_before": 9090}, True, False),
        (WRITTEN_BY_NEW, {"port_before": 9090}, True, False),  # that has another name
        (OLD + "WebUI\\Port=8080\nWebUI\\Passw", {}, True, True),
        (OLD + "WebUI\\Port=8080", {}, True, False),  # no last line end, as by hand
    ],
)
def test_a_lost_config(text: str, changes: dict[str, Any], running: bool, lost: bool) -> None:
    one = instance() if running else None
    found = judged("config-file", text, place=replace(GOOD, **changes), running=one)
    assert ("config-lost" in dict(named(found))) is lost


PREFERENCES = {"web_ui_port": 8080, "bypass_local_auth": False}


def test_file_and_server_agree_or_not() -> None:
    text = OLD + "WebUI\\Port=8080\n"
    assert judged("config-running", text, running=instance(), place=GOOD, preferences=PREFERENCES).status == "pass"
    other = PREFERENCES | {"bypass_local_auth": True}
    (found,) = judged("config-running", text, running=instance(), place=GOOD, preferences=other).findings
    assert (found.cause, found.severity, found.confidence) == ("edited-while-running", "warning", "likely")
    assert "LocalHostAuth is 'true' in the file and 'false' in the server" in found.summary
    since = replace(GOOD, written_since=True)
    for place, sure in (
        (since, "proven"),
        (replace(since, mounted_alone=True), "likely"),  # there the change may be the server's, and never saved
        (replace(since, read_only=True), "likely"),
        (replace(since, writable=False), "likely"),
        (replace(since, free=100), "likely"),
    ):
        (found,) = judged("config-running", text, running=instance(), place=place, preferences=other).findings
        assert found.confidence == sure
    assert judged("config-running", text, running=instance(), place=GOOD).status == "skip"
    assert judged("config-running", text, first=DOWN).status == "skip"


def test_a_port_that_was_edited_is_seen_without_a_session() -> None:
    text = OLD + "WebUI\\Port=9999\n"
    found = judged("config-running", text, running=instance(), place=GOOD)
    assert named(found) == [("edited-while-running", "warning")]
    two = instance(listening=(("127.0.0.1", 8080), ("0.0.0.0", 9999)))
    assert named(judged("config-running", text, running=two, place=GOOD)) == []


def test_a_port_of_the_command_line_is_named_where_the_file_says_another() -> None:
    started = instance(options=CommandLine(webui_port=8080, webui_port_source="QBT_WEBUI_PORT"))
    text = OLD + "WebUI\\Port=9999\n"
    found = judged("config-running", text, running=started, place=GOOD)
    assert named(found) == [("env-override", "warning")]
    assert "QBT_WEBUI_PORT=8080" in found.summary
    same = OLD + "WebUI\\Port=8080\n"
    assert judged("config-running", same, running=started, place=GOOD, preferences=PREFERENCES).status == "pass"
    fresh = replace(GOOD, settled=False)
    assert named(judged("config-running", text, running=started, place=fresh)) == []


@pytest.mark.parametrize(
    ("variable", "changes", "confidence"),
    [
        ("8080", {"options": CommandLine(webui_port=8080, webui_port_source="--webui-port")}, "likely"),
        (
            "7070",
            {"options": CommandLine(webui_port=8080, webui_port_source="--webui-port")},
            "likely",
        ),  # not from there
        ("8080", {}, "possible"),
        ("9999", {}, None),  # the config's own
        ("${PORT}", {}, None),
        ("8080", {"in_container": False}, None),  # somebody's shell has it, and no image
    ],
)
def test_the_port_of_a_container_image(variable: str, changes: dict[str, Any], confidence: str | None) -> None:
    started = instance(**{"in_container": True, "environment": {"WEBUI_PORT": variable}, **changes})
    judgement = judged("config-running", OLD + "WebUI\\Port=9999\n", running=started, place=GOOD)
    found = [one for one in judgement.findings if one.cause == "env-override"]
    assert [one.confidence for one in found] == ([confidence] if confidence else [])
    assert ("WEBUI_PORT=8080" in str(found)) == (variable == "8080" and confidence is not None)


def test_whitelist_that_a_semicolon_cut() -> None:
    text = OLD + "WebUI\\AuthSubnetWhitelistEnabled=true\nWebUI\\AuthSubnetWhitelist=10.0.0.0/8;192.168.0.0/16\n"
    found = judged("subnet-whitelist", text)
    assert [name for name, _ in named(found)] == ["whitelist-syntax"]
    assert "192.168.0.0/16" in found.summary
    commented = text.replace(";192.168.0.0/16", " ; the office")
    assert judged("subnet-whitelist", commented).findings == ()


# --- looking at a place -----------------------------------------------------------------------------------------------


def place_of(file: Path) -> ConfigPlace:
    found = config_place.look(Target(parse_url("http://127.0.0.1:1"), "config", config_file=file, config_given=True))
    assert found is not None
    return found


def test_a_new_file_is_left_behind_where_the_server_answers_and_it_stays(tmp_path: Path) -> None:
    """Where no answer comes the server may be saving it just now, however long that takes: only its age tells."""
    file, new = tmp_path / "qBittorrent.conf", tmp_path / "qBittorrent_new.conf"
    file.write_bytes(OLD.encode())
    new.write_text(f"{OLD}X=1\n")
    place, written, one = place_of(file), new.stat().st_mtime, instance()

    def found(answers: Callable[[], bool], age: float = 0, running: Instance | None = one) -> bool:
        return config_place.left_behind(place, running, answers, lambda: written + age) is not None

    assert found(lambda: True)
    assert not found(lambda: False)
    assert found(lambda: False, age=config_place.LEFT_SECONDS + 1)
    assert found(lambda: False, running=None), "nobody saves"
    assert not found(lambda: bool(new.replace(file))), "the save was done before the answer"


def test_a_place_is_looked_at_without_changing_it(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    file, new = folder / "qBittorrent.conf", folder / "qBittorrent_new.conf"
    file.write_bytes(OLD.encode())
    found = place_of(file)
    assert (found.size, found.new_file, found.mounted_alone) == (len(OLD), None, False)
    assert found.settled
    for text, left_over in (("", False), ("; nothing\n", False), (OLD + "X=1\n", True)):
        new.write_text(text)
        assert (place_of(file).new_file is not None) is left_over, text
    assert {each.name for each in folder.iterdir()} == {file.name, new.name}
    assert place_of(folder / "missing.conf").size is None
    assert config_place.look(Target(parse_url("http://127.0.0.1:1"), "url")) is None
    nowhere = Target(parse_url("http://127.0.0.1:1"), "config", config_file=tmp_path / "no" / "x.conf")
    assert config_place.look(nowhere) is None


def test_an_oddity_shows_no_value() -> None:
    text = OLD + "WebUI\\Password=canary\nWebUI\\Token=canary\n[BitTorrent]\nWebUI\\Password_PBKDF2=canary\n"
    found: tuple[Oddity, ...] = lint_keys(read(text))
    assert len(found) == 3
    assert "canary" not in repr(found)
