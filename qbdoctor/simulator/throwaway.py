"""Runs a throw-away server, a real qBittorrent or the simulator, for the demo."""

from __future__ import annotations

import contextlib
import http.cookiejar
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from qbdoctor import releases
from qbdoctor.config.password_hash import make_hash
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.releases.versions import Version
from qbdoctor.simulator.__main__ import CONFIG
from qbdoctor.storage import own_programs

INCIDENT = {"LocalHostAuth": "false", "AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}


PROGRAM = "qbittorrent-nox"


START_SECONDS = 4.0


STANDIN_SECONDS = 15.0
"""What our own program may take to start: Python starts slowly where a virus scanner reads each file."""


STOP_SECONDS = 8.0


# No traffic with other peers, whichever release reads it: 4.x has some of these in another place than 5.x.
_QUIET = r"""
[Application]
FileLogger\Enabled=true

[BitTorrent]
Session\DHTEnabled=false
Session\Interface=lo
Session\InterfaceName=lo
Session\LSDEnabled=false
Session\PeXEnabled=false
Session\Port={peer_port}

[LegalNotice]
Accepted=true

[Network]
PortForwardingEnabled=false

[Preferences]
Bittorrent\DHT=false
Bittorrent\LSD=false
Bittorrent\PeX=false
Connection\Interface=lo
Connection\PortRangeMin={peer_port}
Connection\ResolvePeerCountries=false
Connection\UPnP=false
General\Locale=en
"""


Say = Callable[[str], None]


Client = urllib.request.OpenerDirector


class StepFailed(Exception):
    """A step did not come out as it should, and how."""


class DemoServer:
    """The throw-away qBittorrent, or its stand-in, in a temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.profile = folder / "profile"
        self.file = self.profile / CONFIG
        self.password = Secret(secrets.token_urlsafe(12))
        self.name = "nothing started"
        self.url = ""
        self.login_answer = ""
        self.process: subprocess.Popen[bytes] | None = None

    # --- the process -------------------------------------------------------------------------------------------------

    def start(self, *, standin: bool) -> str:
        """Start the real one where there is one, else the stand-in; returns why it is the stand-in."""
        program = None if standin else shutil.which(PROGRAM)
        if program is not None:
            version = Version.parse(self._output(program, "--version"))
            command = [program, f"--profile={self.profile}"]
            if version is not None and self._launched(command, version):
                self.name = f"the real {PROGRAM} {version} ({program})"
                return ""
            why = f"{program} did not start here"
        else:
            why = "As asked" if standin else f"There is no {PROGRAM} on this machine"
        version = releases.NEWEST
        command = own_programs.command("qbdoctor.simulator", "--profile", str(self.profile), "--release", str(version))
        if not self._launched(command, version, STANDIN_SECONDS):
            raise StepFailed(f"the stand-in did not start: {self._complaint()}")
        self.name = f"qbdoctor's stand-in for qBittorrent {version}"
        return f"{why}: the built-in stand-in takes its place."

    def _launched(self, command: list[str], version: Version, seconds: float = START_SECONDS) -> bool:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._write_config(port, version)
        for name in ("home", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
        with (self.folder / "printed.txt").open("wb") as printed:
            self.process = subprocess.Popen(  # noqa: S603 - the program found on PATH, or ourselves
                command,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**own_programs.environment(), "LANG": "C.UTF-8"},
                start_new_session=True,  # Ctrl-C is for us: it is stopped in order
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
            )
        give_up = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < give_up:
            with contextlib.suppress(OSError):
                self._status(self.client(keeps=False))
                return True
            time.sleep(0.02)
        self.stop()
        return False

    def _write_config(self, port: int, version: Version) -> None:
        stored = make_hash(self.password).reveal()
        web = {"Address": "127.0.0.1", "Port": str(port), "UseUPnP": "false", **INCIDENT}
        web |= {releases.hash_key(version): f'"{stored}"'}
        # Without a MigrationVersion the old place is the one that every release reads
        keys = (releases.place(name, "Preferences")[1] for name in web)
        lines = "".join(f"{key}={value}\n" for key, value in zip(keys, web.values(), strict=True))
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(_QUIET.lstrip().format(peer_port=free_port()) + lines, encoding="utf-8")

    def stop(self) -> None:
        """End the process as a service manager does, and wait until it is gone: only then is its file written."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _output(self, *command: str) -> str:
        try:
            run = subprocess.run(  # noqa: S603
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_SECONDS, check=False
            )
        except (OSError, subprocess.SubprocessError):
            return ""
        return run.stdout

    def _complaint(self) -> str:
        text = (self.folder / "printed.txt").read_text("utf-8", "replace").strip()
        return text.splitlines()[-1] if text else "it said nothing"

    # --- what is done with it ----------------------------------------------------------------------------------------

    def client(self, *, keeps: bool) -> Client:
        """Return an HTTP client that keeps cookies, or one that drops them; no proxy of the environment plays a part."""
        handlers: list[Any] = [urllib.request.ProxyHandler({})]
        if keeps:
            handlers.append(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        return urllib.request.build_opener(*handlers)

    def log_in(self, client: Client) -> None:
        """Log in; keeps what the answer was, without the cookie's value. Raises :class:`StepFailed`."""
        form = urlencode({"username": "admin", "password": self.password.reveal()}).encode()
        try:
            with client.open(f"{self.url}/api/v2/auth/login", form, timeout=START_SECONDS) as answer:
                name, *attributes = str(answer.headers["set-cookie"]).split("; ")
                kept = [each for each in attributes if not each.startswith("expires")]
                shown = "; ".join([f"{name.partition('=')[0]}=***", *kept])
                self.login_answer = f"{answer.status}, Set-Cookie: {shown}"
        except OSError as error:
            raise StepFailed(f"the login with the right password failed: {error}") from None

    def call(self, say: Say, what: str, expect: int, client: Client | None = None) -> None:
        """Ask for the version. Raises :class:`StepFailed` for another status."""
        try:
            status = self._status(client or self.client(keeps=False))
        except OSError as error:
            raise StepFailed(f"{what}: no answer ({error})") from None
        say(f"   {what} (GET /api/v2/app/version): {status}")
        if status != expect:
            raise StepFailed(f"{what} gets {status}, not {expect}")

    def _status(self, client: Client) -> int:
        try:
            with client.open(f"{self.url}/api/v2/app/version", timeout=START_SECONDS) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


def temporary_folder() -> Path:
    """Return a new folder to work in. Raises UserError."""
    try:
        return Path(tempfile.mkdtemp(prefix="qbdoctor-demo-")).resolve()
    except OSError as error:
        raise UserError("no-temporary-folder", f"There is no temporary folder to work in: {error.strerror}.") from None


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens at just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def environment(folder: Path, password: Secret) -> Iterator[None]:
    """Home, state and temporary folder inside ours; nothing of the user's settings for qbdoctor or proxies."""
    before = dict(os.environ)
    home = folder / "home"
    proxies = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    for name in before:
        if name.startswith(("QBDOCTOR_", "XDG_", "QBT_")) or name.lower() in proxies:
            del os.environ[name]
    ours: Mapping[str, Path] = {
        "HOME": home,
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local/share",
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_STATE_HOME": home / ".local/state",
        "APPDATA": home / "AppData/Roaming",
        "LOCALAPPDATA": home / "AppData/Local",
        "USERPROFILE": home,
        "TMPDIR": folder / "tmp",
        "TEMP": folder / "tmp",
        "TMP": folder / "tmp",
        "QBDOCTOR_STATE_DIR": folder / "state",
    }
    os.environ.update({name: str(path) for name, path in ours.items()})
    os.environ["QBDOCTOR_PASSWORD"] = password.reveal()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
