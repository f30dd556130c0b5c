"""`qbdoctor fix` of keys and of the left-over file, on the config of a stopped qBittorrent."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.doctor import assert_silent, qbdoctor
from tests.support.fixer import change, new_config, records, sentence, state

REMOVE, MOVE, ADOPT = "remove-unknown-key", "move-misplaced-key", "adopt-new-file"
SAFE = {"LocalHostAuth": "true", "AuthSubnetWhitelistEnabled": "false"}
UNKNOWN = "WebUI\\BypassLocalAuth=true\n; mine\nWebUI\\BanList=1.2.3.4\nWebUI\\BypassLocalAuth=off\n"
MISPLACED = "\n[BitTorrent]\nWebUI\\SessionTimeout=900\nSession\\Port=1\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return new_config(tmp_path / "profile", **SAFE)


def add(config: Path, text: str) -> bytes:
    config.write_bytes(config.read_bytes() + text.encode())
    return config.read_bytes()


def refused(config: Path, *words: str, said: tuple[str, ...], code: int = 4) -> None:
    before = state(config)
    sentence(qbdoctor("fix", *words, "--yes", "--config", str(config)), code, *said)
    assert (state(config), records()) == (before, [])


def test_every_unknown_key_or_the_one_that_is_named(config: Path) -> None:
    before = add(config, UNKNOWN)
    dry = qbdoctor("fix", REMOVE, "--dry-run", "--config", str(config))
    assert dry.code == 0
    assert "-[Preferences] WebUI\\BypassLocalAuth=off" in dry.out
    assert "stands on 2 lines" in dry.out
    assert "-[Preferences] WebUI\\BanList=***" in dry.out
    assert config.read_bytes() == before
    for name in ("WebUI\\BanList", "[Preferences] WebUI\\BanList"):
        change("fix", REMOVE, "--set", f"only={name}", "--config", str(config))
        assert config.read_bytes() == before.replace(b"WebUI\\BanList=1.2.3.4\n", b"")
        change("rollback")
    change("fix", REMOVE, "--config", str(config))
    assert config.read_bytes() == before.replace(UNKNOWN.encode(), b"; mine\n")
    again = change("fix", REMOVE, "--config", str(config))
    assert again["state"] == "nothing-to-do"
    back = qbdoctor("rollback", "--dry-run")
    assert "+[Preferences] WebUI\\BypassLocalAuth=off" in back.out
    change("rollback")
    assert config.read_bytes() == before


@pytest.mark.extended
def test_without_names_it_is_part_of_the_set(config: Path) -> None:
    before = add(config, UNKNOWN)
    made = change("fix", "--config", str(config))
    assert [(one["fix"], one["reason"]) for one in made["records"]] == [(REMOVE, "unknown-key")]
    change("rollback")
    before = add(config, MISPLACED)
    made = change("fix", "--config", str(config))
    assert [(one["fix"], one["reason"]) for one in made["records"]] == [(MOVE, "misplaced-key")]
    change("rollback")
    assert config.read_bytes() == before


@pytest.mark.extended
def test_a_key_that_another_release_reads_stays(config: Path) -> None:
    """As an info it is left, and so it does not count as not helped."""
    text = config.read_text().replace("[Preferences]\n", "[Preferences]\nWebUI\\Password_ha1=canary-old-hash\n")
    config.write_text(text + UNKNOWN)
    run = qbdoctor("fix", "--yes", "--config", str(config))
    assert run.code == 0
    assert "Password_ha1=canary-old-hash" in config.read_text()
    assert "BanList" not in config.read_text()
    assert_silent(run.out + run.err, ["canary-old-hash"])


@pytest.mark.extended
def test_a_key_that_is_none_of_them(config: Path) -> None:
    add(config, UNKNOWN + MISPLACED)
    refused(config, REMOVE, "--set", "only=WebUI\\Port", said=("WebUI\\Port", "WebUI\\BanList"))
    refused(config, MOVE, "--set", "only=WebUI\\Port", said=("WebUI\\Port", "WebUI\\SessionTimeout"))
    refused(config, REMOVE, "--set", "only=", said=("--set only",), code=2)


@pytest.mark.extended
def test_what_is_uncertain_is_refused_with_its_line(config: Path) -> None:
    before = add(config, UNKNOWN + 'x="open\n')
    line = len(before.splitlines())
    refused(config, REMOVE, said=(f"line {line}", "quote"))


@pytest.mark.extended
def test_one_setting_in_two_wrong_places(config: Path) -> None:
    before = add(config, MISPLACED + "\n[Zebra]\nWebUI\\SessionTimeout=800\n")
    lines = [n for n, line in enumerate(before.decode().splitlines(), 1) if "SessionTimeout" in line]
    refused(config, MOVE, said=(f"lines {lines[0]} and {lines[1]}",))
    assert change("fix", "--config", str(config), code=1)["records"] == []  # stopped, which no fix answers
    change("fix", MOVE, "--set", "only=[Zebra] WebUI\\SessionTimeout", "--config", str(config))
    assert "SessionTimeout=800" in config.read_text().partition("[Preferences]")[2].partition("[BitTorrent]")[0]


def test_a_right_place_that_is_taken(config: Path) -> None:
    config.write_text(config.read_text().replace("[Preferences]\n", "[Preferences]\nWebUI\\SessionTimeout=60\n"))
    before = add(config, MISPLACED)
    lines = [str(n) for n, line in enumerate(before.decode().splitlines(), 1) if "SessionTimeout" in line]
    refused(config, MOVE, said=(*(f"line {line}" for line in lines), "SessionTimeout"))
    alone = qbdoctor("fix", "--yes", "--config", str(config))
    assert (alone.code, config.read_bytes(), records()) == (1, before, [])  # stopped, which no fix answers


@pytest.mark.extended
@pytest.mark.parametrize("line", ["LocalHostAuth=false", "LocalHostAuth=", "CSRFProtection=false", "APIKey=qbt_canary"])
def test_what_loosens_is_judged_by_the_value(config: Path, line: str) -> None:
    config.write_text("\n".join(one for one in config.read_text().splitlines() if "LocalHostAuth" not in one) + "\n")
    before = add(config, f"\n[BitTorrent]\nWebUI\\{line}\n")
    alone = qbdoctor("fix", "--yes", "--config", str(config))
    assert (alone.code, config.read_bytes(), records()) == (1, before, [])
    assert f"by its name alone: qbdoctor fix {MOVE}" in alone.out
    named = qbdoctor("fix", MOVE, "--yes", "--config", str(config))
    assert named.code == 0, named.err
    assert "LOOSENS security" in named.out
    assert "exposes:" in named.out
    assert_silent(alone.out + named.out + named.err, ["qbt_canary"])
    change("rollback")
    assert config.read_bytes() == before


@pytest.mark.extended
def test_true_in_the_wrong_place_loosens_nothing(config: Path) -> None:
    config.write_text("\n".join(one for one in config.read_text().splitlines() if "LocalHostAuth" not in one) + "\n")
    add(config, "\n[BitTorrent]\nWebUI\\LocalHostAuth=no\n")
    made = change("fix", "--config", str(config))
    assert [one["fix"] for one in made["records"]] == [MOVE]


@pytest.mark.extended
def test_undone_unless_it_is_confirmed(config: Path) -> None:
    before = add(config, UNKNOWN)
    made = change("fix", REMOVE, "--confirm-within", "1", "--config", str(config))
    assert config.read_bytes() == before.replace(UNKNOWN.encode(), b"; mine\n"), made
    end = time.monotonic() + 15
    while records()[0]["state"] != "rolled-back":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert config.read_bytes() == before


# --- the file that was left -------------------------------------------------------------------------------------------


def leave(config: Path, content: bytes) -> Path:
    path = config.with_name("qBittorrent_new.conf")
    path.write_bytes(content)
    return path


def test_adopted_first_whatever_the_order(config: Path) -> None:
    before = config.read_bytes()
    new = leave(config, before + b"WebUI\\SessionTimeout=900\n" + UNKNOWN.encode())
    content = new.read_bytes()
    plain = qbdoctor("fix", "set-session-timeout", "--yes", "--config", str(config))
    assert (plain.code, ADOPT in plain.err) == (4, True), "the way out is named"
    made = change("fix", "set-session-timeout", ADOPT, "--set", "seconds=7200", "--config", str(config))
    assert [one["fix"] for one in made["records"]] == [ADOPT, "set-session-timeout"]
    assert (b"SessionTimeout=7200" in config.read_bytes(), new.exists()) == (True, False)
    change("rollback")
    assert (config.read_bytes(), new.read_bytes()) == (before, content)


@pytest.mark.extended
def test_one_that_brings_another_fault_is_undone(config: Path) -> None:
    before = config.read_bytes()
    new = leave(config, before.replace(b"[Preferences]\n", b"[Preferences]\nWebUI\\Username=\n"))
    content = new.read_bytes()
    made = change("fix", ADOPT, "--config", str(config), code=4)
    assert (made["state"], "empty-username" in made["text"]) == ("undone", True)
    assert (config.read_bytes(), new.read_bytes(), records()[0]["state"]) == (before, content, "rolled-back")


@pytest.mark.extended
def test_one_that_cannot_be_adopted(config: Path) -> None:
    new = leave(config, b"\x00\x01")
    refused(config, ADOPT, said=(str(new), "NUL", "Move it out of the folder"))
    new.unlink()
    new.symlink_to(config)
    refused(config, ADOPT, said=(str(new), "no regular file"))
    new.unlink()
    assert change("fix", ADOPT, "--config", str(config))["state"] == "nothing-to-do"


def test_without_a_config_nothing_is_at_stake(config: Path) -> None:
    new = leave(config, config.read_bytes())
    config.unlink()
    sentence(qbdoctor("fix", ADOPT, "--yes", "--config", str(config)), 2, "no config file")
    assert (new.exists(), config.exists()) == (True, False)


@pytest.mark.extended
@pytest.mark.parametrize("name", [REMOVE, MOVE, ADOPT])
def test_through_the_web_api_there_is_no_way(config: Path, name: str) -> None:
    leave(config, config.read_bytes())
    refused(config, name, "--via", "api", said=("--via file",))


@pytest.mark.extended
@pytest.mark.parametrize("name", [REMOVE, MOVE, ADOPT])
def test_what_explain_says(name: str) -> None:
    run = qbdoctor("explain", name)
    assert run.code == 0
    assert "It keeps security as it is." in run.out
    assert ("depends on the values" in run.out) is (name != REMOVE)
