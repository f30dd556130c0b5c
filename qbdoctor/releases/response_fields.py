r"""Lists what the read calls of the Web API hold, release by release: names, and values where nothing is going on.

A row is ``name: ((since, value), …)``: from that release on the field is there with that value; ``GONE`` ends it. Where
a value cannot be told beforehand it is ``COMPUTED``. Source: src/webui/api/serialize/serialize_torrent.cpp,
synccontroller.cpp, transfercontroller.cpp and appcontroller.cpp at each tag from 4.1.0 to 5.2.3 and at 0402289ea; the
values measured on 4.2.5, 4.5.2, 5.1.0 and 5.3.0 (one that changed between two of these is put at the first release of
the later one's series).
"""

Rows = tuple[tuple[str, object], ...]

COMPUTED = object()
GONE = object()


def _same(value: object, names: str, since: str = "4.1.0") -> dict[str, Rows]:
    return dict.fromkeys(names.split(), ((since, value),))


# A torrent as torrents/info and sync/maindata show it (there without its hash).
TORRENT: dict[str, Rows] = {
    **_same(COMPUTED, "added_on amount_left category hash magnet_uri name save_path size state tags total_size"),
    **_same(COMPUTED, "infohash_v1", "4.4.0"),
    **_same(COMPUTED, "content_path", "4.3.1"),
    **_same(COMPUTED, "trackers_count", "4.3.0"),
    **_same(COMPUTED, "has_metadata private", "5.0.0"),
    **_same(COMPUTED, "piece_size pieces_num", "5.2.0"),
    **_same(COMPUTED, "priority tracker"),
    **_same(
        0,
        "completed dlspeed downloaded downloaded_session num_complete num_incomplete num_leechs num_seeds progress ratio "
        "time_active uploaded uploaded_session upspeed",
    ),
    **_same(False, "auto_tmm f_l_piece_prio force_start seq_dl super_seeding"),
    **_same(-1, "max_ratio max_seeding_time"),
    **_same(-2, "ratio_limit seeding_time_limit"),
    **_same(8_640_000, "eta"),
    **_same(0, "availability", "4.2.0"),
    **_same(0, "seeding_time", "4.3.4"),
    **_same("", "download_path infohash_v2", "4.4.0"),
    **_same(-1, "max_inactive_seeding_time", "4.6.0"),
    **_same(-2, "inactive_seeding_time_limit", "4.6.0"),
    **_same("", "comment root_path", "5.0.0"),
    **_same(0, "popularity reannounce", "5.0.0"),
    **_same(0, "connections_count pieces_have total_wasted", "5.2.0"),
    **_same(100, "connections_limit", "5.2.0"),
    **_same("", "created_by", "5.2.0"),
    **_same(-1, "creation_date", "5.2.0"),
    **_same("Default", "share_limit_action", "5.2.0"),
    **_same("Default", "share_limits_mode", "5.3.0"),
    "completion_on": (("4.1.0", 0), ("5.0.0", -1)),
    "seen_complete": (("4.1.0", 0), ("5.0.0", -1)),
    "dl_limit": (("4.1.0", -1), ("4.4.0", 0)),
    "up_limit": (("4.1.0", -1), ("4.4.0", 0)),
    "last_activity": (("4.1.0", 0), ("4.4.0", COMPUTED)),
}

# What sync/maindata adds to a torrent.
SYNC_TORRENT: dict[str, Rows] = _same(False, "has_other_announce_error has_tracker_error has_tracker_warning", "5.2.0")

TRANSFER: dict[str, Rows] = {
    **_same("firewalled", "connection_status"),
    **_same(0, "dht_nodes dl_info_data dl_info_speed dl_rate_limit up_info_data up_info_speed up_rate_limit"),
    **_same("", "last_external_address_v4 last_external_address_v6", "5.1.0"),
}

SERVER_STATE: dict[str, Rows] = {
    **TRANSFER,
    **_same(
        0,
        "alltime_dl alltime_ul average_time_queue queued_io_jobs total_buffers_size total_peer_connections "
        "total_queued_size total_wasted_session",
    ),
    **_same("0", "read_cache_hits read_cache_overload write_cache_overload"),
    **_same("-", "global_ratio"),
    **_same(True, "queueing"),
    **_same(False, "use_alt_speed_limits"),
    **_same(1500, "refresh_interval"),
    **_same(-1, "free_space_on_disk", "4.1.4"),
    **_same(0, "queued_tracker_announces request_latency", "5.3.0"),
    **_same(False, "session_state", "5.3.0"),
    "use_subcategories": (("4.6.0", False), ("5.2.0", GONE)),
}

# Lists and maps of sync/maindata beside the torrents.
MAINDATA: dict[str, Rows] = {
    "categories": (("4.1.0", {}),),
    "tags": (("4.2.0", ()),),
    "torrents": (("4.1.0", COMPUTED),),
    "trackers": (("4.3.0", COMPUTED),),
}

# A category in torrents/categories and sync/maindata. Source: categoryoptions.cpp 4.4.0, 5.2.0.
CATEGORY: dict[str, Rows] = {
    **_same(COMPUTED, "name savePath"),
    **_same(None, "download_path", "5.2.0"),
    **_same(-2, "inactive_seeding_time_limit ratio_limit seeding_time_limit", "5.2.0"),
    **_same("Default", "share_limit_action", "5.2.0"),
    **_same("Default", "share_limits_mode", "5.3.0"),
}

# app/buildInfo. Source: appcontroller.cpp 4.2.0; values of Debian's builds.
BUILD: dict[str, Rows] = {
    "bitness": (("4.2.0", 64),),
    "boost": (("4.2.0", "1.71.0"), ("4.4.0", "1.74.0"), ("5.0.0", "1.83.0")),
    "libtorrent": (("4.2.0", "1.2.9.0"), ("4.4.0", "2.0.8.0"), ("5.0.0", "2.0.11.0")),
    "openssl": (("4.2.0", "1.1.1w"), ("4.4.0", "3.0.20"), ("5.0.0", "3.5.7")),
    "platform": (("5.0.0", "linux"),),
    "qt": (("4.2.0", "5.15.2"), ("4.4.0", "5.15.8"), ("4.6.0", "6.8.2")),
    "zlib": (("4.2.0", "1.2.11"), ("4.4.0", "1.2.13"), ("5.0.0", "1.3.1")),
}
