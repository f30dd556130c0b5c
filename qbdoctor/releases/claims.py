r"""Lists what differs between releases and only texts tell of, as data; the form is that of :mod:`qbdoctor.releases.rule_table`.

Nothing in qbdoctor acts by these rows: the pages of the catalogue name a release by them (``{since:RULE}``), as they do
by all other rules, so that no page holds a number of its own.
"""

Row = tuple[str, object, str]

CLAIMS: dict[str, tuple[Row, ...]] = {
    "method.post_only": (  # which actions answer 405 to GET; the list itself is in qbdoctor.releases.actions
        ("4.1.0", "none", "webapplication.cpp up to 4.4.3.1; measured on 4.2.5"),
        ("4.4.4", "nine", "webapplication.h 4.4.4:135-147"),
        ("4.5.0", "nearly all that change something", "webapplication.h 4.5.0:143; measured on 4.5.2, 5.1.0, 5.3.0"),
    ),
    "start.lock_failure": (  # a folder in which no lock can be made
        ("4.1.0", "starts", "the lock lay in the temporary folder; measured on 4.2.5"),
        ("4.4.0", "takes itself for a second instance", "application.cpp 4.4.0; measured on 4.5.2, 5.1.0, 5.3.0"),
    ),
    "start.second_instance_text": (  # "Another qBittorrent instance is already running.", without any argument only
        ("4.1.0", False, "measured on 4.2.5, 4.5.2: nothing is printed"),
        ("5.0.0", True, "app/main.cpp 5.0.0; measured on 5.1.0, 5.3.0"),
    ),
    "start.legal_notice": (  # what answers it in a terminal
        ("4.1.0", "y", "app/main.cpp 4.1.0, 4.6.7; measured on 4.2.5, 4.5.2"),
        ("5.0.0", "Enter", "app/main.cpp 5.0.0; measured on 5.1.0, 5.3.0"),
    ),
    "start.legal_notice_option": (  # --confirm-legal-notice
        ("4.1.0", False, "app/cmdoptions.cpp up to 4.6.7; measured on 4.2.5, 4.5.2"),
        ("5.0.0", True, "app/cmdoptions.cpp 5.0.0; measured on 5.1.0, 5.3.0"),
    ),
    "status.folder_not_writable": (  # torrents/setLocation to a folder that cannot be written
        ("4.1.0", 200, "torrentscontroller.cpp 4.1.0, 4.1.1"),
        ("4.1.2", 403, "torrentscontroller.cpp 4.1.2"),
        ("4.5.2", 409, "torrentscontroller.cpp 4.5.2"),
    ),
    "key.seed": (  # settings in [Preferences] that an image seeds with MigrationVersion=9999, as the official one does
        ("4.1.0", "read", "preferences.cpp; measured on 5.2.3"),
        ("5.3.0", "not read", "upgrade.cpp 0402289ea:695, docker-qbittorrent-nox entrypoint.sh; measured on 5.3.0"),
    ),
}

# What upstream had open in August 2026 and no release has, so that the next one is a row above and no surprise here.
# Nothing acts by it. Name -> what it would change, and where it was read.
UNRELEASED: dict[str, tuple[str, str]] = {
    "api_key.header": (
        "X-API-Key counts beside Authorization: Bearer; where it is sent, cookie, Basic and bypass are not tried",
        "qBittorrent pull request 24392",
    ),
    "listen.unix_socket": ("the Web UI may listen on a Unix socket (web_ui_unix_socket…)", "pull request 24408"),
    "option.announce_port": ("--announce-port", "pull request 24571"),
    "torrents.stream": ("torrents/streamUrl, served by a listener of its own", "pull request 24821"),
    "preferences.connections": ("max_connec_per_torrent is split in two", "pull request 23065"),
    "preferences.strict": ("setPreferences answers 400 to a number that is none", "pull request 23844"),
}
