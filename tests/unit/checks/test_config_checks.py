"""The config linter's judgement, in tables: no server, no file, no request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbdoctor.config.drift import differences
from qbdoctor.config.key_lint import lint_keys, nearest
from qbdoctor.config.settings import Settings
from qbdoctor.config.value_lint import cut_off, lint_values
from qbdoctor.model.errors import UserError
from qbdoctor.observe.base.config_place import read_mounts
from qbdoctor.releases import KEYS, Version
from qbdoctor.target import log as server_log

OLD = "[Preferences]\n"
NEW = "[Meta]\nMigrationVersion=12\n[WebUI]\n"
VERSIONS = ("4.2.5", "4.5.2", "5.1.0", "5.3.0")


def read(text: str | bytes, version: str | None = "5.1.0", platform: str = "linux") -> Settings:
    data = text.encode() if isinstance(text, str) else text
    return Settings.parse(data, Version.parse(version), platform=platform)


def keys(text: str | bytes, version: str | None = "5.1.0", platform: str = "linux") -> list[tuple[str, str]]:
    """The causes that the keys are named with, and what was meant."""
    return [(odd.cause, odd.meant) for odd in lint_keys(read(text, version, platform))]


def values(text: str | bytes, version: str | None = "5.1.0") -> list[str]:
    return [odd.text for odd in lint_values(read(text, version))]


AUTH_OLD = "WebUI\\LocalHostAuth in [Preferences]"
AUTH_NEW = "LocalHostAuth in [WebUI]"

UNKNOWN = {
    "WebUI\\BypassLocalAuth=true": AUTH_OLD,
    "WebUI\\bypass_local_auth=true": AUTH_OLD,
    "WebUI\\BanList=1.2.3.4": "",
    "WebUI\\LogURL=x": "",
    "WebUI\\User=me": "WebUI\\Username in [Preferences]",
    "WebUI\\Usernam=me": "WebUI\\Username in [Preferences]",
    "WebUI\\localhostauth=false": AUTH_OLD,
    "webui\\LocalHostAuth=false": AUTH_OLD,
    "WebUI\\\\LocalHostAuth=false": AUTH_OLD,
    "WebUI\\web_ui_port=1": "WebUI\\Port in [Preferences]",
    "WebUI\\CSRFProtectionEnabled=false": "WebUI\\CSRFProtection in [Preferences]",
    "WebUI\\HTTPS\\Enable=true": "WebUI\\HTTPS\\Enabled in [Preferences]",
    "WebUI\\Xyzzy=1": "",
}


@pytest.mark.parametrize("line", UNKNOWN)
@pytest.mark.parametrize("version", ["4.2.5", "5.1.0", None])
def test_unknown_keys_and_the_nearest_real_one(line: str, version: str | None) -> None:
    assert keys(OLD + line + "\n", version) == [("unknown-key", UNKNOWN[line])]


def test_unknown_keys_of_the_new_section() -> None:
    assert keys(NEW + "BypassLocalAuth=true\nPort=1\n", "5.3.0") == [("unknown-key", AUTH_NEW)]
    assert keys(NEW + "localhostauth=true\n", "5.3.0") == [("unknown-key", AUTH_NEW)]
    assert keys("[preferences]\nWebUI\\LocalHostAuth=false\n") == [("unknown-key", AUTH_OLD)]
    assert keys(NEW.replace("5.3", "6") + "SomethingNew=1\n", "6.0.0") == [], "a newer release may read it"


@pytest.mark.parametrize(
    ("text", "version", "meant"),
    [
        ("[BitTorrent]\nWebUI\\LocalHostAuth=false\n", "5.1.0", AUTH_OLD),
        ("[BitTorrent]\nWebUI\\Port=1\n", "5.1.0", "WebUI\\Port in [Preferences]"),
        ("[BitTorrent]\nLocalHostAuth=false\n", None, AUTH_OLD),
        ("[Preferences]\nLocalHostAuth=false\n", "4.2.5", AUTH_OLD),
        ("LocalHostAuth=false\n[Preferences]\n", "4.2.5", AUTH_OLD),
        ("WebUI\\LocalHostAuth=false\n", "5.1.0", AUTH_OLD),
        (NEW + "WebUI\\LocalHostAuth=false\n", "5.3.0", AUTH_NEW),
        (NEW + "[Preferences]\nWebUI\\LocalHostAuth=false\n", "5.3.0", AUTH_NEW),
        (OLD + "WebUI\\Port=1\n[WebUI]\nLocalHostAuth=false\n", "5.1.0", AUTH_OLD),
        (OLD + "WebUI\\SessionsCountLimit=3\n", "5.3.0", "SessionsCountLimit in [WebUI]"),
        ("[Network]\nPassword_PBKDF2=x\n", "5.1.0", "WebUI\\Password_PBKDF2 in [Preferences]"),
    ],
)
def test_misplaced_keys(text: str, version: str | None, meant: str) -> None:
    assert keys(text, version) == [("misplaced-key", meant)]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (OLD + "WebUI\\LocalHostAuth=false\nWebUI/Port=1\n", "5.1.0"),
        ("[Preferences\\WebUI]\nLocalHostAuth=false\n", "5.1.0"),
        ("[General]\nPreferences\\WebUI\\LocalHostAuth=false\n", "4.2.5"),
        (OLD + "WebUI\\LocalHostAuth=false\n", "5.3.0"),  # it migrates: no MigrationVersion
        ("[Meta]\nMigrationVersion=8\n" + OLD + "WebUI\\Port=1\n", "5.3.0"),
        ("WebUI\\LocalHostAuth=false\n", "5.3.0"),  # Qt takes it for [WebUI] LocalHostAuth
        (NEW + "LocalHostAuth=false\n", "5.3.0"),
        (NEW + "LocalHostAuth=false\n", None),
        ("[WebUI]\nLocalHostAuth=false\n", None),  # 5.3 reads it, and nothing says that it is another
        (OLD + "WebUI\\LocalHostAuth=false\n", None),
        ("[Locking]\npassword_PBKDF2=x\n[BitTorrent]\nSession\\Port=1\n[RSS]\nEnabled=true\n", "5.1.0"),
        ("[Core]\nAddress=x\nPort=1\nUsername=x\n[Network]\nProxy\\Username=me\nProxy\\Password=x\n", "5.1.0"),
        (OLD + "Advanced\\markOfTheWeb=true\nBittorrent\\CustomizeTrackersListUrl=x\nDynDNS\\Username=x\n", "5.1.0"),
        (OLD + "#WebUI\\LocalHostAuth=false\n# WebUI\\Port=1\n; WebUI\\Foo=1\n", "5.1.0"),
        ("[WebAPI]\nSessionCookieName=mine\n", "5.3.0"),  # left over from 5.1
        (OLD + "WebUI\\Password_ha1=x\nWebUI\\Password_PBKDF2=y\n", "5.1.0"),
        ("[Unheard of]\nAnything=1\nWebSomething\\Foo=1\n", "5.1.0"),
        ("", "5.1.0"),
        (OLD + "WebUI\\LocalHostAuth=false\n[WebUI]\nLocalHostAuth=false\n", "5.1.0"),  # the same in both
    ],
)
def test_keys_that_are_in_order(text: str, version: str | None) -> None:
    assert keys(text, version) == []


def test_case_does_not_count_on_windows() -> None:
    assert keys(OLD + "webui\\LOCALHOSTAUTH=false\n", "5.1.0", "win32") == []
    assert len(keys(OLD + "webui\\LOCALHOSTAUTH=false\n", "5.1.0", "linux")) == 1
    both = read(OLD + "WebUI\\LocalHostAuth=true\nwebui\\localhostauth=false\n", "5.1.0", "win32")
    assert ["two" if "stands in lines 2 and 3" in odd.text else odd.text for odd in lint_values(both)] == ["two"]


def test_keys_of_another_release_are_told_in_passing() -> None:
    (newer,) = lint_keys(read(OLD + "WebUI\\APIKey=secret-canary\n", "5.1.0"))
    assert (newer.cause, newer.severity) == ("unknown-key", "info")
    assert "from 5.2.0 on" in newer.text
    assert "canary" not in repr(newer)
    (older,) = lint_keys(read(OLD + "WebUI\\Password_ha1=canary\n", "5.1.0"))
    assert (older.severity, "4.1.9.1" in older.text) == ("info", True)
    assert lint_keys(read(OLD + "WebUI\\APIKey=x\n", None)) == ()


WRITTEN_BY_NEW = NEW + "Address=127.0.0.1\nPassword_PBKDF2=x\nPort=1\nUsername=me\n"


@pytest.mark.parametrize("version", ["4.2.5", "4.5.2", "5.1.0"])
@pytest.mark.parametrize("migration", ["12", "8", ""])
def test_config_from_a_newer_release(version: str, migration: str) -> None:
    """Older releases put their own number there at their start, and 4.2.5 leaves it."""
    text = WRITTEN_BY_NEW.replace("MigrationVersion=12", f"MigrationVersion={migration}" if migration else "X=1")
    assert keys(text, version) == [("config-from-newer-release", "")]
    assert keys(text, "5.3.0") == []
    assert keys(text, None) in ([], [("misplaced-key", key) for _, key in keys(text, None)])


def test_both_layouts_with_different_values_are_ambiguous() -> None:
    text = OLD + "WebUI\\LocalHostAuth=true\n[WebUI]\nLocalHostAuth=false\n"
    assert keys(text, "5.1.0") == [("ambiguous-setting", AUTH_OLD)]
    assert keys("[Meta]\nMigrationVersion=12\n" + text, "5.3.0") == [("ambiguous-setting", AUTH_NEW)]
    (odd,) = lint_values(read(text, "5.3.0"))  # it reads both, and the old place wins
    assert "line 2 counts" in odd.text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("LocalHostAuth=no", "counts as true"),
        ("LocalHostAuth=off", "counts as true"),
        ("LocalHostAuth='false'", "counts as true"),
        ("LocalHostAuth=false # for now", "counts as true"),
        ("LocalHostAuth=", "counts as false"),
        ("LocalHostAuth=maybe", "neither true nor false"),
        ("LocalHostAuth=false,true", "holds a comma"),
        ("AuthSubnetWhitelistEnabled=disabled", "counts as true"),
        ("Port=abc", "a random port"),
        ("Port=99999", "counts as 34463"),
        ("SessionTimeout=1h", "counts as 0, which means never"),
        ("BanDuration=3600s", "counts as 0, which means never"),
        ("ServerDomains=a.example;b.example", "outside quotes"),
        ("ServerDomains=a.example ; b.example", "outside quotes"),
        ("ServerDomains=a.example,b.example", "list for Qt"),
        ('ServerDomains="a.example, b.example"', "takes ; between"),
        ("TrustedReverseProxiesList=10.0.0.1;10.0.0.2", "outside quotes"),
        ('TrustedReverseProxiesList="10.0.0.1 10.0.0.2"', "takes ; between"),
        ('ReverseProxySupportEnabled=true\nWebUI\\TrustedReverseProxiesList="nginx"', "dropped without a word"),
        ("CustomHTTPHeaders=X-A: canary, X-B: c", "list for Qt"),
        ("Username=me, myself", "list for Qt"),
        ("RootFolder=/a;b", "outside quotes"),
        ("LocalHostAuth=true\nWebUI\\LocalHostAuth=false", "lines 2 and 3"),
        ("Port=1\n[Preferences]\nWebUI\\Port=2", "lines 2 and 4"),
    ],
)
def test_values_that_are_read_otherwise(line: str, said: str) -> None:
    found = values(f"{OLD}WebUI\\{line}\n")
    assert len(found) == 1, found
    assert said in found[0]
    assert "canary" not in found[0]


@pytest.mark.parametrize(
    "line",
    [
        "LocalHostAuth=false",
        "LocalHostAuth=FALSE",
        "LocalHostAuth=0",
        'LocalHostAuth="false"',
        "LocalHostAuth=false ; on purpose",
        "LocalHostAuth=yes",
        "LocalHostAuth=1",
        "AuthSubnetWhitelistEnabled=",  # false, which is the default
        "Port=8080",
        'Port="8080"',
        "Port=8080 ; the usual one",
        "SessionTimeout=-1",
        'ServerDomains="a.example;b.example"',
        "ServerDomains=*",
        "ServerDomains=nas.example ; my box",
        'TrustedReverseProxiesList="10.0.0.1;10.0.0.0/8"',
        'CustomHTTPHeaders="X-A: b, c; d"',
        "Username=josé",
        "AuthSubnetWhitelist=10.0.0.0/8, 192.168.0.0/16",
        "AuthSubnetWhitelist=@Invalid()",
        "LocalHostAuth=true\nWebUI\\LocalHostAuth=true",
        "LocalHostAuth=false\nWebUI\\LocalHostAuth=0",
        "Password_PBKDF2=@ByteArray(a:b)",
        'Password_PBKDF2="@ByteArray(a=:b=)"',
    ],
)
def test_values_that_are_read_as_they_look(line: str) -> None:
    assert values(f"{OLD}WebUI\\{line}\n") == []


def test_letters_beyond_ascii_by_the_build() -> None:
    text = OLD + "WebUI\\Username=josé\n"
    assert [odd.confidence for odd in lint_values(read(text, "4.5.2"))] == ["possible"]
    assert values(OLD + "WebUI\\Username=jos\\xe9\n", "4.5.2") == []
    assert values(text, None) == []


def test_a_quote_that_nothing_closes() -> None:
    (said,) = values(OLD + '# say "hi\nWebUI\\LocalHostAuth=false\nWebUI\\Port=1\n')
    assert "line 2 ends within quotes" in said
    assert values(OLD + 'X=say "hi"\nWebUI\\Port=1\n') == []
    (said,) = values(OLD + "Downloads\\SavePath=C:\\dl\\\nWebUI\\Port=1\n")
    assert "line 2" in said


def test_what_a_semicolon_cut() -> None:
    def cut(value: str) -> str | None:
        return cut_off(read(f"{OLD}WebUI\\AuthSubnetWhitelist={value}\n"), "AuthSubnetWhitelist")

    assert cut("10.0.0.0/8;192.168.0.0/16") == "192.168.0.0/16"
    assert cut("10.0.0.0/8 ; 192.168.0.0/16") == "192.168.0.0/16"
    assert cut("10.0.0.0/8 ; the office") is None
    assert cut("10.0.0.0/8") is None
    assert cut("10.0.0.0/8;") is None
    assert cut_off(read(OLD), "AuthSubnetWhitelist") is None


@pytest.mark.parametrize("form", ["crlf", "bom", "no end", "indented"])
def test_forms_of_a_healthy_file(form: str) -> None:
    text = OLD + "WebUI\\LocalHostAuth=false\nWebUI\\Port=1\nDownloads\\SavePath=/data/søt\n"
    data = {
        "crlf": text.replace("\n", "\r\n"),
        "bom": "\ufeff" + text,
        "no end": text.rstrip("\n"),
        "indented": text.replace("WebUI", "  WebUI"),
    }[form].encode()
    for version in VERSIONS:
        assert keys(data, version) == []
        assert values(data, version) == []


def test_every_name_of_the_web_api_leads_to_its_key() -> None:
    for key in KEYS:
        if key.json is not None and key.fixed is None:
            assert nearest(key.json) is not None, key.json


CORPUS = sorted((Path(__file__).parents[2] / "data" / "corpus").iterdir())


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_no_file_breaks_the_linter_and_no_real_one_is_accused(file: Path) -> None:
    for version in (*VERSIONS, None):
        try:
            settings = read(file.read_bytes(), version)
        except UserError:
            continue
        found = [*lint_keys(settings), *lint_values(settings)]
        assert all(odd.line > 0 and not odd.text.endswith(".") for odd in found)
        if file.name.startswith("real"):
            assert found == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["[", "", "WebUI\\", "Preferences\\", "#", "%", "/", "\\"]),
            st.sampled_from(
                ["WebUI]", "Preferences]", "Port", "LocalHostAuth", "", "\\", "General]", "HTTPS\\Enabled"]
            ),
            st.text(alphabet='=;,"\\ \r\nabc01é%/@()', max_size=8),
        ),
        max_size=8,
    ),
    st.sampled_from([*VERSIONS, None]),
)
def test_any_text_is_linted_without_a_crash(lines: list[tuple[str, str, str]], version: str | None) -> None:
    data = "\n".join("".join(line) for line in lines).encode()
    for platform in ("linux", "win32"):
        try:
            settings = read(data, version, platform)
        except UserError:
            continue
        lint_keys(settings)
        lint_values(settings)
        cut_off(settings, "AuthSubnetWhitelist")
        differences(settings, {key.json: 1 for key in KEYS if key.json})


# --- file and server ------------------------------------------------------------------------------------------------


def test_differences_are_of_values() -> None:
    settings = read(
        OLD + "WebUI\\LocalHostAuth=no\nWebUI\\Port=99999\nWebUI\\AuthSubnetWhitelist=10.1.2.3/8, bad\n"
        "WebUI\\RootFolder=/srv/ui/\nWebUI\\SessionTimeout=100\nWebUI\\CustomHTTPHeaders=canary\n"
    )
    same: dict[str, Any] = {
        "bypass_local_auth": False,
        "web_ui_port": 34463,
        "bypass_auth_subnet_whitelist": "10.0.0.0/8",
        "alternative_webui_path": "/srv/ui",
        "web_ui_session_timeout": 100,
        "web_ui_custom_http_headers": "canary",
        "web_ui_something_new": 1,
    }
    assert differences(settings, same) == ()
    other = same | {"bypass_local_auth": True, "web_ui_session_timeout": 3600, "web_ui_custom_http_headers": "canary2"}
    found = {one.setting: (one.filed, one.running, one.line) for one in differences(settings, other)}
    assert found == {
        "LocalHostAuth": ("true", "false", 2),
        "SessionTimeout": ("100", "3600", 6),
        "CustomHTTPHeaders": ("…", "…", 7),
    }


MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:50 / /config rw,relatime - ext4 /dev/sda1 rw
31 30 8:1 /x/q.conf /config/qBittorrent/qBittorrent.conf rw,relatime - ext4 /dev/sda1 rw
32 22 0:51 / /ro\040place ro,relatime - tmpfs tmpfs rw
33 22 0:52 / /sb rw,relatime shared:4 master:3 - ext4 /dev/sdb ro,errors=remount-ro
34 22 0:53 / /over ro - tmpfs tmpfs ro
35 22 0:54 / /over rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/config/qBittorrent/qBittorrent.conf", (True, False)),
        ("/config/qBittorrent/other.conf", (False, False)),
        ("/ro place/q.conf", (False, True)),
        ("/sb/q.conf", (False, True)),
        ("/over/q.conf", (False, False)),
        ("/home/q.conf", (False, False)),
    ],
)
def test_mounts(path: str, expected: tuple[bool, bool]) -> None:
    assert read_mounts(MOUNTS, Path(path)) == expected


def test_the_folder_that_the_log_names() -> None:
    def lines(*texts: str) -> list[server_log.LogLine]:
        return [server_log.LogLine("N", None, text) for text in texts]

    start = "qBittorrent v5.1.0 started. Process ID: 5"
    assert server_log.config_folder(lines(start, "Using config directory: /srv/qb/config")) == "/srv/qb/config"
    assert server_log.config_folder(lines(start, "使用配置目录：/srv/q b/config")) == "/srv/q b/config"
    assert server_log.config_folder(lines(start, "Using config directory: C:/Users/me/x")) == "C:/Users/me/x"
    assert server_log.config_folder(lines(start, "a", "b", "c", "Using config directory: /late")) is None
    assert server_log.config_folder(lines("Using config directory: /before", start)) is None
    assert server_log.config_folder(lines(start, 'Using custom WebUI. Location: "/srv/ui".')) is None
