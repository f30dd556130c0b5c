r"""Lists the fields that actions cannot do without, and the words of a filter, release by release, as data.

A field that is missing is 400; one that a release does not know is passed over without a word. A word of
``torrents/info?filter=`` that a release does not know means all torrents (measured on 4.2.5 to 5.3.0), so a client that
deletes what it finds by such a word deletes everything. Source: requireParams (up to 4.3.9 checkParams) in
src/webui/api/*controller.cpp and src/base/torrentfilter.cpp (from 5.2.0 torrentscontroller.cpp) at each tag from 4.1.0 to
5.2.3 and at 0402289ea for 5.3.0; all of them measured on 4.2.5, 4.5.2, 5.1.0 and 5.3.0.
"""

from qbdoctor.releases.versions import Version, known

Fields = tuple[str, ...]


def _since(fields: str, names: str) -> dict[str, tuple[tuple[str, Fields], ...]]:
    return dict.fromkeys(names.split(), (("4.1.0", tuple(fields.split())),))


REQUIRED: dict[str, tuple[tuple[str, Fields], ...]] = {
    **_since("categories", "torrents/removeCategories"),
    **_since("category", "torrents/createCategory"),
    "torrents/editCategory": (
        ("4.1.3", ("category", "savePath")),
        ("5.3.0", ("category",)),
    ),
    **_since("cookies", "app/setCookies"),
    **_since("data", "clientdata/store"),
    **_since("dirPath", "app/getDirectoryContent"),
    **_since(
        "hash",
        "torrents/SSLParameters torrents/export torrents/files torrents/pieceAvailability "
        "torrents/pieceHashes torrents/pieceStates torrents/properties torrents/trackers torrents/webseeds",
    ),
    **_since("hash file", "torrents/downloadFile"),
    **_since("hash id priority", "torrents/filePrio"),
    **_since("hash name", "torrents/rename"),
    **_since("hash oldPath newPath", "torrents/renameFolder"),
    **_since("hash origUrl newUrl", "torrents/editWebSeed"),
    **_since("hash ssl_certificate ssl_private_key ssl_dh_params", "torrents/setSSLParameters"),
    **_since("hash urls", "torrents/addTrackers torrents/addWebSeeds torrents/removeTrackers torrents/removeWebSeeds"),
    **_since(
        "hashes",
        "torrents/bottomPrio torrents/decreasePrio torrents/downloadLimit torrents/increasePrio "
        "torrents/pause torrents/reannounce torrents/recheck torrents/removeTags torrents/resume "
        "torrents/start torrents/stop torrents/toggleFirstLastPiecePrio torrents/toggleSequentialDownload "
        "torrents/topPrio torrents/uploadLimit",
    ),
    **_since("hashes category", "torrents/setCategory"),
    **_since("hashes comment", "torrents/setComment"),
    **_since("hashes deleteFiles", "torrents/delete"),
    **_since("hashes enable", "torrents/setAutoManagement"),
    **_since("hashes limit", "torrents/setDownloadLimit torrents/setUploadLimit"),
    **_since("hashes location", "torrents/setLocation"),
    **_since("hashes peers", "torrents/addPeers"),
    **_since("hashes tags", "torrents/addTags torrents/setTags"),
    **_since("hashes value", "torrents/setForceStart torrents/setSuperSeeding"),
    **_since("id", "search/delete search/results search/stop"),
    **_since("id path", "torrents/setDownloadPath torrents/setSavePath"),
    **_since("iface", "app/networkInterfaceAddressList"),
    **_since("itemPath", "rss/markAsRead rss/refreshItem"),
    **_since("itemPath destPath", "rss/moveItem"),
    **_since("json", "app/setPreferences"),
    **_since("limit", "transfer/setDownloadLimit transfer/setUploadLimit"),
    **_since("mode", "transfer/setSpeedLimitsMode"),
    **_since("names", "search/uninstallPlugin"),
    **_since("names enable", "search/enablePlugin"),
    **_since("path", "app/getFreeSpaceAtPath rss/addFolder rss/removeItem"),
    **_since("path refreshInterval", "rss/setFeedRefreshInterval"),
    **_since("path url", "rss/setFeedURL"),
    **_since("pattern category plugins", "search/start"),
    **_since("peers", "transfer/banPeers"),
    **_since("ruleName", "rss/matchingArticles rss/removeRule"),
    **_since("ruleName newRuleName", "rss/renameRule"),
    **_since("ruleName ruleDef", "rss/setRule"),
    **_since("source", "torrents/fetchMetadata torrents/saveMetadata"),
    **_since("sourceName cloneName", "rss/cloneRule"),
    **_since("sourcePath", "torrentcreator/addTask"),
    **_since("sources", "search/installPlugin"),
    **_since("tags", "torrents/createTags torrents/deleteTags"),
    **_since("taskID", "torrentcreator/deleteTask torrentcreator/torrentFile"),
    **_since("torrentUrl pluginName", "search/downloadTorrent"),
    **_since("up_limit dl_limit alt_up_limit alt_dl_limit", "transfer/setSpeedLimits"),
    **_since("url path", "rss/addFeed"),
    "torrents/editTracker": (
        ("4.1.5", ("hash", "origUrl", "newUrl")),
        ("5.2.0", ("hash", "url")),
    ),
    "torrents/renameFile": (
        ("4.2.1", ("hash", "id", "name")),
        ("4.3.3", ("hash", "oldPath", "newPath")),
    ),
    "torrents/setShareLimits": (
        ("4.1.0", ("hashes", "ratioLimit", "seedingTimeLimit")),
        ("4.6.0", ("hashes", "ratioLimit", "seedingTimeLimit", "inactiveSeedingTimeLimit")),
        ("5.2.0", ("hashes", "ratioLimit", "seedingTimeLimit", "inactiveSeedingTimeLimit", "shareLimitAction")),
        (
            "5.3.0",
            (
                "hashes",
                "ratioLimit",
                "seedingTimeLimit",
                "inactiveSeedingTimeLimit",
                "shareLimitAction",
                "shareLimitsMode",
            ),
        ),
    ),
}
"""Action -> rows (since, the fields that must be there); a row before the action's first release says nothing."""

FILTERS: tuple[tuple[str, str], ...] = (
    ("4.1.0", "all downloading seeding completed paused resumed active inactive errored"),
    ("4.2.2", "all downloading seeding completed paused resumed active inactive stalled stalled_uploading "
              "stalled_downloading errored"),
    ("4.4.0", "all downloading seeding completed paused resumed active inactive stalled stalled_uploading "
              "stalled_downloading checking errored"),
    ("4.5.0", "all downloading seeding completed paused resumed active inactive stalled stalled_uploading "
              "stalled_downloading checking moving errored"),
    ("5.0.0", "all downloading seeding completed stopped running active inactive stalled stalled_uploading "
              "stalled_downloading checking moving errored"),
)  # fmt: skip
"""Words that torrents/info?filter= knows, from a release on."""

RENAMED_FILTERS = {"paused": "stopped", "stopped": "paused", "resumed": "running", "running": "resumed"}
"""What such a word is called on the other side of 5.0.0."""


def required(action: str, version: Version) -> Fields:
    """Return the fields without which an action is 400, in the order in which the release names them; () for none."""
    rows = [fields for since, fields in REQUIRED.get(action, ()) if known(since) <= version.release]
    return rows[-1] if rows else ()


def all_required(action: str) -> Fields:
    """Return the fields that some release or other needs: a call with all of them works on each."""
    return tuple(dict.fromkeys(name for _, fields in REQUIRED.get(action, ()) for name in fields))


def filter_words(version: Version) -> frozenset[str]:
    """Return the words of torrents/info?filter= that a release knows."""
    rows = [words for since, words in FILTERS if known(since) <= version.release]
    return frozenset((rows or [FILTERS[0][1]])[-1].split())


def means_all(word: str, version: Version) -> bool:
    """Whether a release takes the word for none and gives all torrents: it is not known to it, or empty."""
    return word not in filter_words(version)
