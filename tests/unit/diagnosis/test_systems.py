"""The catalogue's steps in the words of the target's system."""

from __future__ import annotations

import re
import sys

import pytest

from qbdoctor.diagnosis.catalogue import explain, pages, systems

LINUX = re.compile(
    r"systemctl|journalctl|systemd|qbittorrent-nox\b|\bss -|pgrep -a|\bps -\S+ \S+ -C|/proc\b|\.local/share|getent|resolv\.conf|"
    r"timedatectl|\bip route|qBittorrent\.conf|--restart|--confirm-within|group docker|docker group|usermod|\bnft\b|iptables|"
    r"\bufw\b|SELinux|AppArmor|sha256sum|\bapt\b|/etc/"
)
POSIX = re.compile(
    r"^(?:grep|tail|cat|rm|cp|ls|awk|sed|env|export|nc|tr|head|openssl|kill|chown|df|curl(?!\.exe)|while pgrep|\(umask)\b|"
    r"\| (?:grep|tail|head|wc|tr|awk|sed)\b|/dev/null|\$HOME/\."
)
OF_CONTAINERS = re.compile(r"^\s+\S+:|^      - |^\S.*\{|docker|podman")


def steps(cause: str, system: str) -> list[tuple[str, tuple[str, ...]]]:
    page = pages.page(cause)
    values = {"system": system}
    proof = [(one.text, one.commands) for one in pages.steps(page, values, stand_ins=True)]
    return [*proof, *((one.text, one.commands) for one in pages.fill(page, values, stand_ins=True))]


@pytest.mark.parametrize("cause", pages.ids())
def test_nothing_of_linux_stands_in_the_steps_of_another_system(cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for system in ("windows", "macos"):
        monkeypatch.setattr(systems, "HERE", system)
        monkeypatch.setattr(sys, "platform", {"windows": "win32", "macos": "darwin"}[system])
        for text, commands in steps(cause, system):
            for line in (text, *commands):
                assert not LINUX.search(line), line
            if system == "windows":
                for line in commands:
                    assert OF_CONTAINERS.search(line) or not POSIX.search(line), line
        whole = explain.cause_page(pages.page(cause), {"system": system}).text(100)
        assert "`ss`" not in whole
        assert system == "macos" or "sudo" not in whole
        assert [line for line in whole.splitlines() if LINUX.search(line)] == []


CMDLET = re.compile(r"\b(?:Copy|Find|ForEach|Get|Remove|Resolve|Select|Start|Test|Where)-[A-Z]|\$env:|\$HOME|^[^#]*'")
OF_A_FILE = re.compile(r"^(?:\s|proxy_|map |location|header|Proxy|\[\w+\]$|\(\?:|session)")


@pytest.mark.parametrize("cause", pages.ids())
def test_what_only_powershell_takes_is_said_to_be_for_it(cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """cmd.exe has neither its commands nor single quotes."""
    monkeypatch.setattr(systems, "HERE", "windows")
    for text, commands in steps(cause, "windows"):
        shown = [line for line in commands if not OF_A_FILE.search(line)]
        assert ("PowerShell" in text) == any(map(CMDLET.search, shown)), (text, commands)


@pytest.mark.parametrize("cause", pages.ids())
def test_no_cause_is_without_a_way_out_on_any_system(cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor without a step that confirms it, also where nothing of the target is known."""
    page = pages.page(cause)
    for system in ("linux", "windows", "macos"):
        monkeypatch.setattr(systems, "HERE", system)
        for values in ({}, {"container": "no", "proxy": "no"}):
            known = {"system": system, **values}
            assert pages.fill(page, known, stand_ins=True), (system, values)
            assert pages.fill(page, known), (system, values)
            assert pages.steps(page, known), (system, values)


LOG = "$HOME/.local/share/qBittorrent/logs/qbittorrent.log"
THEIR_LOG = r"$env:LOCALAPPDATA\qBittorrent\logs\qbittorrent.log"
CONFIG = "$HOME/.config/qBittorrent/qBittorrent.conf"


@pytest.mark.parametrize(
    ("linux", "windows", "macos"),
    [
        ("pgrep -af qbittorrent", "Get-Process qbittorrent*", "pgrep -fl qbittorrent"),
        (
            "ss -ltnp 'sport = :8080'",
            "Get-NetTCPConnection -State Listen -LocalPort 8080 | Format-Table LocalAddress,OwningProcess",
            "lsof -nP -iTCP:8080 -sTCP:LISTEN",
        ),
        (
            f"""grep '^(W)' "{LOG}" | tail -n 20""",
            f"""Select-String -Path "{THEIR_LOG}" -Encoding utf8 -Pattern '^\\(W\\)' -CaseSensitive | Select-Object -Last 20""",
            """grep '^(W)' "$HOME/Library/Application Support/qBittorrent/logs/qbittorrent.log" | tail -n 20""",
        ),
        (
            f"""grep -nE "Address|LocalHostAuth" "{CONFIG}\"""",
            r"""Select-String -Path "$env:APPDATA\qBittorrent\qBittorrent.ini" -Encoding utf8 """
            "-Pattern 'Address|LocalHostAuth' -CaseSensitive",
            """grep -nE "Address|LocalHostAuth" "$HOME/.config/qBittorrent/qBittorrent.ini\"""",
        ),
        (
            f"""grep -n -A8 '^.AutoRun' "{CONFIG}\"""",
            r"""Select-String -Path "$env:APPDATA\qBittorrent\qBittorrent.ini" -Encoding utf8 """
            "-Pattern '^.AutoRun' -CaseSensitive -Context 0,8",
            """grep -n -A8 '^.AutoRun' "$HOME/.config/qBittorrent/qBittorrent.ini\"""",
        ),
        (
            '''grep -c "Password_PBKDF2=." "D:\\qb\\qBittorrent.ini"''',
            r"""(Select-String -Path "D:\qb\qBittorrent.ini" -Encoding utf8 -Pattern 'Password_PBKDF2=.' -CaseSensitive).Count""",
            '''grep -c "Password_PBKDF2=." "D:\\qb\\qBittorrent.ini"''',
        ),
        (
            "curl -s -o /dev/null -w '%{http_code}\\n' 'http://127.0.0.1:8080/api/v2/app/version'",
            "curl.exe -s -o NUL -w '%{http_code}\\n' 'http://127.0.0.1:8080/api/v2/app/version'",
            "curl -s -o /dev/null -w '%{http_code}\\n' 'http://127.0.0.1:8080/api/v2/app/version'",
        ),
        ("systemctl start qbittorrent-nox", None, None),
        ("docker logs --tail 50 qbittorrent", "docker logs --tail 50 qbittorrent", "docker logs --tail 50 qbittorrent"),
    ],
)
def test_commands_are_worded_for_each_system(linux: str, windows: str | None, macos: str | None) -> None:
    assert systems.command(linux, "linux", "linux") == linux
    assert systems.command(linux, "windows", "windows") == windows
    assert systems.command(linux, "macos", "macos") == macos


def test_what_is_tried_from_here_goes_by_our_system() -> None:
    assert systems.command("pgrep -af qbittorrent", "linux", "windows") == "pgrep -af qbittorrent"
    assert systems.command("ping -c 3 nas.lan", "linux", "windows") == "ping -n 3 nas.lan"


def test_the_words_of_each_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "HERE", "windows")
    told = "\n".join(f"{text} {commands}" for text, commands in steps("not-running", "windows"))
    for word in ("services.msc", "Get-Process", "tray", "LOCALAPPDATA"):
        assert word in told
    told = "\n".join(f"{text} {commands}" for text, commands in steps("not-running", "macos"))
    for word in ("open -a qbittorrent", "Cmd-Q", "lsof", "Library/Application Support"):
        assert word in told


@pytest.mark.parametrize("cause", pages.ids())
def test_no_remark_stands_in_a_command_on_macos(cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interactive zsh, the shell there, takes # for a word."""
    monkeypatch.setattr(systems, "HERE", "macos")
    for _, commands in steps(cause, "macos"):
        assert not [line for line in commands if re.search(r"(?:^|\s)#", line)]
