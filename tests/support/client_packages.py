"""Real client packages of PyPI and npm, each with a program by its own README: `program URL PASSWORD`, 0 where all worked.

They are kept in the tests' cache: `python -m tests.support.client_packages` fetches them beforehand.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.kit import matrix

MAGNET = f"magnet:?xt=urn:btih:{'a1b2c3d4e5' * 4}&dn=x"
HASH = "a1b2c3d4e5" * 4

_PYTHON = f"""
import asyncio, os, sys, time
sys.path.append(os.getcwd())  # behind Python's own modules: old packages bring stand-ins for them
url, password = sys.argv[1], sys.argv[2]
MAGNET, HASH = {MAGNET!r}, {HASH!r}
def here(read):
    for _ in range(40):
        if any(one == HASH for one in read()): return
        time.sleep(0.1)
    sys.exit("the torrent is not there")
"""
_API = """
import qbittorrentapi
client = qbittorrentapi.Client(host=url, username="admin", password=password)
client.auth_log_in()
version = client.app.version
assert client.torrents_add(urls=MAGNET, is_paused=True) == "Ok."
here(lambda: [one.hash for one in client.torrents_info()])
client.torrents_resume(torrent_hashes=HASH); client.torrents_pause(torrent_hashes=HASH)
client.torrents_set_share_limits(torrent_hashes=HASH, ratio_limit=2, seeding_time_limit=-2)
client.torrents_add_trackers(torrent_hash=HASH, urls="http://127.0.0.1:9/a")
client.torrents_edit_tracker(torrent_hash=HASH, original_url="http://127.0.0.1:9/a", new_url="http://127.0.0.1:9/b")
client.torrents_delete(torrent_hashes=HASH, delete_files=False)
client.auth_log_out()
"""
_CURRENT = """
import qbittorrentapi
client = qbittorrentapi.Client(host=url, username="admin", password=password)
client.auth_log_in()
client.app.version, client.app.preferences
client.torrents_add(urls=MAGNET, is_paused=True, is_stopped=True)
here(lambda: [one.hash for one in client.torrents_info()])
client.torrents_resume(torrent_hashes=HASH); client.torrents_pause(torrent_hashes=HASH)
client.torrents_delete(torrent_hashes=HASH, delete_files=False)
client.auth_log_out()
"""
_PYTHON_QBITTORRENT = """
from qbittorrent import Client
client = Client(url + "/")
refused = client.login("admin", password)
assert refused is None, refused
assert client.torrents() == []
client.download_from_link(MAGNET, paused="true")
here(lambda: [one["hash"] for one in client.torrents()])
client.pause(HASH); client.resume(HASH); client.delete(HASH)
"""
_AIOQBT = """
from aioqbt.client import create_client
async def main():
    client = await create_client(url + "/api/v2/", username="admin", password=password)
    async with client:
        print(await client.app.version())
        assert await client.torrents.info() == []
        await client.torrents.stop([HASH]) if hasattr(client.torrents, "stop") else await client.torrents.pause([HASH])
asyncio.run(main())
"""
_AIOBTCLIENTRPC = """
import aiobtclientrpc
async def main():
    client = aiobtclientrpc.QbittorrentRPC(url, username="admin", password=password)
    await client.connect()
    assert await client.call("torrents/info") == []
    await client.disconnect()
asyncio.run(main())
"""
_AIOQB = """
import aioqb
async def main():
    async with aioqb.Client(url, username="admin", password=password) as client:
        assert await client.auth_login() == "Ok."
        assert await client.torrents_info() == []
asyncio.run(main())
"""
_LIBTC = """
from libtc.clients.qbittorrent import QBittorrentClient
client = QBittorrentClient(url, "admin", password)
assert client.test_connection()
assert client.list() == []
"""
_AUTOREMOVE = """
from autoremovetorrents.client.qbittorrent import qBittorrent
client = qBittorrent(url)
client.login("admin", password)
assert client.torrents_list() == []
"""
_NODE = f"""
const [url, password] = process.argv.slice(-2), MAGNET = {MAGNET!r}, HASH = {HASH!r};
const fail = error => {{ console.error(error && error.message || error); process.exit(1); }};
"""
_CTRL = """
(async () => {
  const { QBittorrent } = await import("@ctrl/qbittorrent");
  const client = new QBittorrent({ baseUrl: url, username: "admin", password });
  await client.getAppVersion();
  if ((await client.listTorrents()).length !== 0) throw new Error("torrents");
  await client.addMagnet(MAGNET, { paused: "true" });
  await client.getAllData();
})().catch(fail);
"""
_V2 = """
require("qbittorrent-api-v2").connect(url, "admin", password).then(async client => {
  if ((await client.torrents()).length !== 0) throw new Error("torrents");
  await client.pauseTorrents("all");
}).catch(fail);
"""
_KLEP = """
(async () => {
  const { qBittorrentClient } = require("@robertklep/qbittorrent");
  const client = new qBittorrentClient(url, "admin", password);
  if (!/^v?\\d/.test(await client.app.version())) throw new Error("version");
  if ((await client.torrents.info()).length !== 0) throw new Error("torrents");
})().catch(fail);
"""


@dataclass(frozen=True)
class Package:
    """A package at one version; ``old``: it does not know the login of 5.2 and later."""

    requirement: str
    program: str
    old: bool = True
    npm: bool = False

    def __str__(self) -> str:
        return self.requirement


PACKAGES = (
    Package("qbittorrent-api==2023.11.57", _API),
    Package("qbittorrent-api==2025.7.0", _API),
    Package("python-qbittorrent==0.4.3", _PYTHON_QBITTORRENT),
    Package("aioqbt==1.0.0", _AIOQBT),
    Package("aiobtclientrpc==5.0.2", _AIOBTCLIENTRPC),
    Package("aioqb==0.1.6", _AIOQB),
    Package("libtc==1.3.4", _LIBTC),
    Package("autoremove-torrents==1.5.5", _AUTOREMOVE),
    Package("@ctrl/qbittorrent@9.7.0", _CTRL, npm=True),
    Package("qbittorrent-api-v2@1.2.2", _V2, npm=True),
    Package("@robertklep/qbittorrent@1.1.0", _KLEP, npm=True),
    Package("qbittorrent-api==2026.10.1", _CURRENT, old=False),
    Package("aioqbt==1.1.0", _AIOQBT, old=False),
    Package("@ctrl/qbittorrent@9.12.1", _CTRL, old=False, npm=True),
)


def fetch(package: Package) -> Path | str:
    """Return the folder in the tests' cache with the package in it; where it cannot be had, why."""
    into = matrix.cache_dir() / "client-packages" / re.sub(r"[^A-Za-z0-9.-]+", "_", package.requirement)
    done = into / ".fetched"
    if done.exists():
        return into
    into.mkdir(parents=True, exist_ok=True)
    if package.npm:
        npm = shutil.which("npm")
        if npm is None:
            return "npm is not installed"
        command = [npm, "install", "--no-audit", "--no-fund", "--silent", package.requirement]
    else:
        command = [sys.executable, "-m", "pip", "install", "-q", "--target", ".", package.requirement]
    try:
        got = subprocess.run(command, cwd=into, capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        return "it does not answer in time"
    if got.returncode:
        return got.stderr.strip()[-200:]
    done.touch()
    return into


def run(package: Package, folder: Path, url: str, password: str) -> subprocess.CompletedProcess[str]:
    """Run its program."""
    name = "program.cjs" if package.npm else "program.py"
    (folder / name).write_text((_NODE if package.npm else _PYTHON) + package.program)
    command = ["node" if package.npm else sys.executable, name, url, password]
    env = {**os.environ, "NO_PROXY": "*"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


if __name__ == "__main__":
    for each in PACKAGES:
        print(each, fetch(each))  # noqa: T201
