"""One real qbittorrent-nox in a throw-away profile, on loopback, without peer traffic.

with Server.start("5.1.0", settings={"LocalHostAuth": "false"}) as server:
    assert server.get("/api/v2/app/version").status_code == 200
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import psutil

from tests.kit import matrix
from tests.kit.client import Client
from tests.kit.profile import config_text, free_port, password_hash
from tests.kit.tls import Certificate, make_cert

__all__ = ["PASSWORD", "PORT_MARK", "Server", "StartError", "config_text", "free_port", "password_hash"]

PASSWORD = "a good one"
PORT_MARK = b"%PORT%"

Layout = Literal["auto", "old", "new"]

_LINE = re.compile(r"^\((?P<level>[NIWC])\) (?P<when>\S+) - (?P<text>.*)$")
# The log speaks the configured language, but "WebAPI", the level and the order of the values stay: only the outcome of
# a login is a line with "WebAPI", a warning where it was refused.
_ATTEMPT = re.compile(r"[:：]\s*\d+\s*[,，]")


class StartError(Exception):
    """A server that exited, or did not answer in time; holds what it printed."""


class Server(Client):
    """A running server; made by `Server.start`, gone at the end of its `with`, or with the test run at the latest."""

    def __init__(
        self,
        release: matrix.Release,
        *,
        folder: Path,
        port: int,
        host: str,
        password: str | None,
        certificate: Certificate | None,
        arguments: Sequence[str],
        env: Mapping[str, str],
        terminal: bool,
        prefix: Sequence[str] = (),
    ) -> None:
        super().__init__(host, port, password=password, certificate=certificate)
        self.release = release
        self.folder = folder
        self._arguments = list(arguments)
        self._prefix = list(prefix)
        self._env = dict(env)
        self._on_terminal = terminal
        self._keyboard: int | None = None  # the other end of its terminal
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        version: str | matrix.Release,
        *,
        settings: Mapping[str, str] | None = None,
        password: str | None = PASSWORD,
        raw_config: bytes | None = None,
        locale: str | None = None,
        layout: Layout = "auto",
        address: str = "127.0.0.1",
        port: int | None = None,
        https: bool | Certificate = False,
        extra_args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        terminal: bool = False,
        wait: bool = True,
        prefix: Sequence[str] = (),
    ) -> Self:
        """Start a release and wait until it answers.

        `settings` are raw ini values of Web UI keys by their name after `WebUI\\`; they win over what other arguments
        set. `password` is written as a hash; None leaves the release's own (adminadmin, or a temporary one).
        `raw_config` is the file itself, where `%PORT%` becomes the port; without that mark `--webui-port` is given.
        `address` is what the Web UI listens on, `*` included. `layout`: "old" is `[Preferences] WebUI\\X` without a
        MigrationVersion, "new" is `[WebUI]`, "auto" is what that release writes itself. `terminal`: it runs on one, and
        asks there for what it needs to be told. `wait=False` is for a server that is not expected to serve. `prefix` is a
        command that becomes the program, such as nsenter with its options.
        """
        release = version if isinstance(version, matrix.Release) else matrix.get(version)
        host = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
        port = port or free_port()
        folder = Path(tempfile.mkdtemp(prefix="qbdoctor-"))
        certificate = make_cert(folder / "tls") if https is True else https or None
        arguments = list(extra_args)
        if raw_config is None:
            web = {"Address": address}
            if password is not None:
                web["Password_PBKDF2"] = password_hash(password)
            if certificate is not None:
                web |= {
                    "HTTPS\\Enabled": "true",
                    "HTTPS\\CertificatePath": str(certificate.cert),
                    "HTTPS\\KeyPath": str(certificate.key),
                }
            place = layout if layout != "auto" else "new" if release.version_tuple >= (5, 3) else "old"
            config = config_text({**web, **(settings or {})}, layout=place, port=port, locale=locale).encode()
        else:
            config = raw_config.replace(PORT_MARK, str(port).encode())
            if PORT_MARK not in raw_config:
                arguments.append(f"--webui-port={port}")
        server = cls(
            release,
            folder=folder,
            port=port,
            host=host,
            password=password,
            certificate=certificate,
            arguments=arguments,
            env=env or {},
            terminal=terminal,
            prefix=prefix,
        )
        server.config_file.parent.mkdir(parents=True)
        server.config_file.write_bytes(config)
        atexit.register(server.close)
        try:
            server._launch(wait=wait)
        except BaseException:
            server.close()
            raise
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The process

    @property
    def pid(self) -> int:
        """The process id, also after its end."""
        if self._process is None:
            raise StartError("never started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def version(self) -> str:
        """The real version of the program."""
        return self.release.version

    def stop(self, timeout: float = 20.0) -> int:
        """SIGTERM, and wait until the process is gone: only then is its config file written. Its exit code."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self) -> int:
        """SIGKILL: no clean exit, so the config file stays as it is on disk."""
        return self._end(signal.SIGKILL, 10.0)

    def launch(self) -> None:
        """Start a stopped one again, on the files as they are now."""
        self._launch(wait=True)

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.launch()

    def close(self) -> None:
        """End it without ceremony and delete its files; may be called again."""
        if self.running:
            self.kill()
        self.forget_session()
        atexit.unregister(self.close)
        shutil.rmtree(self.folder, ignore_errors=True)

    # Its files

    @property
    def profile(self) -> Path:
        """The folder given as --profile."""
        return self.folder / "profile"

    @property
    def config_file(self) -> Path:
        """The qBittorrent.conf it reads."""
        return self.profile / "qBittorrent/config/qBittorrent.conf"

    @property
    def log_file(self) -> Path:
        """Its log."""
        return self.profile / "qBittorrent/data/logs/qbittorrent.log"

    @property
    def stdout(self) -> str:
        """What it printed, all starts together."""
        return _text(self.folder / "stdout.txt")

    @property
    def stderr(self) -> str:
        """What it complained about, all starts together."""
        return _text(self.folder / "stderr.txt")

    def log_text(self) -> str:
        """The whole log."""
        return _text(self.log_file)

    def log_lines(self, level: Literal["N", "I", "W", "C"] | None = None) -> list[str]:
        """The texts of the log's lines, all or those of one level."""
        found = (_LINE.match(line) for line in self.log_text().splitlines())
        return [match["text"] for match in found if match and level in {None, match["level"]}]

    def failed_logins(self) -> int:
        """Logins that were refused, by its own log: those with wrong credentials and those of a banned address."""
        return sum("WebAPI" in text for text in self.log_lines("W"))

    def banned_logins(self) -> int:
        """Those of the failed logins that were refused for a ban: no count of attempts stands in their line."""
        return sum("WebAPI" in text and not _ATTEMPT.search(text) for text in self.log_lines("W"))

    def successful_logins(self) -> int:
        """Logins that were let in, by its own log; a bypassed one leaves no line."""
        return sum("WebAPI" in text for text in self.log_lines("N"))

    @property
    def temporary_password(self) -> str | None:
        """The password made up for this session, from 4.6.1 on where none is set; each start makes a new one."""
        if self.password is not None or self.release.version_tuple < (4, 6, 1):
            return None
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            # Nine letters and digits at a line's end, after a colon that in Chinese is a full-width one.
            found = re.findall(r"[:：]\s*([A-Za-z0-9]{9})\s*$", self.stdout, re.MULTILINE)
            if found:
                return str(found[-1])
            time.sleep(0.02)
        return None

    # Inside

    def _launch(self, *, wait: bool) -> None:
        if self.running:
            raise StartError("it is running")
        home = self.folder / "home"
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        command = [*self._prefix, *self.release.command(f"--profile={self.profile}", *self._arguments)]
        # A test run that is killed takes its servers along. The kernel ties this to the thread that started the child,
        # so it is asked for only on the main thread, which ends with the run.
        setpriv = shutil.which("setpriv")
        if setpriv and threading.current_thread() is threading.main_thread():
            command = [setpriv, "--pdeathsig", "KILL", "--", *command]
        environment = {**self.release.environment(home), "TMPDIR": str(home / "tmp"), **self._env}
        with (self.folder / "stdout.txt").open("ab") as out, (self.folder / "stderr.txt").open("ab") as err:
            if not self._on_terminal:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, start_new_session=True
                )
            else:
                self._keyboard, screen = os.openpty()
                self._process = subprocess.Popen(
                    command, stdin=screen, stdout=screen, stderr=err, env=environment, start_new_session=True
                )
                os.close(screen)
                threading.Thread(target=self._read_screen, args=(self._keyboard,), daemon=True).start()
        if wait:
            self.wait_until_ready()

    def type(self, text: str) -> None:
        """Type on its terminal."""
        if self._keyboard is None:
            raise StartError("it runs on no terminal")
        os.write(self._keyboard, text.encode())

    def _read_screen(self, keyboard: int) -> None:
        """Keep what it shows on its terminal; ends, with an error that is no one's, when the program does."""
        with (self.folder / "stdout.txt").open("ab", buffering=0) as out, contextlib.suppress(OSError):
            while shown := os.read(keyboard, 4096):
                out.write(shown)
        os.close(keyboard)
        self._keyboard = None

    def wait_until_ready(self, timeout: float = 20.0) -> None:
        """Wait for any answer, by https or, as a server without a usable certificate falls back, by http."""
        deadline = time.monotonic() + timeout
        while True:
            if self._listens() and (self._answers("http") or (self.certificate and self._answers("https"))):
                return
            code = self._process.poll() if self._process else None
            if code is not None or time.monotonic() > deadline:
                how = f"exited with {code}" if code is not None else f"did not answer at {self.url} in {timeout:g} s"
                raise StartError(f"{self.version} {how}\nstderr: {self.stderr}\nstdout: {self.stdout}")
            time.sleep(0.02)

    def _listens(self) -> bool:
        """Whether the port is this process's own: from 5.0 on it lives on where another has the port."""
        if self._prefix:
            return True  # in another network, where only its answer shows it
        with contextlib.suppress(psutil.Error):
            sockets = psutil.Process(self.pid).net_connections("tcp")
            return any(one.status == psutil.CONN_LISTEN and one.laddr.port == self.port for one in sockets)
        return False

    def _answers(self, scheme: str) -> bool:
        connection: http.client.HTTPConnection
        if scheme == "https":
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=2, context=context)
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=2)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def _end(self, how: signal.Signals, timeout: float) -> int:
        process = self._process
        if process is None:
            raise StartError("never started")
        self.forget_session()
        if process.poll() is None:
            process.send_signal(how)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait(10)
            raise StartError(f"{self.version} still ran {timeout:g} s after {how.name}") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
