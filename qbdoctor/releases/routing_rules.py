r"""Lists how each release reads a request and finds what it asks for; the form is that of :mod:`qbdoctor.releases.rule_table`.

Sources not named otherwise: src/webui/webapplication.cpp and src/base/http/requestparser.cpp at the release's tag.
"""

Row = tuple[str, object, str]

_FOUR = "measured on 4.2.5, 4.5.2, 5.1.0, 5.3.0"

ROUTING: dict[str, tuple[Row, ...]] = {
    # --- reading ----------------------------------------------------------------------------------------------------
    "request.line": (  # "blanks": any white space between the three words, and none in them; "spaces": one blank each
        ("4.1.0", "blanks", "requestparser.cpp 4.2.5, parseRequestLine; measured on 4.2.5, 4.5.2, 5.1.0"),
        ("5.2.0", "spaces", "requestparser.cpp 5.2.0, parseRequestLine; measured on 5.3.0"),
    ),
    "request.decoded_at": (  # whether "%3F" may begin the query
        ("4.1.0", "before the query is cut off", "requestparser.cpp 4.1.0:184"),
        ("4.1.6", "after", "requestparser.cpp 4.1.6, 4.2.5"),
    ),
    "query.plus_is_space": (
        ("4.1.0", False, "webapplication.cpp 4.1.0, processRequest"),
        ("4.1.7", True, "requestparser.cpp 4.1.7"),
    ),
    "body.largest": (("4.1.0", 64 << 20, f"requestparser.h 4.1.0, MAX_CONTENT_SIZE; {_FOUR}"),),  # bytes; more is 400
    "multipart.blank_line": (  # within a field's value or an uploaded file: 400; None: it is part of it
        ("4.1.0", 400, "requestparser.cpp 4.4.0, parseFormData; measured on 4.2.5"),
        ("4.5.0", None, "requestparser.cpp 4.5.0, parseFormData; measured on 4.5.2, 5.1.0, 5.3.0"),
    ),
    "upload.known_as": (  # how the message about a bad file calls it
        ("4.1.0", "filename", "requestparser.cpp 4.1.0, parseFormData: the word itself"),
        ("4.1.1", "its name", "requestparser.cpp 4.1.6; measured on 4.2.5 to 5.3.0"),
    ),
    # --- routing ----------------------------------------------------------------------------------------------------
    "route.legacy": (  # /query/torrents and the like, and /version/api
        ("4.1.0", True, "webapplication.cpp 4.1.0:245-375"),
        ("4.2.0", False, "webapplication.cpp 4.2.0; measured on 4.2.5 to 5.3.0"),
    ),
    "route.api_prefix": (  # whether all of /api/v2/ is the API, so that no file is looked for there
        ("4.1.0", False, "webapplication.cpp 5.2.3, doProcessRequest; measured on 4.2.5, 4.5.2, 5.1.0"),
        ("5.3.0", True, "webapplication.cpp 0402289ea, processRequest; measured on 5.3.0"),
    ),
    "route.scope_before_session": (  # an unknown scope is 404 before anyone asks for a session
        ("4.1.0", True, "webapplication.cpp 4.2.0:258-261; measured on 4.2.5"),
        ("4.5.0", False, "webapplication.cpp 4.5.0:240-267; measured on 4.5.2 to 5.3.0"),
    ),
    "status.backslash_path": (
        ("4.1.0", 404, "webapplication.cpp up to 4.5.1; measured on 4.2.5"),
        ("4.5.2", 400, "webapplication.cpp 4.5.2, sendWebUIFile; measured on 4.5.2, 5.1.0"),
    ),
    "status.no_result": (
        ("4.1.0", 200, "webapplication.cpp 4.2.5, doProcessRequest; measured on 4.2.5, 4.5.2, 5.1.0"),
        ("5.2.0", 204, "webapplication.cpp 5.2.0, doProcessRequest; measured on 5.3.0"),
    ),
    "page.login": (
        ("4.1.0", "/login.html", "webapplication.cpp 4.1.0, sendWebUIFile"),
        ("4.2.0", "/index.html", "webapplication.cpp 4.2.5, sendWebUIFile; measured on 4.2.5"),
    ),
    "alternative_ui.file_may_be_link": (  # a folder on the way to it may not
        ("4.1.0", False, "webapplication.cpp 4.2.5, sendWebUIFile; measured on 4.2.5"),
        ("4.5.0", True, "webapplication.cpp 4.5.2, sendWebUIFile; measured on 4.5.2 to 5.3.0"),
    ),
    # --- who asks ---------------------------------------------------------------------------------------------------
    "session.key_is_cookie": (  # an API key that was used counts as a session cookie's value
        ("4.1.0", False, "no API keys before 5.2.0"),
        ("5.2.0", True, "webapplication.cpp 5.2.3:683-705"),
        ("5.3.0", False, "webapplication.cpp 0402289ea:779-800; measured on 5.3.0"),
    ),
    "csrf.sec_fetch_wins": (  # whether Sec-Fetch-Site decides alone where it came, whatever Origin and Referer say
        ("4.1.0", False, "measured on 4.2.5 to 5.1.0: it is not looked at"),
        (
            "5.3.0",
            True,
            "measured on 5.3.0: same-origin and none pass with any Origin or Referer, the others are refused with the right "
            "one; 0402289ea still looks at Origin first",
        ),
    ),
    "session.renewed_before": (
        ("4.1.0", 86_400, "webapplication.cpp 5.2.3:739-756"),
    ),  # seconds, where a cookie expires
    "username.no_colon": (  # for setPreferences
        ("4.1.0", False, "appcontroller.cpp up to 5.1.4"),
        ("5.2.0", True, "appcontroller.cpp 5.2.3:907-914; measured on 5.3.0"),
    ),
    "preferences.before_credentials": (  # these are kept, though not in effect, where user or password is refused
        ("4.1.0", (), "nothing is refused"),
        (
            "5.2.0",
            (
                *("web_ui_domain_list", "web_ui_address", "web_ui_port", "web_ui_upnp", "use_https"),
                *("web_ui_https_cert_path", "web_ui_https_key_path"),
            ),
            "appcontroller.cpp 5.2.3:892-920; measured on 5.2.3, 5.3.0",
        ),
    ),
    # --- torrents ---------------------------------------------------------------------------------------------------
    "add.duplicate_magnet": (  # whether it counts as added
        ("4.1.0", True, "measured on 4.2.5, 4.3.9"),
        ("4.4.0", False, "measured on 4.5.2 to 5.3.0; 4.4 not tried"),
    ),
    "add.status_pending": (  # of an address that is yet to be fetched
        ("4.1.0", 200, "measured on 4.2.5 to 5.1.0"),
        ("5.2.0", 202, "torrentscontroller.cpp 5.2.0:1270-1286; measured on 5.3.0"),
    ),
    "add.skips_checking": (  # the field that says that all data are there
        ("4.1.0", "skip_checking", "torrentscontroller.cpp 5.2.3"),
        ("5.3.0", "seedMode", "torrentscontroller.cpp 0402289ea"),
    ),
    "save_path.ends_in_slash": (
        ("4.1.0", True, "measured on 4.2.5"),
        ("4.5.0", False, "base/path.cpp 4.5.0; measured on 4.5.2 to 5.3.0"),
    ),
    "hash.any_case": (  # in torrents/info?hashes=…
        ("4.1.0", False, "measured on 4.2.5"),
        ("4.4.0", True, "torrentscontroller.cpp 4.5.2, TorrentID::fromString; measured on 4.5.2 to 5.3.0"),
    ),
    "torrent.magnet": (  # whether it holds the size, and how it is escaped; libtorrent's doing
        ("4.1.0", ("without size", "lower"), "measured on 4.2.5, 4.5.2"),
        ("5.0.0", ("with size", "upper"), "measured on 5.1.0, 5.3.0; 4.6 and 5.0 not tried"),
    ),
    "torrent.tracker_shown": (  # of one that has not announced yet
        ("4.1.0", False, "measured on 4.2.5, 4.5.2"),
        ("5.0.0", True, "measured on 5.1.0, 5.3.0; 4.6 not tried"),
    ),
    "sync.form": (  # "map": what changed since the accepted answer; "changes": the same, gathered, and empty lists left out
        ("4.1.0", "map", "synccontroller.cpp 4.2.5; measured on 4.2.5, 4.5.2"),
        ("4.6.0", "changes", "synccontroller.cpp 4.6.0, 5.1.0; measured on 5.1.0, 5.3.0"),
    ),
    # --- headers ----------------------------------------------------------------------------------------------------
    "header.of_settings": (  # those before or after the request was carried out
        ("4.1.0", "after", "webapplication.cpp 5.2.3, processRequest; measured on 4.2.5 to 5.1.0"),
        ("5.3.0", "before", "webapplication.cpp 0402289ea, processRequest; measured on 5.3.0"),
    ),
    "header.csp_form_action": (
        ("4.1.0", False, "webapplication.cpp 4.1.0"),
        ("4.1.2", True, "webapplication.cpp 4.1.2; measured on 4.2.5 to 5.3.0"),
    ),
    "header.csp_upgrade": (  # where HTTPS\Enabled is set
        ("4.1.0", False, "webapplication.cpp 4.1.0, 4.1.1"),
        ("4.1.2", True, "webapplication.cpp 4.1.2; measured on 4.2.5 to 5.3.0"),
    ),
    "header.csp_frame_ancestors": (  # where ClickjackingProtection is set
        ("4.1.0", False, "webapplication.cpp 4.1.0"),
        ("4.1.2", True, "webapplication.cpp 4.1.2; measured on 4.2.5 to 5.3.0"),
    ),
}
