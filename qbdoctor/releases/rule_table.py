r"""Lists what each qBittorrent release does, as data: rows that :mod:`qbdoctor.releases` reads and hands out.

Nothing is decided here and nothing is imported, so that every part may look things up at any time.

``RULES``: name -> rows ``(since, value, source)`` in the order of the releases. A row holds until the row after it; the
last one still holds. Sources are files of qBittorrent's repository at a release's tag with the line (0402289ea is the
development branch before 5.3.0), or "measured" with the releases on which it was seen.
"""

Row = tuple[str, object, str]

# Releases in order; 4.3.0.1, 4.3.4.1, 4.4.3.1 and 4.1.9.1 are re-releases with fixes.
RELEASES = (
    *("4.1.0", "4.1.1", "4.1.2", "4.1.3", "4.1.4", "4.1.5", "4.1.6", "4.1.7", "4.1.8", "4.1.9", "4.1.9.1"),
    *("4.2.0", "4.2.1", "4.2.2", "4.2.3", "4.2.4", "4.2.5"),
    *("4.3.0", "4.3.0.1", "4.3.1", "4.3.2", "4.3.3", "4.3.4", "4.3.4.1", "4.3.5", "4.3.6", "4.3.7", "4.3.8", "4.3.9"),
    *("4.4.0", "4.4.1", "4.4.2", "4.4.3", "4.4.3.1", "4.4.4", "4.4.5"),
    *("4.5.0", "4.5.1", "4.5.2", "4.5.3", "4.5.4", "4.5.5"),
    *("4.6.0", "4.6.1", "4.6.2", "4.6.3", "4.6.4", "4.6.5", "4.6.6", "4.6.7"),
    *("5.0.0", "5.0.1", "5.0.2", "5.0.3", "5.0.4", "5.0.5"),
    *("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4"),
    *("5.2.0", "5.2.1", "5.2.2", "5.2.3", "5.3.0"),
)

# Number that app/webapiVersion answers (a trailing ".0" is left out), first and last release with it.
# Source: src/webui/webapplication.h, API_VERSION, at each tag; 5.3.0 measured, 2.16.1 from 0402289ea.
WEBAPI = (
    ("2.0", "4.1.0", "4.1.0"),
    ("2.0.1", "4.1.1", "4.1.1"),
    ("2.0.2", "4.1.2", "4.1.2"),
    ("2.1", "4.1.3", "4.1.3"),
    ("2.1.1", "4.1.4", "4.1.4"),
    ("2.2", "4.1.5", "4.1.8"),
    ("2.2.1", "4.1.9", "4.1.9.1"),
    ("2.3", "4.2.0", "4.2.0"),
    ("2.4", "4.2.1", "4.2.1"),
    ("2.4.1", "4.2.2", "4.2.3"),
    ("2.5", "4.2.4", "4.2.4"),
    ("2.5.1", "4.2.5", "4.2.5"),
    ("2.6", "4.3.0", "4.3.0.1"),
    ("2.6.1", "4.3.1", "4.3.1"),
    ("2.7", "4.3.2", "4.3.3"),
    ("2.8.1", "4.3.4", "4.3.4.1"),
    ("2.8.2", "4.3.5", "4.3.9"),
    ("2.8.3", "4.4.0beta1", "4.4.0rc1"),
    ("2.8.4", "4.4.0", "4.4.0"),
    ("2.8.5", "4.4.1", "4.4.5"),
    ("2.8.14", "4.5.0beta1", "4.5.0beta1"),
    ("2.8.18", "4.5.0", "4.5.0"),
    ("2.8.19", "4.5.1", "4.5.5"),
    ("2.9.1", "4.6.0alpha1", "4.6.0beta1"),
    ("2.9.2", "4.6.0rc1", "4.6.0"),
    ("2.9.3", "4.6.1", "4.6.7"),
    ("2.10.4", "5.0.0beta1", "5.0.0beta1"),
    ("2.11.2", "5.0.0rc1", "5.0.5"),
    ("2.11.3", "5.1.0beta1", "5.1.0beta1"),
    ("2.11.4", "5.1.0rc1", "5.1.4"),
    ("2.15.1", "5.2.0", "5.2.3"),
    ("2.16.1", "5.3.0alpha1", "5.3.0alpha1"),
    ("2.16.2", "5.3.0", "5.3.0"),
)

# [Meta] MigrationVersion as the release leaves it at its start, first and last release with it.
# Source: src/app/upgrade.cpp at each tag; 6, 8 and 12 measured on 4.6.7, 5.1.0, 5.2.3, 5.3.0.
# Numbers between are pre-releases'.
MIGRATION = (
    (2, "4.4.0", "4.4.0"),
    (3, "4.4.1", "4.4.5"),
    (4, "4.5.0", "4.5.5"),
    (6, "4.6.0", "4.6.7"),
    (8, "5.0.0", "5.2.3"),
    (12, "5.3.0", "5.3.0"),
)

# The hash of "adminadmin" that a missing Password_PBKDF2 stood for. Source: preferences.cpp 4.2.0:617, gone in 4.6.1.
FACTORY_PBKDF2 = (
    "ARQ77eY1NUZaQsuDHbIMCA==:0WMRkYTUWVT9wVvdDtHAjU9b3b7uB8NR1Gur2hmQCvCDpm39Q+PsJRJPaCU51dEiz+dTzh8qbPsL8WkFljQYFQ=="
)
# MD5 of "adminadmin", which a missing Password_ha1 stood for. Source: preferences.cpp 4.1.0:560.
FACTORY_HA1 = "f6fdffe48c908deb0f4c3bd36c032e72"

_ALL7 = "measured on 4.2.5, 4.3.9, 4.5.2, 4.6.7, 5.1.0, 5.2.3, 5.3.0"

RULES: dict[str, tuple[Row, ...]] = {
    # --- login and logout -------------------------------------------------------------------------------------------
    "login.accepted": (
        ("4.1.0", (200, "Ok."), f"authcontroller.cpp 4.1.0:44; {_ALL7}"),
        ("5.2.0", (204, ""), "authcontroller.cpp 5.2.0:47,54; measured on 5.2.3, 5.3.0"),
    ),
    "login.refused": (
        ("4.1.0", (200, "Fails."), f"authcontroller.cpp 4.1.0:70; {_ALL7}"),
        ("5.2.0", (401, "Unauthorized"), "authcontroller.cpp 5.2.0:58; measured on 5.2.3, 5.3.0"),
    ),
    "login.banned": (
        (
            "4.1.0",
            (403, "Your IP address has been banned after too many failed authentication attempts."),
            f"authcontroller.cpp 4.1.0:49; {_ALL7}",
        ),
    ),
    # With a valid cookie or under a bypass the credentials are not looked at.
    "login.skipped_with_session": (("4.1.0", True, f"authcontroller.cpp 4.1.0:44, 5.2.0:47; {_ALL7}"),),
    # What GET auth/login does: "login" is a real attempt with the query's fields, and counts towards a ban.
    "login.by_get": (
        ("4.1.0", "login", "webapplication.h up to 4.4.3.1 has no list of methods; measured on 4.2.5, 4.3.9"),
        ("4.4.4", "405", "webapplication.h 4.4.4:135-147; measured on 4.5.2 to 5.3.0"),
    ),
    "logout.status": (("4.1.0", 200, f"authcontroller.cpp 4.1.0; {_ALL7}"),),
    "password.setting": (
        ("4.1.0", "Password_ha1", "preferences.cpp 4.1.0:560"),
        ("4.2.0", "Password_PBKDF2", "preferences.cpp 4.2.0:617"),
    ),
    "password.when_unset": (
        ("4.1.0", "adminadmin", "preferences.cpp 4.1.0:560, 4.2.0:617; measured on 4.2.5, 4.3.9, 4.5.2"),
        # nox; the desktop build starts no Web UI then
        ("4.6.1", "temporary", "app/application.cpp 4.6.1:924; measured on 4.6.7 to 5.3.0"),
    ),
    "password.temporary_form": (
        ("4.1.0", None, "no temporary password before 4.6.1"),
        (
            "4.6.1",
            (9, "23456789ABCDEFGHIJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz"),
            "utils/password.cpp 4.6.1; measured on 4.6.7",
        ),
    ),
    "password.min_length": (  # for setPreferences; what stands in the file is not judged
        ("4.1.0", 0, "measured on 4.6.7, 5.1.0"),
        ("5.2.0", 6, "appcontroller.cpp 5.2.3:907-914; measured on 5.2.3, 5.3.0"),
    ),
    "username.min_length": (
        ("4.1.0", 0, "appcontroller.cpp up to 5.1.4 answers 200 to any"),
        ("5.2.0", 3, "appcontroller.cpp 5.2.3:907-914; measured on 5.2.3, 5.3.0"),
    ),
    "username.when_empty": (
        ("4.1.0", "no login succeeds", "measured on 4.2.5, 4.5.2"),
        ("4.6.1", "the Web UI does not start", "webui.cpp 4.6.1, 'Credentials are not set'; measured on 4.6.7, 5.1.0"),
    ),
    # --- bans -------------------------------------------------------------------------------------------------------
    "ban.limit": (("4.1.0", 5, "authcontroller.cpp 4.1.0:38; preferences.cpp 4.2.2; " + _ALL7),),
    "ban.limit_is_setting": (
        ("4.1.0", False, "authcontroller.cpp 4.1.0:38-39"),
        ("4.2.2", True, "authcontroller.cpp 4.2.2:73,114-117"),
    ),
    "ban.seconds": (
        ("4.1.0", 3_600_000, "authcontroller.cpp 4.1.0:38-39,85: milliseconds meant, seconds compared"),
        ("4.2.2", 3600, "preferences.cpp 4.2.2; measured on 4.6.7, 5.2.3"),
    ),
    "ban.success_resets": (
        ("4.1.0", False, "authcontroller.cpp 4.1.0: five failures since the start ban, whatever lies between"),
        ("4.1.2", True, f"authcontroller.cpp 4.1.2:72; {_ALL7}"),
    ),
    "ban.counts": (
        ("4.1.0", ("login",), f"authcontroller.cpp 4.1.0; {_ALL7}"),
        ("5.2.0", ("login", "basic"), "webapplication.cpp 5.2.0:1042; measured on 5.2.3, 5.3.0"),
    ),
    "ban.key": (
        ("4.1.0", "peer", "webapplication.cpp up to 4.3.9: the TCP peer"),
        ("4.4.0", "client", "webapplication.cpp 4.4.0:408-423: X-Forwarded-For of a trusted proxy"),
    ),
    # --- what a refusal looks like ----------------------------------------------------------------------------------
    "body.forbidden": (
        ("4.1.0", "", "webapplication.cpp 4.1.0:379, 4.2.0:261; measured on 4.2.5"),
        ("4.3.0", "Forbidden", "webapplication.cpp 4.3.0:469; measured on 4.3.9 to 5.3.0"),
    ),
    "body.unauthorized": (
        ("4.1.0", "", "webapplication.cpp 4.2.0:427-429; measured on 4.2.5"),
        ("4.3.0", "Unauthorized", "webapplication.cpp 4.3.0:469; measured on 4.3.9 to 5.3.0"),
    ),
    "body.not_found": (
        ("4.1.0", "", "webapplication.cpp 4.2.0:258; measured on 4.2.5"),
        ("4.3.0", "Not Found", "webapplication.cpp 4.3.0:469; measured on 4.3.9 to 5.3.0"),
    ),
    "body.unknown_action": (  # authorised, known scope
        ("4.1.0", "", "webapplication.cpp 4.2.0:258; measured on 4.2.5"),
        ("4.3.0", "Not Found", "webapplication.cpp 4.3.0:469; measured on 4.3.9, 4.5.2, 5.1.0"),
        ("5.2.0", "Endpoint does not exist", "webapplication.cpp 5.2.0; measured on 5.2.3, 5.3.0"),
    ),
    "body.missing_parameter": (
        ("4.1.0", "", "apierror up to 4.2.5; measured on 4.2.5"),
        ("4.3.0", "Bad Request", "webapplication.cpp 4.3.0:469; measured on 4.3.9, 4.5.2, 5.1.0"),
        ("5.2.0", "Missing required parameters: %1", "apicontroller.cpp 5.2.0; measured on 5.2.3, 5.3.0"),
    ),
    "error.content_type": (
        ("4.1.0", "text/plain", "measured on 4.2.5"),
        ("4.3.0", "text/plain; charset=UTF-8", "webapplication.cpp 4.3.0:469; measured on 4.3.9 to 5.3.0"),
    ),
    "status.unknown_scope": (  # without a session
        ("4.1.0", 404, "webapplication.cpp 4.2.0:258-261: before the session; measured on 4.2.5, 4.3.9"),
        ("4.5.0", 403, "webapplication.cpp 4.5.0:240-267; measured on 4.5.2 to 5.3.0"),
    ),
    "status.other_method": (  # OPTIONS, PUT, DELETE …, whatever the path
        ("4.1.0", 400, "http/connection.cpp up to 4.5.5; measured on 4.2.5, 4.3.9, 4.5.2"),
        ("4.6.0", 501, "http/connection.cpp 4.6.0:108-127; measured on 4.6.7 to 5.3.0"),
    ),
    "status.json_body": (("4.1.0", 400, f"http/requestparser.cpp; {_ALL7}"),),
    "status.post_without_length": (  # None: taken as an empty body
        ("4.1.0", 400, "http/requestparser.cpp 4.3.9:116-144; measured on 4.2.5, 4.3.9"),
        ("4.4.0", None, "http/requestparser.cpp 4.4.0:119; measured on 4.5.2 to 5.3.0"),
    ),
    "status.dot_path": (
        ("4.1.0", 500, "webapplication.cpp up to 4.5.1; measured on 4.2.5, 4.3.9"),
        ("4.5.2", 400, "webapplication.cpp 4.5.2; measured on 4.5.2 to 5.3.0"),
    ),
    "status.root_with_bearer": (
        ("4.1.0", 200, "measured on 4.2.5 to 5.1.0: the header is ignored"),
        ("5.2.0", 404, "webapplication.cpp 5.2.0:317; measured on 5.2.3, 5.3.0"),
    ),
    "reason.ok": (  # the reason phrase of a success
        ("4.1.0", "OK", "measured on 4.2.5 to 5.2.3"),
        ("5.3.0", "", "measured on 5.3.0"),
    ),
    # "no-fields": runs without parameters, and the body is sent; "405": on every action; "as-get": as GET, the body
    # left out; "own": a method of its own, 405 where POST alone is taken
    "head": (
        ("4.1.0", "no-fields", "measured on 4.2.5, 4.3.9"),
        ("4.4.4", "405", "webapplication.cpp 4.4.4:285; measured on 4.5.2"),
        ("4.6.0", "as-get", "http/connection.cpp 4.6.0:138-146; measured on 4.6.7, 5.1.0, 5.2.3"),
        ("5.3.0", "own", "connection.cpp 0402289ea:152-172; measured on 5.3.0"),
    ),
    "form.plus_is_space": (
        ("4.1.0", False, "http/requestparser.cpp up to 4.1.5"),
        ("4.1.6", True, "http/requestparser.cpp 4.1.6:207"),
    ),
    "connections.over_limit": (  # more than 500 at once
        ("4.1.0", "never answered", "http/server.cpp 4.1.0:45-47,74"),
        ("5.0.0", "closed", "http/server.cpp 5.0.0:55-57"),
    ),
    # --- the session cookie -----------------------------------------------------------------------------------------
    "cookie.name": (  # the port is WebUI\Port as configured
        ("4.1.0", "SID", "webapplication.h 4.1.0; measured on 4.2.5 to 5.1.0"),
        ("5.2.0", "QBT_SID_{port}", "webapplication.cpp 5.2.0:75,472; measured on 5.2.3, 5.3.0"),
    ),
    "cookie.name_is_setting": (  # [WebAPI] SessionCookieName, read at the start
        ("4.1.0", False, "webapplication.h 4.1.0"),
        ("4.6.0", True, "webapplication.cpp 4.6.0:65,132,157; measured on 4.6.7"),
        ("5.2.0", False, "webapplication.cpp 5.2.0:75"),
    ),
    "cookie.same_site": (  # with CSRF protection on
        ("4.1.0", None, "webapplication.cpp 4.1.0:622"),
        ("4.1.5", "Strict", "webapplication.cpp 4.1.5:668; measured on 4.2.5 to 5.1.0"),
        ("5.2.2", "Lax", "webapplication.cpp 5.2.2:750-752; measured on 5.2.3, 5.3.0"),
    ),
    "cookie.same_site_without_csrf": (  # for a cookie that is Secure; the others carry none
        ("4.1.0", None, "webapplication.cpp up to 4.5.5; measured on 4.2.5, 4.5.2"),
        ("4.6.0", "None", "webapplication.cpp 4.6.0:698-700; measured on 4.6.7 to 5.3.0"),
    ),
    # What makes it Secure: "https" the settings SecureCookie and HTTPS\Enabled (not the listener's real state),
    # "forwarded-proto" also X-Forwarded-Proto: https, from anybody, where proxy support is on.
    "cookie.secure": (
        ("4.1.0", (), "webapplication.cpp up to 4.2.1"),
        # 5.1.0 to 5.1.2 mean to look at the header too, and misspell it (types.h 5.1.2:63)
        ("4.2.2", ("https",), "webapplication.cpp 4.2.2:539; measured on 4.2.5 to 5.1.0"),
        (
            "5.1.3",
            ("https", "forwarded-proto"),
            "webapplication.cpp 5.1.0:746,769-775, types.h 5.1.3:63; measured on 5.2.3, 5.3.0",
        ),
    ),
    "cookie.expires": (  # now and SessionTimeout, a year where that is 0 or less
        ("4.1.0", False, "webapplication.cpp 4.1.0:622; measured on 4.2.5 to 5.1.0"),
        ("5.2.0", True, "webapplication.cpp 5.2.0:743-756; measured on 5.2.3, 5.3.0"),
    ),
    "cookie.attribute_order": (  # Qt's doing: QNetworkCookie::toRawForm
        ("4.1.0", ("secure", "HttpOnly", "expires", "path", "SameSite"), "measured on 4.2.5 to 4.6.7"),
        ("5.0.0", ("secure", "HttpOnly", "SameSite", "expires", "path"), "measured on 5.1.0, 5.2.3, 5.3.0"),
    ),
    # --- sessions ---------------------------------------------------------------------------------------------------
    "session.seconds": (
        ("4.1.0", 900, "webapplication.cpp 4.1.0"),
        ("4.2.0", 3600, f"webapplication.cpp 4.2.0:472; {_ALL7}"),
    ),
    "session.seconds_is_setting": (
        ("4.1.0", False, "webapplication.cpp 4.1.0"),
        ("4.2.0", True, "webapplication.cpp 4.2.0:472"),
    ),
    "session.limit": (  # None: no limit. Above it the least recently used session goes.
        ("4.1.0", None, "measured on 4.2.5 to 5.2.3"),
        ("5.3.0", 15, "webapplication.cpp 0402289ea:896-907; measured on 5.3.0"),
    ),
    # --- checks before the session ----------------------------------------------------------------------------------
    "csrf.is_setting": (
        ("4.1.0", False, "webapplication.cpp 4.1.0:517: always on"),
        ("4.1.2", True, "webapplication.cpp 4.1.2:539"),
    ),
    "csrf.exempt_paths": (
        ("4.1.0", (), "webapplication.cpp 5.2.0:659; measured on 4.2.5 to 5.2.3"),
        ("5.3.0", ("/", "/index.html"), "webapplication.cpp 0402289ea:703; measured on 5.3.0"),
    ),
    "csrf.sec_fetch_site": (  # the values that pass, in upper case too; an empty one is as none. None: not looked at
        ("4.1.0", None, "measured on 4.2.5 to 5.2.3"),
        (
            "5.3.0",
            ("same-origin", "none"),
            "webapplication.cpp 0402289ea:984-1008; measured on 5.3.0: same-site, cross-site, any other word and lists are 401",
        ),
    ),
    "csrf.forwarded_host": (  # when X-Forwarded-Host stands in for Host in the comparison
        ("4.1.0", "always", "webapplication.cpp 4.1.0:653, 5.2.0:901; measured on 4.2.5 to 5.1.0"),
        ("5.2.2", "with-proxy-support", "webapplication.cpp 5.2.2:902; measured on 5.2.3, 5.3.0"),
    ),
    "host.is_setting": (
        ("4.1.0", False, "webapplication.cpp 4.1.0:517: always on"),
        ("4.1.5", True, "webapplication.cpp 4.1.5:552"),
    ),
    "host.domains_anchored": (
        ("4.1.0", False, "webapplication.cpp 5.2.3:942-976; measured on 4.2.5, 4.6.7, 5.1.0, 5.2.3"),
        ("5.3.0", True, "webapplication.cpp 0402289ea:1042-1075; measured on 5.3.0"),
    ),
    # --- who the server thinks you are ------------------------------------------------------------------------------
    "bypass.loopback": (  # what LocalHostAuth=false lets in
        ("4.1.0", "exact", "utils/net.cpp 5.0.5:58: 127.0.0.1, ::1, ::ffff:127.0.0.1; measured on 4.2.5 to 4.6.7"),
        ("5.1.0", "127/8", "webapplication.cpp 5.1.0:700; measured on 5.1.0, 5.2.3, 5.3.0"),
    ),
    "proxy.support": (  # what TrustedReverseProxiesList may hold; None: there is no such list
        ("4.1.0", None, "webapplication.cpp up to 4.3.9; measured on 4.2.5, 4.3.9"),
        ("4.4.0", "addresses", "webapplication.cpp 4.4.0:408-423"),
        ("4.5.0", "subnets", "webapplication.cpp 4.5.0:416-424; measured on 4.5.2 to 5.3.0"),
    ),
    "proxy.client": (  # which entry of a trusted proxy's X-Forwarded-For is the client
        ("4.1.0", "peer", "webapplication.cpp up to 4.3.9: the header is ignored; measured on 4.2.5, 4.3.9"),
        ("4.4.0", "leftmost-global", "webapplication.cpp 4.4.0:517, 5.2.3:978-1010; measured on 4.6.7, 5.2.3"),
        ("5.3.0", "rightmost-untrusted", "measured on 5.3.0"),
    ),
    "auth.api_key": (
        ("4.1.0", False, "measured on 4.2.5 to 5.1.0"),
        ("5.2.0", True, "webapplication.cpp 5.2.0:758-773; measured on 5.2.3, 5.3.0"),
    ),
    "auth.basic": (
        ("4.1.0", False, "measured on 4.2.5 to 5.1.0"),
        ("5.2.0", True, "webapplication.cpp 5.2.0:731-735; measured on 5.2.3, 5.3.0"),
    ),
    "api_key.form": (  # prefix and whole length; anything else is ignored without a word
        ("4.1.0", None, "no API keys before 5.2.0"),
        ("5.2.0", ("qbt_", 32), "utils/apikey.cpp 5.2.0:38-49; measured on 5.2.3, 5.3.0"),
    ),
    # --- response headers of the built-in pages ---------------------------------------------------------------------
    "header.referrer_policy": (("4.1.0", False, "webapplication.cpp"), ("4.1.5", True, "webapplication.cpp 4.1.5")),
    "header.opener_policy": (("4.1.0", False, "webapplication.cpp"), ("4.6.0", True, "webapplication.cpp 4.6.0")),
    "header.csp_frame_src": (("4.1.0", False, "webapplication.cpp"), ("5.1.0", True, "webapplication.cpp 5.1.0")),
    "api.v1": (  # /version/api and the like, readable without a login
        ("4.1.0", True, "webapplication.cpp 4.1.0:360-370"),
        ("4.2.0", False, "webapplication.cpp 4.2.0; measured on 4.2.5 to 5.3.0"),
    ),
    # --- the config file --------------------------------------------------------------------------------------------
    "config.layout": (
        ("4.1.0", "Preferences", "preferences.cpp 5.2.3:764; measured on 4.2.5 to 5.2.3"),
        ("5.3.0", "WebUI", "preferences.cpp 0402289ea:763; measured on 5.3.0"),
    ),
    "proxy.forwarded_from": (  # which end of X-Forwarded-For the client is looked for from; None: not read
        ("4.1.0", None, "webapplication.cpp up to 4.3.9"),
        ("4.4.0", "left", "webapplication.cpp 4.4.0:408-423; measured on 4.5.2, 5.1.0"),
        ("5.3.0", "right", "measured on 5.3.0"),
    ),
    "config.migrates_below": (  # [Preferences] WebUI\… is moved to [WebUI] where MigrationVersion is lower; None: never
        ("4.1.0", None, "upgrade.cpp up to 5.2.3"),
        ("5.3.0", 11, "upgrade.cpp 0402289ea:51,695; measured on 5.3.0"),
    ),
    "config.invalid_value": (  # what @Invalid() is
        ("4.1.0", "empty", "settingsstorage.cpp up to 4.3.2; measured on 4.2.5"),
        ("4.3.3", "absent", "settingsstorage.cpp 4.3.3; measured on 4.3.9 to 5.3.0"),
    ),
    "config.list_as_scalar": (  # what a list is where a boolean or a number is wanted
        ("4.1.0", "empty", "measured on 4.2.5, 4.3.9"),
        ("4.4.0", "default", "settingsstorage.h, canConvert; measured on 4.5.2 to 5.3.0; 4.4 not tried"),
    ),
    "config.list_as_text": (  # the same for a text: Qt 5 calls it not convertible, Qt 6 takes it for an empty text
        ("4.1.0", "empty", "measured on 4.2.5"),
        ("4.4.0", "default", "measured on 4.5.2 with Qt 5; 4.4 to 4.6 exist with Qt 6 too"),
        ("4.6.0", "empty", "measured on 4.6.7, 5.1.0 with Qt 6"),
    ),
    "config.save_needs": (  # what must be writable for a save: the folder, for a new file is renamed over; or the file
        ("4.1.0", "folder", "settingsstorage.cpp 5.2.3:139-210; measured as another user on 4.2.5, 4.5.2, 5.1.0"),
        ("5.3.0", "file", "settingsstorage.cpp 0402289ea:172; measured on 5.3.0"),
    ),
    "config.enabled_counts": (  # for nox; the desktop build has always looked at WebUI\Enabled
        ("4.1.0", False, "preferences.cpp 4.5.5:513; measured on 4.2.5, 4.5.2"),
        ("4.6.0", True, "preferences.cpp 4.6.0:631-638; measured on 4.6.7 to 5.3.0"),
    ),
    "config.encoding": (  # how bytes above 127 are taken: by Qt 5 and by Qt 6; 4.4 to 4.6 exist with both
        ("4.1.0", "latin-1", "measured on 4.5.2 with Qt 5"),
        ("4.6.0", "utf-8", "measured on 4.6.7, 5.1.0, 5.2.3 with Qt 6"),
    ),
    "config.qt": (
        ("4.1.0", (5,), "the build files"),
        ("4.4.0", (5, 6), "the build files; Debian's 4.5.2 is Qt 5.15"),
        ("5.0.0", (6,), "the build files"),
    ),
    "config.alternative_ui_switched_off": (
        ("4.1.0", False, "webapplication.cpp up to 5.1.4"),
        ("5.2.0", True, "webapplication.cpp 5.2.0:210,228 (nox, after the first 500); measured on 5.2.3, 5.3.0"),
    ),
    "start.bind_failure": (  # also for missing credentials
        ("4.1.0", "exits", "app/application.cpp 4.1.0:503-505, 4.6.7:909-911; measured on 4.2.5, 4.5.2"),
        ("5.0.0", "runs without Web UI", "app/application.cpp 5.0.0:931-948; measured on 5.1.0, 5.2.3, 5.3.0"),
    ),
    # Which locks of a gone instance keep a start off, by qbdoctor.observe.base.instance_lock's words: it ends with code 0.
    # "taken" is Qt's own rule (qlockfile.cpp, isApparentlyStale): same host, same boot, and the process number runs that
    # program; so does a container that was killed and starts again under its name.
    "start.stale_locks": (
        (
            "4.1.0",
            (),
            "qtlockedfile_unix.cpp up to 5.1.4: a kernel lock, which ends with its process; measured on 5.1.0",
        ),
        ("5.2.0", ("no-lines", "other-machine", "other-host", "container", "taken"), "qtlocalpeer.cpp 5.2.0:95-100"),
        ("5.2.1", ("other-host", "container", "taken"), "qtlocalpeer.cpp 5.2.1:100-125"),
        (
            "5.2.2",
            ("container", "taken"),
            "qtlocalpeer.cpp 5.2.2:100-128, localpeer.cpp 0402289ea:136-165; measured on 5.3.0",
        ),
    ),
    "start.port_opens": (
        ("4.1.0", "at once", "app/application.cpp up to 4.4.5"),
        ("4.5.0", "after all torrents are restored", "app/application.cpp 4.5.0"),
    ),
    # --- torrents/add and the like ----------------------------------------------------------------------------------
    "add.stopped_parameter": (
        ("4.1.0", "paused", "torrentscontroller.cpp 4.6.7:670; measured on 4.2.5 to 4.6.7"),
        ("5.0.0", "stopped", "torrentscontroller.cpp 5.0.0:702; measured on 5.1.0, 5.2.3, 5.3.0"),
    ),
    "add.answer": (
        ("4.1.0", "text", "torrentscontroller.cpp 5.0.0:805; measured on 4.2.5 to 5.1.0"),
        ("5.2.0", "json", "torrentscontroller.cpp 5.2.0:1270-1286; measured on 5.2.3, 5.3.0"),
    ),
    "action.stop": (
        ("4.1.0", "torrents/pause", "measured on 4.2.5 to 4.6.7"),
        ("5.0.0", "torrents/stop", "measured on 5.1.0, 5.2.3, 5.3.0"),
    ),
    "action.start": (
        ("4.1.0", "torrents/resume", "measured on 4.2.5 to 4.6.7"),
        ("5.0.0", "torrents/start", "measured on 5.1.0, 5.2.3, 5.3.0"),
    ),
    "state.stopped": (
        ("4.1.0", ("pausedDL", "pausedUP"), "measured on 4.2.5 to 4.6.7"),
        ("5.0.0", ("stoppedDL", "stoppedUP"), "measured on 5.1.0, 5.2.3, 5.3.0"),
    ),
}
