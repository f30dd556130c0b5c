"""More of the script of `tests.simulate_script`: the wire, forms, HEAD, reads, torrents, Basic, proxies, cookies."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

from tests.kit.server import PASSWORD
from tests.replay import (
    FORM,
    GOOD,
    KEY,
    LOGIN,
    LOGOUT,
    PREFERENCES,
    SET,
    VERSION,
    WRONG,
    Ask,
    get,
    head,
    multipart,
    post,
    prefs,
    raw,
)

READS = (
    *("app/webapiVersion", "app/buildInfo", "app/defaultSavePath", "app/processInfo", "app/cookies", "transfer/info"),
    *("transfer/speedLimitsMode", "transfer/downloadLimit", "transfer/uploadLimit", "torrents/info", "torrents/count"),
    *("torrents/categories", "torrents/tags", "sync/maindata", "log/peers", "rss/items", "rss/rules", "search/plugins"),
    *("search/status", "torrentcreator/status", "clientdata/load"),
)
CHANGES = ("delete", "pause", "resume", "stop", "start")
HASH, OTHER = "a1" * 20, "b2" * 20
MAGNET = f"magnet:?xt=urn:btih:{HASH}&dn=some+name&tr=http%3A%2F%2F127.0.0.1%3A9%2Fannounce"
TORRENT = b"d4:infod6:lengthi15e4:name4:test12:piece lengthi16384e6:pieces20:" + b"\x01" * 20 + b"7:privatei1eee"
STOPPED = {"paused": "true", "stopped": "true"}
USER, PASS = ('name="username"', b"admin"), ('name="password"', PASSWORD.encode())


def api(path: str) -> str:
    return f"/api/v2/{path}"


def basic(username: str, password: str, word: str = "Basic") -> str:
    return f"{word} {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def line(text: str) -> Ask:
    """A request that is no more than its first line, and a Host."""
    return raw(f"{text}\r\nHost: 127.0.0.1:{{port}}\r\n\r\n".encode())


def with_header(text: str) -> Ask:
    return line(f"GET {VERSION} HTTP/1.1\r\n{text}")


def with_length(text: str) -> Ask:
    return line(f"POST {LOGIN} HTTP/1.1\r\nContent-Type: {FORM}\r\n{text}")


def parts(*fields: tuple[str, bytes], who: str = "", path: str = LOGIN, kind: str = "", end: str = "\r\n") -> Ask:
    """A multipart form."""
    kind = kind or "multipart/form-data; boundary=xYzZy"
    return post(path, multipart(*fields, end=end.encode()), who, content_type=kind)


def upload(data: bytes, **fields: str) -> Ask:
    named = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    return parts(*named, ('name="torrents"; filename="x.torrent"', data), who="a", path=api("torrents/add"))


def from_source(number: int, *, method: str = "POST", path: str = LOGIN, form: dict[str, str] | None = None) -> Ask:
    return Ask(method, path, form, source=f"127.0.0.{number}")


WIRE = [
    *map(line, (
        f"GET {VERSION} HTTP/1.1", f"GET {VERSION} HTTP/1.0", f"GET {VERSION} HTTP/2.0", f"GET {VERSION} HTTP/1.10",
        f"GET {VERSION} http/1.1", f"get {VERSION} HTTP/1.1", f"GET  {VERSION} HTTP/1.1", f"GET\t{VERSION} HTTP/1.1",
        f"GET {VERSION}", "HELLO", f"GET {VERSION} HTTP/1.1 x", f"GET{VERSION} HTTP/1.1", f"GE1T {VERSION} HTTP/1.1",
        f"GET http://127.0.0.1{VERSION} HTTP/1.1", "GET * HTTP/1.1", "GET version HTTP/1.1", "OPTIONS * HTTP/1.1",
        f"PATCH {VERSION} HTTP/1.1", f"TRACE {VERSION} HTTP/1.1", "CONNECT 127.0.0.1:80 HTTP/1.1", "PRI * HTTP/2.0",
    )),
    *map(with_header, (
        "no colon", ": no name", "X: 1", "X:", "X: 1\r\n folded", "X: 1\r\nX: 2", "ORIGIN: http://evil.example",
        "Origin: http://127.0.0.1:{port}\r\nOrigin: http://evil.example", "X : blank", "Content-Length: 5",
    )),
    *map(with_length, (
        "Content-Length: junk", "Content-Length: -1", "Content-Length: 0", "Content-Length:", "Content-Length: 0x0",
        "Content-Length: 67108865", "Content-Length: 99999999999", "Content-Length: +0", "Transfer-Encoding: chunked",
    )),
    *map(get, (
        "/api/v2/app/%76ersion", "/api/v2/app/version%3Fx=1", "/api/v2/app/version%2F", "/api/v2/app//version", "/api",
        "/api/v2/app/ver-sion", "/api/v2/app/1version", "/api/v2/", "/api/v2", "/api/v2/app/version/extra",
        "/qb/api/v2/app/version", "/../etc/passwd", "/./", "/a/../b", "/api/v2/../version", "/api/v2/app/..", "/...",
        "/%2e%2e/x", "/a\\b", "/api/v2/a\\b", "/index.html?x", "/?x=1", "/login.html", "/private/index.html",
        "/version/api", "/version/api_min", "/version/qbittorrent", "/query/torrents", "/query/preferences",
        "/sync/maindata",
    )),
    post("/login", GOOD),
    post("/command/download", {"urls": MAGNET}),
    *(Ask(method, path) for method in ("PUT", "DELETE", "OPTIONS", "PATCH") for path in ("/", LOGIN, "/nope")),
]  # fmt: skip

FORMS = [
    parts(USER, PASS, who="a"),
    parts(("name=username", b"admin"), ("name=password", PASSWORD.encode()), who="b"),
    parts(('NAME="username"', b"admin"), PASS, who="c"),
    parts(USER, PASS, kind='multipart/form-data; boundary="xYzZy"'),
    parts(USER, PASS, kind="Multipart/Form-Data; boundary=xYzZy"),
    parts(USER, PASS, kind="multipart/form-data; boundary=xYzZy; charset=utf-8"),
    parts(USER, PASS, end=""),
    parts(USER, ('name="password"', b"x\r\n\r\ny")),
    parts(USER, ('name="password"', b"")),
    parts(('x="username"', b"admin")),
    parts(kind="multipart/form-data"),
    parts(kind="multipart/form-data; boundary="),
    parts(USER, kind="multipart/form-data; boundary=other"),
    parts(),
    *(post(LOGIN, body) for body in (
        "username=admin&password=a+good+one", "username=admin&password=a%20good%20one", "username=admin&password=a good one",
        "password=a+good+one&username=admin", "username=admin&password=a%2Bgood%2Bone",
        "username=x&username=admin&password=a+good+one",
        "username=%61dmin&password=a+good+one", "username=admin&username=x&password=a+good+one", "username", "=x", "{}",
        "&&username=admin&password=a+good+one&", "username=admin;password=a+good+one", "Username=admin&password=a+good+one",
        "username=admin%00&password=a+good+one", "username=admin&password=a+good+one%0A", "username=&password=",
        "username=admin&password=%zz", "username=admin", "password=a+good+one", "username=admin&password=a+good+one#x",
    )),
    *(post(LOGIN, GOOD, content_type=kind) for kind in (
        f"{FORM};charset=UTF-8", f"{FORM}x", f" {FORM}", "text/plain", "application/json", "", "multipart/mixed; boundary=x",
    )),
    get(f"{LOGIN}?username=admin&password=a+good+one"),
    get(f"{LOGIN}?username=admin&password=a%2Bgood%2Bone"),
    get(f"{LOGIN}?username=admin&password=a%20good%20one&"),
    post(f"{LOGIN}?{urlencode(GOOD)}", WRONG),
    post(f"{LOGIN}?{urlencode(WRONG)}", GOOD, "d"),
]  # fmt: skip

HEADS = [
    *map(head, ("/", "/nope", VERSION, "/api/v2/nope/x", LOGIN)),
    head(f"{LOGIN}?{urlencode(GOOD)}", "x"),
    head(VERSION, origin="http://evil.example"),
    post(LOGIN, GOOD, "a"),
    *(head(path, "a") for path in (
        "/", VERSION, "/api/v2/app/nope", "/api/v2/nope/x", api("torrents/info?limit=1"), api("torrents/add"), SET,
        api("torrents/stop?hashes=x"), api("torrents/pause?hashes=x"), api("torrents/properties?hash=x"),
    )),
    head(VERSION, "a", authorization="Bearer x"),
    head(LOGOUT, "a"),
    get(VERSION, "a"),
]  # fmt: skip

READING = [
    *(get(api(name)) for name in READS),
    post(LOGIN, GOOD, "a"),
    *(get(api(name), "a") for name in READS),
    *(post(api(name), None, "a") for name in READS),
    *(get(api(f"sync/maindata?rid={rid}"), "a") for rid in ("0", "1", "2", "3", "-1", "x", "999")),
    get(api("torrents/info?limit=1"), "a"),
    get(api("torrents/info?sort=name&reverse=true"), "a"),
    get(api("torrents/info?filter=downloading&category="), "a"),
    *(get(api(f"torrents/{name}"), "a") for name in CHANGES),
    *(post(api(f"torrents/{name}"), None, "a") for name in CHANGES),
    *(post(api(f"torrents/{name}"), {"hashes": "all"}, "a") for name in CHANGES),
    post(api("torrents/delete"), {"hashes": "x", "deleteFiles": "false"}, "a"),
    post(api("torrents/delete"), {"deleteFiles": "false"}, "a"),
    post(SET, None, "a"),
    get(api("app/Version"), "a"),
    get(api("App/version"), "a"),
]

ADD = api("torrents/add")
INFO = Ask("GET", api("torrents/info"), who="a", wait=1, settles=True)  # the list follows what was done to it
TORRENTS = [
    post(ADD, {"urls": MAGNET}),
    post(LOGIN, GOOD, "a"),
    get(api("sync/maindata"), "a"),
    *(post(ADD, {"urls": url}, "a") for url in ("", "junk", "magnet:?xt=urn:btih:zz", "/etc/passwd", "magnet:?dn=x")),
    post(ADD, None, "a"),
    *map(upload, (b"junk", b"", b"d4:infode", TORRENT[:-1], b"d4:infod4:name1:xee")),
    post(ADD, {"urls": MAGNET, **STOPPED}, "a"),
    post(ADD, {"urls": MAGNET, **STOPPED}, "a"),
    upload(TORRENT, **STOPPED),
    upload(TORRENT, **STOPPED),
    post(ADD, {"urls": f"{MAGNET}\n{OTHER}", **STOPPED, "category": "c"}, "a"),
    INFO,
    get(api(f"torrents/info?hashes={HASH}"), "a"),
    get(api(f"torrents/info?hashes={HASH.upper()}"), "a"),
    *(get(api(f"torrents/info?{query}"), "a") for query in (
        "hashes=x", "sort=name&limit=1", "filter=paused", "filter=stopped", "filter=completed", "filter=all", "category=c",
        "filter=junk", "category=d",
    )),
    get(api("torrents/count"), "a"),
    post(api("torrents/pause"), {"hashes": HASH}, "a"),
    post(api("torrents/stop"), {"hashes": HASH}, "a"),
    post(ADD, {"urls": MAGNET}, "a", origin="http://evil.example"),
    get(api("sync/maindata"), "a"),
    post(api("torrents/delete"), {"hashes": OTHER, "deleteFiles": "false"}, "a"),
    INFO,
    post(api("torrents/delete"), {"hashes": f"{HASH}|x", "deleteFiles": "false"}, "a"),
    INFO,
    post(api("torrents/delete"), {"hashes": "all", "deleteFiles": "false"}, "a"),
    INFO,
    get(api("torrents/count"), "a"),
    post(ADD, {"urls": "http://127.0.0.1:9/x.torrent"}, "a"),
]  # fmt: skip

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
    *(get(VERSION, sec_fetch_site=value) for value in ("same-origin", "Same-Origin", "same-site", "NONE", "", "junk")),
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
