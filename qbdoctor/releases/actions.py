r"""Lists the Web API's actions, release by release, and the v1 calls of the oldest ones, as data.

``ACTIONS``: "scope/action" -> first release that has it, last one (None: the newest still does), and the first release
that answers 405 to anything but POST (None: GET works throughout). Source: ``void …Action()`` in
src/webui/api/*controller.h and the list of methods in src/webui/webapplication.h (from 4.4.4:135-147 on) at each tag of
qBittorrent from 4.1.0 to 5.2.3 and at 0402289ea for 5.3.0; methods measured on 4.5.2 to 5.3.0.
"""

from typing import NamedTuple


class Action(NamedTuple):
    """One action: first and last release with it, and since when it takes POST alone."""

    since: str
    until: str | None
    post_only: str | None


def _rows(since: str, until: str | None, post_only: str | None, *names: str) -> dict[str, Action]:
    return dict.fromkeys(names, Action(since, until, post_only))


ACTIONS: dict[str, Action] = {
    **_rows("4.1.0", "4.6.7", "4.5.0", "torrents/pause", "torrents/resume"),
    **_rows(
        "4.1.0", None, "4.4.4",
        "app/setPreferences", "app/shutdown", "auth/login", "auth/logout", "rss/addFeed", "torrents/add",
        "torrents/addTrackers",
    ),
    **_rows(
        "4.1.0", None, "4.5.0",
        "rss/addFolder", "rss/moveItem", "rss/removeItem", "rss/removeRule", "rss/renameRule", "rss/setRule",
        "torrents/bottomPrio", "torrents/createCategory", "torrents/decreasePrio", "torrents/delete",
        "torrents/filePrio", "torrents/increasePrio", "torrents/recheck", "torrents/removeCategories",
        "torrents/rename", "torrents/setAutoManagement", "torrents/setCategory", "torrents/setDownloadLimit",
        "torrents/setForceStart", "torrents/setLocation", "torrents/setShareLimits", "torrents/setSuperSeeding",
        "torrents/setUploadLimit", "torrents/toggleFirstLastPiecePrio", "torrents/toggleSequentialDownload",
        "torrents/topPrio", "transfer/setDownloadLimit", "transfer/setUploadLimit", "transfer/toggleSpeedLimitsMode",
    ),
    **_rows(
        "4.1.0", None, None,
        "app/defaultSavePath", "app/preferences", "app/version", "app/webapiVersion", "log/main", "log/peers",
        "rss/items", "rss/rules", "sync/maindata", "sync/torrentPeers", "torrents/downloadLimit", "torrents/files",
        "torrents/info", "torrents/pieceHashes", "torrents/pieceStates", "torrents/properties", "torrents/trackers",
        "torrents/uploadLimit", "torrents/webseeds", "transfer/downloadLimit", "transfer/info",
        "transfer/speedLimitsMode", "transfer/uploadLimit",
    ),
    **_rows("4.1.2", None, "4.5.0", "torrents/reannounce"),
    **_rows("4.1.3", None, "4.5.0", "torrents/editCategory"),
    **_rows("4.1.4", "4.2.5", None, "search/categories"),
    **_rows("4.1.4", None, "4.4.4", "search/installPlugin"),
    **_rows(
        "4.1.4", None, "4.5.0",
        "search/delete", "search/enablePlugin", "search/start", "search/stop", "search/uninstallPlugin",
        "search/updatePlugins",
    ),
    **_rows("4.1.4", None, None, "search/plugins", "search/results", "search/status", "torrents/categories"),
    **_rows("4.1.5", None, "4.5.0", "torrents/editTracker", "torrents/removeTrackers"),
    **_rows("4.1.8", None, "4.5.0", "rss/refreshItem"),
    **_rows("4.2.0", None, "4.4.4", "torrents/addPeers"),
    **_rows(
        "4.2.0", None, "4.5.0",
        "torrents/addTags", "torrents/createTags", "torrents/deleteTags", "torrents/removeTags", "transfer/banPeers",
    ),
    **_rows(
        "4.2.0", None, None,
        "app/buildInfo", "app/networkInterfaceAddressList", "app/networkInterfaceList", "torrents/tags",
    ),
    **_rows("4.2.1", None, "4.5.0", "torrents/renameFile"),
    **_rows("4.2.5", None, "4.5.0", "rss/markAsRead"),
    **_rows("4.2.5", None, None, "rss/matchingArticles"),
    **_rows("4.3.3", None, "4.5.0", "torrents/renameFolder"),
    **_rows("4.4.0", None, "4.5.0", "torrents/setDownloadPath", "torrents/setSavePath"),
    **_rows("4.5.0", None, "4.5.0", "transfer/setSpeedLimitsMode"),
    **_rows("4.5.0", None, None, "torrents/export"),
    **_rows("4.6.0", None, "4.6.0", "rss/setFeedURL"),
    **_rows("4.6.1", None, None, "torrents/count"),
    **_rows(
        "5.0.0", None, "5.0.0",
        "app/sendTestEmail", "torrentcreator/addTask", "torrentcreator/deleteTask", "torrents/setSSLParameters",
        "torrents/start", "torrents/stop",
    ),
    **_rows("5.0.0", None, "5.3.0", "search/downloadTorrent"),
    **_rows(
        "5.0.0", None, None,
        "app/getDirectoryContent", "torrentcreator/status", "torrentcreator/torrentFile", "torrents/SSLParameters",
    ),
    **_rows(
        "5.1.0", None, "5.1.0",
        "app/setCookies", "torrents/addWebSeeds", "torrents/editWebSeed", "torrents/removeWebSeeds",
        "torrents/setTags",
    ),
    **_rows("5.1.0", None, None, "app/cookies"),
    **_rows(
        "5.2.0", None, "5.2.0",
        "app/deleteAPIKey", "app/rotateAPIKey", "clientdata/store", "torrents/fetchMetadata",
        "torrents/parseMetadata", "torrents/setComment",
    ),
    **_rows("5.2.0", None, "5.3.0", "rss/setFeedRefreshInterval"),
    **_rows(
        "5.2.0", None, None,
        "app/processInfo", "clientdata/load", "torrents/pieceAvailability", "torrents/saveMetadata",
    ),
    **_rows(
        "5.3.0", None, "5.3.0",
        "rss/cloneRule", "rss/importRules", "transfer/pauseSession", "transfer/resumeSession",
        "transfer/setSpeedLimits",
    ),
    **_rows(
        "5.3.0", None, None,
        "app/getFreeSpaceAtPath", "rss/exportRules", "torrents/downloadFile", "transfer/getSpeedLimits",
    ),}  # fmt: skip

POST_ONLY = {name: action.post_only for name, action in ACTIONS.items() if action.post_only is not None}

SCOPES = frozenset(name.partition("/")[0] for name in ACTIONS)

# Actions that set no result: 204 from the release on that has the rule "status.no_result". Source: action functions
# without setResult at 5.2.0, 5.2.3 and 0402289ea; measured on 5.3.0.
NO_RESULT = frozenset(
    (
        *("app/deleteAPIKey", "auth/login", "clientdata/store", "rss/setFeedRefreshInterval", "torrents/addTrackers"),
        *("torrents/editTracker", "torrents/removeTrackers", "torrents/setComment", "torrents/setTags"),
        *("transfer/pauseSession", "transfer/resumeSession", "transfer/setSpeedLimits"),
    )
)

# What an action answers about something that is not there: rows (since, status). Source: torrentscontroller.cpp 5.2.0;
# measured on 5.1.0, 5.3.0.
ABSENT: dict[str, tuple[tuple[str, int], ...]] = {
    "torrents/addTrackers": (("4.1.0", 404), ("5.2.0", 204)),  # of a torrent
    "torrents/removeTrackers": (("4.1.5", 409), ("4.5.0", 200), ("5.2.0", 204)),  # of a tracker
    "torrents/editCategory": (("4.1.3", 409), ("5.2.0", 404)),  # of a category
}

# Calls that an older or a newer release has under another name. Source: torrentscontroller.h 5.0.0.
RENAMED = {
    "torrents/pause": "torrents/stop",
    "torrents/resume": "torrents/start",
    "torrents/stop": "torrents/pause",
    "torrents/start": "torrents/resume",
}

# Version of the v1 API and the oldest one that it is compatible with, read at /version/api and /version/api_min without
# a login. Source: webapplication.cpp, COMPAT_API_VERSION, at each tag.
LEGACY_VERSIONS = (
    ("4.1.0", (18, 18)), ("4.1.1", (19, 18)), ("4.1.2", (20, 18)), ("4.1.3", (21, 21)), ("4.1.4", (22, 21)),
    ("4.1.5", (23, 23)), ("4.1.9", (24, 23)),
)  # fmt: skip

# The v1 calls that stand for an action this table can name, and fields that go with them. Source: webapplication.cpp
# 4.1.0:245-345, of which this is the part that clients began with.
LEGACY_CALLS: dict[str, tuple[str, dict[str, str]]] = {
    "login": ("auth/login", {}),
    "logout": ("auth/logout", {}),
    "sync/maindata": ("sync/maindata", {}),
    "command/shutdown": ("app/shutdown", {}),
    "query/preferences": ("app/preferences", {}),
    "command/setPreferences": ("app/setPreferences", {}),
    "command/getSavePath": ("app/defaultSavePath", {}),
    "query/torrents": ("torrents/info", {}),
    "query/propertiesGeneral": ("torrents/properties", {}),
    "query/transferInfo": ("transfer/info", {}),
    "command/download": ("torrents/add", {}),
    "command/upload": ("torrents/add", {}),
    "command/pause": ("torrents/pause", {}),
    "command/pauseAll": ("torrents/pause", {"hashes": "all"}),
    "command/resume": ("torrents/resume", {}),
    "command/resumeAll": ("torrents/resume", {"hashes": "all"}),
    "command/delete": ("torrents/delete", {"deleteFiles": "false"}),
    "command/deletePerm": ("torrents/delete", {"deleteFiles": "true"}),
}
