"""More of the script of `tests.simulate_script`: Basic, keys, client addresses, proxies, cookies, hosts, origins, bans."""

from __future__ import annotations

import base64

from tests.kit.server import PASSWORD
from tests.support.replay import GOOD, KEY, LOGIN, LOGOUT, PREFERENCES, SET, VERSION, WRONG, Ask, get, post, prefs
from tests.support.simulate_wire import FORMS, HEADS, READING, TORRENTS, WIRE, api


def basic(username: str, password: str, word: str = "Basic") -> str:
    return f"{word} {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def from_source(number: int, *, method: str = "POST", path: str = LOGIN, form: dict[str, str] | None = None) -> Ask:
    return Ask(method, path, form, source=f"127.0.0.{number}")


RIGHT, BAD = basic("admin", PASSWORD), basic("admin", "canary-wrong")
BASIC = [
    *(get(VERSION, authorization=basic("admin", PASSWORD, word)) for word in ("Basic", "basic", "BASIC ")),
    *(get(path, authorization=RIGHT) for path in ("/", "/nope", api("app/nope"))),
    get(VERSION, "b", authorization=RIGHT),
    get(VERSION, "b", authorization=BAD),
    get(VERSION, "b", authorization=f"Bearer {KEY[:-1]}x"),
    *(get(VERSION, authorization=value) for value in (
        "Basic", "Basic ", "Basic !!!", "Basic YWRtaW4=", "Digest x", basic("", "x"), RIGHT.rstrip("="),
        RIGHT.replace("Y", "Y-", 1),
    )),
    get("/", authorization="Basic YWRtaW4="),
    get(VERSION, authorization=BAD),
    get(VERSION, authorization=basic("Admin", PASSWORD)),
    get(VERSION, authorization=RIGHT),
    get("/", authorization=BAD),
    post(LOGIN, WRONG),
    get(VERSION, authorization=basic("admin", f"{PASSWORD}:x")),
    get(VERSION, authorization=RIGHT),
    get("/", authorization=RIGHT),
    get("/", authorization="Basic YWRtaW4="),
    get(VERSION, authorization=f"Bearer {KEY}"),
    get(VERSION, "b"),
    get(VERSION),
    post(LOGIN, GOOD),
    post(LOGIN, GOOD, authorization=RIGHT),
    get(VERSION, authorization=RIGHT, origin="http://evil.example"),
]  # fmt: skip

OWN_KEYS = [
    post(api("app/rotateAPIKey")),
    post(LOGIN, GOOD, "a"),
    get(api("app/rotateAPIKey"), "a"),
    get(api("app/deleteAPIKey"), "a"),
    post(api("app/rotateAPIKey"), None, "a"),
    get(VERSION, authorization=f"Bearer {KEY}"),
    post(api("app/deleteAPIKey"), None, "a"),
    post(api("app/deleteAPIKey"), None, "a"),
    get(VERSION, "a"),
]

SOURCES = [
    *(Ask("GET", VERSION, source=source) for source in ("127.0.0.1", "127.0.0.2", "127.1.2.3")),
    *(from_source(2, form=WRONG) for _ in range(3)),
    from_source(2, form=GOOD),
    from_source(3, form=GOOD),
    from_source(2, method="GET", path=VERSION),
    post(LOGIN, WRONG),
]

WHITELISTED = [
    *(Ask("GET", VERSION, source=f"127.0.{number}") for number in ("0.1", "0.4", "0.5", "0.6", "1.9", "2.1")),
    from_source(5, form=WRONG),
    *(Ask("GET", VERSION, headers={name: value}, source="127.0.0.5") for name, value in (
        ("authorization", "Bearer x"), ("authorization", "Basic YWRtaW46eA=="), ("x-forwarded-for", "127.0.0.1"),
    )),
]  # fmt: skip

PROXY = [
    get(VERSION),
    *(get(VERSION, x_forwarded_for=value) for value in (
        "203.0.113.9", "198.18.0.1", "10.1.2.3", "192.168.1.5", "127.0.0.1", "127.0.0.7", "", "x", "unknown", "fd00::1",
        "198.18.0.1:80", "198.18.0.1, 203.0.113.9", "203.0.113.9, 198.18.0.1", "203.0.113.9,198.18.0.1", "[fd00::1]",
        "127.0.0.1, 203.0.113.9", "203.0.113.9, 127.0.0.1", "198.18.0.1, 127.0.0.2", "x, 198.18.0.1", "198.18.0.1, x",
        "169.254.1.1, 198.18.0.1", "fe80::1, 198.18.0.1", "::ffff:198.18.0.1", "127.0.0.1, 127.0.0.2", ", 198.18.0.1",
        "198.18.0.1,", "127.0.0.9, 127.0.0.8",
    )),
    Ask("GET", VERSION, headers={"x-forwarded-for": "198.18.0.1"}, source="127.0.0.3"),
    get(VERSION, x_real_ip="203.0.113.9"),
    get(VERSION, forwarded="for=203.0.113.9"),
    *(post(LOGIN, WRONG, x_forwarded_for="203.0.113.9") for _ in range(3)),
    post(LOGIN, GOOD, x_forwarded_for="203.0.113.9"),
    post(LOGIN, GOOD, x_forwarded_for="203.0.113.8"),
    *(get(VERSION, x_forwarded_proto=value) for value in ("https", "HTTPS", "http")),
    get(VERSION, origin="http://nas.example", x_forwarded_host="nas.example"),
    get(VERSION, origin="http://nas.example:81", x_forwarded_host="nas.example"),
    get(VERSION, origin="http://nas.example", x_forwarded_host="nas.example, x"),
    get(VERSION, origin="http://127.0.0.1:{port}", x_forwarded_host="nas.example"),
    get(VERSION, referer="https://nas.example/x", x_forwarded_host="https://nas.example"),
    get(VERSION, x_forwarded_host="nas.example"),
]  # fmt: skip
NO_PROXY = [
    get(VERSION, x_forwarded_for="203.0.113.9"),
    get(VERSION, x_forwarded_proto="https"),
    get(VERSION, origin="http://nas.example", x_forwarded_host="nas.example"),
    get(VERSION, origin="http://127.0.0.1:{port}", x_forwarded_host="nas.example"),
]

COOKIE = [
    post(LOGIN, GOOD, "a"),
    get(VERSION, "a"),
    get("/", "a"),
    get(VERSION, origin="http://evil.example"),
    post(LOGOUT, None, "a"),
]

HOSTS = [get(VERSION, host=host) for host in (
    "a1.example:{port}", "A1.EXAMPLE", "a.example", "xa1.example", "a1.example.evil", "b.test", "b.txst", "b.tyst",
    "x.tESt:{port}", "127.0.0.1:{port}", "127.0.0.1", "[::1]:{port}", "[::ffff:127.0.0.1]:{port}", "localhost:{port}", "",
    "http://127.0.0.1:{port}", "https://a1.example", "127.0.0.1:{other}", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:99999",
    "a1.example:junk", "user@a1.example", "a1.example/x", "a_1.example",
)]  # fmt: skip

ORIGINS = [
    *(get(VERSION, origin=origin) for origin in (
        "HTTP://127.0.0.1:{port}", "http://127.0.0.1:{port}/", "http://127.0.0.1:{port}/x?y", "ftp://127.0.0.1:{port}",
        "127.0.0.1:{port}", "//127.0.0.1:{port}", "http://user@127.0.0.1:{port}", "http://[::1]:{port}", "x", "http://",
        "file://", "chrome-extension://abc", "http://127.0.0.1:99999", " ",
    )),
    *(get(VERSION, referer=referer) for referer in ("http://127.0.0.1/", "", "x", "http://127.0.0.1:{port}", "HTTPS://127.0.0.1:{port}/#x")),
    *(get(VERSION, sec_fetch_site=value) for value in (
        "same-origin", "Same-Origin", "same-site", "NONE", "", "junk", "SAME-SITE", "same-origin, none",
    )),
    *(get(VERSION, origin="http://127.0.0.1:{port}", sec_fetch_site=site) for site in ("cross-site", "none", "junk", "")),
    *(get(VERSION, origin="http://evil.example", sec_fetch_site=site) for site in ("same-origin", "same-site", "")),
    get(VERSION, referer="http://evil.example/", sec_fetch_site="same-origin"),
    get(VERSION, origin="null", sec_fetch_site="same-origin"),
    get(VERSION, host="nas.example", origin="http://nas.example"),
    get(VERSION, host="nas.example", origin="http://nas.example:80"),
    get(VERSION, host="nas.example", origin="http://NAS.example"),
    get(VERSION, host=None, origin="null"),
    get(VERSION, host=None, origin="http://127.0.0.1:{port}"),
    *(get(path, origin="http://evil.example") for path in ("/index.html", "/index.html?x", "/nope")),
    get("/", referer="http://evil.example", sec_fetch_site="cross-site"),
    get("/", host="127.0.0.1:{other}", origin="http://evil.example"),
    post(LOGIN, GOOD, "a", sec_fetch_site="cross-site"),
]  # fmt: skip

HALFWAY = [
    post(LOGIN, GOOD, "a"),
    prefs(web_ui_domain_list="nas.example", bypass_local_auth=True, web_ui_password="short"),
    get(PREFERENCES, "a"),
    get(VERSION),
    get(VERSION, "a", host="other.example"),
    prefs(web_ui_username="a:b"),
    prefs(web_ui_username="a:bcd"),
    post(LOGIN, {**GOOD, "username": "a:bcd"}, "b"),
    prefs(web_ui_max_auth_fail_count=0),
    get(VERSION, "a", host="other.example"),
    *(
        post(SET, {"json": text}, "a")
        for text in ('{"dht": NaN}', '{"web_ui_ban_duration": 1e999}', '{"add_trackers": "\\ud800"}')
    ),
    prefs(dht=True, save_path_changed_tmm_enabled=1, add_trackers=3, no_such=1, create_subfolder_enabled=True),
    get(PREFERENCES, "a"),
]

MOVING = [
    post(LOGIN, GOOD, "a"),
    Ask("POST", SET, {"json": '{"web_ui_port": {new}}'}, "a", moves=True),
    Ask("GET", VERSION, who="a", wait=0.5),
    get(VERSION, "a", host="127.0.0.1"),
    post(LOGIN, GOOD, "b"),
    get(VERSION, "b"),
]

BANS = [
    post(LOGIN, GOOD, "a"),
    *[post(LOGIN, WRONG)] * 3,
    prefs(web_ui_ban_duration=1),
    post(LOGIN, GOOD),
    prefs(web_ui_max_auth_fail_count=0),
    post(LOGIN, GOOD),
    from_source(2, form=WRONG),
    prefs(web_ui_max_auth_fail_count=1, web_ui_ban_duration=-1),
    *[from_source(2, form=WRONG)] * 2,
    from_source(2, form=GOOD),
    prefs(web_ui_ban_duration=0),
    *[from_source(3, form=WRONG)] * 2,
    from_source(3, form=GOOD),
]

FORWARDED = {"ReverseProxySupportEnabled": "true", "LocalHostAuth": "false"}
COOKIES = [
    ("true", "true", "true", "600"),
    ("true", "false", "true", "0"),
    ("true", "false", "false", "-5"),
    ("true", "true", "false", "900000"),
    ("false", "false", "true", "3600"),
]
MORE: dict[str, tuple[dict[str, str], list[Ask]]] = {
    "wire": ({}, WIRE),
    "forms": ({"MaxAuthenticationFailCount": "0"}, FORMS),
    "heads": ({"MaxAuthenticationFailCount": "0"}, HEADS),
    "reading": ({}, READING),
    "torrents": ({}, TORRENTS),
    "basic": ({"MaxAuthenticationFailCount": "3", "BanDuration": "30", "APIKey": KEY}, BASIC),
    "own keys": ({"SessionTimeout": "60"}, OWN_KEYS),
    "sources": ({"LocalHostAuth": "false", "MaxAuthenticationFailCount": "2"}, SOURCES),
    "whitelisted": (
        {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "127.0.0.4/31, x, 127.0.1.0/24"},
        WHITELISTED,
    ),
    "proxy": (
        {
            **FORWARDED,
            "TrustedReverseProxiesList": "127.0.0.1;127.0.0.2",
            "AuthSubnetWhitelistEnabled": "true",
            "AuthSubnetWhitelist": "198.18.0.0/15, 10.0.0.0/8",
            "MaxAuthenticationFailCount": "2",
        },
        PROXY,
    ),
    "proxy not trusted": ({**FORWARDED, "TrustedReverseProxiesList": "localhost"}, NO_PROXY),
    "other proxy": ({**FORWARDED, "TrustedReverseProxiesList": "127.0.0.9"}, NO_PROXY),
    "no proxy": ({"LocalHostAuth": "false"}, NO_PROXY),
    **{
        f"cookie {number}": (
            {"HTTPS/Enabled": https, "CSRFProtection": csrf, "SecureCookie": secure, "SessionTimeout": seconds},
            COOKIE,
        )
        for number, (https, csrf, secure, seconds) in enumerate(COOKIES)
    },
    "own headers": (
        {
            "CustomHTTPHeadersEnabled": "true",
            "CustomHTTPHeaders": "X-Own: 1: 2\nno colon\nReferrer-Policy:  origin ",
            "ClickjackingProtection": "false",
            "HostHeaderValidation": "false",
        },
        [
            *COOKIE,
            get("/nope"),
            get(VERSION, host="x:1"),
            get(VERSION, origin="http://x:1", host="x:1"),
            Ask("PUT", "/"),
        ],
    ),
    "hosts": ({"ServerDomains": "a?.example; *.t[ex]st ;;[x"}, HOSTS),
    "no domains": ({"ServerDomains": ""}, [*HOSTS[9:14], get(VERSION, host=None)]),
    "more origins": ({}, ORIGINS),
    "halfway": ({}, HALFWAY),
    "moving": ({}, MOVING),
    "lifted bans": ({"MaxAuthenticationFailCount": "2", "BanDuration": "60"}, BANS),
}
