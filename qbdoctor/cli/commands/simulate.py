"""Runs ``qbdoctor simulate``: the Web UI's authentication of any release, on one's own machine, for trying out a client."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
from collections.abc import Sequence
from typing import Any

from qbdoctor import releases
from qbdoctor.cli import credentials, output
from qbdoctor.cli.suggest import suggest
from qbdoctor.config.qtini.values import from_bool, from_list, from_text
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.releases import KNOWN, Key, Version
from qbdoctor.releases.web_api import COMPARED, webapi
from qbdoctor.simulator.config import Config
from qbdoctor.simulator.server import ADDRESS, Server
from qbdoctor.simulator.state import Clock, StandIn
from qbdoctor.simulator.throwaway import free_port
from qbdoctor.storage import files, foreign

SCHEMA = "qbdoctor.simulate/1"
HIGHEST_SPEED = 100_000.0
_TRIES = 5  # of a free port, which another program may take before it is ours
_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_ELSEWHERE = {
    "Port": "give the port with --port",
    "Address": f"the stand-in listens on {ADDRESS} alone",
    "Enabled": "without its Web UI there would be nothing to talk to",
    "APIKey": "give an API key with --api-key-file or QBDOCTOR_API_KEY",
    "Password_PBKDF2": "give the password with --password-file or QBDOCTOR_PASSWORD",
    "Password_ha1": "give the password with --password-file or QBDOCTOR_PASSWORD",
    "HTTPS/Certificate": "certificates are played from files: from 4.2.0 on, as HTTPS/CertificatePath",
    "HTTPS/Key": "keys are played from files: from 4.2.0 on, as HTTPS/KeyPath",
}


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C, SIGTERM or app/shutdown. Returns 0. Raises :class:`UserError` for bad input."""
    if args.url or args.profile or args.config:
        raise UserError("usage", "simulate takes no target: it makes a stand-in of its own, on this machine.")
    if args.format not in ("human", "json") or args.output is not None:
        raise UserError("usage", "simulate is told as text or, with --json, as one line of JSON on standard output.")
    clock = Clock(_speed(args.speed))
    port = _port(args.port)
    version = _version(args.release)
    raw = _settings(args.settings, version)
    if args.username:
        raw["Username"] = _text(args.username, version)
    password = credentials.secret(args.password_file, "--password-file", "QBDOCTOR_PASSWORD", os.environ)
    made_up = None if password else Secret(secrets.token_urlsafe(9))
    config = Config.made(version, raw, password or made_up or Secret(""))
    _take_key(config, args.api_key_file)
    standin, server = _served(config, port, clock)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: standin.stopping.set())
    with _port_file(args.port_file, server.port):
        _tell(args, standin, server, made_up)
        server.run()
    return 0


def _speed(given: str | float) -> float:
    try:
        speed = float(given)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= HIGHEST_SPEED:
        raise UserError("usage", f"--speed: give a number more than 0 and at most {HIGHEST_SPEED:.0f}, not {given!r}.")
    return speed


def _port(given: str | int | None) -> int:
    """Return the port; 0: a free one."""
    try:
        port = 0 if given is None else int(given)
    except ValueError:
        port = -1
    if not 0 <= port <= 65_535:
        raise UserError("usage", f"--port: {given!r} is no port: give one from 1 to 65535.")
    return port


def _version(text: str | None) -> Version:
    if text is None:
        return KNOWN[-1]
    version = Version.parse(text)
    if version is None or version not in KNOWN:
        near = ", ".join(suggest(text.strip().removeprefix("v"), [str(each) for each in KNOWN]))
        hint = f"did you mean {near}?" if near else "give one such as 5.2.3."
        raise UserError(
            "unknown-release", f"--version: {text!r} is no release between {KNOWN[0]} and {KNOWN[-1]}: {hint}"
        )
    return version


# --- settings --------------------------------------------------------------------------------------------------------


def _settings(given: Sequence[str], version: Version) -> dict[str, str]:
    """``KEY=VALUE`` as raw values of the config file, by the setting's name."""
    found: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UserError("usage", f"--set: {pair!r} is not KEY=VALUE, such as LocalHostAuth=false.")
        key = _key(name.strip(), version)
        found[key.name] = _raw(key, value, version)
    return found


def _key(name: str, version: Version) -> Key:
    played = [each for each in releases.KEYS if each.fixed is None or each.name == "SessionCookieName"]
    wanted = name.removeprefix("WebUI\\").removeprefix("WebUI/").replace("\\", "/").lower()
    for key in played:
        if wanted not in (key.name.lower(), key.json):
            continue
        if key.name in _ELSEWHERE:
            raise UserError("usage", f"--set: {key.name} is not set here: {_ELSEWHERE[key.name]}.")
        if not releases.reads(key, version):
            until = f" to {key.until}" if key.until else " on"
            raise UserError(
                "usage", f"--set: {version} does not read {key.name}, which is there from {key.since}{until}."
            )
        return key
    spelled = {key.name.lower(): key.name for key in played if key.name not in _ELSEWHERE}
    near = ", ".join(spelled[each] for each in suggest(name, list(spelled)))
    hint = f"did you mean {near}?" if near else "qBittorrent's own names count, such as LocalHostAuth."
    raise UserError("unknown-setting", f"--set: no setting of the Web UI is called {name!r}: {hint}")


def _raw(key: Key, value: str, version: Version) -> str:
    match key.kind:
        case "bool":
            if value.strip().lower() not in _BOOLEANS:
                raise UserError("usage", f"--set: {key.name} is true or false, not {value!r}.")
            return from_bool(_BOOLEANS[value.strip().lower()])
        case "int":
            try:
                return str(int(value))
            except ValueError:
                raise UserError("usage", f"--set: {key.name} is a whole number, not {value!r}.") from None
        case "list":
            entries = [each.strip() for each in value.replace("\n", ",").split(",")]
            return from_list([each for each in entries if each], utf8=releases.qt_reads_utf8(version))
        case _:
            return _text(value, version)


def _text(value: str, version: Version) -> str:
    return from_text(value, utf8=releases.qt_reads_utf8(version))


def _take_key(config: Config, file: str | None) -> None:
    """Take the API key that was given, where the release has such keys."""
    key = credentials.secret(file, "--api-key-file", "QBDOCTOR_API_KEY", os.environ)
    if key is None:
        return
    if not releases.api_key_supported(config.version):
        if file is not None:
            raise UserError("usage", f"--api-key-file: {config.version} has no API keys.")
        return
    prefix, length = releases.rule("api_key.form", config.version)
    if not key.reveal().startswith(prefix) or len(key.reveal()) != length:
        raise UserError("usage", f"The API key must begin with {prefix} and have {length} characters in all.")
    config.set("APIKey", _text(key.reveal(), config.version))


# --- serving ---------------------------------------------------------------------------------------------------------


def _served(config: Config, port: int, clock: Clock) -> tuple[StandIn, Server]:
    """Return the stand-in, listening at that port; 0: a free one. Raises :class:`UserError`."""
    tries = 1 if port else _TRIES
    for attempt in range(tries):
        config.set("Port", str(port or free_port()))
        standin = StandIn(config, clock)
        try:
            return standin, Server(standin)
        except OSError as error:
            if attempt + 1 == tries:
                why = error.strerror or "it cannot be opened"
                raise UserError("port-taken", f"{ADDRESS}:{standin.port} cannot be listened at: {why}.") from None
    raise AssertionError("unreachable")


@contextlib.contextmanager
def _port_file(name: str | None, port: int) -> Any:
    """Write the port there, whole and only once it is listened at; the file is gone with the stand-in."""
    if name is None:
        yield
        return
    file = files.expanded(name)
    with contextlib.ExitStack() as stack:
        try:
            place = stack.enter_context(foreign.hold(file, follow=False))
            place.write_whole(f"{port}\n".encode())
        except Refused as refused:
            raise UserError("output-failed", f"--port-file: {refused.reason}") from None
        except OSError as error:
            raise UserError("output-failed", f"--port-file: {file} cannot be written: {error.strerror}.") from None
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                place.unlink()


def _tell(args: argparse.Namespace, standin: StandIn, server: Server, made_up: Secret | None) -> None:
    version, settings = standin.version, standin.settings
    url = f"{'https' if server.secure else 'http'}://{ADDRESS}:{server.port}"
    username, compared = settings.text("Username"), version in COMPARED
    if args.format == "json":
        data = {
            "schema": SCHEMA,
            "standin": True,
            "url": url,
            "host": ADDRESS,
            "port": server.port,
            "version": str(version),
            "webapi_version": webapi(version),
            "cookie_name": standin.cookie_name(),
            "username": username,
            "password": made_up.reveal() if made_up else None,
            "speed": standin.clock.speed,
            "compared": compared,
            "pid": os.getpid(),
        }
        output.deliver_json(data, None, indent=None)
        return
    how = f"password {made_up.reveal()} (made up for this run)" if made_up else "the password that was given"
    lines = [f"qbdoctor's stand-in for qBittorrent {version}: {url}", f"  User {username}, {how}"]
    if args.settings:
        lines.append(f"  {', '.join(args.settings)}")
    if settings.boolean("HTTPS/Enabled") and not server.secure:
        lines.append("  Its certificate and key do not serve, so it speaks plain HTTP, as qBittorrent does")
    if standin.clock.speed != 1:
        lines.append(f"  Its clock goes {standin.clock.speed:g} times as fast")
    proof = "compared with a real one, answer by answer" if compared else "played by the table of releases alone"
    lines += [
        f"  It is not qBittorrent: it transfers nothing and has no pages. This release is {proof}.",
        "  Ctrl-C ends it.",
    ]
    shown = lines[:2] if args.quiet else lines
    output.deliver("\n".join(shown) + "\n", None)
