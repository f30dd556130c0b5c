"""The login page of an older release as an alternative Web UI: it takes the answer to a good login for a refusal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.server import PASSWORD
from tests.support.doctor import cause, causes, diagnose
from tests.support.elsewhere import diagnose_elsewhere

pytestmark = pytest.mark.extended


def _pages(server: ServerFactory, folder: Path) -> Path:
    """The pages of a real 5.1.0, which are compiled into its program."""
    old = server("5.1.0")
    page = requests.get(old.url, timeout=5).text
    for part in set(re.findall(r'(?:src|href)="([^"?#:]+)', page)):
        file = folder / "public" / part.lstrip("./")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(requests.get(f"{old.url}/{part.lstrip('./')}", timeout=5).content)
    (folder / "public" / "index.html").write_text(page)
    (folder / "private").mkdir()
    (folder / "private" / "index.html").write_text("<html><title>qBittorrent</title></html>")
    return folder


@pytest.mark.parametrize("known", [True, False])
def test_a_login_page_of_an_older_release(server: ServerFactory, tmp_path: Path, known: bool) -> None:
    """qbittorrent-webui-cjratliff.com#119, linuxserver/docker-qbittorrent#454: wrong password, and in after F5."""
    folder = _pages(server, tmp_path)
    assert 'responseText === "Ok."' in (folder / "public" / "scripts" / "login.js").read_text()
    for version in ("5.3.0", "5.1.0"):
        running = server(version, settings={"AlternativeUIEnabled": "true", "RootFolder": str(folder)})
        if known:
            report = diagnose("--profile", str(running.profile), password=PASSWORD)
        else:
            report = diagnose_elsewhere("--url", running.url, password=PASSWORD)
        assert report["verdict"]["state"] == "healthy", report["verdict"]
        if version == "5.3.0":
            told = cause(report, "client-wants-ok-body")
            assert (told["severity"], told["confidence"]) == ("info", "possible")
            assert "204" in told["summary"]
        else:
            assert "client-wants-ok-body" not in causes(report)
