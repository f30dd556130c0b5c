r"""Lists the settings that decide about the Web UI, as data: type, default, releases, JSON name, place in the file.

Source of the rows: src/base/preferences.cpp at 4.1.0:449-624, 4.2.0:502-708, 4.2.5:628-758, 4.4.0:802-812, 4.6.0:824,
5.2.3:764-1117 and 0402289ea:763-1129; the JSON names from src/webui/api/appcontroller.cpp at 4.1.0:192-201 and 447-473,
4.1.5:224-229, 5.2.3:332-365 and 892-960. A row names its own source where it has another.
"""

from typing import Literal, NamedTuple

from qbdoctor.releases.rule_table import FACTORY_HA1, FACTORY_PBKDF2

Kind = Literal["bool", "int", "text", "list", "bytes", "path"]
Default = bool | int | str | tuple[str, ...]


class Key(NamedTuple):
    r"""One setting of the config file.

    ``name``: as the rest of qbdoctor calls it, parts joined by "/" ("HTTPS/Enabled"). ``defaults``: ``(since, value)``
    rows, for the nox build; before ``since`` what the release does without the setting. ``since``, ``until``: first and
    last release that reads it (``until`` None: the newest still does). ``json``: its name in app/preferences, or None;
    ``inverted``: that one says the contrary. ``writable``: setPreferences takes it; ``readable``: app/preferences shows
    it. ``secret``: qbdoctor never shows it. ``fixed``: section and key where these are the same for all releases; None:
    ``[Preferences] WebUI\NAME`` or ``[WebUI] NAME``. ``seconds``: the number is a duration.
    """

    name: str
    kind: Kind
    defaults: tuple[tuple[str, Default], ...]
    since: str = "4.1.0"
    until: str | None = None
    json: str | None = None
    inverted: bool = False
    writable: bool = True
    readable: bool = True
    secret: bool = False
    fixed: tuple[str, str] | None = None
    seconds: bool = False
    note: str = ""
    source: str = "preferences.cpp"


def _is(value: Default) -> tuple[tuple[str, Default], ...]:
    return (("4.1.0", value),)


KEYS: tuple[Key, ...] = (
    Key("Enabled", "bool", _is(True), note="nox looks at it from 4.6.0 on; the desktop build's default is false",
        source="preferences.cpp 4.5.5:513, 4.6.0:631-638; measured on 4.2.5 to 5.3.0"),
    Key("Address", "text", _is("*"), json="web_ui_address",
        note="* or empty: every address, both families; 0.0.0.0: IPv4 only; a name is no address (Qt 5 binds 0.0.0.0)"),
    Key("Port", "int", _is(8080), json="web_ui_port", note="kept as 16 bits: 99999 is 34463, text is 0, a random port"),
    Key("UseUPnP", "bool", (("4.1.0", True), ("4.5.3", False)), json="web_ui_upnp", source="preferences.cpp 4.5.3:600"),
    Key("Username", "text", _is("admin"), json="web_ui_username"),
    Key("Password_ha1", "text", _is(FACTORY_HA1), until="4.1.9.1", json="web_ui_password",
        secret=True, note="dropped by 4.2.0 without migration", source="preferences.cpp 4.1.0:560"),
    Key("Password_PBKDF2", "bytes",
        (("4.2.0", FACTORY_PBKDF2), ("4.6.1", "")), since="4.2.0", json="web_ui_password", readable=False,
        secret=True, note="in JSON it is written as plain text",
        source="preferences.cpp 4.2.0:617, 4.6.1"),
    Key("LocalHostAuth", "bool", _is(True), json="bypass_local_auth", inverted=True),
    Key("AuthSubnetWhitelistEnabled", "bool", _is(False), json="bypass_auth_subnet_whitelist_enabled"),
    Key("AuthSubnetWhitelist", "list", _is(()), json="bypass_auth_subnet_whitelist",
        note="in JSON one text, entries separated by line ends or commas"),
    Key("ServerDomains", "text", _is("*"), json="web_ui_domain_list",
        note="entries separated by ; so it needs quotes in the file"),
    Key("HTTPS/Enabled", "bool", _is(False), json="use_https"),
    Key("HTTPS/Certificate", "bytes", _is(""), until="4.1.9.1", json="ssl_cert", source="upgrade.cpp 4.2.0:73,76"),
    Key("HTTPS/Key", "bytes", _is(""), until="4.1.9.1", json="ssl_key", secret=True, source="upgrade.cpp 4.2.0:73,76"),
    Key("HTTPS/CertificatePath", "path", _is(""), since="4.2.0", json="web_ui_https_cert_path"),
    Key("HTTPS/KeyPath", "path", _is(""), since="4.2.0", json="web_ui_https_key_path"),
    Key("AlternativeUIEnabled", "bool", _is(False), json="alternative_webui_enabled", note="in JSON from 4.1.5 on"),
    Key("RootFolder", "path", _is(""), json="alternative_webui_path", note="in JSON from 4.1.5 on"),
    Key("ClickjackingProtection", "bool", _is(True), since="4.1.2", json="web_ui_clickjacking_protection_enabled"),
    Key("CSRFProtection", "bool", _is(True), since="4.1.2", json="web_ui_csrf_protection_enabled"),
    Key("HostHeaderValidation", "bool", _is(True), since="4.1.5", json="web_ui_host_header_validation_enabled"),
    Key("SecureCookie", "bool", (("4.1.0", False), ("4.2.2", True)), since="4.2.2",
        json="web_ui_secure_cookie_enabled"),
    Key("SessionTimeout", "int", (("4.1.0", 900), ("4.2.0", 3600)), since="4.2.0", json="web_ui_session_timeout",
        seconds=True, note="0 or less: never"),
    Key("MaxAuthenticationFailCount", "int", _is(5), since="4.2.2", json="web_ui_max_auth_fail_count",
        note="0 or less: no ban", source="authcontroller.cpp 4.2.2:73,114-117; measured on 4.6.7, 5.2.3"),
    Key("BanDuration", "int", (("4.1.0", 3_600_000), ("4.2.2", 3600)), since="4.2.2", json="web_ui_ban_duration",
        seconds=True, note="0 or less: no ban"),
    Key("CustomHTTPHeadersEnabled", "bool", _is(False), since="4.2.5", json="web_ui_use_custom_http_headers_enabled"),
    Key("CustomHTTPHeaders", "text", _is(""), since="4.2.5", json="web_ui_custom_http_headers",
        note="one header a line"),
    Key("ReverseProxySupportEnabled", "bool", _is(False), since="4.4.0", json="web_ui_reverse_proxy_enabled"),
    Key("TrustedReverseProxiesList", "text", _is(""), since="4.4.0", json="web_ui_reverse_proxies_list",
        note="entries separated by ; so it needs quotes in the file"),
    Key("APIKey", "text", _is(""), since="5.2.0", json="web_ui_api_key", writable=False, secret=True,
        note="app/preferences shows it in clear"),
    Key("SessionsCountLimit", "int", (("4.1.0", 0), ("5.3.0", 15)), since="5.3.0",
        json="web_ui_sessions_count_limit", note="0: no limit",
        source="preferences.cpp 0402289ea; measured on 5.3.0"),
    Key("SessionCookieName", "text", _is(""), since="4.6.0", until="5.1.4", fixed=("WebAPI", "SessionCookieName"),
        source="webapplication.cpp 4.6.0:65"),
    Key("MigrationVersion", "int", _is(0), since="4.4.0", fixed=("Meta", "MigrationVersion"),
        source="upgrade.cpp 4.4.0"),
    Key("LegalNotice/Accepted", "bool", _is(False), fixed=("LegalNotice", "Accepted")),
    Key("Locale", "text", _is(""), json="locale", fixed=("Preferences", "General\\Locale")),
    Key("FileLogger/Enabled", "bool", _is(True), fixed=("Application", "FileLogger\\Enabled"),
        source="app/application.cpp; measured on 4.2.5 to 5.3.0"),
    Key("FileLogger/Path", "path", _is(""), fixed=("Application", "FileLogger\\Path"),
        note="empty: logs in the data folder", source="app/application.cpp"),
    Key("FileLogger/Backup", "bool", _is(True),
        fixed=("Application", "FileLogger\\Backup"), source="app/application.cpp"),
    Key("FileLogger/MaxSizeBytes", "int", _is(65 * 1024),
        fixed=("Application", "FileLogger\\MaxSizeBytes"),
        source="app/application.cpp; measured: rotates at about 66 kB"),
)  # fmt: skip
