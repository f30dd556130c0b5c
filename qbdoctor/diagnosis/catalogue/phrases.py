"""Holds the words that many pages of the catalogue share: places, steps that get a password, and how a setting is changed."""

from __future__ import annotations

from collections.abc import Mapping

PLACES: Mapping[str, str] = {
    "url": "the address asked, without a trailing slash",
    "host": "its host",
    "port": "its port: the one that clients use",
    "server_port": "the port that qBittorrent itself listens on (its own setting)",
    "real_url": "the address where it does answer",
    "location": "where a redirect leads",
    "name": "the host name that was refused",
    "origin": "the Origin that was refused",
    "public_url": "the address people use through a proxy",
    "address": "the client's address as the server sees it",
    "proxy_address": "the address of the proxy as the server sees it",
    "ca_file": "the certificate that is to be trusted",
    "proxy_variable": "the environment variable that names a proxy",
    "no_proxy": "what is to be reached directly, as NO_PROXY lists it",
    "config_file": "the configuration file",
    "log_file": "qBittorrent's log file",
    "lock_file": "the lock of a running instance",
    "profile": "the folder given to --profile",
    "username": "the user name",
    "until": "when a ban ends, as ` until 14:05`",
    "cookie_name": "the name of the session cookie",
    "version": "the release of the server, with or without its v",
    "section": "the section its settings are read from: Preferences or WebUI",
    "setting": "the setting that is wrong, as it is called in the file",
    "pid": "the server's process id",
    "engine": "the command of the container's engine: docker or podman",
    "container_name": "the container's name",
    "compose_file": "the file of its compose project",
    "compose_service": "its service in that file",
    "mount": "what keeps the config's folder outside its container: lines of a compose file, or options of docker run",
    "stop_time": "what gives its container time to stop, in the same form",
    "plain": "nothing: what it stands in is left out where the target is known to be an engine's container",
}
"""Every place a template may hold, and what goes there. ``Finding.values`` uses these names."""

STAND_INS: Mapping[str, str] = {
    "real_url": "http://127.0.0.1:8080",
    "port": "8080",
    "name": "qb.example.org",
    "pid": "1234",
}
"""Examples for places that have no default, for a page that is read without a target."""

OPTIONS: Mapping[str, str] = {
    "Port": '"Port"',
    "Address": '"IP address"',
    "CSRFProtection": '"Enable Cross-Site Request Forgery (CSRF) protection"',
    "HostHeaderValidation": '"Enable Host header validation"',
    "HTTPS\\Enabled": '"Use HTTPS instead of HTTP"',
    "SecureCookie": '"Enable cookie Secure flag"',
    "LocalHostAuth": '"Bypass authentication for clients on localhost"',
    "AuthSubnetWhitelist": '"Bypass authentication for clients in whitelisted IP subnets"',
    "MaxAuthenticationFailCount": '"Ban client after consecutive failures"',
    "ServerDomains": '"Server domains"',
}
"""What the options call a setting: there a change takes effect at once, and no file is edited."""


def _typed(what: str, file: str) -> str:
    """Return the command that puts what is typed into a file of one's own, without a line break at its end."""
    return f'(umask 077; IFS= read -rs {what}; printf %s "${what}" > "$HOME/{file}")'


PREPARATIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "password": (
        "Put the password into a file that only you can read: paste this line into bash, then type the password and press "
        "Enter. It is not shown, and no line break gets into the file, which would make it another password. A wrong password "
        "used below counts as a failed login: five of them, by default, ban this address.",
        (_typed("password", "qb-password.txt"),),
    ),
    "session": (
        "Log in once and keep the cookie in a file. A good login shows a `set-cookie` line.",
        (
            "curl -si -c \"$HOME/qb-jar.txt\" --data-urlencode 'username={username|admin}' "
            "--data-urlencode \"password@$HOME/qb-password.txt\" '{url|http://127.0.0.1:8080}/api/v2/auth/login'",
        ),
    ),
    "key": (
        "Put the key into a file that only you can read: paste this line into bash, then paste the key and press Enter.",
        (_typed("key", "qb-key.txt"),),
    ),
}
"""What a step of a page may need (``needs``), and the step that gets it."""

REMOVAL = ("Remove these files again.", ('rm -f "$HOME"/qb-password.txt "$HOME"/qb-jar.txt "$HOME"/qb-key.txt',))


def edit(what: str, words: str, file: str, *, options: bool = True) -> str:
    """Return how to give a setting a value: in the options where they have it, else in the file of a stopped server.

    ``options`` False: in the file alone. ``what`` is ``NAME=value``; ``words`` says the same as it is written in ``file``.
    """
    name, _, value = what.partition("=")
    option = OPTIONS.get(name, "") if options else ""
    stop = "Stop"
    if option:
        if name == "LocalHostAuth":  # the option says the opposite of the setting
            value = {"false": "true", "true": "false"}.get(value, value)
        shown = {"false": "off", "true": "on"}.get(value, value.strip('"'))
        stop = (
            f"In qBittorrent's options, on the page of the Web UI, set {option} to {shown}. It takes effect at once. "
            "Where nobody can log in: stop"
        )
    return (
        f"{stop} qBittorrent and wait until its process is gone, because it rewrites the file as it exits. "
        f"In {file} set {words}. Start it again."
    )
