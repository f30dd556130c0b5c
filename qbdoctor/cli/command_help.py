"""Describes in --help what the options do not say: the program with examples, and each command."""

from __future__ import annotations

import textwrap

from qbdoctor.cli import program
from qbdoctor.model import restarts, shell

FOR_SCRIPTS = shell.with_variable("QBDOCTOR_PASSWORD", "…", "qbdoctor check --json")
EXAMPLES = (
    ("qbdoctor", "look at the qBittorrent that runs here"),
    ("qbdoctor --url http://192.168.1.7:8080", "look at another one (the password is asked for)"),
    (FOR_SCRIPTS, "for scripts; no option takes a secret as its value"),
    ("qbdoctor fix", "what the causes found ask for; shows the diff and asks"),
    ("qbdoctor rollback", "take the last fix back"),
    ("qbdoctor explain host-port-mismatch", "one cause in full"),
)
EXIT_CODES = """
exit codes: 0 healthy or done, 1 problem found, 2 bad input or not confirmed, 3 could not tell,
            4 fix or rollback refused or undone, 130 interrupted
"""
_SHELL = shell.at_hand()
_ADDRESS = "{url}" if _SHELL == "sh" else '"{url}"'  # bare, it is a block of code to PowerShell
_KEEP = shell.quote("cat >> changes.jsonl" if _SHELL == "sh" else "findstr . >> changes.jsonl")
_HELP = {
    "check": (
        "Asks the server the few questions that tell the causes apart, and names the true one with its proof; changes nothing.",
        "qbdoctor check --url http://192.168.1.7:8080",
        FOR_SCRIPTS,
    ),
    "fix": (
        "Plans reversible fixes, shows the diff, asks, applies and verifies them; undone by itself if they do not help.",
        "qbdoctor fix",
        "qbdoctor fix set-password --restart" if restarts.possible() else "qbdoctor fix set-password",
    ),
    "rollback": (
        "Takes applied fixes back, to the byte: those of the last run, or the records that are named.",
        "qbdoctor rollback",
        "qbdoctor rollback --all --dry-run",
    ),
    "history": (
        "Lists what was changed, when and by whom, and where the backups are.",
        "qbdoctor history",
        "qbdoctor history RECORD --format markdown",
    ),
    "diff": (
        "Holds two saved looks against each other, or a saved one against now: what differs, and which fault it explains.",
        "qbdoctor diff yesterday.json",
        "qbdoctor diff mine.json theirs.json --json",
    ),
    "demo": (
        "Plays the incident from start to end on a throw-away instance that leaves nothing behind.",
        "qbdoctor demo",
        "qbdoctor demo --standin",
    ),
    "explain": (
        "Explains a cause, check or fix in full, or names the causes behind what is seen.",
        "qbdoctor explain host-port-mismatch",
        "qbdoctor explain 403",
    ),
    "trace": (
        "Records what a failing program sends through a proxy, and says what it does wrong.",
        "qbdoctor trace --url http://192.168.1.7:8080 --run -- python my_script.py " + _ADDRESS,
        "qbdoctor trace --listen 127.0.0.1:8081",
    ),
    "clients": (
        "Shows what curl, requests, aiohttp, fetch and others on this machine do with the session cookie.",
        "qbdoctor clients",
        "qbdoctor clients --release 5.1.0",
    ),
    "lint": (
        "Finds the lines of a program that make the 403.",
        "qbdoctor lint src",
        "qbdoctor lint --fix my_script.py",
    ),
    "bridge": (
        "Stands between a client that cannot be updated and today's qBittorrent: each gets the login it knows.",
        "qbdoctor bridge --url http://192.168.1.7:8080 --listen 127.0.0.1:8081",
        "qbdoctor bridge --url http://192.168.1.7:8080 --listen 0.0.0.0:8081 --allow 192.168.1.0/24",
    ),
    "watch": (
        "Looks again and again, keeps a history, and tells what changed: a restart, an upgrade, a ban, a lost session.",
        "qbdoctor watch --url http://192.168.1.7:8080 --listen 127.0.0.1:9100",
        f"qbdoctor watch --every 300 --on-change {_KEEP}",
    ),
    "targets": (
        "Lists the named targets of targets.toml; nothing is asked of them, and no secret is fetched.",
        "qbdoctor targets",
        "qbdoctor targets --json",
    ),
    "fleet": (
        "Checks many targets at once: those of targets.toml, the named ones, or a file's; one line each as they finish.",
        "qbdoctor fleet",
        "qbdoctor fleet --targets urls.txt --json > reports.jsonl",
    ),
    "completion": (
        "Prints the completion script of a shell, made from these options.",
        "source <(qbdoctor completion bash)",
        "qbdoctor completion fish > ~/.config/fish/completions/qbdoctor.fish",
    ),
    "simulate": (
        "Stands in for the Web UI of any release, for trying a client before an upgrade.",
        "qbdoctor simulate --version 5.3.0",
        "qbdoctor simulate --version 4.5.2 --port 8080 --set LocalHostAuth=false",
    ),
}


def overview() -> str:
    """Return the examples, under the name by which this program was called, and the exit codes."""
    typed = [(program.name() if command == "qbdoctor" else program.named(command), what) for command, what in EXAMPLES]
    width = max(46, *(len(command) for command, _ in typed))
    return "".join(("examples:\n", *(f"  {command:<{width}}  {what}\n" for command, what in typed), EXIT_CODES))


def described(command: str) -> tuple[str, str]:
    """Return the description and the examples of a command; for ``fix`` also what fixes there are."""
    sentence, *examples = _HELP[command]
    epilog = "examples:\n" + "".join(f"  {example}\n" for example in examples)
    return textwrap.fill(sentence, 78), epilog + (_fixes() if command == "fix" else "")


def _fixes() -> str:
    """Return the ids of this program's fixes, by the names of their files: none is loaded for that."""
    import importlib  # noqa: PLC0415 - fix's help alone
    import pkgutil  # noqa: PLC0415

    package = importlib.import_module("qbdoctor.fixes")  # not there in a checkout that is not installed
    names = sorted(found.name.replace("_", "-") for found in pkgutil.iter_modules(package.__path__))
    return "\nfixes (qbdoctor explain FIX says what each changes):\n" + "".join(f"  {name}\n" for name in names)
