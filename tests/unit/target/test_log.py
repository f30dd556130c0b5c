"""The server's log as a witness, in its own words and in translation."""
# ruff: noqa: E501 - lines stand here as the servers wrote them

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbdoctor.target import address, log_rejections
from qbdoctor.target import log as server_log

WHEN = "2026-11-22T20:24:00"


def entries(*texts: str, when: str = WHEN) -> list[server_log.LogLine]:
    """Lines written as `W text`."""
    return [server_log.LogLine(text[0], datetime.fromisoformat(when), text[2:]) for text in texts]  # type: ignore[arg-type]


ENGLISH = (
    "N qBittorrent v5.3.0 started. Process ID: 13240",
    "C WebUI: HTTPS setup failed, fallback to HTTP",
    "N WebUI: Now listening on IP: *, port: 8080",
    "W WebAPI login failure. Reason: invalid credentials, attempt count: 1, IP: ::ffff:10.77.0.2, username: admin",
    "W WebAPI login failure. Reason: invalid credentials, attempt count: 2, IP: ::ffff:10.77.0.2, username: 7: IP: 1.2.3.4",
)
# How real servers said: the first failed login, success, banned, the Web UI's address, and a refused Origin.
TRANSLATED = {
    "ar 4.5.2": (
        "W فشل في الولوج إلى واجهة برمجة تطبيقات الويب. السبب: بيانات تفويض غير صالحة ، عدد المحاولات: 1  ، الآي بي: 127.0.0.1 ، اسم المستخدم: admin",
        "N نجاح في الولوج إلى واجهة برمجة تطبيقات الويب: الآي بي: 127.0.0.1",
        "W فشل في الولوج إلى واجهة برمجة تطبيقات الويب. السبب: الآي بي محجوب ، الآي بي: 127.0.0.1 ، اسم المستخدم: admin",
        "N واجهة الوِب الرسومية: يتم الآن الاستماع على الآي بي: 127.0.0.1 ، المنفذ: 8080",
        "W واجهة الوِب الرسومية: رأس الأصل وعدم تطابق أصل الهدف! آي بي المصدر: '127.0.0.1'. رأس الأصل: 'http://e.example'. أصل الهدف: '127.0.0.1:8080'",
    ),
    "de 5.3.0": (
        "W WebAPI fehlerhafter Login. Grund: ungültige Anmeldeinformationen, Zugriffsversuche: 1, IP: 127.0.0.1, Benutzername: admin",
        "N WebAPI erfolgreicher Login. IP: 127.0.0.1",
        "W WebAPI fehlerhafter Login. Grund: IP wurde gebannt, IP: 127.0.0.1, Benutzername: admin",
        "N Das Webinterface lauscht auf IP: 127.0.0.1, Port 8080",
        "W Webinterface: Ursprungs-Header & -Ziel stimmen nicht überein! Quell-IP: '127.0.0.1'. Ursprungs-Header: 'http://e.example'. Ziel-Ursprung: '127.0.0.1:8080'",
    ),
    "fr 4.5.2": (
        "W Échec d'authentification à l'API Web. Raison : identifiants invalides, nombre de tentatives : 1, IP : 127.0.0.1, nom d'utilisateur : admin",
        "N Authentification à l'API Web réussie. IP: 127.0.0.1",
        "W Échec d'authentification à l'API Web. Raison : l'IP est bannie, IP : 127.0.0.1, nom d'utilisateur : admin",
        "N IU Web : En écoute sur IP : 127.0.0.1, port : 8080",
        "W IU Web : Disparité entre l'en-tête d'origine et l'origine de la cible ! IP source : '127.0.0.1'. En-tête d'origine : 'http://e.example'. Origine de la cible : '127.0.0.1:8080'",
    ),
    "ja 4.2.5": (
        "W WebAPIのログインに失敗しました。理由: 無効な資格情報で 1 回試行しました。IP: 127.0.0.1 ユーザー名: admin",
        "N WebAPIのログインに成功しました。IP: 127.0.0.1",
        "W WebAPIのログインに失敗しました。理由: IPがアクセス禁止にされています。IP: 127.0.0.1, ユーザー名: admin",
        "N Web UI: IP:127.0.0.1、ポート番号:8080で接続待ちをしています",
        "W WebUI: オリジンヘッダーとターゲットオリジンが一致しません! ソース IP: '127.0.0.1'. オリジンヘッダー: 'http://e.example'. ターゲットオリジン: '127.0.0.1:8080'",
    ),
    "pl 4.5.2": (
        "W Błąd logowania WebAPI. Powód: nieprawidłowe dane uwierzytelniające, liczba prób: 1, IP:127.0.0.1, nazwa użytkownika: admin",
        "N Sukces logowania WebAPI. IP: 127.0.0.1",
        "W Błąd logowania WebAPI. Powód: IP został zbanowany, IP: 127.0.0.1, nazwa użytkownika: admin",
        "N Interfejs WWW: teraz nasłuchuje IP: 127.0.0.1, port: 8080",
        "W Interfejs WWW: Niedopasowanie nagłówka źródłowego i źródła celu! Źródło IP: '127.0.0.1'. Nagłówek źródłowy: 'http://e.example'. Źródło celu: '127.0.0.1:8080'",
    ),
    "ru 5.3.0": (
        "W Ошибка входа WebAPI. Причина: неверные учётные данные, попыток: 1, IP: 127.0.0.1, имя пользователя: admin",
        "N Успешный вход в WebAPI. IP: 127.0.0.1",
        "W Ошибка входа WebAPI. Причина: IP был запрещён, IP: 127.0.0.1, имя пользователя: admin",
        "N Веб-интерфейс: Сейчас прослушивается IP: 127.0.0.1, порт: 8080",
        "W Веб-интерфейс: Оригинальный и целевой заголовки не совпадают! IP источника: «127.0.0.1». Заголовок источника: «http://e.example». Целевой источник: «127.0.0.1:8080»",
    ),
    "zh_CN 5.3.0": (
        "W WebAPI 登录失败。原因：凭证无效，尝试次数：1，IP：127.0.0.1，用户名：admin",
        "N WebAPI 登录成功。IP：127.0.0.1",
        "W WebAPI 登录失败。原因: IP 被封禁，IP：127.0.0.1，用户名：admin",
        "N Web UI：正在监听 IP：127.0.0.1，端口：8080 ",
        "W WebUI: 请求 Header 中 Origin 与 XFH/Host 不匹配！来源 IP: '127.0.0.1'。Origin: 'http://e.example'。XFH/Host: '127.0.0.1:8080'",
    ),
}


def test_english() -> None:
    lines = entries(*ENGLISH)
    assert server_log.version(lines) == "v5.3.0"
    assert server_log.listening(lines) == ("*", 8080)
    assert server_log.https_fallback(lines) is lines[1]
    assert server_log.login_failures(lines, "10.77.0.2") == 2
    assert server_log.login_failures(lines, "::ffff:10.77.0.2") == 2
    assert server_log.login_failures(lines, "1.2.3.4") == 0
    assert server_log.banned(lines, "10.77.0.2") is None


@pytest.mark.parametrize("language", TRANSLATED)
def test_in_translation(language: str) -> None:
    failure, success, banned, listening, origin = entries(*TRANSLATED[language])
    assert server_log.login_failures([failure], "127.0.0.1") == 1
    assert server_log.login_failures([failure, success], "127.0.0.1") == 1
    assert server_log.login_failures([failure, banned, listening, origin], "127.0.0.1") == 1
    assert server_log.banned([failure, banned, listening, origin], "127.0.0.1") is banned
    for line in (failure, success, listening, origin):
        assert server_log.banned([line], "127.0.0.1") is None
    assert server_log.listening([listening, failure, success, banned, origin]) == ("127.0.0.1", 8080)
    found = log_rejections.host_rejections([failure, success, banned, listening, origin])
    assert [(each.kind, each.received, each.expected) for each in found] == [
        ("origin", "http://e.example", "127.0.0.1:8080")
    ]


@pytest.mark.parametrize(
    ("text", "kind", "received", "expected"),
    [
        ("WebUI: Invalid Host header, port mismatch. Request source IP: '127.0.0.1'. Server port: '8080'. Received Host header: 'qb.example:443'", "port", "qb.example:443", "8080"),
        ("WebUI: Invalid Host header. Request source IP: '::1'. Received Host header: 'qb.example'", "host", "qb.example", None),
        ("WebUI：无效的 Host header，端口不匹配。请求的来源 IP：“127.0.0.1”。服务器端口：“8080”。收到的 Host header：“a:1”", "port", "a:1", "8080"),
        ("WebUI：無效的主機檔頭。請求來源 IP：「127.0.0.1」╱收到主機檔頭：「bad.example」", "host", "bad.example", None),
        ("WebUI: Невалидна заглавна част. Заявка на IP на източник: '127.0.0.1'. Сървър порт: '8080. Получена заглавна част на хост: 'a:1'", "port", "a:1", "8080"),
        ("WebUI: header asal & Target asal tidak sesuai! Sumber IP: '127.0.0.1'. Header asal: 'http://e.example'. Target asal: '127.0.0.1:8080", "origin", "http://e.example", "127.0.0.1:8080"),
        ("WebUI: Заглавната част на рефера и целевия източник не съвпадат! IP на източник: '127.0.0.1'. Заглавна част на рефера: 'http://e.example/x. Целеви източник: 'h:1'", "referer", "http://e.example/x", "h:1"),
        ("WebUI: Referer header & Target origin mismatch! Source IP: '127.0.0.1'. Referer header: 'http://e.example/x'. Target origin: 'h:1'", "referer", "http://e.example/x", "h:1"),
        ("WebUI: Origin header & Target origin mismatch! Source IP: '127.0.0.1'. Origin header: 'null'. Target origin: 'h:1'", "origin", "null", "h:1"),
        ("WebUI: Cross-site request blocked. Source IP: '127.0.0.1'. Sec-Fetch-Site header: 'cross-site'. Target origin: 'h:1'", "cross-site", "cross-site", "h:1"),
        ("WebUI: Cross-site request blocked. Source IP: '127.0.0.1'. Sec-Fetch-Site header: 'Cross-Site'. Target origin: 'h:1'", "cross-site", "Cross-Site", "h:1"),
        ("WebUI: Cross-site request blocked. Source IP: '127.0.0.1'. Sec-Fetch-Site header: 'junk'. Target origin: 'h:1'", "cross-site", "junk", "h:1"),
    ],
)  # fmt: skip
def test_refused_headers(text: str, kind: str, received: str, expected: str | None) -> None:
    (found,) = log_rejections.host_rejections(entries(f"W {text}"))
    assert (found.kind, found.received, found.expected) == (kind, received, expected)


def test_whose_rejections_they_are() -> None:
    """Our own bear a mark; the same value at once after it, as browsers write it, is ours once."""

    def met(*origins: str) -> list[str]:
        text = "W WebUI: Origin header & Target origin mismatch! Source IP: '::1'. Origin header: '{}'. Target origin: 'h:1'"
        found = log_rejections.host_rejections(entries(*(text.format(one) for one in origins)))
        return [one.received for one in log_rejections.of_others(found)]

    assert met("HTTP://a:1") == met("HTTP://a:1", "http://a:1") == met("http://x.qbdoctor.invalid") == []
    assert met("HTTP://a:1", "http://a:1", "http://a:1") == ["http://a:1"]
    assert met(*["HTTP://a:1", "http://a:1"] * 2) == []
    assert met("HTTP://a:1", "http://b:1", "http://a:1") == ["http://b:1", "http://a:1"]
    assert met("http://a:1", "HTTP://a:1") == ["http://a:1"]


@pytest.mark.parametrize(
    "text",
    [
        "W Bad Http request, closing socket. IP: 10.0.0.9",
        'N "qBittorrent v4.2.5 started" added to download list.',
        'C Failed to listen on IP. IP: "127.0.0.1". Port: "TCP/53082". Reason: "Address already in use"',
        "C WebUI: Unable to bind to IP: *, port: 8080. Reason: The bound address is already in use",
        'I Successfully listening on IP. IP: "127.0.0.1". Port: "TCP/44913"',
        "N Using config directory: /tmp/v1.2.3/10.0.0.9",
        "W Load Qt translation failed. Temporarily falling back to English. Locale not found: id.",
        # as 4.5.2, 5.1.0 and 5.3.0 say where there is no UPnP router, which is in many logs
        'W Port forwarding failed. Protocol: UPnP. Local address: "10.0.0.9". Message: "could not map port using UPnP[10.0.0.9]: no router found"',
        'W UPnP/NAT-PMP port mapping failed. Message: "could not map port using UPnP[10.0.0.9]: no router found"',
        "W UPnP/NAT-PMP: Port mapping failure, message: could not map port using UPnP[10.0.0.9]: no router found",
        'W Failed to listen on IP. IP: "10.0.0.9". Port: "TCP/53082". Reason: "Address already in use"',
        'W Torrent: "10.0.0.9 Holidays". File: "summer.mkv" is missing',
        'W Peer banned. IP: 10.0.0.9. Torrent: "x: y"',
        'W File error alert. Torrent: "10.0.0.9". File: "/d/a.mkv". Reason: "a.mkv file_open (/d/a.mkv) error: Permission denied"',
    ],
)
def test_lines_about_other_things(text: str) -> None:
    (line,) = lines = entries(text)
    assert not server_log.is_start(line)
    assert server_log.banned(lines, "10.0.0.9") is None
    assert server_log.login_failures(lines, "10.0.0.9") == 0
    assert server_log.listening(lines) is None
    assert log_rejections.host_rejections(lines) == ()
    assert server_log.https_fallback(lines) is None
    assert line.shown == line.text


@pytest.mark.parametrize(
    "text",
    [
        "qBittorrent v4.5.2 已启动",
        "تم تشغيل كيوبت‎تورنت v4.5.2",
        "已啟動qBittorrent v4.5.2",
        "qBittorrent v4.6.0beta1 started",
    ],
)
def test_start_marks(text: str) -> None:
    assert server_log.is_start(entries(f"N {text}")[0])


def test_a_ban_that_has_run_out() -> None:
    lines = entries("W failure: 5, IP: 10.0.0.9, username: a", "W banned, IP: 10.0.0.9, username: a")
    said = datetime.fromisoformat(WHEN)
    for after, count in ((3599, 5), (3601, 0)):
        now = said + timedelta(seconds=after)
        assert server_log.login_failures(lines, "10.0.0.9", limit=5, ban_seconds=3600, now=now) == count
    assert server_log.login_failures(lines, "10.0.0.9", limit=6, ban_seconds=3600, now=said + timedelta(days=1)) == 5


def test_a_user_name_is_not_shown() -> None:
    line = entries("W WebAPI login failure. Reason: x, attempt count: 1, IP: 10.0.0.9, username: my password")[0]
    assert "my password" not in line.shown
    assert "10.0.0.9" in line.shown


def log(folder: Path, text: str, name: str = "qbittorrent.log") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_text_of_several_lines(tmp_path: Path) -> None:
    # Italian, 5.3.0
    path = log(
        tmp_path,
        f"(W) {WHEN} - Login WebAPI fallito. \nMotivo: credenziali non valide, tentativo: 1, IP: 127.0.0.1, nome utente: admin\n",
    )
    tail = server_log.read_tail(path)
    assert tail.reason is None
    assert len(tail.lines) == 1
    assert server_log.login_failures(tail.lines, "127.0.0.1") == 1


def test_a_cut_start_and_rotated_files(tmp_path: Path) -> None:
    start = f"(N) {WHEN} - qBittorrent v5.1.0 started. Process ID: 1\n"
    filler = f"(I) {WHEN} - something\n" * 20
    oldest = log(tmp_path, f"(N) {WHEN} - qBittorrent v4.2.5 started\n", "qbittorrent.log.bak")
    newer = log(tmp_path, start + filler, "qbittorrent.log.bak1")
    path = log(tmp_path, filler)
    os.utime(oldest, (time.time() - 900, time.time() - 900))
    os.utime(newer, (time.time() - 60, time.time() - 60))
    tail = server_log.read_tail(path)
    assert tail.files == (newer, path)
    assert server_log.version(tail.lines) == "v5.1.0"
    assert len(tail.lines) == 41
    short = server_log.read_tail(path, limit_bytes=100)
    assert short.files == (path,)
    assert {line.text for line in short.lines} == {"something"}


def test_no_log(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, tmp_path / "none" / "none"):
        tail = server_log.read_tail(path)
        assert tail.lines == ()
        assert tail.reason is not None
        assert str(path) in tail.reason


def test_the_running_process_only() -> None:
    old = entries("N qBittorrent v4.5.2 started", "W failure: 2, IP: 10.0.0.9, username: a", when="2026-11-22T10:00:00")
    new = entries("N qBittorrent v5.1.0 started", "W failure: 1, IP: 10.0.0.9, username: a", when="2026-11-22T12:00:03")
    lines = [*old, *new]
    assert server_log.since_start(lines, None) == tuple(new)
    assert server_log.since_start(lines, datetime(2026, 11, 22, 12, 0, 1)) == tuple(new)
    assert server_log.since_start(lines, datetime(2026, 11, 22, 10, 0, 0)) == tuple(lines)
    # a container that keeps another time zone
    assert server_log.since_start(lines, datetime(2026, 11, 22, 17, 30, 1)) == tuple(new)
    # the process began after the log's last word
    assert server_log.since_start(lines, datetime(2026, 11, 22, 12, 7, 0)) == ()


@given(st.text(max_size=300), st.sampled_from("NIWC"))
def test_nothing_raises(text: str, level: str) -> None:
    lines = entries(f"{level} {text}")
    for line in lines:
        assert isinstance(line.shown, str)
    for question in (
        log_rejections.host_rejections,
        server_log.listening,
        server_log.https_fallback,
        server_log.version,
    ):
        question(lines)
    server_log.login_failures(lines, text)
    server_log.banned(lines, text)
    server_log.since_start(lines, None)


@given(st.binary(max_size=400))
def test_any_bytes_are_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("log") / "qbittorrent.log"
    path.write_bytes(f"(W) {WHEN} - ".encode() + data)
    assert server_log.read_tail(path, 200).reason is None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("[::1]", "::1"),
        ("FE80::1%eth0", "fe80::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("A.b", "a.b"),
    ],
)
def test_plain_addresses(text: str, plain: str) -> None:
    assert address.plain_address(text) == plain
