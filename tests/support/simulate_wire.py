"""More of the script of `tests.simulate_script`: the wire, forms, HEAD, reads, torrents."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from tests.kit.server import PASSWORD
from tests.support.replay import FORM, GOOD, LOGIN, LOGOUT, SET, VERSION, WRONG, Ask, get, head, multipart, post, raw

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
    upload(TORRENT, **STOPPED),
    # Once more, a moment later: 5.3.0 sometimes takes a second one that comes before the first has settled
    replace(post(ADD, {"urls": MAGNET, **STOPPED}, "a"), wait=1),
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
