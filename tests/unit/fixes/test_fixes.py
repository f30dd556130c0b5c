"""What a fix is told and what it plans: tables, without a server."""

from __future__ import annotations

import dataclasses
import string
from pathlib import Path
from typing import Any

import pytest

from qbdoctor import registry
from qbdoctor.config import list_values, password_hash
from qbdoctor.diagnosis.catalogue import pages as catalogue
from qbdoctor.model.basics import Secret
from qbdoctor.model.edits import Added, Edit, Effect, Fix
from qbdoctor.model.errors import UserError
from qbdoctor.repair import input_types, inputs
from qbdoctor.repair.edits.values import raw_text
from tests.support.doctor import assert_silent, qbdoctor
from tests.support.fixer import Terminal, change, new_config, records, sentence, state

CONTRACT: dict[str, Effect] = {
    "require-localhost-auth": "hardens",
    "migrate-settings": "keeps",
    "disable-subnet-whitelist": "hardens",
    "bypass-localhost-auth": "loosens",
    "allow-subnet": "loosens",
    "allow-host": "keeps",
    "trust-reverse-proxy": "keeps",
    "set-password": "keeps",
    "set-session-timeout": "keeps",
    "unset-secure-cookie": "loosens",
    "raise-ban-limit": "loosens",
    "disable-alternative-webui": "keeps",
    "use-http": "keeps",
    "set-tls-files": "keeps",
    "remove-unknown-key": "keeps",
    "move-misplaced-key": "keeps",
    "adopt-new-file": "keeps",
    "remove-stale-lockfile": "keeps",
}
# They set nothing: see test_line_edits, and tests/live/field for migrate-settings.
OF_THE_FILE = {
    "remove-unknown-key",
    "move-misplaced-key",
    "adopt-new-file",
    "migrate-settings",
    "remove-stale-lockfile",
}
TOLD = {
    "host": "nas.lan",
    "proxy": "172.18.0.2",
    "seconds": "3600",
    "certificate": "/a.pem",
    "key": "/a.key",
    "subnet": "10.0.0.5/32",
    "limit": "10",
    "password": Secret("canary-new-password"),
}
FIXES = {fix.id: fix for fix in registry.fixes()}
EVERY = pytest.mark.parametrize("fix", FIXES.values(), ids=lambda fix: fix.id)


def test_the_fixes_are_the_contracts() -> None:
    assert {fix.id: fix.effect for fix in FIXES.values()} == CONTRACT
    assert len({fix.order for fix in FIXES.values()}) == len(FIXES)


@EVERY
def test_a_fix_says_what_it_is(fix: Fix) -> None:
    assert fix.file_only == (fix.id in OF_THE_FILE)
    assert bool(fix.exposes) == (fix.effect == "loosens")
    assert bool(fix.provided) == (fix.id == "trust-reverse-proxy"), (
        "what it depends on, where that is not qBittorrent's"
    )
    for cause in fix.answers:
        offered = [one for one in catalogue.page(cause).remedies if one.fix == fix.id]
        assert offered, f"the page of {cause} does not offer {fix.id}"
        assert all(one.loosens == (fix.effect == "loosens") for one in offered)
    for page in catalogue.pages():
        assert {one.fix for one in page.remedies if one.fix} <= set(FIXES)


@pytest.mark.parametrize("fix", [fix for fix in FIXES.values() if fix.id not in OF_THE_FILE], ids=lambda fix: fix.id)
def test_a_fix_plans_settings_of_the_table(fix: Fix) -> None:
    bound = inputs.bind(fix, TOLD)
    edits = bound.edits(None, None)
    assert edits
    for edit in edits:
        assert isinstance(edit, Edit)
        assert raw_text(edit, "old.lan" if edit.setting == "ServerDomains" else None)
    assert "canary" not in repr(bound) + repr(edits)


@pytest.mark.parametrize("fix", [one for one in FIXES.values() if one.inputs], ids=lambda fix: fix.id)
def test_without_a_value_it_is_not_made(fix: Fix) -> None:
    if all(one.default for one in fix.inputs):
        assert set(inputs.bind(fix, {}).given) == {one.name for one in fix.inputs}
        return
    with pytest.raises(UserError) as caught:
        inputs.bind(fix, {})
    assert (caught.value.code, caught.value.exit_code) == ("input-missing", 2)
    assert fix.id in caught.value.message


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "now", "entry", "after"),
    [
        ("ServerDomains", "nas.lan", "new.lan", '"nas.lan;new.lan"'),
        ("ServerDomains", '"a.lan; *.b.lan"', "new.lan", '"a.lan;*.b.lan;new.lan"'),
        ("ServerDomains", "", "new.lan", "new.lan"),
        ("ServerDomains", "*", "new.lan", "*"),
        ("ServerDomains", None, "new.lan", None),
        ("ServerDomains", '"a.lan;*"', "new.lan", '"a.lan;*"'),
        ("ServerDomains", "NEW.lan", "new.lan", "NEW.lan"),
        ("ServerDomains", "*.lan", "new.lan", '"*.lan;new.lan"'),
        ("TrustedReverseProxiesList", None, "10.0.0.1", "10.0.0.1"),
        ("TrustedReverseProxiesList", '"10.0.0.1;localhost"', "10.0.0.2", '"10.0.0.1;localhost;10.0.0.2"'),
        ("TrustedReverseProxiesList", '"10.0.0.1;x"', "10.0.0.1", '"10.0.0.1;x"'),
        ("TrustedReverseProxiesList", "10.0.0.0/8", "10.0.0.1", "10.0.0.0/8"),
        ("AuthSubnetWhitelist", None, "10.0.0.1/32", "10.0.0.1/32"),
        ("AuthSubnetWhitelist", "@Invalid()", "10.0.0.1/32", "10.0.0.1/32"),
        ("AuthSubnetWhitelist", "192.168.1.0/24, bad", "10.0.0.1/32", "192.168.1.0/24, bad, 10.0.0.1/32"),
        ("AuthSubnetWhitelist", "192.168.1.0/24, 10.0.0.0/8", "10.0.0.1/32", "192.168.1.0/24, 10.0.0.0/8"),
        ("AuthSubnetWhitelist", "10.0.0.1", "10.0.0.1/32", "10.0.0.1"),
        ("AuthSubnetWhitelist", "::/0", "10.0.0.1/32", "::/0, 10.0.0.1/32"),
        ("AuthSubnetWhitelist", "10.0.0.1", "fd00::1/128", "10.0.0.1, fd00::1/128"),
    ],
)
def test_one_entry_more_and_the_others_kept(setting: str, now: str | None, entry: str, after: str | None) -> None:
    made = list_values.with_entry(setting, now, entry)
    assert made == after
    assert list_values.contains(setting, made, entry)
    assert list_values.with_entry(setting, made, entry) == made


@pytest.mark.parametrize(
    ("setting", "now", "entry", "after"),
    [
        ("ServerDomains", "a.lan;b.lan", "new.lan", "a.lan;b.lan;new.lan"),
        ("ServerDomains", "*", "new.lan", "*"),
        ("TrustedReverseProxiesList", "", "10.0.0.1", "10.0.0.1"),
        (
            "AuthSubnetWhitelist",
            "192.168.1.0/24\n10.0.0.5/32",
            "10.0.0.6/32",
            "192.168.1.0/24\n10.0.0.5/32\n10.0.0.6/32",
        ),
        ("AuthSubnetWhitelist", "192.168.1.0/24,10.0.0.5/32", "10.0.0.5/32", "192.168.1.0/24,10.0.0.5/32"),
    ],
)
def test_one_entry_more_live(setting: str, now: str, entry: str, after: str) -> None:
    assert list_values.with_entry_json(setting, now, entry) == after
    assert list_values.holds_json(setting, after, entry)


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        ("host_name", "NAS.lan", "nas.lan"),
        ("host_name", " nas ", "nas"),
        ("host_name", "192.168.1.7", "192.168.1.7"),
        ("host_name", "[fd00::1]", "fd00::1"),
        ("host_name", "bücher.example", "xn--bcher-kva.example"),
        ("ip_address", "172.18.0.2", "172.18.0.2"),
        ("ip_address", "::ffff:10.0.0.1", "10.0.0.1"),
        ("private_subnet", "192.168.1.20", "192.168.1.20/32"),
        ("private_subnet", "192.168.1.20/24", "192.168.1.0/24"),
        ("private_subnet", "127.0.0.1", "127.0.0.1/32"),
        ("private_subnet", "fd00::1", "fd00::1/128"),
        ("private_subnet", "100.64.1.1", "100.64.1.1/32"),
        ("file_path", "/etc/ssl/a b.pem", "/etc/ssl/a b.pem"),
    ],
)
def test_values_in_their_one_form(read: str, text: str, expected: str) -> None:
    assert getattr(input_types, read)(text) == expected


@pytest.mark.parametrize(
    ("read", "texts"),
    [
        ("host_name", ["", "http://nas.lan", "nas.lan:8080", "*", "*.lan", "a;b", "a,b", "a b", "a\nb", "-x-", "1.2.3"]),
        ("ip_address", ["", "localhost", "10.0.0.0/8", "0.0.0.0", "fe80::1%eth0", "1.2.3"]),
        ("private_subnet", ["", "0.0.0.0/0", "::/0", "8.8.8.8", "10.0.0.0/1", "nas.lan", "10.0.0.1-10.0.0.9", "2001:4860::/32"]),
        ("file_path", ["", "cert.pem", "~/cert.pem", "/a\nb"]),
        ("new_password", ["", "short", "adminadmin", "line\nbreak", "nul\0nul-nul"]),
    ],
)  # fmt: skip
def test_values_that_are_refused(read: str, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(ValueError):
            getattr(input_types, read)(text)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "101", "1", "10000000000", "١٠"])
def test_numbers_out_of_bounds(text: str) -> None:
    with pytest.raises(ValueError):
        input_types.number(2, 100)(text)


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return new_config(tmp_path / "profile", ServerDomains="old.lan", MaxAuthenticationFailCount="20")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["allow-host"], ["allow-host must be told", "--set host=VALUE"]),
        (["allow-host", "--set", "host"], ["NAME=VALUE"]),
        (["allow-host", "--set", "name=x"], ["no fix here takes it", "host"]),
        (["allow-host", "--set", "host=a b"], ["--set host", "no host name"]),
        (["allow-host", "--set", "host=a", "--set", "host=b"], ["twice"]),
        (["allow-subnet", "--set", "subnet=0.0.0.0/0"], ["addresses of the Internet"]),
        (["set-password", "--set", "password=canary-x"], ["does not belong on the command line"]),
        (["set-password"], ["--new-password-file"]),
        (["allow-host", "--new-password-file", "x"], ["set-password"]),
    ],
)
def test_bad_input_is_one_sentence(config: Path, arguments: list[str], words: list[str]) -> None:
    before = state(config)
    run = qbdoctor("fix", *arguments, "--yes", "--config", str(config))
    sentence(run, 2, *words)
    assert "canary" not in run.err
    assert (state(config), records()) == (before, [])


@pytest.mark.parametrize("text", ["short", "adminadmin", "two\nlines", ""])
def test_a_bad_new_password(config: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "new"
    file.write_text(text)
    run = qbdoctor("fix", "set-password", "--yes", "--new-password-file", str(file), "--config", str(config))
    sentence(run, 2)
    assert records() == []


def test_only_raised(config: Path) -> None:
    run = qbdoctor("fix", "raise-ban-limit", "--yes", "--config", str(config))
    sentence(run, 4, "the limit is 20 already")
    change("fix", "raise-ban-limit", "--set", "limit=30", "--config", str(config))


def test_a_list_that_is_off_is_not_switched_on_with_all_it_holds(tmp_path: Path) -> None:
    config = new_config(
        tmp_path / "p", AuthSubnetWhitelistEnabled="false", AuthSubnetWhitelist="10.0.0.0/8, 192.168.0.0/16"
    )
    run = qbdoctor("fix", "allow-subnet", "--set", "subnet=10.0.0.5", "--yes", "--config", str(config))
    sentence(run, 4, "10.0.0.0/8, 192.168.0.0/16", "would get in too")


def test_two_entries_in_one_run(config: Path) -> None:
    """Both of a set that change the same list; and names, values and the rest of the file as they were."""
    before = config.read_bytes()
    change("fix", "allow-host", "--set", "host=a.lan", "--config", str(config))
    change("fix", "allow-host", "--set", "host=b.lan", "--config", str(config))
    assert b'ServerDomains="old.lan;a.lan;b.lan"' in config.read_bytes()
    again = change("fix", "allow-host", "--set", "host=A.LAN", "--config", str(config))
    assert again["state"] == "nothing-to-do"
    change("rollback")
    change("rollback")
    assert config.read_bytes() == before


def test_the_dry_run_asks_for_no_password(config: Path) -> None:
    before = state(config)
    run = qbdoctor("fix", "set-password", "--dry-run", "--config", str(config))
    assert run.code == 0
    assert run.out.count("Password_PBKDF2=***") == 2
    assert state(config) == before


def stored(config: Path) -> password_hash.StoredHash:
    line = next(one for one in config.read_text().splitlines() if "Password_PBKDF2=" in one)
    found = password_hash.parse_hash(Secret(line.partition("=")[2].strip('"')))
    assert isinstance(found, password_hash.StoredHash)
    assert (found.odd, len(found.salt), len(found.key)) == (None, 16, 64)
    return found


def test_typed_twice(config: Path) -> None:
    asked = Terminal("fix", "set-password", "--config", str(config))
    asked.wait_for("New password")
    asked.write("canary-typed\n")
    asked.wait_for("once more")
    asked.write("canary-typed\n")
    asked.wait_for("[y/N]")
    code, _ = asked.type("y\n")
    assert code == 0
    assert_silent(asked.shown, ["canary-typed"])
    assert password_hash.verify(stored(config), Secret("canary-typed"))


def test_typed_otherwise_the_second_time(config: Path) -> None:
    before = state(config)
    asked = Terminal("fix", "set-password", "--config", str(config))
    asked.wait_for("New password")
    asked.write("canary-typed\n")
    asked.wait_for("once more")
    code, _ = asked.type("canary-other\n")
    assert (code, state(config), records()) == (2, before, [])


def test_made_up_and_shown_once(config: Path, tmp_path: Path) -> None:
    asked = Terminal("fix", "set-password", "--config", str(config))
    asked.wait_for("New password")
    asked.write("\n")
    asked.wait_for("[y/N]")
    shown = asked.shown.partition("shown this once: ")[2].split()[0]
    code, out = asked.type("y\n")
    assert (code, shown in out) == (0, False)
    assert len(shown) == 24
    assert set(shown) <= set(string.ascii_letters + string.digits)
    assert password_hash.verify(stored(config), Secret(shown))
    assert asked.shown.count(shown) == 1
    for path in (tmp_path / "state").rglob("*"):
        assert path.is_dir() or shown.encode() not in path.read_bytes()


def test_a_value_from_a_finding_that_is_none_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log may hold anything."""
    from qbdoctor.model.report import Cause

    class Report:
        causes = (Cause("host-not-allowed", "error", "likely", "x", values={"name": "*"}),)

    fix: Any = FIXES["allow-host"]
    with pytest.raises(UserError):
        inputs.bind(fix, {}, Report())  # type: ignore[arg-type]
    named = dataclasses.replace(Report.causes[0], values={"name": "nas.lan"})
    Report.causes = (named,)
    bound = inputs.bind(fix, {}, Report())  # type: ignore[arg-type]
    (edit,) = bound.edits(None, "host-not-allowed")
    assert (edit,) == bound.edits(None, None)
    assert isinstance(edit, Edit)
    assert (edit.setting, edit.value) == ("ServerDomains", Added("nas.lan"))


@pytest.mark.parametrize("path", ["/etc/qb/cert.pem", r"C:\qb\cert.pem", "D:/qb/cert.pem", r"\\nas\qb\cert.pem"])
def test_a_file_is_named_as_the_servers_system_does(path: str) -> None:
    """Which may be another than ours."""
    assert input_types.file_path(path).replace("\\", "/") == path.replace("\\", "/")


@pytest.mark.parametrize("path", ["cert.pem", "C:cert.pem", r"\qb\cert.pem"])
def test_a_file_is_named_wholly(path: str) -> None:
    with pytest.raises(ValueError, match="absolute"):
        input_types.file_path(path)
