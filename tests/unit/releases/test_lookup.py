"""The table of releases: complete, without gaps, and saying what was measured."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

from qbdoctor import releases
from qbdoctor.releases import ANY, FUTURE, KEYS, KNOWN, NEWEST, OLDEST, Version, VersionRange, fingerprints


def v(text: str) -> Version:
    version = Version.parse(text)
    assert version is not None, text
    return version


MEASURED = tuple(v(text) for text in ("4.2.5", "4.3.9", "4.5.2", "4.6.7", "5.1.0", "5.2.3", "5.3.0"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("v5.1.0", "5.1.0"),
        ("5.3.0", "5.3.0"),
        ("5.2", "5.2.0"),
        ("4.3.0.1", "4.3.0.1"),
        ("4.5.0beta1", "4.5.0beta1"),
        ("v5.2.0rc1", "5.2.0rc1"),
        (" qBittorrent v4.6.7\n", "4.6.7"),
        ("v5.4.0alpha", "5.4.0alpha"),
    ],
)
def test_versions_are_read(text: str, shown: str) -> None:
    assert str(v(text)) == shown


@pytest.mark.parametrize(
    "junk", ["", None, "5", "v", "5.1.x", "latest", "<html>", "5.1.0.1.2", "1e3.4", "٥.١.٠", "5.1.0\nx", "9" * 9000]
)
def test_junk_is_no_version(junk: str | None) -> None:
    assert Version.parse(junk) is None


def test_versions_sort() -> None:
    order = ["4.1.9", "4.1.9.1", "4.2.0", "4.10.0", "5.2.0alpha1", "5.2.0beta1", "5.2.0beta2", "5.2.0rc1", "5.2.0"]
    assert [str(each) for each in sorted(map(v, reversed(order)))] == order
    assert list(KNOWN) == sorted(set(KNOWN))


def test_every_rule_covers_every_release_once() -> None:
    for name in releases.names():
        rows = releases.rules(name)
        assert rows[0].since == OLDEST, name
        assert rows[-1].until is None, name
        for before, after in itertools.pairwise(rows):
            assert before.until is not None
            assert KNOWN.index(before.until) + 1 == KNOWN.index(after.since), name
            assert before.value != after.value, f"{name}: two rows say the same"
        for version in KNOWN:
            holding = [row for row in rows if row.since <= version and (row.until is None or version <= row.until)]
            assert [row.value for row in holding] == [releases.rule(name, version)], (name, version)
        assert all(row.source for row in rows), name


def test_a_release_beyond_the_table_counts_as_its_end_and_a_pre_release_as_its_release() -> None:
    assert releases.cookie_name(v("6.0.0"), 80) == "QBT_SID_80"
    assert releases.forbidden_body(v("4.0.4")) == ""
    assert releases.login_accepted(v("5.2.0rc1")) == (204, "")
    assert releases.login_accepted(v("5.1.9")) == (200, "Ok.")


def test_an_unknown_rule_is_an_error() -> None:
    with pytest.raises(KeyError):
        releases.rule("no.such", NEWEST)


# What seven real servers were measured to do, in the order of MEASURED.
def test_login_answers() -> None:
    assert [releases.login_accepted(each).status for each in MEASURED] == [200] * 5 + [204] * 2
    assert [releases.login_accepted(each).body for each in MEASURED] == ["Ok."] * 5 + [""] * 2
    refused = [(200, "Fails.")] * 5 + [(401, "Unauthorized")] * 2
    assert [tuple(releases.login_refused(each)) for each in MEASURED] == refused
    assert {releases.login_banned(each).status for each in MEASURED} == {403}


def test_refusals() -> None:
    assert [releases.forbidden_body(each) for each in MEASURED] == ["", *["Forbidden"] * 6]
    assert [releases.unknown_api_status(each) for each in MEASURED] == [404] * 2 + [403] * 5
    assert [releases.options_root_status(each) for each in MEASURED] == [400] * 3 + [501] * 4


def test_cookies() -> None:
    assert [releases.cookie_name(each, 8080) for each in MEASURED] == ["SID"] * 5 + ["QBT_SID_8080"] * 2
    assert [releases.same_site(each) for each in MEASURED] == ["Strict"] * 5 + ["Lax"] * 2
    assert {releases.same_site(each, csrf=False) for each in MEASURED} == {None}
    assert [releases.same_site(each, csrf=False, secure=True) for each in MEASURED] == [None] * 3 + ["None"] * 4
    assert [releases.same_site(v(each)) for each in ("4.1.4", "4.1.5", "5.2.1", "5.2.2")] == [
        *(None, "Strict", "Strict", "Lax")
    ]
    assert [releases.cookie_expires(each) for each in MEASURED] == [False] * 5 + [True] * 2
    assert {releases.secure_cookie(each, https=True) for each in MEASURED} == {True}
    assert {releases.secure_cookie(each, https=True, setting=False) for each in MEASURED} == {False}
    forwarded = [releases.secure_cookie(each, https=False, forwarded_https=True) for each in MEASURED]
    assert forwarded == [False] * 5 + [True] * 2


@pytest.mark.parametrize(
    ("version", "configured", "name"),
    [
        ("4.5.5", "MYCK", "SID"),
        ("4.6.0", "MYCK", "MYCK"),
        ("5.1.4", "MYCK", "MYCK"),
        ("5.1.4", "", "SID"),
        ("5.1.4", "a b", "SID"),
        ("5.1.4", "x" * 129, "SID"),
        ("5.1.4", "MYCK\n", "SID"),
        ("5.2.0", "MYCK", "QBT_SID_8080"),
    ],
)
def test_a_configured_cookie_name_counts_from_4_6_to_5_1(version: str, configured: str, name: str) -> None:
    assert releases.cookie_name(v(version), 8080, configured) == name


@pytest.mark.parametrize(
    ("address", "old", "new"),
    [
        ("127.0.0.1", True, True),
        ("::1", True, True),
        ("[::1]", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("127.0.0.2", False, True),
        ("::ffff:127.0.0.2", False, True),
        ("127.255.255.254", False, True),
        ("10.0.0.1", False, False),
        ("::ffff:10.0.0.1", False, False),
        ("::2", False, False),
        ("localhost", False, False),
        ("", False, False),
    ],
)
def test_loopback(address: str, old: bool, new: bool) -> None:
    assert releases.is_loopback_for(v("5.0.5"), address) is old
    assert releases.is_loopback_for(v("5.1.0"), address) is new


def test_passwords_and_bans() -> None:
    assert [releases.hash_key(v(each)) for each in ("4.1.9.1", "4.2.0")] == ["Password_ha1", "Password_PBKDF2"]
    assert {releases.default_ban_limit(each) for each in KNOWN} == {5}


def test_newer_ways_in() -> None:
    for supported in (releases.api_key_supported, releases.basic_auth_supported):
        assert [supported(v(each)) for each in ("5.1.4", "5.2.0")] == [False, True]


def test_headers_and_names() -> None:
    assert [releases.server_domains_anchored(each) for each in MEASURED] == [False] * 6 + [True]
    assert [releases.forwarded_host_rule(v(each)) for each in ("5.2.1", "5.2.2")] == ["always", "with-proxy-support"]
    assert [releases.forwarded_for_rule(v(each)) for each in ("4.3.9", "4.4.0", "5.2.3", "5.3.0")] == [
        *("peer", "leftmost-global", "leftmost-global", "rightmost-untrusted")
    ]
    assert releases.sec_fetch_accepted(v("5.2.3")) is None
    assert releases.sec_fetch_accepted(NEWEST) == ("same-origin", "none")
    for source in (True, False):
        assert releases.passes_by_sec_fetch(v("5.2.3"), "cross-site", source=source) is None
        assert releases.passes_by_sec_fetch(NEWEST, "", source=source) is None
        for value, passes in {
            "same-origin": True,
            " NONE ": True,
            "same-site": False,
            "junk": False,
            "a, b": False,
        }.items():
            assert releases.passes_by_sec_fetch(NEWEST, value, source=source) is passes
    assert releases.csrf_exempt_paths(v("5.2.3")) == ()
    assert "/" in releases.csrf_exempt_paths(NEWEST)
    assert [releases.sessions_limit(each) for each in MEASURED] == [None] * 6 + [15]


def test_actions() -> None:
    assert [releases.add_parameter(each) for each in MEASURED] == ["paused"] * 4 + ["stopped"] * 3
    assert releases.post_only_since("app/setPreferences") == v("4.4.4")
    assert releases.post_only_since("torrents/delete") == v("4.5.0")
    assert releases.post_only_since("app/version") is None


def test_log_texts_carry_the_release_s_prefix() -> None:
    assert releases.text("log.listening", v("4.6.0")) == "Web UI: Now listening on IP: %1, port: %2"
    assert releases.text("log.listening", v("4.6.1")) == "WebUI: Now listening on IP: %1, port: %2"
    assert releases.text("log.sec_fetch_site", v("5.2.3")) is None
    for version in KNOWN:
        for name in releases.names():
            if name.startswith(("log.", "stdout.", "stderr.")):
                assert "{" not in (releases.text(name, version) or "")


# --- settings ---------------------------------------------------------------------------------------------------------


def test_every_key_is_whole() -> None:
    kinds = {"bool": bool, "int": int, "text": str, "path": str, "bytes": str, "list": tuple}
    assert len({each.name.lower() for each in KEYS}) == len(KEYS)
    for each in KEYS:
        assert [v(since) for since, _ in each.defaults] == sorted(v(since) for since, _ in each.defaults)
        for _, value in each.defaults:
            assert type(value) is kinds[each.kind], each.name
        assert v(each.since) in KNOWN
        assert each.until is None or v(each.until) in KNOWN
        assert each.source, each.name
        assert each.name == releases.key(each.name.upper().replace("/", "\\")).name
    assert {each.name for each in KEYS if each.secret} == {"Password_ha1", "Password_PBKDF2", "HTTPS/Key", "APIKey"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("LocalHostAuth", ("Preferences", "WebUI\\LocalHostAuth"), ("WebUI", "LocalHostAuth")),
        ("HTTPS/Enabled", ("Preferences", "WebUI\\HTTPS\\Enabled"), ("WebUI", "HTTPS\\Enabled")),
        ("MigrationVersion", ("Meta", "MigrationVersion"), ("Meta", "MigrationVersion")),
        ("SessionCookieName", ("WebAPI", "SessionCookieName"), ("WebAPI", "SessionCookieName")),
        ("Locale", ("Preferences", "General\\Locale"), ("Preferences", "General\\Locale")),
    ],
)
def test_places(name: str, old: tuple[str, str], new: tuple[str, str]) -> None:
    assert releases.place(name, "Preferences") == old
    assert releases.place(name, "WebUI") == new


def test_defaults_that_differ_by_release() -> None:
    upnp, password = releases.key("UseUPnP"), releases.key("Password_PBKDF2")
    assert [releases.default(upnp, v(each)) for each in ("4.5.2", "4.5.3")] == [True, False]
    assert str(releases.default(password, v("4.6.0"))).startswith("ARQ77eY1NUZaQsuDHbIMCA==:")
    assert releases.default(password, v("4.6.1")) == ""


def test_json_names_by_release() -> None:
    found = {each: releases.key_for_json("web_ui_password", v(each)) for each in ("4.1.0", "4.2.0")}
    assert {version: key.name for version, key in found.items() if key} == {
        "4.1.0": "Password_ha1",
        "4.2.0": "Password_PBKDF2",
    }
    assert releases.key_for_json("web_ui_session_timeout", v("4.1.0")) is None
    assert releases.key_for_json("web_ui_sessions_count_limit", v("5.2.3")) is None


@pytest.mark.parametrize(
    ("version", "migration", "expected"),
    [
        ("4.2.5", None, ("Preferences",)),
        ("5.2.3", 12, ("Preferences",)),
        ("5.3.0", None, ("Preferences", "WebUI")),
        ("5.3.0", 8, ("Preferences", "WebUI")),
        ("5.3.0", 10, ("Preferences", "WebUI")),
        ("5.3.0", 11, ("WebUI",)),
        ("5.3.0", 99, ("WebUI",)),
        (None, None, ("Preferences",)),
        (None, 8, ("Preferences",)),
        (None, 11, ("WebUI",)),
        (None, 12, ("WebUI",)),
    ],
)
def test_layouts(version: str | None, migration: int | None, expected: tuple[str, ...]) -> None:
    parsed = Version.parse(version)
    assert releases.layouts(parsed, migration) == expected
    assert releases.layout(parsed, migration) == expected[0]


# --- from an observation to releases -------------------------------------------------------------------------------


def span(found: VersionRange) -> str:
    return str(found)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (None, "4.1.0 or later"),
        (-1, "4.1.0 or later"),
        (2, "4.4.0"),
        (4, "4.5.0 to 4.5.5"),
        (5, "4.6.0 to 4.6.7"),
        (8, "5.0.0 to 5.2.3"),
        (11, "5.3.0 or later"),
        (12, "5.3.0 or later"),
        (40, "5.3.0 or later"),
    ],
)
def test_from_migration(number: int | None, expected: str) -> None:
    assert span(fingerprints.from_migration(number)) == expected


def test_from_what_a_server_shows() -> None:
    assert span(fingerprints.from_cookie_name("SID")) == "4.1.0 to 5.1.4"
    assert span(fingerprints.from_cookie_name("QBT_SID_8080")) == "5.2.0 or later"
    assert fingerprints.from_cookie_name("MYCK") == ANY
    assert span(fingerprints.from_forbidden_body("")) == "4.1.0 to 4.2.5"
    assert span(fingerprints.from_forbidden_body("Forbidden")) == "4.3.0 or later"
    assert fingerprints.from_forbidden_body("<html>nginx</html>") == ANY
    assert span(fingerprints.from_options_root(400)) == "4.1.0 to 4.5.5"
    assert span(fingerprints.from_options_root(501)) == "4.6.0 or later"
    assert fingerprints.from_options_root(204) == ANY


def test_ranges_meet() -> None:
    old, new = fingerprints.from_cookie_name("SID"), fingerprints.from_options_root(501)
    both = old.meet(new)
    assert both is not None
    assert span(both) == "4.6.0 to 5.1.4"
    assert both.single is None
    assert fingerprints.from_cookie_name("SID").meet(fingerprints.from_cookie_name("QBT_SID_1")) is None
    assert ANY.meet(old) == old
    assert VersionRange(NEWEST, FUTURE).holds(v("7.0.0"))


def test_possible_values_in_a_range() -> None:
    assert releases.possible("login.accepted") == ((200, "Ok."), (204, ""))
    assert releases.possible("login.accepted", VersionRange(v("4.6.0"), v("5.1.4"))) == ((200, "Ok."),)
    assert releases.possible("login.accepted", VersionRange(v("5.2.0rc1"), FUTURE)) == ((204, ""),)
    assert releases.possible("cookie.name_is_setting") == (False, True)


def test_the_import_is_light() -> None:
    heavy = "{'dataclasses', 'requests', 'iniparse', 'json'}"
    code = f"import sys, qbdoctor.releases; print(*{heavy}.intersection(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
