"""Lists programs and libraries that talk to qBittorrent: from which release of theirs they know the login of 5.2 and later.

``since`` is the release from which on a login works there, "" where no release is known to; ``state`` says how that is
known: ``measured`` (driven on real servers of 5.1 and 5.3), ``said`` (by the project's notes), ``merged`` (mended in the
project's code, the first release with it not looked up), ``open`` (reported and not mended when it was read), ``fails``
(measured, and no release worked), ``unknown``. ``auth`` is how it can authenticate. Read in November 2026 from what
``source`` names; a user agent can be set to anything, so that a match is a hint.
"""

from __future__ import annotations

import re

from qbdoctor.model.basics import Json
from qbdoctor.model.findings import Remedy
from qbdoctor.type_checking import TYPE_CHECKING
from qbdoctor.values import frozen

if TYPE_CHECKING:
    from typing import Literal

    KnownState = Literal["measured", "said", "merged", "open", "fails", "unknown"]


@frozen
class KnownClient:
    """One program or library; ``agent`` is a pattern of its user agent, "" where it has none of its own."""

    name: str
    state: KnownState
    since: str
    says: str
    source: str
    auth: str = "login"
    agent: str = ""


_MEASURED = "driven on real 4.5.2, 5.1.0 and 5.3.0"
_TWICE = "driven on real 4.5.2 and 5.3.0"

KNOWN_CLIENTS: tuple[KnownClient, ...] = (
    KnownClient("@ctrl/qbittorrent", "measured", "9.12.1", "9.7.0 wants a cookie named SID", _MEASURED),
    KnownClient("@robertklep/qbittorrent", "fails", "", "1.1.0 fails", _MEASURED),
    KnownClient("aiobtclientrpc", "measured", "6.0.0", "5.0.2 fails", _MEASURED),
    KnownClient("aioqb", "fails", "", "0.1.6 fails", _MEASURED),
    KnownClient("aioqbt", "measured", "1.1.0", "fails up to 1.0.0; wants a host name, not an IP address", _MEASURED),
    KnownClient("ani-rss", "merged", "", "the login's body is not looked at any more", "wushuo894/ani-rss#602"),
    KnownClient(
        "Audiobookbay-Downloader",
        "merged",
        "",
        "204 with a session cookie counts",
        "moonblade/Audiobookbay-Downloader#36",
    ),
    KnownClient(
        "autoremove-torrents", "fails", "", "1.5.5 fails; a change is open", "jerrymakesjelly/autoremove-torrents#211"
    ),
    KnownClient("BookOrbit", "said", "", "mended and released after September 2026", "bookorbit/bookorbit#1306"),
    KnownClient("Bookshelf", "merged", "", "an empty body counts", "pennydreadful/bookshelf#170"),
    KnownClient("Cleanuparr", "said", "2.9.12", "mended in May 2026", "Cleanuparr/Cleanuparr#607, tags"),
    KnownClient(
        "cross-seed",
        "said",
        "6.13.7",
        "6.13.6 takes 204 for a failed login; 6.13.7 takes any 2xx",
        "cross-seed/cross-seed#1126, #1190, df8eec7b",
    ),
    KnownClient("Dashboarr", "said", "1.6.3", "accepts 204", "RenzoBeux/Dashboarr#117"),
    KnownClient("decluttarr", "merged", "", "takes QBT_SID_ since May 2026", "ManiMatter/decluttarr#358"),
    KnownClient(
        "DuckieTV", "merged", "", "204 counts; or by an API key", "SchizoDuckie/DuckieTV#1544", "login or API key"
    ),
    KnownClient("fertilizer", "merged", "", "takes the new cookie's name", "molecular-labs/fertilizer#56"),
    KnownClient(
        "FlexGet", "unknown", "", "3.19.16 fails; the report is closed", "Flexget/Flexget#5003", agent=r"FlexGet/"
    ),
    KnownClient(
        "Flood", "measured", "4.14.1", "4.7.0 logs in by GET; 4.16.2 was driven", f"{_MEASURED}; jesec/flood#1124, tags"
    ),
    KnownClient("Homarr", "said", "", "users say that a release mended it", "Cleanuparr/Cleanuparr#606"),
    KnownClient(
        "Home Assistant: qBittorrent MkII",
        "said",
        "1.5.3",
        "by qbittorrent-api 2026.5.1",
        "andystewart999/qBittorrent_MkII v1.5.3",
    ),
    KnownClient("homepage", "merged", "", "mended in May 2026", "gethomepage/homepage#6652"),
    KnownClient("iflow-mcp-qbittorrent-mcp", "fails", "", "0.1.0 fails", _MEASURED),
    KnownClient(
        "LazyLibrarian",
        "unknown",
        "",
        "asked for /login, which is of before 4.1, in January 2025",
        "lazylibrarian/LazyLibrarian#56",
    ),
    KnownClient("libtc", "fails", "", "1.3.4 fails", _MEASURED),
    KnownClient(
        "M-Team-to-qBittorrent",
        "merged",
        "",
        "login and add mended in June 2026",
        "ShaoxiongXu/M-Team-to-qBittorrent#21",
    ),
    KnownClient("Maintainerr", "said", "3.22.0", "3.21.1 gets 403 after the login", "Maintainerr/Maintainerr#3437"),
    KnownClient("mikancli", "fails", "", "0.2.5 fails", _MEASURED),
    KnownClient("Mylar3", "open", "", "its own library takes 200 alone", "MylarComics/mylar3#48"),
    KnownClient(
        "openwrt-natmapt",
        "merged",
        "",
        "its script takes both names of the cookie since May 2026",
        "muink/openwrt-natmapt#14, 1655d87",
    ),
    KnownClient("Organizr", "open", "", "a change is open", "causefx/Organizr#2071"),
    KnownClient(
        "Prowlarr",
        "said",
        "2.2.0",
        "an empty answer to the login counts since October 2025",
        "Prowlarr/Prowlarr#2517, b3d46465a, tags",
        agent=r"Prowlarr/",
    ),
    KnownClient("python-qBittorrent", "fails", "", "0.4.3 fails", _MEASURED),
    KnownClient(
        "qbit_manage",
        "said",
        "4.6.5",
        "its qbittorrent-api is 2025.11.1 from there on; API keys from 4.12.0",
        "StuffAnThings/qbit_manage v4.12.0, 977eeba",
        "login or API key",
    ),
    KnownClient("qbittorrent-agent", "measured", "1.0.1", "no older release was driven", _MEASURED),
    KnownClient(
        "qbittorrent-api",
        "measured",
        "2025.11.1",
        "2025.7.0 wants `Ok.`; API keys from 2026.5.3",
        f"{_MEASURED}; rmartin16/qbittorrent-api#611",
        "login or API key",
    ),
    KnownClient("qbittorrent-api-v2", "fails", "", "1.2.2 fails", _MEASURED),
    KnownClient(
        "qbittorrent-cli (ludviglundgren)",
        "said",
        "2.3.0",
        "with go-qbittorrent 1.16.0; API keys as well",
        "ludviglundgren/qbittorrent-cli#160, #161, tags",
        "login or API key",
    ),
    KnownClient(
        "qBittorrent-ClientBlocker",
        "said",
        "3.8b3",
        "204 counts since April 2026",
        "Simple-Tracker/qBittorrent-ClientBlocker#159, 1dc035b",
    ),
    KnownClient(
        "qbittorrent-exporter (caseyscarborough)",
        "open",
        "",
        "login errors are reported",
        "caseyscarborough/qbittorrent-exporter#34",
    ),
    KnownClient(
        "qbittorrent-exporter (martabal)",
        "said",
        "2.0.1",
        "1.12.1 takes 204 for an error",
        "martabal/qbittorrent-exporter#173, #239",
        "login or API key",
    ),
    KnownClient("qbittorrent-remote-client", "fails", "", "0.2.0 fails", _TWICE),
    KnownClient("qbittorrentrpc", "measured", "0.0.2", "no older release was driven", _MEASURED),
    KnownClient("qbt-kit", "measured", "0.1.2", "no older release was driven", _TWICE, "login or API key"),
    KnownClient("qbt-rules", "fails", "", "0.3.2 fails", _TWICE),
    KnownClient(
        "Radarr",
        "merged",
        "",
        "mended in October 2025; 6.0.3 is older",
        "Radarr/Radarr#11258, 1883ae52a, tags",
        agent=r"Radarr/",
    ),
    KnownClient("seasonpackarr", "unknown", "", "0.14.0 takes 200 alone", "nuxencs/seasonpackarr#223"),
    KnownClient(
        "Sonarr",
        "said",
        "4.0.16",
        "an empty answer to the login counts since October 2025",
        "Sonarr/Sonarr#8112, 5a3f41263, tags",
        agent=r"Sonarr/",
    ),
    KnownClient("Speedarr", "merged", "", "204 counts", "speedarr/Speedarr#34"),
    KnownClient("Torrent Control", "said", "0.2.47", "mended in February 2026", "Mika-/torrent-control#195, 2625aef"),
    KnownClient(
        "tracker-tracker", "merged", "", "login and cookie mended in August 2026", "jordanlambrecht/tracker-tracker#180"
    ),
    KnownClient(
        "Transdroid",
        "said",
        "2.5.26",
        "takes QBT_SID_ since May 2026; API keys as well",
        "erickok/transdroid#695, #696, tags",
        "login or API key",
    ),
    KnownClient("tsarr", "measured", "2.16.0", "no older release was driven", _MEASURED),
    KnownClient("vertex", "merged", "", "a change for 5.x was taken", "vertex-app/vertex#87"),
    KnownClient("yema", "fails", "", "0.1.12 fails", _MEASURED),
)
"""In the alphabet's order."""

WORDS: dict[KnownState, str] = {
    "measured": "works, measured",
    "said": "works, as the project or its users say",
    "merged": "mended; take the newest release",
    "open": "not mended when this was read",
    "fails": "fails, measured",
    "unknown": "unknown",
}


def known_client(agent: str) -> KnownClient | None:
    """Return the program or library with this user agent; None for one that is not in the table."""
    return next((one for one in KNOWN_CLIENTS if one.agent and re.search(one.agent, agent)), None)


def remedies(agent: str) -> tuple[Remedy, ...]:
    """Return what is known of the program with this user agent as a remedy; () for one that is not in the table."""
    one = known_client(agent)
    return () if one is None else (Remedy("client", f"{one.name}: {told(one)}."),)


def told(one: KnownClient) -> str:
    """Return what is known of one, as the rest of a sentence that begins with its name."""
    since = f"from {one.since} on: " if one.since else ""
    return f"{since}{WORDS[one.state]}; {one.says} ({one.source})"


def to_json() -> list[Json]:
    """Return the table as data."""
    return [
        {
            "name": one.name,
            "state": one.state,
            "since": one.since or None,
            "auth": one.auth,
            "says": one.says,
            "source": one.source,
        }
        for one in KNOWN_CLIENTS
    ]
