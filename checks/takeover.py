"""Checks whether the config shows that somebody else has been in the Web UI."""

from qbdoctor.api import Check, Evidence, Finding, Judgement, Observations, calls_work, regex

HELD_OFF = "set-password"
"""The fix that waits until somebody looked: a new password ends no program, and its author may read it."""
FETCHES = regex(
    r"(?i)\b(curl|wget|fetch|certutil|bitsadmin|invoke-webrequest|iwr|downloadstring|tftp|ftp|nc|ncat|socat)\b"
)
RUNS = regex(
    r"(?i)\|\s*(sudo\s+)?(ba|da|z|k|a)?sh\b|\b(eval|source|iex|invoke-expression)\b|<\(|\$\(|`|\bchmod\b.*\+?x|"
    r"\b(python3?|perl|ruby|php|node)\s+-[ce]\b|-o\s*/(tmp|var/tmp|dev/shm)/|\|\s*(python3?|perl)\b"
)
HIDES = regex(r"(?i)\bbase64\b.*(-d|--decode|-D)|-enc(odedcommand)?\b|/dev/tcp/|\bmshta\b|\bxmrig\b")


def judge(seen: Observations) -> Judgement:
    """Judge what qBittorrent is told to run; a notifier that sends a message is no sign, a program fetched and run is."""
    settings = seen.settings
    if settings is None:
        return Judgement("skip", "Not read", seen.settings_problem or "the config is not at hand")
    found = [(name, line, value) for name, line, value in settings.programs() if _fetches_and_runs(value)]
    if not found:
        return Judgement("pass", "Nothing in the config is told to fetch and run code")
    file = str(seen.target.config_file) if seen.target.config_file else None
    name, line, _ = found[0]
    also = _beside(seen)
    text = (
        f"The config has qBittorrent fetch code from elsewhere and run it ([AutoRun] {name}, line {line}){also}: unless that was "
        "set up here, somebody was in the Web UI; look into it before a new password is set, which alone locks nobody out"
    )
    evidence = tuple(
        Evidence.setting(
            f"AutoRun/{each}", None, f"[AutoRun] {each} (line {at}) fetches and runs code", file=file, line=at
        )
        for each, at, _ in found
    )
    values = {"holds_off": HELD_OFF}
    return Judgement("warn", text, findings=(Finding("signs-of-takeover", "possible", text, evidence, values=values),))


def _fetches_and_runs(command: str) -> bool:
    return bool(HIDES.search(command)) or bool(FETCHES.search(command) and RUNS.search(command))


def _beside(seen: Observations) -> str:
    settings = seen.settings
    if settings is None:
        return ""
    signs = []
    if settings.boolean("UseUPnP") and settings.found("UseUPnP") is not None:
        signs.append("the Web UI's port is opened to the Internet by UPnP")
    if not calls_work(seen) and settings.text("Username") not in {"", "admin", seen.asked.username}:
        signs.append("its user name is not the one that was given")
    return f"; besides, {' and '.join(signs)}" if signs else ""


CHECK = Check(
    id="takeover",
    title="Programs that qBittorrent is told to run",
    order=138,
    judge=judge,
    causes=("signs-of-takeover",),
    about=(
        "Reads the commands of [AutoRun] in the config. One that fetches something and runs it, or hides what it runs, is "
        "what attackers set who got in by a default password or an open bypass; a script of one's own or a notifier that "
        "sends a message is not. The command itself is not shown, since it may hold secrets. Sends nothing."
    ),
)
