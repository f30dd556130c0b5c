"""Real reverse proxies, nginx, HAProxy, Caddy and Apache as Debian has them, each with its own configuration.

with Nginx(server.url, "proxy_set_header Host $http_host;") as proxy:
    assert requests.get(f"{proxy.url}/api/v2/app/version").status_code == 401

The system's services are not touched: every path is in a temporary folder, and the process ends with the `with`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.kit import needs
from tests.kit.profile import free_port
from tests.kit.tls import Certificate


class RealProxy:
    """One running proxy. `host` is the loopback address it listens on, `port` a free one unless given."""

    program = ""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, path: str = "", tls: bool = False) -> None:
        self.host = host
        self.port = port or free_port()
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}{path}"
        self.folder = Path(tempfile.mkdtemp(prefix="qbdoctor-proxy-"))
        self._process: subprocess.Popen[bytes] | None = None

    def configuration(self) -> str:
        """The text of its configuration file."""
        raise NotImplementedError

    def command(self, program: str, file: Path) -> list[str]:
        """How it is started."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        program = needs.program(self.program)
        file = self.folder / "proxy.conf"
        written = self.configuration()
        file.write_text(written)
        with (self.folder / "out.txt").open("wb") as out:
            command = self.command(program, file)
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        end = time.monotonic() + 10
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self
        said = (self.folder / "out.txt").read_text()
        self._stop()
        raise AssertionError(f"{self.program} did not start: {said}\n{written}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
        shutil.rmtree(self.folder, ignore_errors=True)


class Nginx(RealProxy):
    """nginx in front of `upstream`: `location / { proxy_pass; <lines> }`.

    `location` and `pass_path` change that to `location /qb/ { proxy_pass …/; }`; `whole` replaces the server's inside
    altogether; `http` stands beside the server. `path` is what clients put behind the port.
    """

    program = "nginx"

    def __init__(
        self,
        upstream: str,
        lines: str = "",
        *,
        location: str = "/",
        pass_path: str = "",
        path: str = "",
        whole: str | None = None,
        http: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(host=host, port=port, path=path, tls=certificate is not None)
        self._http = http
        self._certificate = certificate
        passed = f"location {location} {{ proxy_pass {upstream}{pass_path}; proxy_http_version 1.1;\n{lines}\n}}"
        self._inside = passed if whole is None else whole
        self.requests = self.folder / "access.log"

    def configuration(self) -> str:
        """One server in one process, nothing outside of the folder."""
        folder, tls = self.folder, ""
        listen = f"{self.host}:{self.port}"
        if self._certificate is not None:
            listen += " ssl"
            tls = f"ssl_certificate {self._certificate.cert}; ssl_certificate_key {self._certificate.key};"
        names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "\n".join(f"{name}_temp_path {folder}/{name};" for name in names)
        user = "user root;" if os.geteuid() == 0 else ""
        return f"""{user}
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
{temporary}
{self._http} access_log {self.requests};
server {{ listen {listen}; {tls}
{self._inside}
}}
}}
"""

    def command(self, program: str, file: Path) -> list[str]:
        """In the foreground, with its own prefix."""
        return [program, "-c", str(file), "-p", str(self.folder), "-e", str(self.folder / "error.log")]


class Haproxy(RealProxy):
    """HAProxy in front of `upstream`, in mode http or tcp, with further lines for the frontend."""

    program = "haproxy"

    def __init__(
        self, upstream: str, lines: str = "", *, mode: str = "http", host: str = "127.0.0.1", port: int = 0
    ) -> None:
        super().__init__(host=host, port=port)
        self._to = urlsplit(upstream).netloc
        self._lines = lines
        self._mode = mode

    def configuration(self) -> str:
        """One frontend, one backend."""
        return f"""defaults
    mode {self._mode}
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend front
    bind {self.host}:{self.port}
    {self._lines}
    default_backend back
backend back
    server one {self._to}
"""

    def command(self, program: str, file: Path) -> list[str]:
        """In the foreground."""
        return [program, "-db", "-f", str(file)]


class Caddy(RealProxy):
    """Caddy in front of `upstream`; `lines` stand inside reverse_proxy, `whole` in place of it."""

    program = "caddy"

    def __init__(
        self, upstream: str, lines: str = "", *, whole: str | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        super().__init__(host=host, port=port)
        self._inside = f"reverse_proxy {urlsplit(upstream).netloc} {{\n{lines}\n}}" if whole is None else whole

    def configuration(self) -> str:
        """One site for every name, without TLS and without the port for administration."""
        return f"""{{
    admin off
    auto_https off
    storage file_system {self.folder}/data
}}
http://:{self.port} {{
    bind {self.host}
    {self._inside}
}}
"""

    def command(self, program: str, file: Path) -> list[str]:
        """In the foreground."""
        return [program, "run", "--adapter", "caddyfile", "--config", str(file)]


class Apache(RealProxy):
    """Apache in front of `upstream`, with further lines beside its ProxyPass."""

    program = "apache2"

    def __init__(self, upstream: str, lines: str = "", *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host=host, port=port)
        self._upstream = upstream
        self._lines = lines

    def configuration(self) -> str:
        """The modules that a proxy needs, nothing outside of the folder."""
        self.folder.chmod(0o755)
        modules = ("mpm_event", "authz_core", "proxy", "proxy_http", "headers", "rewrite", "setenvif")
        loaded = "\n".join(f"LoadModule {one}_module /usr/lib/apache2/modules/mod_{one}.so" for one in modules)
        user = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""
        return f"""{loaded}
{user}
ServerRoot {self.folder}
ServerName {self.host}
DefaultRuntimeDir {self.folder}
PidFile {self.folder}/apache.pid
ErrorLog {self.folder}/error.log
Listen {self.host}:{self.port}
ProxyPass / {self._upstream}/
ProxyPassReverse / {self._upstream}/
{self._lines}
"""

    def command(self, program: str, file: Path) -> list[str]:
        """In the foreground."""
        return [program, "-DFOREGROUND", "-f", str(file)]
