"""Reads qBittorrent's options out of a process's command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from qbdoctor.patterns import regex
from qbdoctor.values import frozen

_ARCH = r"(?:(?:x86_64|x86|amd64|arm64|aarch64|armv7|armv6|armhf|riscv64|i386)-)?"


_BUILD = r"(?:-static|-wrapped|[-_]v?\d+(?:\.\d+)*)?"


_PROGRAM = regex(rf"\.?{_ARCH}qbittorrent(?:-nox)?{_BUILD}(?:\.exe)?", re.IGNORECASE)


APPIMAGE = regex(r"qbittorrent.*\.appimage", re.IGNORECASE)


# These run the program within their own process, so that the command line starts with them.
_RUNNER = regex(
    r"ld-linux.*\.so(?:\.\d+)*|ld-musl-.*\.so\.1|ld(?:64|-[\d.]+)?\.so(?:\.\d+)?"
    r"|qemu-[a-z0-9_]+(?:-static)?|box64|box86|FEXInterpreter|rosetta|valgrind(?:\.bin)?"
)


_LOADER_VALUES = {"--library-path", "--preload", "--audit", "--inhibit-rpath", "--argv0"}


_RUNNER_VALUES = _LOADER_VALUES | {"-L", "-E", "-U", "-0", "-cpu", "-B", "-R", "-s", "-g"}  # qemu's


_RUNNER_REFUSED = frozenset({"--list", "--verify", "--list-tunables", "--list-diagnostics", "--version", "--help"})


# These may run a script of that name, which mostly is a wrapper with the real program as its child.
INTERPRETER = regex(r"-?(?:python|pypy)[\d.]*|-?(?:ba|da|a|z|k)?sh|perl[\d.]*", re.IGNORECASE)


_INTERPRETER_VALUES = frozenset({"-W", "-X", "-o", "+o", "-O", "+O", "--rcfile", "--init-file"})


_ENDS_AT_ONCE = frozenset({"-v", "--version", "-h", "--help"})


_LAST_PORT = 65535


@frozen
class CommandLine:
    """The options a process was started with, that decide which files it uses and where it listens.

    Each is from the command line, else from ``QBT_…`` in its environment. ``webui_port_source`` says which
    (``--webui-port`` or ``QBT_WEBUI_PORT``): qBittorrent writes that port into its config at each start. ``portable``
    is the option ``--portable`` (up to 4.2.0).
    """

    profile: str | None = None
    configuration: str | None = None
    webui_port: int | None = None
    webui_port_source: str | None = None
    portable: bool = False


def program_index(command: Sequence[str]) -> int | None:
    """Return which argument is the qBittorrent that this command line runs, or None if it runs something else.

    A command that only prints (``--version``, ``--help``) is no instance.
    """
    if not command:
        return None
    first = base_name(command[0])
    index: int | None = 0
    if _RUNNER.fullmatch(first):
        index = _argument(command, _RUNNER_VALUES, lambda option: option in _RUNNER_REFUSED)
    elif INTERPRETER.fullmatch(first):
        index = _argument(command, _INTERPRETER_VALUES, lambda option: bool(re.fullmatch(r"-[A-Za-z]*[cms]", option)))
    elif APPIMAGE.fullmatch(first):
        return None if _ENDS_AT_ONCE.intersection(command[1:]) else 0
    if index is None or not _PROGRAM.fullmatch(base_name(command[index])):
        return None
    return None if _ENDS_AT_ONCE.intersection(command[index + 1 :]) else index


def read_options(arguments: Sequence[str], environment: Mapping[str, str]) -> CommandLine:
    """Return what qBittorrent makes of these arguments (its own name left out) and this environment.

    Only ``--name=value`` counts, the last one wins, and quotes around the value are dropped. An environment value that
    is no port is ignored, as qBittorrent does.
    """
    given: dict[str, str] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if equals and name in {"--profile", "--configuration", "--webui-port"}:
            given[name] = unquoted(value)

    def text(option: str, variable: str) -> str | None:
        return given.get(option) or unquoted(environment.get(variable, "")) or None

    port, source = valid_port(given.get("--webui-port")), "--webui-port"
    if port is None:
        port, source = valid_port(unquoted(environment.get("QBT_WEBUI_PORT", ""))), "QBT_WEBUI_PORT"
    return CommandLine(
        profile=text("--profile", "QBT_PROFILE"),
        configuration=text("--configuration", "QBT_CONFIGURATION"),
        webui_port=port,
        webui_port_source=source if port is not None else None,
        portable="--portable" in arguments or environment.get("QBT_PORTABLE", "").upper() in {"1", "TRUE"},
    )


def _argument(command: Sequence[str], with_value: Collection[str], refused: Callable[[str], bool]) -> int | None:
    """Return the index of the first argument that is no option; None if a refused option comes before, or none does."""
    index = 1
    while index < len(command):
        argument = command[index]
        if argument == "--":
            return index + 1 if index + 1 < len(command) else None
        if refused(argument):
            return None
        if not argument.startswith(("-", "+")):
            return index
        index += 2 if argument in with_value else 1
    return None


def base_name(path: str) -> str:
    """Return the last part of a path of any system: wine and Windows show backslashes."""
    return re.split(r"[/\\]", path)[-1]


def unquoted(text: str) -> str:
    """Return the text without the quotes that enclose it."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def valid_port(text: str | None) -> int | None:
    """Return the port number, or None for what is none."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,5}", text) and 1 <= int(text) <= _LAST_PORT else None
