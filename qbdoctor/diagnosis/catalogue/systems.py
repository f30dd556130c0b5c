r"""Words a page's commands for the system that they are typed on: pages have Linux's, and Windows and macOS have their own.

What is asked of the server's machine (its processes, its files) goes by the server's system, what is tried from here
(curl, the environment) by ours. A command that a system has nothing for is left out. Windows' are PowerShell's.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence

from qbdoctor.model import restarts
from qbdoctor.patterns import regex
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

    SystemName = Literal["linux", "windows", "macos"]
else:
    SystemName = str
HERE: SystemName = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")  # type: ignore[assignment]

Word = Callable[[re.Match[str]], str | None]
Rules = Sequence[tuple[str, str | Word | None]]

_FILE = r"(?P<file>\"[^\"]*\"|'[^']*'|[^\s|]+)"
_PATTERN = r"(?P<pattern>'[^']*'|\"[^\"]*\"|[^\s|\"']+)"
_PS = r"ps -wweo \S+ \| grep '\[q\]bittorrent'"

_PLACES: Mapping[SystemName, Sequence[tuple[str, str]]] = {
    "linux": (),
    "windows": (
        ("$HOME/.config/qBittorrent/qBittorrent.conf", r"$env:APPDATA\qBittorrent\qBittorrent.ini"),
        ("$HOME/.config/qBittorrent/lockfile", r"$env:APPDATA\qBittorrent\lockfile"),
        ("$HOME/.local/share/qBittorrent/logs/qbittorrent.log", r"$env:LOCALAPPDATA\qBittorrent\logs\qbittorrent.log"),
        ("$HOME/qBittorrent.conf.edited", r"$HOME\qBittorrent.ini.edited"),
    ),
    "macos": (
        ("qBittorrent.conf", "qBittorrent.ini"),
        (".local/share/qBittorrent/logs", "Library/Application Support/qBittorrent/logs"),
    ),
}


def _basic(pattern: str) -> str:
    """Return a basic regular expression of grep's as .NET writes it."""
    return re.sub(r"\\?[(){}|+?]", lambda found: found[0][1:] if found[0][0] == "\\" else f"\\{found[0]}", pattern)


def _literal(pattern: str) -> str:
    inner = pattern[1:-1] if pattern[:1] in {"'", '"'} else pattern
    return "'{}'".format(inner.replace("'", "''"))


def _grep(found: re.Match[str]) -> str:
    """Return Select-String for a grep in one file."""
    flags = found["flags"] or ""
    pattern = found["pattern"] if "E" in flags else _basic(found["pattern"])
    case = "" if "i" in flags else " -CaseSensitive"
    context = f" -Context 0,{found['after']}" if found["after"] else ""
    made = f"Select-String -Path {found['file']} -Encoding utf8 -Pattern {_literal(pattern)}{case}{context}"
    if "c" in flags:
        return f"({made}).Count"
    return f"{made} | Select-Object -Last {found['last']}" if found["last"] else made


def _folder(found: re.Match[str]) -> str:
    return f'Get-ChildItem -Force (Split-Path "{found["inner"]}")'


def _web(found: re.Match[str]) -> str | None:
    """Return a curl as PowerShell takes it; its own curl is an alias for something else up to 5.1."""
    text = found[0].replace("curl ", "curl.exe ").replace("/dev/null", "NUL")
    text = re.sub(r"\$\(cat ([^)]+)\)", r"$(Get-Content \1)", text)
    text = re.sub(r'"\$\{http_proxy:-[^"]*"', '"$env:http_proxy"', text).replace("--noproxy ''", "--noproxy '\"\"'")
    text = text.replace("-d ''", "-d '\"\"'").replace(" | tr ',' '\\n'", "")
    text = re.sub(r"\| grep (?:-\w+ )?('[^']*'|\S+)", r"| Select-String \1", text)
    return re.sub(r"\| head -n (\d+)", r"| Select-Object -First \1", text).strip()


_OUR_WINDOWS: Rules = (
    (r"curl .*", _web),
    (r"head -c .*\| curl .*", None),
    (r"env \| grep -i '_proxy='", "Get-ChildItem Env: | Where-Object Name -like *_proxy\n"
     r"Get-ItemProperty 'HKCU:\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings' | Format-List Proxy*"),
    (r"export (\w+)=\"\$(\w+)\"", r"$env:\1 = $env:\2"),
    (r"export (\w+)=\"?([^\"]*)\"?", r'$env:\1 = "\2"'),
    (r"getent hosts (\S+)", r"Resolve-DnsName \1"),
    (r"cat /etc/resolv.conf", "Get-DnsClientServerAddress"),
    (r"ip route get (\S+)", r"Find-NetRoute -RemoteIPAddress \1"),
    (r"ping -c 3 (\S+)", r"ping -n 3 \1"),
    (r"nc -vz -w 3 (\S+) (\S+)", r"Test-NetConnection \1 -Port \2"),
    (r"\(umask 077; IFS= read -rs \w+; .*> \"\$HOME/(?P<name>[\w.-]+)\"\)",
     r'[IO.File]::WriteAllText("$HOME\\\g<name>", [Net.NetworkCredential]::new("", (Read-Host -AsSecureString)).Password)'),
    (r"rm -f \"\$HOME\"/(\S+) \"\$HOME\"/(\S+) \"\$HOME\"/(\S+)",
     r'Remove-Item "$HOME\\\1","$HOME\\\2","$HOME\\\3" -ErrorAction SilentlyContinue'),
    (r"grep -rnE (?P<pattern>'[^']*'|\"[^\"]*\") \.",
     lambda found: f"Get-ChildItem -Recurse -File | Select-String -Pattern {_literal(found['pattern'])}"),
    (r"(?:tr|openssl) .*", None),
    (r"(?P<asked>\w+ logs .*) \| grep -aE (?P<pattern>'[^']*') \| tail -n (?P<last>\d)",
     r"\g<asked> | Select-String \g<pattern> | Select-Object -Last \g<last>"),
)  # fmt: skip
_SERVERS_WINDOWS: Rules = (
    (rf"grep(?: -(?P<flags>[a-zB-Z]+))?(?: -A(?P<after>\d+))? {_PATTERN} {_FILE}(?: \| tail -n (?P<last>\d+))?", _grep),
    (rf"tail -n (\d+) {_FILE}", r"Get-Content \g<file> -Tail \1 -Encoding UTF8"),
    (r"awk '/\^\\\[/ .*' (?P<file>\"[^\"]*\")",
     r"Select-String -Path \g<file> -Pattern '^\\[|WebUI|^MigrationVersion' | Where-Object Line -notmatch 'PBKDF2|APIKey'"),
    (rf"cat {_FILE}", r"Get-Content \g<file>"),
    (rf"rm {_FILE}", r"Remove-Item \g<file>"),
    (r"cp -p (\"[^\"]*\") (\"[^\"]*\")", r"Copy-Item \1 \2"),
    (r"ls -lan? \"\$\(dirname \"(?P<inner>[^\"]*)\"\)\"", _folder),
    (rf"ls -la? {_FILE}", r"Get-ChildItem -Force \g<file>"),
    (r"df -h .*", "Get-Volume"),
    (r"pgrep -af qbittorrent", "Get-Process qbittorrent*"),
    (_PS, "Get-CimInstance Win32_Process -Filter \"Name LIKE 'qbittorrent%'\" | "
     "Format-List ProcessId,CreationDate,CommandLine"),
    (r"ps -wweo user,args .*; ls -ld .*", 'Get-Process qbittorrent* -IncludeUserName\nGet-Acl "C:\\\\the\\\\folder"'),
    (r"ss -ltnp \| grep -E \"pid=.*",
     "Get-NetTCPConnection -State Listen | Where-Object OwningProcess -in (Get-Process qbittorrent*).Id"),
    (r"ss -ltnp 'sport = :(\d+)'", r"Get-NetTCPConnection -State Listen -LocalPort \1 | Format-Table LocalAddress,OwningProcess"),
    (r"ss -tn state established 'sport = :(\d+)' \| wc -l", r"(Get-NetTCPConnection -State Established -LocalPort \1).Count"),
    (r"while pgrep .*", "while (Get-Process qbittorrent* -ErrorAction SilentlyContinue) { Start-Sleep 1 }"),
    (r"date -u", "(Get-Date).ToUniversalTime()"),
    (r"timedatectl .*", "w32tm /resync"),
    (r"sed -n 's/\.\*Password_PBKDF2=//p' (?P<file>\"[^\"]*\") .*",
     r'''Select-String -Path \g<file> -Pattern 'Password_PBKDF2="?(?:@ByteArray\\()?([^:")]*):?([^")]*)' | '''
     r'''ForEach-Object { $g = $_.Matches[0].Groups; "$($g[1].Length):$($g[2].Length)" }'''),
    (r"chown -R (?P<user>\w+): \"\$\(dirname \"(?P<inner>[^\"]*)\"\)\"",
     r'icacls (Split-Path "\g<inner>") /grant "\g<user>:(OI)(CI)M" /T'),
    (r"(?:systemctl|journalctl|chown|kill|sed|ls|qbittorrent-nox)\b.*", None),
)  # fmt: skip
_OUR_MACOS: Rules = (
    (r"getent hosts (\S+)", r"dscacheutil -q host -a name \1"),
    (r"cat /etc/resolv.conf", "scutil --dns"),
    (r"ip route get (\S+)", r"route -n get \1"),
    (r"nc -vz -w 3 (\S+) (\S+)", r"nc -vz -G 3 \1 \2"),
    (r"env \| grep -i '_proxy='", "env | grep -i '_proxy='\nscutil --proxy"),
    (r"(openssl .*) \| sha256sum", r"\1 | shasum -a 256"),
    # Its openssl is LibreSSL, whose x509 has no -ext (usr.bin/openssl/x509.c of OpenBSD).
    (
        r"(openssl s_client .* \| openssl x509 -noout) -subject .* -ext subjectAltName",
        r"\1 -text | grep -E 'Issuer:|Not After|Subject:|DNS:|IP Address:'",
    ),
)
_SERVERS_MACOS: Rules = (
    (r"pgrep -af qbittorrent", "pgrep -fl qbittorrent"),
    (r"ps -wweo user,args .*; (ls -ld .*)", r"ps -axwwo user,command | grep -i '[q]bittorrent'; \1"),
    (_PS, "ps -axwwo pid,user,lstart,command | grep -i '[q]bittorrent'"),
    (r"ss -ltnp \| grep -E \"pid=.*", "lsof -nP -iTCP -sTCP:LISTEN | grep -i qbittorrent"),
    (r"ss -ltnp 'sport = :(\d+)'", r"lsof -nP -iTCP:\1 -sTCP:LISTEN"),
    (r"ss -tn state established 'sport = :(\d+)' \| wc -l", r"lsof -nP -iTCP:\1 -sTCP:ESTABLISHED | wc -l"),
    (r"while pgrep .*", "while pgrep -xi qbittorrent >/dev/null; do sleep 1; done"),
    (r"ls -lan? (\"\$\(dirname .*)", r"ls -lan@e \1"),
    (r"timedatectl .*", "sudo sntp -sS time.apple.com"),
    (r"chown -R qbittorrent: (.*)", r'sudo chown -R "$USER": \1'),
    (r"(?:systemctl|journalctl|ls -l \"\$\(sed|qbittorrent-nox).*", None),
)
_RULES: Mapping[SystemName, tuple[Rules, Rules]] = {
    "linux": ((), ()),
    "windows": (_OUR_WINDOWS, _SERVERS_WINDOWS),
    "macos": (_OUR_MACOS, _SERVERS_MACOS),
}
_POWERSHELL = regex(r"(?:^|[(|{] *)(?:[A-Z]\w+-[A-Z]\w+|\$\w+|\[\w+\.\w+\]::)|\$(?:env:|HOME|\()|'", re.MULTILINE)
"""What cmd.exe has no word for, a quote of its own included."""
_SUDO = " Run `ss` with sudo: without, it does not name other users' programs."
_TEXTS: Mapping[SystemName, Sequence[tuple[str, str]]] = {
    "linux": (),
    "windows": (
        ("paste this line into bash", "paste this line into PowerShell"),
        (_SUDO, ""),
        ("qBittorrent.conf (qBittorrent.ini on Windows and macOS)", "qBittorrent.ini"),
        ("qBittorrent.conf", "qBittorrent.ini"),
        ("systemd-timesyncd, chrony", "the Windows Time service"),
        ("cron, systemd units", "scheduled tasks, services"),
    ),
    "macos": (
        ("paste this line into bash", "paste this line into Terminal"),
        (_SUDO, _SUDO.replace("ss", "lsof", 1)),
        ("qBittorrent.conf (qBittorrent.ini on Windows and macOS)", "qBittorrent.ini"),
        ("qBittorrent.conf", "qBittorrent.ini"),
        ("systemd-timesyncd, chrony", "System Settings, Date & Time"),
        ("cron, systemd units", "cron, launch agents"),
        ("Put that user's name in the place of `qbittorrent`:", "Put another user's name in the place of $USER:"),
    ),
}


def of_server(values: Mapping[str, str]) -> SystemName:
    """Return the system that the server runs on: as the values say (``system``), else ours."""
    named = values.get("system", "")
    return named if named in _RULES else HERE  # type: ignore[return-value]


def is_for(condition: str, values: Mapping[str, str]) -> bool:
    """Return whether what has this condition is for the server's system; True for a condition of another kind."""
    if condition.startswith("from_"):
        return condition.removeprefix("from_") == HERE
    return condition not in _RULES or condition == of_server(values)


def text(text: str, server: SystemName) -> str:
    """Return a page's text in the words of the server's system."""
    for ours, theirs in _TEXTS[server]:
        text = text.replace(ours, theirs)
    return restarts.fit(text)


def command(text: str, server: SystemName, here: SystemName | None = None) -> str | None:
    """Return a command as it is typed, on several lines where it takes more than one; None where there is none for it."""
    if text.startswith("export ") and "\n" in text:  # the only block that is typed rather than put into a file
        made_lines = [command(line, server, here) for line in text.split("\n")]
        return "\n".join(line for line in made_lines if line is not None)
    for rules, system in ((_RULES[here or HERE][0], here or HERE), (_RULES[server][1], server)):
        for pattern, made in rules:
            found = re.fullmatch(pattern, text, re.DOTALL)
            if found is not None:
                whole = made if made is None or callable(made) else found.expand(made)
                whole = whole(found) if callable(whole) else whole
                return None if whole is None else _placed(whole, system)
    return _placed(text, server)


def _placed(text: str, system: SystemName) -> str:
    for linux, theirs in _PLACES[system]:
        text = text.replace(linux, theirs)
    return text


def remark(text: str, commands: Sequence[str], server: SystemName) -> str:
    """Return a step's text with the shell that its commands are for, where that is not any of the system's."""
    if server != "windows" or "PowerShell" in text or not any(_POWERSHELL.search(command) for command in commands):
        return text
    return f"{text.removesuffix(':')}, in PowerShell:" if text.endswith(":") else f"{text} In PowerShell:"
