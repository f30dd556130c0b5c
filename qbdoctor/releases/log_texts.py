r"""Lists what qBittorrent writes to its log and to its standard output, release by release, as data.

The form is that of :data:`qbdoctor.releases.rule_table.RULES`; a value of None means that the release writes no such text.
``{prefix}`` is the rule ``log.prefix``; ``%1`` and so on are qBittorrent's own places. English originals: the server
writes them in the language of ``[Preferences] General\Locale``, so a match should rest on what no translation changes
(addresses, ports) or on the order of the lines.
"""

Row = tuple[str, object, str]

_ALL7 = "measured on 4.2.5, 4.3.9, 4.5.2, 4.6.7, 5.1.0, 5.2.3, 5.3.0"
_WEBUI = f"webui.cpp 4.1.0; {_ALL7}"
_MAIN = "app/application.cpp"

TEXTS: dict[str, tuple[Row, ...]] = {
    # --- log: a line is "(W) 2026-11-22T18:41:03 - text", local time; N normal, I info, W warning, C critical ---
    "log.prefix": (
        ("4.1.0", "Web UI: ", "webui.cpp up to 4.6.0; measured on 4.2.5, 4.3.9, 4.5.2"),
        ("4.6.1", "WebUI: ", "webui.cpp 4.6.1; measured on 4.6.7 to 5.3.0"),
    ),
    "log.html_escaped": (
        ("4.1.0", True, "logger.cpp 4.2.3:75"),
        ("4.2.4", False, "logger.cpp 4.2.4:75"),
    ),
    "log.api_time_unit": (  # of log/main
        ("4.1.0", "ms", "logcontroller.cpp up to 4.4.5"),
        ("4.5.0", "s", "logcontroller.cpp 4.5.0"),
    ),
    "log.login_success": (  # N
        ("4.1.0", None, "authcontroller.cpp 4.1.0"),
        ("4.1.2", "WebAPI login success. IP: %1", f"authcontroller.cpp 4.1.2; {_ALL7}"),
    ),
    "log.login_failure": (  # W
        ("4.1.0", None, "authcontroller.cpp 4.1.0"),
        (
            "4.1.2",
            "WebAPI login failure. Reason: invalid credentials, attempt count: %1, IP: %2, username: %3",
            f"authcontroller.cpp 4.1.2; {_ALL7}",
        ),
    ),
    "log.login_banned": (  # W
        ("4.1.0", None, "authcontroller.cpp 4.1.0"),
        (
            "4.1.2",
            "WebAPI login failure. Reason: IP has been banned, IP: %1, username: %2",
            f"authcontroller.cpp 4.1.2; {_ALL7}",
        ),
    ),
    # The three below name the TCP peer (a proxy, say), not the client that the proxy speaks for. All W.
    "log.origin_mismatch": (
        (
            "4.1.0",
            "WebUI: Origin header & Target origin mismatch! Source IP: '%1'. Origin header: '%2'. Target origin: '%3'",
            f"webapplication.cpp 4.1.0:641-683; {_ALL7}",
        ),
    ),
    "log.referer_mismatch": (
        (
            "4.1.0",
            "WebUI: Referer header & Target origin mismatch! Source IP: '%1'. Referer header: '%2'. "
            "Target origin: '%3'",
            f"webapplication.cpp 4.1.0:641-683; {_ALL7}",
        ),
    ),
    "log.sec_fetch_site": (
        ("4.1.0", None, "measured on 4.2.5 to 5.2.3"),
        (
            "5.3.0",
            "WebUI: Cross-site request blocked. Source IP: '%1'. Sec-Fetch-Site header: '%2'. Target origin: '%3'",
            "webapplication.cpp 0402289ea:1007; measured on 5.3.0",
        ),
    ),
    "log.host_port": (
        (
            "4.1.0",
            "WebUI: Invalid Host header, port mismatch. Request source IP: '%1'. Server port: '%2'. "
            "Received Host header: '%3'",
            f"webapplication.cpp 4.1.0:685-730; {_ALL7}",
        ),
    ),
    "log.host": (
        (
            "4.1.0",
            "WebUI: Invalid Host header. Request source IP: '%1'. Received Host header: '%2'",
            f"webapplication.cpp 4.1.0:685-730; {_ALL7}",
        ),
    ),
    "log.listening": (("4.1.0", "{prefix}Now listening on IP: %1, port: %2", _WEBUI),),  # N; as configured: *, 0
    "log.bind_failed": (("4.1.0", "{prefix}Unable to bind to IP: %1, port: %2. Reason: %3", _WEBUI),),  # C
    "log.https_ok": (("4.1.0", "{prefix}HTTPS setup successful", _WEBUI),),  # N
    "log.https_failed": (("4.1.0", "{prefix}HTTPS setup failed, fallback to HTTP", _WEBUI),),  # C
    "log.no_credentials": (  # C
        ("4.1.0", None, "webui.cpp up to 4.6.0"),
        ("4.6.1", "{prefix}Credentials are not set", "webui.cpp 4.6.1; measured on 4.6.7"),
    ),
    "log.builtin_ui": (  # N
        ("4.1.0", None, "webapplication.cpp up to 4.1.3"),
        ("4.1.4", "Using built-in Web UI.", "webapplication.cpp 4.1.4"),
        ("4.6.1", "Using built-in WebUI.", "webapplication.cpp 4.6.1"),
    ),
    "log.custom_ui": (  # N
        ("4.1.0", None, "webapplication.cpp up to 4.1.3"),
        ("4.1.4", 'Using custom Web UI. Location: "%1".', "webapplication.cpp 4.1.4"),
        ("4.6.1", 'Using custom WebUI. Location: "%1".', "webapplication.cpp 4.6.1"),
    ),
    "log.custom_header": (  # W
        ("4.1.0", None, "webapplication.cpp up to 4.2.4"),
        ("4.2.5", "Missing ':' separator in WebUI custom HTTP header: \"%1\"", "webapplication.cpp 4.2.5"),
    ),
    "log.cookie_name": (  # W
        ("4.1.0", None, "webapplication.cpp up to 4.5.5"),
        (
            "4.6.0",
            "Unacceptable session cookie name is specified: '%1'. Default one is used.",
            "webapplication.cpp 4.6.0:132; measured on 4.6.7",
        ),
        ("5.2.0", None, "webapplication.cpp 5.2.0"),
    ),
    "log.started": (  # N
        ("4.1.0", "qBittorrent %1 started", f"{_MAIN} 4.1.0; measured on 4.6.7"),
        ("5.0.0", "qBittorrent %1 started. Process ID: %2", f"{_MAIN} 5.0.0"),
    ),
    "log.config_folder": (  # I
        ("4.1.0", None, f"{_MAIN} up to 4.2.0"),
        ("4.2.1", "Using config directory: %1", f"{_MAIN} 4.2.1"),
    ),
    "log.new_file_used": (  # W
        (
            "4.1.0",
            "Detected unclean program exit. Using fallback file to restore settings.",
            "settingsstorage.cpp 4.1.0:238-244",
        ),
        (
            "4.1.1",
            "Detected unclean program exit. Using fallback file to restore settings: %1",
            "settingsstorage.cpp 4.1.1, 5.2.3:139-156; measured on 4.2.5 to 5.3.0",
        ),
    ),
    "log.not_saved": (  # C, every 5 s
        (
            "4.1.0",
            "An access error occurred while trying to write the configuration file.",
            "settingsstorage.cpp 4.1.0:307-309",
        ),
    ),
    # --- standard output of nox at its start -------------------------------------------------------------------------
    "stdout.address": (
        ("4.1.0", "To control qBittorrent, access the Web UI at %1", f"{_MAIN} 4.1.0; measured on 4.2.5, 4.3.9"),
        ("4.4.0", "To control qBittorrent, access the WebUI at: %1", f"{_MAIN} 4.4.0; measured on 4.5.2, 4.6.7"),
    ),
    "stdout.username": (
        ("4.1.0", "The Web UI administrator user name is: %1", f"{_MAIN} 4.1.0"),
        ("4.2.0", "The Web UI administrator username is: %1", f"{_MAIN} 4.2.0; measured on 4.2.5 to 4.5.2"),
        ("4.6.1", "The WebUI administrator username is: %1", f"{_MAIN} 4.6.1; measured on 4.6.7 to 5.3.0"),
    ),
    "stdout.factory_password": (
        (
            "4.1.0",
            "The Web UI administrator password is still the default one: %1",
            f"{_MAIN} 4.1.0; measured on 4.2.5, 4.3.9",
        ),
        (
            "4.4.0",
            "The Web UI administrator password has not been changed from the default: %1",
            f"{_MAIN} 4.4.0; measured on 4.5.2",
        ),
        ("4.6.1", None, f"{_MAIN} 4.6.1"),
    ),
    "stdout.temporary_password": (  # never in the log; lost with -d
        ("4.1.0", None, f"{_MAIN} up to 4.6.0"),
        (
            "4.6.1",
            "The WebUI administrator password was not set. A temporary password is provided for this session: %1",
            f"{_MAIN} 4.6.1:924; measured on 4.6.7 to 5.3.0",
        ),
    ),
    "stdout.disabled": (
        ("4.1.0", None, f"{_MAIN} up to 4.6.7"),
        (
            "5.0.0",
            "The WebUI is disabled! To enable the WebUI, edit the config file manually.",
            f"{_MAIN} 5.0.0; measured on 5.1.0 to 5.3.0",
        ),
    ),
    "stdout.preparing": (
        ("4.1.0", None, f"{_MAIN} up to 4.4.5"),
        (
            "4.5.0",
            "WebUI will be started shortly after internal preparations. Please wait...",
            f"{_MAIN} 4.5.0",
        ),
    ),
    "stdout.unbuffered": (  # False: what goes to a pipe or a container's log comes at the exit only
        ("4.1.0", False, "measured on 4.5.2"),
        ("4.6.2", True, "app/main.cpp 4.6.2:103"),
    ),
    # --- standard error ----------------------------------------------------------------------------------------------
    "stderr.webui_failed": (
        ("4.1.0", None, f"{_MAIN} up to 4.6.7"),
        ("5.0.0", "WebUI configuration failed. Reason: %1", f"{_MAIN} 5.0.0:931-948; measured on 5.1.0"),
    ),
}
