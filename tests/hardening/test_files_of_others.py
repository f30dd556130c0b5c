"""Root works in folders of other users: none of them may have root write, read or give away what is not theirs."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from tests.support.strangers import (
    ANNA,
    EVE,
    FIX,
    OPEN,
    ROOTS,
    adopted_left_over,
    as_root,
    give,
    needs_root,
    owned_folder,
    owners,
    profile,
    run,
)

pytestmark = needs_root


def records(base: Path) -> list[Path]:
    return sorted((base / "root/.local/state/qbdoctor/records").glob("2*"))


# --- what is ordinary -------------------------------------------------------------------------------------------------


def test_a_config_of_another_user_is_changed_and_stays_theirs(base: Path) -> None:
    config = profile(base, EVE)
    done = as_root(base, *FIX, "--config", str(config))
    assert done.code == 0, done.err
    assert (config.read_bytes(), owners(base / "home")) == (OPEN.replace(b"=false", b"=true"), {EVE})
    assert owners(base / "root") == {0}
    assert as_root(base, "rollback", "--yes").code == 0
    assert (config.read_bytes(), owners(base / "home")) == (OPEN, {EVE})


def test_links_of_their_own_and_of_root_are_followed(base: Path) -> None:
    config = profile(base, EVE)
    for name, owner in (("theirs", EVE), ("roots", 0)):
        link = base / name
        link.symlink_to("home/qBittorrent")
        give(owner, link)
        done = as_root(base, *FIX, "--config", str(link / "config/qBittorrent.conf"))
        assert done.code == 0, done.err
        assert as_root(base, "rollback", "--yes").code == 0
    assert config.read_bytes() == OPEN


# --- A1: links --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["file", "folder"])
def test_a_link_to_roots_file_is_not_written_through(base: Path, where: str) -> None:
    config = profile(base, EVE)
    decoy = base / "root/qBittorrent.conf"
    decoy.write_bytes(OPEN)
    decoy.chmod(0o600)
    if where == "file":
        config.unlink()
        config.symlink_to(decoy)
        give(EVE, config)
    else:
        shutil.rmtree(config.parent)
        config.parent.symlink_to(base / "root")
        give(EVE, config.parent)
    done = as_root(base, *FIX, "--config", str(config))
    assert (done.code, decoy.read_bytes(), stat.S_IMODE(decoy.stat().st_mode)) == (4, OPEN, 0o600), done
    assert str(decoy) in done.err + done.out
    assert "belongs to" in done.err + done.out


def test_a_left_over_file_never_becomes_roots_file(base: Path) -> None:
    config = profile(base, EVE)
    decoy = base / "root/shadow"
    decoy.write_bytes(ROOTS)
    config.unlink()
    config.symlink_to(decoy)
    new = config.with_name("qBittorrent_new.conf")
    new.write_bytes(b"[Preferences]\nroot::0:0:::\n" + OPEN)
    give(EVE, config, new)
    for named in ((), ("adopt-new-file",)):
        done = as_root(base, "fix", *named, "--yes", "--via", "file", "--config", str(config))
        assert decoy.read_bytes() == ROOTS
        assert done.code != 0 or "Nothing to fix" in done.out, done


def test_a_left_over_file_of_a_third_user_is_not_adopted(base: Path) -> None:
    config = profile(base, EVE)
    config.parent.chmod(0o777)
    new = config.with_name("qBittorrent_new.conf")
    new.write_bytes(OPEN.replace(b"=1", b"=2"))
    give(ANNA, new)
    done = as_root(base, "fix", "adopt-new-file", "--yes", "--via", "file", "--config", str(config))
    assert (done.code, config.read_bytes()) == (4, OPEN), done


def test_a_left_over_file_is_adopted_only_by_name_or_by_a_person(base: Path) -> None:
    config = profile(base, EVE)
    new = config.with_name("qBittorrent_new.conf")
    new.write_bytes(OPEN.replace(b"=1", b"=2"))
    give(EVE, new)
    done = as_root(base, "fix", "--yes", "--via", "file", "--config", str(config))
    assert (config.read_bytes(), new.exists()) == (OPEN, True), done
    assert "adopt-new-file" in done.out
    done = as_root(base, "fix", "adopt-new-file", "--yes", "--via", "file", "--config", str(config))
    assert (done.code, config.read_bytes(), new.exists()) == (0, OPEN.replace(b"=1", b"=2"), False), done


# --- A2: modes --------------------------------------------------------------------------------------------------------


def test_no_setuid_bit_is_given_to_a_file(base: Path) -> None:
    config = profile(base, EVE)
    config.chmod(0o6755)
    assert as_root(base, *FIX, "--config", str(config)).code == 0
    assert stat.S_IMODE(config.stat().st_mode) == 0o755


def test_a_left_over_file_that_comes_back_has_no_setuid_bit(base: Path) -> None:
    new = adopted_left_over(base)
    done = as_root(base, "rollback", "--yes")
    assert (done.code, new.stat().st_uid, stat.S_IMODE(new.stat().st_mode)) == (0, EVE, 0o755), done


def test_output_keeps_the_mode_of_a_private_file(base: Path) -> None:
    report = base / "root/report.json"
    report.write_text("old")
    report.chmod(0o600)
    as_root(base, "check", "--json", "--url", "http://127.0.0.1:1", "--no-login", "-o", str(report))
    assert json.loads(report.read_text())["schema"] == "qbdoctor.report/1"
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_output_is_not_written_through_the_link_of_another(base: Path) -> None:
    decoy = base / "root/secret"
    decoy.write_bytes(ROOTS)
    decoy.chmod(0o600)
    place = owned_folder(base / "eve", EVE)
    link = place / "report.json"
    link.symlink_to(decoy)
    give(EVE, link)
    as_root(base, "check", "--json", "--url", "http://127.0.0.1:1", "--no-login", "-o", str(link))
    assert (decoy.read_bytes(), stat.S_IMODE(decoy.stat().st_mode)) == (ROOTS, 0o600)


@pytest.mark.parametrize("option", ["-o", "--save"])
def test_no_new_file_is_made_through_the_link_of_another(base: Path, option: str) -> None:
    """Her link leads into a folder of root's: a name there that root never gave; into her own it is hers to lay."""
    secret, place = base / "root/cron.d", owned_folder(base / "eve", EVE)
    secret.mkdir()
    owned_folder(place / "mine", EVE)
    for name, goal in (("out", secret), ("own", place / "mine")):
        (place / name).symlink_to(goal)
        give(EVE, place / name)
        look = ("check", "--url", "http://127.0.0.1:1", "--no-login", option, str(place / name / "report"))
        done = as_root(base, *look)
        assert done.code == (2 if goal is secret else 1), done
    assert list(secret.iterdir()) == []
    assert (place / "mine/report").exists()


# --- A3, A4, A6: state ------------------------------------------------------------------------------------------------


def forged(base: Path, state: Path, config: Path, text: bytes) -> Path:
    """Plant an unfinished record whose end would be to overwrite a file of root's; returns that file."""
    done = as_root(base, *FIX, "--config", str(config))
    assert done.code == 0, done.err
    (own,) = records(base)
    decoy = base / "root/decoy.conf"
    decoy.write_bytes(OPEN[:30] + OPEN.replace(b"false", b"true")[30:])
    state.mkdir(exist_ok=True)
    shutil.copytree(own, state / "records" / own.name)
    record = state / "records" / own.name
    held = json.loads((record / "record.json").read_text())
    held["state"], held["in_place"] = "preparing", True
    held["states"] = held["states"][:1]
    held["file"]["real"] = held["file"]["path"] = str(decoy)
    (record / "record.json").write_text(json.dumps(held))
    (record / held["backup"]).write_bytes(text)
    (record / "in-place.old").write_bytes(OPEN)
    (record / "in-place.new").write_bytes(OPEN.replace(b"false", b"true"))
    give(EVE, state, *state.rglob("*"))
    return decoy


@pytest.mark.parametrize(
    "arguments",
    [
        ("history",),
        ("history", "--json"),
        ("history", "--prune", "--dry-run"),
        ("rollback", "--dry-run"),
        ("rollback", "--all", "--yes"),
        ("fix", "require-localhost-auth", "--dry-run", "--via", "file"),
        ("fix", "require-localhost-auth", "--yes", "--via", "file"),
    ],
    ids=" ".join,
)
def test_a_forged_record_of_another_user_writes_nothing(base: Path, arguments: tuple[str, ...]) -> None:
    config = profile(base, EVE)
    decoy = forged(base, base / "home/state", config, b"ALL ALL=(ALL) NOPASSWD: ALL\n")
    before = decoy.read_bytes()
    target = ("--config", str(config)) if arguments[0] == "fix" else ()
    done = as_root(base, *arguments, *target, "--state-dir", str(base / "home/state"))
    assert decoy.read_bytes() == before, done
    assert done.code != 0
    assert "cannot be trusted" in done.err + done.out


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_a_state_folder_of_roots_that_others_may_write_is_refused(base: Path, mode: int) -> None:
    config = profile(base, EVE)
    state = base / "state"
    state.mkdir()
    if mode == 0o775:
        os.chown(state, 0, EVE)
    state.chmod(mode)
    (state / "records").mkdir()
    done = as_root(base, *FIX, "--config", str(config), "--state-dir", str(state))
    assert done.code == (0 if mode == 0o1777 else 4), done  # the sticky bit keeps what root made there
    assert ("cannot be trusted" in done.err + done.out) == (mode != 0o1777)


@pytest.mark.parametrize("made", ["", "records", "confirm"])
def test_a_state_folder_made_by_another_user_gets_nothing(base: Path, made: str) -> None:
    config = profile(base, EVE)
    shared = base / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    state = shared / "state"
    state.mkdir(mode=0o700)
    owned_folder(state / made, EVE) if made else give(EVE, state)
    before = sorted(shared.rglob("*"))
    done = as_root(base, *FIX, "--config", str(config), "--state-dir", str(state))
    if made != "confirm":
        assert (done.code, sorted(shared.rglob("*"))) == (4, before), done
    assert all(path.lstat().st_uid == 0 for path in shared.rglob("before*"))


def test_with_the_home_of_another_the_records_are_roots_own(base: Path) -> None:
    """As after ``su -m``."""
    config = profile(base, EVE)
    done = run(*FIX, "--config", str(config), home=base / "home")
    try:
        assert done.code == 0, done.err
        assert not (base / "home/.local").exists()
    finally:
        run("rollback", "--yes", home=base / "home")
        run("history", "--prune", "--yes", home=base / "home")


def test_the_ledger_is_not_read_through_a_link(base: Path) -> None:
    from qbdoctor.webui.login_ledger import Ledger
    from qbdoctor.webui.login_permit import LedgerUnavailable, Question

    decoy = base / "root/secret"
    decoy.write_bytes(ROOTS)
    decoy.chmod(0o600)
    state = base / "state"
    state.mkdir()
    for owner in (EVE, 0):
        give(owner, state)
        (state / "attempts.json").symlink_to(decoy)
        with pytest.raises(LedgerUnavailable):
            Ledger(state / "attempts.json").allow(Question("127.0.0.1:1", "127.0.0.1"))
        assert [path.name for path in state.iterdir() if "damaged" in path.name] == []
        (state / "attempts.json").unlink()
    assert (decoy.read_bytes(), decoy.stat().st_uid) == (ROOTS, 0)


def test_nothing_is_healed_in_a_reading_command(base: Path) -> None:
    config = profile(base, 0)
    assert as_root(base, *FIX, "--config", str(config)).code == 0
    (own,) = records(base)
    held = json.loads((own / "record.json").read_text())
    held["state"], held["states"] = "preparing", held["states"][:1]
    (own / "record.json").write_text(json.dumps(held))
    before = (own / "record.json").read_bytes()
    for arguments in (
        ("history",),
        ("rollback", "--dry-run"),
        (*FIX[:2], "--via", "file", "--dry-run", "--config", str(config)),
    ):
        done = as_root(base, *arguments)
        assert (own / "record.json").read_bytes() == before, arguments
        assert "ended in the middle" in done.err, arguments
    as_root(base, "rollback", "--yes")
    assert (own / "record.json").read_bytes() != before


def test_no_folder_of_another_user_is_suggested(base: Path) -> None:
    config = profile(base, EVE)
    state = base / "home/.local/state/qbdoctor"
    for folder in (base / "home/.local", base / "home/.local/state", state):
        owned_folder(folder, EVE)
    give(EVE, *config.parents[2].rglob("*"))
    done = run(*FIX, "--config", str(config), "--state-dir", str(state), home=base / "home", uid=EVE)
    assert done.code == 0, done.err
    said = as_root(base, "history", "--state-dir", str(base / "root/none")).err
    assert f"--state-dir {state}" not in said
