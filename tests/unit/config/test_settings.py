r"""The config as a release reads it: the rows that were measured on real servers, the layouts, and what is refused.

``test_settings_live.py`` asks the servers themselves.
"""

from __future__ import annotations

import pytest

from qbdoctor.config.settings import Settings
from qbdoctor.model.basics import Secret
from qbdoctor.releases import KEYS, Version

MEASURED = ("4.2.5", "4.3.9", "4.5.2", "4.6.7", "5.1.0", "5.2.3", "5.3.0")
OLD = "[LegalNotice]\nAccepted=true\n\n[Preferences]\nWebUI\\Address=127.0.0.1\nWebUI\\Port=18080\n"


def read(text: str | bytes, version: str | None = None, *, platform: str = "linux") -> Settings:
    data = text if isinstance(text, bytes) else text.encode()
    return Settings.parse(data, Version.parse(version), platform=platform)


def web(name: str, raw: str, version: str | None = None) -> Settings:
    return read(f"[Preferences]\nWebUI\\{name}={raw}\n", version)


# --- booleans: measured without a cookie from 127.0.0.1; "open" is LocalHostAuth read as false -----------------------

OPEN, SHUT = False, True
VALUES: list[tuple[str, dict[str, bool] | bool]] = [
    ("false", OPEN),
    ("False", OPEN),
    ("FALSE", OPEN),
    ("0", OPEN),
    ("no", SHUT),
    ("off", SHUT),
    ("maybe", SHUT),
    ("", OPEN),
    ("true", SHUT),
    ("1", SHUT),
    ("2", SHUT),
    ('"false"', OPEN),
    ("'false'", SHUT),
    ("false ; comment", OPEN),
    ("false  ", OPEN),
    ("@Invalid()", {"4.2.5": OPEN, "4.3.9": SHUT, "4.5.2": SHUT, "5.1.0": SHUT, "5.3.0": SHUT}),
    ("@Bool(false)", SHUT),
    ("n", SHUT),
    ("0.0", SHUT),
    ("none", SHUT),
    ("false,true", {"4.2.5": OPEN, "4.3.9": OPEN, "4.5.2": SHUT, "5.1.0": SHUT, "5.3.0": SHUT}),
    ("false;c", OPEN),
    ("false # c", SHUT),
    ("00", SHUT),
]


@pytest.mark.parametrize(("raw", "expected"), VALUES)
def test_booleans_as_measured(raw: str, expected: dict[str, bool] | bool) -> None:
    by_version = expected if isinstance(expected, dict) else dict.fromkeys(MEASURED, expected)
    for version, value in by_version.items():
        assert web("LocalHostAuth", raw, version).boolean("LocalHostAuth") is value, version


FILES: list[tuple[str, str | bytes, bool, bool]] = [
    ("spaces around =", OLD + "WebUI\\LocalHostAuth = false\n", OPEN, OPEN),
    ("lower-case key", OLD + "WebUI\\localhostauth=false\n", SHUT, SHUT),
    ("lower-case webui", OLD + "webui\\LocalHostAuth=false\n", SHUT, SHUT),
    ("forward slash", OLD + "WebUI/LocalHostAuth=false\n", OPEN, OPEN),
    ("dot", OLD + "WebUI.LocalHostAuth=false\n", SHUT, SHUT),
    ("dup true then false", OLD + "WebUI\\LocalHostAuth=true\nWebUI\\LocalHostAuth=false\n", OPEN, OPEN),
    ("dup false then true", OLD + "WebUI\\LocalHostAuth=false\nWebUI\\LocalHostAuth=true\n", SHUT, SHUT),
    ("other case after", OLD + "WebUI\\LocalHostAuth=false\nWebUI\\LOCALHOSTAUTH=true\n", OPEN, OPEN),
    ("second section", OLD + "[BitTorrent]\nx=1\n[Preferences]\nWebUI\\LocalHostAuth=false\n", OPEN, OPEN),
    ("lower-case section", OLD + "[preferences]\nWebUI\\LocalHostAuth=false\n", SHUT, SHUT),
    ("wrong section", OLD + "[BitTorrent]\nWebUI\\LocalHostAuth=false\n", SHUT, SHUT),
    ("no section", "WebUI\\LocalHostAuth=false\n" + OLD, SHUT, OPEN),
    ("alias in [General]", OLD + "[General]\nPreferences\\WebUI\\LocalHostAuth=false\n", OPEN, OPEN),
    ("[WebUI] section", OLD + "[WebUI]\nLocalHostAuth=false\n", SHUT, OPEN),
    ("[Preferences/WebUI]", OLD + "[Preferences/WebUI]\nLocalHostAuth=false\n", OPEN, OPEN),
    ("[Preferences\\WebUI]", OLD + "[Preferences\\WebUI]\nLocalHostAuth=false\n", OPEN, OPEN),
    ("# comment before", OLD + "# c\nWebUI\\LocalHostAuth=false\n", OPEN, OPEN),
    ("; comment before", OLD + "; c\nWebUI\\LocalHostAuth=false\n", OPEN, OPEN),
    ("commented with ;", OLD + ";WebUI\\LocalHostAuth=false\n", SHUT, SHUT),
    ("commented with #", OLD + "#WebUI\\LocalHostAuth=false\n", SHUT, SHUT),
    ("CRLF", (OLD + "WebUI\\LocalHostAuth=false\n").replace("\n", "\r\n"), OPEN, OPEN),
    ("BOM", b"\xef\xbb\xbf" + (OLD + "WebUI\\LocalHostAuth=false\n").encode(), OPEN, OPEN),
    ("indented", OLD + "   WebUI\\LocalHostAuth=false\n", OPEN, OPEN),
    ("no final newline", OLD + "WebUI\\LocalHostAuth=false", OPEN, OPEN),
]


@pytest.mark.parametrize(("text", "older", "newest"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_spellings_as_measured(text: str | bytes, older: bool, newest: bool) -> None:
    for version in MEASURED:
        settings = read(text, version)
        assert settings.boolean("LocalHostAuth") is (newest if version == "5.3.0" else older), version
        assert settings.integer("Port") == 18080


# --- the two layouts --------------------------------------------------------------------------------------------------

WEBUI = "[WebUI]\nAddress=127.0.0.1\nPort=18080\nLocalHostAuth={}\n"
PREFERENCES = OLD + "WebUI\\LocalHostAuth={}\n"
LOST = None
"""The server does not listen on the port that the file names."""


def meta(migration: int | None) -> str:
    return "" if migration is None else f"[Meta]\nMigrationVersion={migration}\n"


@pytest.mark.parametrize(
    ("migration", "body", "older", "newest"),
    [
        *((number, PREFERENCES.format("false"), OPEN, OPEN) for number in (None, 4, 8, 10)),
        *((number, PREFERENCES.format("false"), OPEN, LOST) for number in (11, 12, 99)),
        *((number, WEBUI.format("false"), LOST, OPEN) for number in (None, 8, 12)),
        (None, WEBUI.format("true") + "[Preferences]\nWebUI\\LocalHostAuth=false\n", LOST, OPEN),
        (None, PREFERENCES.format("true") + "[WebUI]\nLocalHostAuth=false\n", SHUT, SHUT),
        (8, WEBUI.format("true") + "[Preferences]\nWebUI\\LocalHostAuth=false\n", LOST, OPEN),
        (8, PREFERENCES.format("true") + "[WebUI]\nLocalHostAuth=false\n", SHUT, SHUT),
        (12, WEBUI.format("true") + "[Preferences]\nWebUI\\LocalHostAuth=false\n", LOST, SHUT),
        (12, PREFERENCES.format("true") + "[WebUI]\nLocalHostAuth=false\n", SHUT, LOST),
    ],
)
def test_layouts_as_measured(migration: int | None, body: str, older: bool | None, newest: bool | None) -> None:
    for version in MEASURED:
        settings = read(meta(migration) + body, version)
        expected = newest if version == "5.3.0" else older
        assert settings.migration == migration
        if expected is LOST:
            assert not settings.explicit("Port")
            assert settings.integer("Port") == 8080
        else:
            assert settings.integer("Port") == 18080
            assert settings.boolean("LocalHostAuth") is expected, version


def test_an_unknown_release_follows_the_file() -> None:
    both = PREFERENCES.format("true") + "[WebUI]\nLocalHostAuth=false\n"
    assert read(meta(12) + both).layout == "WebUI"
    assert read(meta(8) + both).layout == "Preferences"
    assert read(both).layout == "Preferences"
    assert read(meta(12) + both).boolean("LocalHostAuth") is False
    assert read(both).boolean("LocalHostAuth") is True
    assert str(read(meta(8) + both).written_by) == "5.0.0 to 5.2.3"


def test_a_key_in_the_place_that_is_not_read() -> None:
    settings = read(meta(12) + OLD, "5.3.0")
    assert settings.found("Port") is None
    other = settings.elsewhere("Port")
    assert other is not None
    assert (other.layout, other.line, other.raw) == ("Preferences", 8, "18080")
    assert read(meta(8) + OLD, "5.3.0").elsewhere("Port") is None
    assert read(OLD, "5.1.0").elsewhere("LegalNotice/Accepted") is None


def test_a_key_that_is_newer_than_the_move_is_not_moved() -> None:
    # measured on 5.3.0: the key stays in [Preferences] and the limit is 15
    settings = read(OLD + "WebUI\\SessionsCountLimit=77\n", "5.3.0")
    assert settings.integer("SessionsCountLimit") == 15
    assert settings.elsewhere("SessionsCountLimit") is not None
    assert settings.place("SessionsCountLimit") == ("WebUI", "SessionsCountLimit")
    assert settings.place("Port") == ("Preferences", "WebUI\\Port")


# --- where it stands --------------------------------------------------------------------------------------------------


def test_found_names_the_line_and_what_it_overrules() -> None:
    settings = read(OLD + "WebUI\\LocalHostAuth=true\nWebUI/LocalHostAuth=no ; c\n", "5.1.0")
    found = settings.found("LocalHostAuth")
    assert found is not None
    assert (found.line, found.raw, found.section, found.key) == (8, "no", "Preferences", "WebUI/LocalHostAuth")
    assert found.others == (7,)
    plain = settings.found("Port")
    assert plain is not None
    assert settings.found("Username") is None
    assert settings.explicit("Port")
    assert not settings.explicit("Username")
    with pytest.raises(KeyError):
        settings.found("NoSuchSetting")


def test_names_have_no_case_on_windows() -> None:
    text = "[preferences]\nwebui\\localhostauth=false\n"
    assert read(text, "5.1.0").boolean("LocalHostAuth") is True
    assert read(text, "5.1.0", platform="win32").boolean("LocalHostAuth") is False


# --- values and defaults ----------------------------------------------------------------------------------------------


def test_an_empty_file_is_all_defaults() -> None:
    settings = read(b"", "5.1.0")
    for key in KEYS:
        assert not settings.explicit(key.name)
        assert isinstance(settings.value_text(key.name), str)
    assert settings.boolean("LocalHostAuth") is True
    assert settings.integer("Port") == 8080
    assert settings.text("Username") == "admin"
    assert settings.server_domains() == ("*",)
    assert settings.whitelist() == ((), ())
    assert settings.secret("Password_PBKDF2") is None
    assert settings.migration is None


def test_without_a_password_older_releases_have_the_factory_s() -> None:
    secret = read(b"", "4.5.2").secret("Password_PBKDF2")
    assert secret is not None
    assert secret.reveal().startswith("ARQ77eY1NUZaQsuDHbIMCA==:")


@pytest.mark.parametrize(
    ("raw", "port"),
    [
        *(("18080", 18080), ("99999", 34463), ("abc", 0), ("", 0), ("-1", 65535)),
        *(('" 80 "', 80), ("80,81", 8080), ("0x50", 0), ("+80", 80), ("9" * 30, 0)),
    ],
)
def test_ports(raw: str, port: int) -> None:
    assert web("Port", raw, "5.1.0").integer("Port") == port


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        *(("2147483647", 2**31 - 1), ("2147483648", -(2**31)), ("9999999999", 1410065407), ("-4294967295", 1)),
        *(("9223372036854775807", -1), ("9223372036854775808", 0), ("-9223372036854775808", 0)),
    ],
)
def test_large_numbers_lose_their_high_bits(raw: str, number: int) -> None:
    assert web("BanDuration", raw, "5.1.0").integer("BanDuration") == number


def test_text_that_became_a_list() -> None:
    # measured with the user name "a,b": no login on 4.2.5, "admin" on 4.5.2, no credentials on 5.1.0
    values = {version: web("Username", "a,b", version).text("Username") for version in ("4.2.5", "4.5.2", "5.1.0")}
    assert values == {"4.2.5": "", "4.5.2": "admin", "5.1.0": ""}
    assert web("Username", '"a,b"', "5.1.0").text("Username") == "a,b"


def test_bytes_above_127_are_latin_1_for_qt_5_and_utf_8_for_qt_6() -> None:
    text = "[Preferences]\nWebUI\\Username=josé\n"
    assert read(text, "4.5.2").text("Username") == "josÃ©"
    assert read(text, "5.1.0").text("Username") == "josé"


def test_a_setting_counts_only_where_the_release_knows_it() -> None:
    text = "[Preferences]\nWebUI\\SecureCookie=true\nWebUI\\SessionTimeout=5\nWebUI\\APIKey=qbt_x\n"
    assert read(text, "4.1.9").boolean("SecureCookie") is False
    assert read(text, "4.1.9").integer("SessionTimeout") == 900
    assert read(text, "4.2.0").integer("SessionTimeout") == 5
    assert read(text, "5.1.4").secret("APIKey") is None
    assert read(text, "5.2.0").secret("APIKey") == Secret("qbt_x")


def test_the_wrong_kind_is_an_error_of_ours() -> None:
    settings = read(b"", "5.1.0")
    for wrong in (
        lambda: settings.boolean("Port"),
        lambda: settings.integer("LocalHostAuth"),
        lambda: settings.text("APIKey"),
        lambda: settings.items("Username"),
    ):
        with pytest.raises(TypeError):
            wrong()


HASH = "ARQ77eY1NUZaQsuDHbIMCA==:0WMRkYTUWVT9wVvdDtHAjU9b3b7uB8NR1Gur2hmQCvCDpm39Q"


@pytest.mark.parametrize("raw", [f'"@ByteArray({HASH})"', f"@ByteArray({HASH})", HASH, f'"{HASH}"'])
def test_secrets_are_read_and_never_shown(raw: str) -> None:
    settings = read(f"[Preferences]\nWebUI\\Password_PBKDF2={raw}\nWebUI\\APIKey=qbt_abc\n", "5.2.3")
    secret = settings.secret("Password_PBKDF2")
    assert secret is not None
    assert secret.reveal() == HASH
    assert settings.value_text("Password_PBKDF2") == "***"
    assert settings.value_text("APIKey") == "***"
    for name in ("Password_PBKDF2", "APIKey"):
        found = settings.found(name)
        assert found is not None
        assert found.raw is None
        assert HASH[:8] not in repr(found) + repr(settings)


def test_values_to_show() -> None:
    lines = ("LocalHostAuth=no", "AuthSubnetWhitelist=10.0.0.0/8, foo", 'Username="a;b"')
    settings = read("[Preferences]\n" + "".join(f"WebUI\\{line}\n" for line in lines), "5.1.0")
    assert settings.value_text("LocalHostAuth") == "true"
    assert settings.value_text("AuthSubnetWhitelist") == "10.0.0.0/8, foo"
    assert settings.value_text("Username") == "a;b"
    assert settings.value_text("SessionTimeout") == "3600"
