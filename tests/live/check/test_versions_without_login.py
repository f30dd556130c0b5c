"""Which release it is, told without a login: free questions alone, and what each of them can say."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qbdoctor.releases import ANY, KNOWN, Version, VersionRange
from qbdoctor.releases import fingerprints as signs
from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.server import Server
from tests.support.doctor import diagnose, qbdoctor

pytestmark = pytest.mark.in_turn

# What is left of the releases where nothing but the wire is at hand.
BY_WIRE = {
    "4.2.5": ("4.1.5", "4.2.5"),
    "4.5.2": ("4.5.0", "4.5.5"),
    "5.1.0": ("5.1.0", "5.1.4"),
    "5.3.0": ("5.2.0", "999.0.0"),
}


def known(text: str) -> Version:
    version = Version.parse(text)
    assert version is not None
    return version


def getter(headers: dict[str, str]) -> Callable[[str], str | None]:
    def get(name: str) -> str | None:
        return headers.get(name)

    return get


def paths(proxy: faults.ReverseProxy) -> list[tuple[str, str]]:
    return [(one.method, one.path) for one in proxy.requests]


def test_by_the_wire_alone(healthy: Server, release: Release) -> None:
    before = healthy.failed_logins(), healthy.successful_logins(), len(healthy.log_lines("W"))
    with faults.ReverseProxy(healthy.url, rewrite_host=True, server_header=None) as way:
        report = diagnose("--url", way.url, "--no-login")
        asked = paths(way)
    lowest, highest = (known(text) for text in BY_WIRE[release.name])
    assert report["target"]["version"] is None
    assert report["target"]["version_range"] == str(VersionRange(lowest, highest))
    assert not [path for _, path in asked if "auth" in path]
    assert len(asked) <= 4
    time.sleep(0.1)
    assert (healthy.failed_logins(), healthy.successful_logins()) == before[:2]
    assert len(healthy.log_lines("W")) == before[2], "a question left a warning in the log"


def test_a_login_asks_for_nothing_more(healthy: Server) -> None:
    with faults.ReverseProxy(healthy.url, rewrite_host=True, server_header=None) as way:
        report = diagnose("--url", way.url, password=healthy.password)
        asked = paths(way)
    assert report["target"]["version"] == healthy.version
    assert report["target"]["version_range"] is None
    # Once, to prove whose answers these are before the password goes out; the release is then told by a call.
    assert len([path for _, path in asked if path == "/api/v2/nope/x"]) == 1
    assert not [method for method, _ in asked if method == "OPTIONS"]


def test_proxy_that_shows_itself_is_not_believed_for_what_is_missing(healthy: Server, release: Release) -> None:
    """It may take out headers: what is there counts, what is not there does not."""
    with faults.ReverseProxy(healthy.url, rewrite_host=True, drop_request_headers=["authorization"]) as way:
        report = diagnose("--url", way.url, "--no-login")
    found = report["target"]["version_range"]
    assert found is None or str(known(BY_WIRE[release.name][1])) not in found or release.name == "4.2.5"


def test_the_log_says_it_and_nothing_is_asked(healthy: Server) -> None:
    run = qbdoctor("check", "-v", "--url", healthy.url, "--no-login")
    assert f"{healthy.version} (by its answers)" in run.out
    report = diagnose("--url", healthy.url, "--no-login")
    assert report["target"]["version_range"] == healthy.version


def test_without_a_log_the_program_says_it(server: ServerFactory, release: Release) -> None:
    running = server(raw_config=_without_log(release))
    assert not running.log_file.exists()
    report = diagnose("--url", f"http://127.0.0.1:{running.port}", "--no-login")
    assert report["target"]["version_range"] == running.version


def _without_log(release: Release) -> bytes:
    from tests.kit.server import config_text, password_hash

    text = config_text(
        {"Password_PBKDF2": password_hash("a good one")},
        layout="new" if release.version_tuple >= (5, 3) else "old",
        port=0,
    )
    return (
        text.replace("Port=0\n", "Port=%PORT%\n", 1)
        .replace("FileLogger\\Enabled=true", "FileLogger\\Enabled=false")
        .encode()
    )


def test_the_program_is_read_and_only_where_it_is_certain(release: Release, tmp_path: Path) -> None:
    program = next(Path(part) for part in release.command() if part.endswith("/qbittorrent-nox"))
    assert signs.from_binary(program) == known(release.version)
    both = tmp_path / "both"
    both.write_bytes(b"\0v4.5.2\0v5.1.0\0")
    assert signs.from_binary(both) is None
    neither = tmp_path / "neither"
    neither.write_bytes(b"\0v1.2.13\0 v4.5.22 xv4.5.2\0")
    assert signs.from_binary(neither) is None
    empty = tmp_path / "empty"
    empty.touch()
    assert signs.from_binary(empty) is None
    assert signs.from_binary(tmp_path / "gone") is None
    assert signs.from_binary(Path("/opt/qbittorrent-5.0.3_x86_64.AppImage")) == known("5.0.3")


@pytest.mark.parametrize("version", KNOWN, ids=str)
def test_no_sign_excludes_the_release_it_comes_from(version: Version) -> None:
    """The headers that a release is known to send lead back to it."""
    from qbdoctor import releases

    headers = {
        "content-security-policy": "default-src 'self';"
        + (" frame-src 'self' blob:;" if releases.rule("header.csp_frame_src", version) else "")
    }
    if releases.rule("header.opener_policy", version):
        headers["cross-origin-opener-policy"] = "same-origin"
    if releases.rule("header.referrer_policy", version):
        headers["referrer-policy"] = "same-origin"
    for whole in (True, False):
        assert signs.from_headers(getter(headers), whole=whole).holds(version)
        assert signs.from_bearer_root(releases.rule("status.root_with_bearer", version), whole=whole).holds(version)
    assert signs.from_unknown_scope(releases.unknown_api_status(version)).holds(version)


def test_an_alternative_ui_and_a_proxy_hide_what_is_absent() -> None:
    assert signs.from_headers(getter({}), whole=True) == ANY
    assert signs.from_headers(getter({"content-security-policy": "frame-ancestors 'self';"}), whole=True) == ANY
    assert signs.from_headers(getter({"content-security-policy": "default-src 'self';"}), whole=False) == ANY


def test_contradicting_signs_leave_the_first() -> None:
    old, new = VersionRange(known("4.1.0"), known("4.2.5")), VersionRange(known("5.2.0"), known("5.3.0"))
    assert signs.meet(old, new) == old
