"""Which command lines run qBittorrent, what their options say, and how they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from qbdoctor.model import shell
from qbdoctor.target.command_line import CommandLine, program_index, read_options
from qbdoctor.target.processes import Instance

LOADER = "/opt/lib/ld-linux-x86-64.so.2"


@pytest.mark.parametrize(
    ("command", "index"),
    [
        ("qbittorrent", 0),
        ("/usr/bin/qbittorrent-nox --profile=/x", 0),
        ("./qbittorrent-nox-5.1.0", 0),
        ("/opt/x86_64-qbittorrent-nox -d", 0),
        ("/nix/store/x/bin/.qbittorrent-nox-wrapped", 0),
        ("/Applications/qBittorrent.app/Contents/MacOS/qbittorrent", 0),
        (r"C:\Programs\qBittorrent\qbittorrent.exe --no-splash", 0),
        ("Z:\\qBittorrent\\qBittorrent.EXE", 0),
        ("/tmp/.mount_qBitAB12/usr/bin/qbittorrent", 0),
        ("./qBittorrent-5.0.AppImage", 0),
        ("/usr/bin/qbittorrent /home/u/some.torrent", 0),
        (f"{LOADER} --library-path /a:/b /opt/usr/bin/qbittorrent-nox --profile=/x", 3),
        (f"{LOADER} /usr/bin/qbittorrent", 1),
        ("/lib/ld-musl-aarch64.so.1 --library-path=/a -- /usr/bin/qbittorrent-nox", 3),
        ("/lib64/ld-2.31.so --argv0 qbt /usr/bin/qbittorrent-nox", 3),
        ("/usr/bin/qemu-aarch64-static -L /root /usr/bin/qbittorrent-nox", 3),
        ("valgrind --leak-check=full qbittorrent-nox", 2),
        ("/bin/sh /usr/local/bin/qbittorrent-nox --profile=/x", 1),
        ("bash -e qbittorrent", 2),
        ("python3 -u /opt/qbittorrent-nox", 2),
        # not these
        ("", None),
        ("vim qbittorrent.conf", None),
        ("vim /home/u/qbittorrent", None),
        ("grep qbittorrent", None),
        ("grep -r qbittorrent /etc", None),
        ("tail -f /home/u/.local/share/qBittorrent/logs/qbittorrent.log", None),
        ("strace -f qbittorrent-nox", None),
        ("gdb --args qbittorrent-nox", None),
        ("sudo -u qbt qbittorrent-nox", None),
        ("tini -- qbittorrent-nox", None),
        ("s6-supervise svc-qbittorrent", None),
        ("docker run --rm qbittorrentofficial/qbittorrent-nox", None),
        ("docker run qbittorrent", None),
        ("docker logs -f qbittorrent", None),
        ("sh -c qbittorrent-nox --profile=/x", None),
        ("bash -lc qbittorrent-nox", None),
        ("bash -c qbittorrent-nox", None),
        ("python3 -c qbittorrent", None),
        ("python3 -m qbittorrent", None),
        ("python3 /opt/qbittorrent.py", None),
        ("python3 /opt/qBittorrent/nova3/nova2.py", None),
        ("python3 -m qbdoctor --profile=/x/qbittorrent", None),
        ("python3 script.py qbittorrent-nox", None),
        ("qbittorrent-nox --version", None),
        ("qbittorrent-nox -v", None),
        ("qbittorrent --help", None),
        ("./qBittorrent-5.0.AppImage --version", None),
        (f"{LOADER} --list /usr/bin/qbittorrent-nox", None),
        (f"{LOADER} /usr/bin/sleep qbittorrent-nox", None),
        (f"{LOADER} --library-path qbittorrent-nox", None),
        ("qbittorrent-exporter", None),
        ("qbittorrent-cli", None),
        ("qbittorrent.conf", None),
        ("qbittorrent-nox.service", None),
        ("myqbittorrent", None),
        ("systemctl status qbittorrent-nox", None),
        ("watch qbittorrent", None),
        ("inotifywait /config/qBittorrent/qBittorrent.conf", None),
    ],
)
def test_which_command_lines_count(command: str, index: int | None) -> None:
    assert program_index(command.split()) == index


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, CommandLine()),
        (["--profile=/p"], {}, CommandLine(profile="/p")),
        (["--profile=/p", "--profile=/q"], {}, CommandLine(profile="/q")),
        (["--profile", "/p"], {}, CommandLine()),  # qBittorrent takes this for a torrent
        (["--profile='/p q'"], {}, CommandLine(profile="/p q")),
        (["--profile="], {"QBT_PROFILE": "/e"}, CommandLine(profile="/e")),
        (["--profile=/p"], {"QBT_PROFILE": "/e"}, CommandLine(profile="/p")),
        ([], {"QBT_PROFILE": '"/e"', "QBT_CONFIGURATION": "two"}, CommandLine(profile="/e", configuration="two")),
        (["--configuration=three"], {"QBT_CONFIGURATION": "two"}, CommandLine(configuration="three")),
        (["--webui-port=81"], {"QBT_WEBUI_PORT": "82"}, CommandLine(webui_port=81, webui_port_source="--webui-port")),
        ([], {"QBT_WEBUI_PORT": "82"}, CommandLine(webui_port=82, webui_port_source="QBT_WEBUI_PORT")),
        ([], {"QBT_WEBUI_PORT": "x"}, CommandLine()),
        ([], {"QBT_WEBUI_PORT": "70000"}, CommandLine()),
        ([], {"WEBUI_PORT": "82"}, CommandLine()),
        (["--portable"], {}, CommandLine(portable=True)),
        ([], {"QBT_PORTABLE": "True"}, CommandLine(portable=True)),
        ([], {"QBT_PORTABLE": "yes"}, CommandLine()),
        (["-d", "magnet:?xt=1", "--no-splash"], {}, CommandLine()),
    ],
)
def test_options(arguments: list[str], environment: Mapping[str, str], expected: CommandLine) -> None:
    assert read_options(arguments, environment) == expected


def test_links_are_masked_in_the_command_line() -> None:
    shown = Instance(
        pid=1,
        command=("/opt/my qbt/qbittorrent", "https://tracker/x?passkey=hunter2", "magnet:?xt=hunter2", "--profile=/p"),
        started=datetime.now(UTC),
    ).command_line
    assert "hunter2" not in shown
    assert shown.startswith(f"{shell.quote('/opt/my qbt/qbittorrent')} ")
    assert shown.endswith("--profile=/p")
