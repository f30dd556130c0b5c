"""Our reading of a config file and what the real releases do with the same bytes."""

from __future__ import annotations

import http.client

import pytest

from qbdoctor import releases
from qbdoctor.config.settings import Settings
from qbdoctor.config.subnets import covers
from qbdoctor.releases import Version
from tests.conftest import ServerFactory
from tests.kit import matrix

pytestmark = [pytest.mark.live, pytest.mark.in_turn]

HEAD = (
    "[LegalNotice]\nAccepted=true\n\n"
    "[BitTorrent]\nSession\\DHTEnabled=false\nSession\\Interface=lo\nSession\\InterfaceName=lo\n"
    "Session\\LSDEnabled=false\nSession\\PeXEnabled=false\n\n"
    "[Network]\nPortForwardingEnabled=false\n\n"
)
QUIET = (
    "Bittorrent\\DHT=false\nBittorrent\\LSD=false\nBittorrent\\PeX=false\n"
    "Connection\\Interface=lo\nConnection\\UPnP=false\n"
)
WEB = ("Address=127.0.0.1", "Port=%PORT%", "UseUPnP=false")
OLD = HEAD + "[Preferences]\n" + QUIET + "".join(f"WebUI\\{line}\n" for line in WEB)
NEW = HEAD + "[Preferences]\n" + QUIET + "[WebUI]\n" + "".join(f"{line}\n" for line in WEB)


def status(port: int, source: str = "127.0.0.1") -> int:
    """The status of a call without a cookie, sent from an address of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(source, 0))
    try:
        connection.request("GET", "/api/v2/app/version")
        return connection.getresponse().status
    finally:
        connection.close()


def our_status(settings: Settings, version: Version, source: str) -> int:
    """What our reading of the file says that status must be."""
    open_here = not settings.boolean("LocalHostAuth") and releases.is_loopback_for(version, source)
    networks, _ = settings.whitelist()
    listed = settings.boolean("AuthSubnetWhitelistEnabled") and covers(networks, source)
    return 200 if open_here or listed else 403


def compare(release: matrix.Release, server: ServerFactory, text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    version = Version.parse(release.version)
    assert version is not None
    # the server rewrites its file, so what it read is what was given to it
    with server(raw_config=data) as running:
        settings = Settings.parse(data.replace(b"%PORT%", str(running.port).encode()), version)
        assert settings.integer("Port") == running.port
        for source in ("127.0.0.1", "127.0.0.2"):
            assert status(running.port, source) == our_status(settings, version, source), source


BOOLEANS = (
    *("false", "FALSE", "0", "no", "off", "", "true", "2", '"false"', "false ; c", "false # c", "@Invalid()"),
    *("@Bool(false)",),
    *(
        "0.0",
        "false,true",
        "false,",
        " false ",
        "\\x66\\x61lse",
        "@ByteArray(false)",
        "@ByteArray(0)",
        "fal\\se",
        "00",
        '""',
    ),
)


@pytest.mark.parametrize("raw", BOOLEANS)
def test_local_host_auth(release: matrix.Release, server: ServerFactory, raw: str) -> None:
    compare(release, server, OLD + f"WebUI\\LocalHostAuth={raw}\n")


@pytest.mark.parametrize("raw", ["true,false", "false,true", "@Invalid()", "maybe"])
def test_a_boolean_whose_default_is_false(release: matrix.Release, server: ServerFactory, raw: str) -> None:
    lines = f"WebUI\\AuthSubnetWhitelistEnabled={raw}\nWebUI\\AuthSubnetWhitelist=127.0.0.0/8\n"
    compare(release, server, OLD + lines)


FALSE = "LocalHostAuth=false\n"
TRUE = "LocalHostAuth=true\n"
FILES = {
    "duplicate": OLD + f"WebUI\\{TRUE}WebUI\\{FALSE}",
    "invalid after": OLD + f"WebUI\\{FALSE}WebUI\\LocalHostAuth=@Invalid()\n",
    "slash": OLD + f"WebUI/{FALSE}",
    "other case": OLD + f"webui\\{FALSE}",
    "alias section first": HEAD + f"[Preferences\\WebUI]\n{FALSE}" + OLD.removeprefix(HEAD) + f"WebUI\\{TRUE}",
    "alias in General": OLD + f"[General]\nPreferences\\WebUI\\{FALSE}",
    "percent": OLD + "%57ebUI%2FLocalHostAuth=false\n",
    "no section": f"WebUI\\{FALSE}" + OLD,
    "crlf": (OLD + f"WebUI\\{FALSE}").replace("\n", "\r\n"),
    "bom": "\ufeff" + OLD + f"WebUI\\{FALSE}",
    "indented": OLD + f"  WebUI\\{FALSE}",
    "other section": OLD + f"[BitTorrent]\nWebUI\\{FALSE}",
    "WebUI section too": OLD + f"WebUI\\{TRUE}[WebUI]\n{FALSE}",
    "only in WebUI section": OLD + f"[WebUI]\n{FALSE}",
    "invalid in Preferences": OLD + f"WebUI\\LocalHostAuth=@Invalid()\n[WebUI]\n{FALSE}",
}


@pytest.mark.parametrize("name", FILES)
def test_spellings(release: matrix.Release, server: ServerFactory, name: str) -> None:
    compare(release, server, FILES[name])


@pytest.mark.parametrize("migration", [None, 8, 10, 11, 12, 99])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("new", [False, True])
def test_layouts(release: matrix.Release, server: ServerFactory, migration: int | None, both: bool, new: bool) -> None:
    """Where the port is not in the place that counts, the server is not expected to come up at it."""
    meta = "" if migration is None else f"[Meta]\nMigrationVersion={migration}\n"
    base = NEW + FALSE if new else OLD + f"WebUI\\{FALSE}"
    other = f"[Preferences]\nWebUI\\{TRUE}" if new else f"[WebUI]\n{TRUE}"
    text = meta + base + (other if both else "")
    settings = Settings.parse(text.replace("%PORT%", "1").encode(), Version.parse(release.version))
    if settings.explicit("Port"):
        compare(release, server, text)
    else:
        assert settings.integer("Port") == 8080
        listens_elsewhere(release, server, text)


def listens_elsewhere(release: matrix.Release, server: ServerFactory, text: str) -> None:
    """Give the port in the place that counts too, and see by the address that the other place is not read."""
    place = "WebUI" if "WebUI" in releases.layouts(Version.parse(release.version), None) else "Preferences"
    line = (
        "[WebUI]\nPort=%PORT%\nAddress=127.0.0.1\n"
        if place == "WebUI"
        else ("[Preferences]\nWebUI\\Port=%PORT%\nWebUI\\Address=127.0.0.1\n")
    )
    compare(release, server, text.replace("Port=%PORT%", "Port=1") + line)


SUBNETS = (
    *("127.0.0.0/8", "127.0.0.0/8, 10.0.0.0/8", '"127.0.0.0/8, 10.0.0.0/8"', "10.0.0.0/8;127.0.0.0/8", "127.0.0.1"),
    *(
        "127.0.0.2/32",
        "127.0.0.1/8",
        "127.0.0.1/255.0.0.0",
        "127.0.0.1/33",
        "127.0.0.1/",
        "127.*",
        "foo, 127/8",
        "::/0",
    ),
    *("0.0.0.0/0", "::ffff:127.0.0.0/104", "::ffff:127.0.0.1/128", "@Invalid()", "", '10.0.0.0/8, " 127.0.0.1"'),
    *("127.0.0.0\\8", "127.0.0.0 / 8", "127.", "127.0.0.0/+8", "/0"),
)


@pytest.mark.parametrize("raw", SUBNETS)
def test_whitelists(release: matrix.Release, server: ServerFactory, raw: str) -> None:
    lines = f"WebUI\\AuthSubnetWhitelistEnabled=true\nWebUI\\AuthSubnetWhitelist={raw}\n"
    compare(release, server, OLD + lines)


VALUES = (
    "",
    "ServerDomains=127.0.0.1,b\nHostHeaderValidation=false\nSessionTimeout=1,2\nBanDuration=12x\n"
    'MaxAuthenticationFailCount=" 7 "\nUsername=josé\n',
    'ServerDomains="*;b.example "\nSessionTimeout=-5\nBanDuration=@Invalid()\nUsername=@Invalid()\n'
    "SecureCookie=off\nClickjackingProtection=\nMaxAuthenticationFailCount=9999999999\n",
    'ServerDomains=*;b\nUsername=a\\x41\\n\\tb\nBanDuration=0x10\nSessionTimeout= 60 ; a minute\nCSRFProtection="0"\n'
    "TrustedReverseProxiesList=10.0.0.1;10.0.0.2\nRootFolder=@@x\nSessionsCountLimit=3\n",
    "BanDuration=2147483648\nSessionTimeout=9223372036854775807\nMaxAuthenticationFailCount=9223372036854775808\n",
    "BanDuration=-9999999999\nSessionTimeout=+7\nMaxAuthenticationFailCount=99999999999999999999999999\n",
)


@pytest.mark.parametrize("lines", VALUES)
def test_the_server_names_the_same_values(release: matrix.Release, server: ServerFactory, lines: str) -> None:
    version = Version.parse(release.version)
    assert version is not None
    same_values(version, server, lines, moved=False)
    if releases.layout(version, 99) == "WebUI":
        same_values(version, server, lines, moved=True)


def same_values(version: Version, server: ServerFactory, lines: str, *, moved: bool) -> None:
    text = "[Meta]\nMigrationVersion=12\n" + NEW if moved else OLD
    prefix = "" if moved else "WebUI\\"
    text += "".join(f"{prefix}{line}\n" for line in [*lines.splitlines(), "LocalHostAuth=false"])
    data = text.encode()
    with server(raw_config=data, password=None) as running:
        settings = Settings.parse(data.replace(b"%PORT%", str(running.port).encode()), version)
        theirs = running.get("/api/v2/app/preferences").json()
    compared = 0
    for key in releases.KEYS:
        if key.json is None or not key.readable or key.name == "Locale" or not releases.reads(key, version):
            continue
        match key.kind:
            case "bool":
                assert theirs[key.json] == (settings.boolean(key.name) != key.inverted), key.name
            case "int":
                assert theirs[key.json] == settings.integer(key.name), key.name
            case "list":
                assert theirs[key.json] == "\n".join(map(str, settings.whitelist()[0])), key.name
            case "text" | "path" if not key.secret:
                assert theirs[key.json] == settings.text(key.name), key.name
        compared += 1
    assert compared > 20
