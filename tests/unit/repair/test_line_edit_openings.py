"""What a rollback says that it opens again."""

from __future__ import annotations

import pytest

from qbdoctor.config.settings import Settings
from qbdoctor.model.edits import Edit, Move, Remove, ReplaceFile
from qbdoctor.releases import Version
from qbdoctor.repair import exposure

ODD = Remove("Preferences", "WebUI\\BypassLocalAuth", "LocalHostAuth")
MOVE = Move("LocalHostAuth", "BitTorrent", "WebUI\\LocalHostAuth", "Preferences", "WebUI\\LocalHostAuth")


# --- what it opens ----------------------------------------------------------------------------------------------------

OPENING = {
    "LocalHostAuth=false": "LocalHostAuth=false",
    "AuthSubnetWhitelistEnabled=true\nWebUI\\AuthSubnetWhitelist=10.0.0.0/8": "callers from 10.0.0.0/8",
    "CSRFProtection=false": "CSRFProtection",
    "HostHeaderValidation=false": "HostHeaderValidation",
    "ClickjackingProtection=false": "ClickjackingProtection",
    "SecureCookie=false": "SecureCookie",
    "UseUPnP=true": "UseUPnP",
    "MaxAuthenticationFailCount=50": "guessed",
    "MaxAuthenticationFailCount=0": "guessed",
    "BanDuration=1": "guessed",
    "ReverseProxySupportEnabled=true\nWebUI\\TrustedReverseProxiesList=10.0.0.0/8": "10.0.0.0/8",
    "CustomHTTPHeadersEnabled=true\nWebUI\\CustomHTTPHeaders=Access-Control-Allow-Origin: *": "CustomHTTPHeaders",
    "APIKey=qbt_x": "API key",
}
HARMLESS = [
    "LocalHostAuth=true",
    "LocalHostAuth=no",
    "AuthSubnetWhitelist=0.0.0.0/0",
    "AuthSubnetWhitelistEnabled=true",
    "AuthSubnetWhitelistEnabled=true\nWebUI\\AuthSubnetWhitelist=nonsense",
    "MaxAuthenticationFailCount=3",
    "BanDuration=7200",
    "ServerDomains=nas.lan",
    "Port=1",
    "Address=127.0.0.1",
    "HTTPS\\Enabled=true",
    "ReverseProxySupportEnabled=true\nWebUI\\TrustedReverseProxiesList=10.0.0.1",
    "SessionTimeout=0",
    "Username=me",
]
NOW = Version.parse("5.2.3")


@pytest.mark.parametrize(("lines", "word"), OPENING.items())
def test_what_opens(lines: str, word: str) -> None:
    before = Settings.parse(b"[Preferences]\n", NOW)
    after = Settings.parse(f"[Preferences]\nWebUI\\{lines}\n".encode(), NOW)
    (said,) = exposure.between(before, after)
    assert word in said
    assert "qbt_x" not in said
    assert exposure.between(after, before) == exposure.between(after, after) == ()


@pytest.mark.parametrize("lines", HARMLESS)
def test_what_opens_nothing(lines: str) -> None:
    before = Settings.parse(b"[Preferences]\n", NOW)
    assert exposure.between(before, Settings.parse(f"[Preferences]\nWebUI\\{lines}\n".encode(), NOW)) == ()


def test_what_another_file_opens() -> None:
    def read(text: str, version: str = "4.5.2") -> Settings:
        return Settings.parse(f"[Preferences]\n{text}\n".encode(), Version.parse(version))

    narrow, wide = read("WebUI\\Address=127.0.0.1"), read("WebUI\\Address=*")
    assert "other machines" in exposure.between(narrow, wide)[0]
    names, every = read("WebUI\\ServerDomains=nas.lan"), read("")
    assert "any host name" in exposure.between(names, every)[0]
    secure, plain = read("WebUI\\HTTPS\\Enabled=true"), read("")
    assert "plain http" in exposure.between(secure, plain)[0]
    own, factory = read('WebUI\\Password_PBKDF2="@ByteArray(a:b)"'), read("")
    assert "adminadmin" in exposure.between(own, factory)[0]
    assert exposure.between(own, read("", "5.1.0")) == (), "one is made up there at each start"
    lists = [
        f"WebUI\\AuthSubnetWhitelistEnabled=true\nWebUI\\AuthSubnetWhitelist={one}"
        for one in ("10.0.0.0/8", "10.1.0.0/16")
    ]
    assert exposure.between(read(lists[0]), read(lists[1])) == ()
    assert "10.0.0.0/8" in exposure.between(read(lists[1]), read(lists[0]))[0]


def test_an_edit_of_a_setting_has_nothing_of_this() -> None:
    assert Edit("LocalHostAuth", True).setting == "LocalHostAuth"
    assert {ODD.setting, MOVE.setting, ReplaceFile().setting} == {
        "[Preferences] WebUI\\BypassLocalAuth",
        "LocalHostAuth",
        "the whole file",
    }
