r"""Lists what app/preferences holds beside the Web UI's own settings, release by release, as data.

Rows as in :mod:`qbdoctor.releases.response_fields`. The Web UI's settings stand in
:mod:`qbdoctor.releases.settings_table`, and what
differs from machine to machine (paths, ports) is ``COMPUTED``. Names and releases: src/webui/api/appcontroller.cpp,
preferencesAction, at each tag from 4.1.0 to 5.2.3 and at 0402289ea. Values: app/preferences of fresh profiles without
peer traffic on 4.2.5, 4.5.2, 5.1.0 and 5.3.0; one that changed between two of these is put at the first release of the
later one's series.
"""

from qbdoctor.releases.response_fields import COMPUTED, GONE, Rows
from qbdoctor.releases.versions import KNOWN, known


def _same(value: object, since: str, names: str, until: str | None = None) -> dict[str, Rows]:
    rows: Rows = ((since, value),)
    if until is not None:
        rows += ((str(KNOWN[KNOWN.index(known(until)) + 1]), GONE),)
    return dict.fromkeys(names.split(), rows)


PREFERENCES: dict[str, Rows] = {
    **_same(COMPUTED, "4.1.0", "listen_port save_path temp_path"),
    **_same(COMPUTED, "4.6.0", "file_log_path"),
    **_same(COMPUTED, "5.0.0", "ssl_listen_port"),
    **_same(False, "4.1.0", "proxy_torrents_only", "4.5.5"),
    **_same("", "4.1.0", "export_dir export_dir_fin", "5.2.3"),
    **_same(False, "4.1.0", "mail_notification_ssl_enabled", "5.2.3"),
    **_same(
        "", "4.1.0",
        "add_trackers autorun_program banned_IPs dyndns_password dyndns_username ip_filter_path "
        "mail_notification_email mail_notification_password mail_notification_username proxy_password "
        "proxy_username",
    ),
    **_same("changeme.dyndns.org", "4.1.0", "dyndns_domain"),
    **_same(-1, "4.1.0", "max_ratio max_seeding_time"),
    **_same(
        0, "4.1.0",
        "bittorrent_protocol dl_limit dyndns_service encryption max_ratio_act schedule_from_min "
        "schedule_to_min scheduler_days up_limit",
    ),
    **_same(100, "4.1.0", "max_connec_per_torrent"),
    **_same(10240, "4.1.0", "alt_dl_limit alt_up_limit"),
    **_same(20, "4.1.0", "max_uploads schedule_to_hour"),
    **_same(3, "4.1.0", "max_active_downloads max_active_uploads"),
    **_same(4, "4.1.0", "max_uploads_per_torrent"),
    **_same(5, "4.1.0", "max_active_torrents"),
    **_same(500, "4.1.0", "max_connec"),
    **_same(8, "4.1.0", "schedule_from_hour"),
    **_same(8080, "4.1.0", "proxy_port"),
    **_same(
        False, "4.1.0",
        "add_trackers_enabled anonymous_mode autorun_enabled dht dont_count_slow_torrents dyndns_enabled "
        "incomplete_files_ext ip_filter_enabled ip_filter_trackers limit_tcp_overhead lsd "
        "mail_notification_auth_enabled mail_notification_enabled max_ratio_enabled max_seeding_time_enabled "
        "pex preallocate_all proxy_auth_enabled proxy_peer_connections random_port scheduler_enabled "
        "temp_path_enabled upnp",
    ),
    **_same(True, "4.1.0", "limit_utp_rate queueing_enabled"),
    **_same({}, "4.1.0", "scan_dirs"),
    **_same(True, "4.1.0", "force_proxy", "4.1.9.1"),
    **_same(30, "4.1.0", "RSSRefreshInterval", "4.1.0"),
    **_same(50, "4.1.0", "RSSMaxArticlesPerFeed", "4.1.0"),
    **_same(False, "4.1.0", "RSSAutoDownloadingEnabled RSSProcessingEnabled", "4.1.0"),
    **_same(False, "4.2.0", "listen_on_ipv6_address", "4.2.0"),
    **_same(False, "4.2.0", "enable_super_seeding", "4.2.3"),
    **_same(30, "4.1.1", "rss_refresh_interval"),
    **_same(50, "4.1.1", "rss_max_articles_per_feed"),
    **_same(False, "4.1.1", "rss_auto_downloading_enabled rss_processing_enabled"),
    **_same(True, "4.1.5", "create_subfolder_enabled", "4.3.1"),
    **_same(False, "4.1.5", "start_paused_enabled", "4.6.7"),
    **_same(0, "4.1.5", "auto_delete_mode"),
    **_same(2, "4.1.5", "slow_torrent_dl_rate_threshold slow_torrent_ul_rate_threshold"),
    **_same(60, "4.1.5", "slow_torrent_inactive_timer"),
    **_same(False, "4.1.5", "auto_tmm_enabled category_changed_tmm_enabled save_path_changed_tmm_enabled"),
    **_same(True, "4.1.5", "limit_lan_peers torrent_changed_tmm_enabled"),
    **_same(True, "4.2.0", "enable_os_cache", "4.4.5"),
    **_same("", "4.2.0", "announce_ip current_interface_address"),
    **_same("lo", "4.2.0", "current_network_interface"),
    **_same(0, "4.2.0", "outgoing_ports_max outgoing_ports_min upload_slots_behavior utp_tcp_mixed_mode"),
    **_same(1, "4.2.0", "upload_choking_algorithm"),
    **_same(10, "4.2.0", "send_buffer_low_watermark"),
    **_same(30, "4.2.0", "socket_backlog_size"),
    **_same(32, "4.2.0", "checking_memory_use"),
    **_same(50, "4.2.0", "send_buffer_watermark_factor"),
    **_same(500, "4.2.0", "send_buffer_watermark"),
    **_same(60, "4.2.0", "disk_cache_ttl save_resume_data_interval"),
    **_same(9000, "4.2.0", "embedded_tracker_port"),
    **_same(
        False, "4.2.0",
        "announce_to_all_trackers enable_coalesce_read_write enable_embedded_tracker "
        "enable_multi_connections_from_same_ip enable_upload_suggestions recheck_completed_torrents "
        "resolve_peer_countries",
    ),
    **_same(True, "4.2.0", "announce_to_all_tiers"),
    **_same(False, "4.2.2", "enable_piece_extent_affinity"),
    **_same(0, "4.2.3", "upnp_lease_duration"),
    **_same(
        "s(\\d+)e(\\d+)\n(\\d+)x(\\d+)\n(\\d{4}[.\\-]\\d{1,2}[.\\-]\\d{1,2})\n(\\d{1,2}[.\\-]\\d{1,2}[.\\-]\\d{4})", "4.2.5",
        "rss_smart_episode_filters",
    ),
    **_same(True, "4.2.5", "rss_download_repack_proper_episodes"),
    **_same(1, "4.3.0", "hashing_threads"),
    **_same(300, "4.3.0", "peer_turnover_interval"),
    **_same(4, "4.3.0", "peer_turnover"),
    **_same(50, "4.3.0", "max_concurrent_http_announces"),
    **_same(90, "4.3.0", "peer_turnover_cutoff"),
    **_same(False, "4.3.0", "block_peers_on_privileged_ports"),
    **_same(True, "4.3.0", "validate_https_tracker_certificate"),
    **_same("Original", "4.3.2", "torrent_content_layout"),
    **_same(False, "4.3.2", "idn_support_enabled"),
    **_same(True, "4.3.8", "ssrf_mitigation"),
    **_same(30, "4.4.0", "connection_speed"),
    **_same(False, "4.4.0", "reannounce_when_address_changed"),
    **_same("", "4.5.0", "autorun_on_torrent_added_program excluded_file_names"),
    **_same("None", "4.5.0", "torrent_stop_condition"),
    **_same(0, "4.5.0", "disk_io_type"),
    **_same(1, "4.5.0", "disk_io_read_mode disk_io_write_mode max_active_checking_torrents"),
    **_same(1048576, "4.5.0", "disk_queue_size"),
    **_same(1500, "4.5.0", "refresh_interval"),
    **_same(500, "4.5.0", "request_queue_size"),
    **_same(512, "4.5.0", "memory_working_set_limit"),
    **_same(
        False, "4.5.0",
        "autorun_on_torrent_added_enabled embedded_tracker_port_forwarding excluded_file_names_enabled "
        "performance_warning use_category_paths_in_manual_mode",
    ),
    **_same("Legacy", "4.5.1", "resume_data_storage_type"),
    **_same(False, "4.6.0", "use_subcategories", "5.1.4"),
    **_same("lo", "4.6.0", "current_interface_name"),
    **_same(-1, "4.6.0", "max_inactive_seeding_time"),
    **_same(0, "4.6.0", "socket_receive_buffer_size socket_send_buffer_size"),
    **_same(1, "4.6.0", "file_log_age file_log_age_type"),
    **_same(100, "4.6.0", "bdecode_depth_limit"),
    **_same(10000000, "4.6.0", "bdecode_token_limit"),
    **_same(10240, "4.6.0", "file_log_max_size"),
    **_same(104857600, "4.6.0", "torrent_file_size_limit"),
    **_same(False, "4.6.0", "add_to_top_of_queue max_inactive_seeding_time_enabled merge_trackers"),
    **_same(True, "4.6.0", "file_log_backup_enabled file_log_delete_old file_log_enabled"),
    **_same("127.0.0.1", "4.6.1", "i2p_address"),
    **_same(3, "4.6.1", "i2p_inbound_length i2p_inbound_quantity i2p_outbound_length i2p_outbound_quantity"),
    **_same(7656, "4.6.1", "i2p_port"),
    **_same(False, "4.6.1", "i2p_enabled i2p_mixed_mode"),
    **_same("", "5.0.0", "app_instance_name python_executable_path"),
    **_same("Delete", "5.0.0", "torrent_content_remove_option"),
    **_same(2, "5.0.0", "rss_fetch_delay"),
    **_same(False, "5.0.0", "add_stopped_enabled delete_torrent_content_files ssl_enabled use_unwanted_folder"),
    **_same(True, "5.0.0", "mark_of_the_web"),
    **_same(False, "5.0.1", "ignore_ssl_errors"),
    **_same("", "5.1.0", "add_trackers_url add_trackers_url_list"),
    **_same(0, "5.1.0", "announce_port"),
    **_same(15, "5.1.0", "save_statistics_interval"),
    **_same(False, "5.1.0", "add_trackers_from_url_enabled status_bar_external_ip"),
    **_same(True, "5.1.0", "confirm_torrent_deletion confirm_torrent_recheck"),
    **_same(1200, "5.2.0", "hostname_cache_ttl"),
    **_same(False, "5.2.0", "resolve_peer_host_names"),
    **_same("MatchAny", "5.3.0", "share_limits_mode"),
    **_same("SMTPS", "5.3.0", "mail_notification_encryption_type"),
    **_same("backup", "5.3.0", "torrent_files_backup_dir torrent_files_finished_backup_dir"),
    **_same("stun.l.google.com:19302", "5.3.0", "webtorrent_stun_server"),
    **_same(-1, "5.3.0", "shutdown_timeout"),
    **_same(0, "5.3.0", "i2p_inbound_length_variance i2p_outbound_length_variance"),
    **_same(2000, "5.3.0", "max_outstanding_block_requests"),
    **_same(
        False, "5.3.0",
        "enable_multi_connections_from_same_peer_id remove_torrent_file_backup start_paused "
        "store_search_job_results store_search_jobs torrent_files_backup_enabled "
        "torrent_files_finished_backup_dir_enabled",
    ),
    **_same(
        True, "5.3.0",
        "confirm_remove_all_tags confirm_remove_tracker_from_all_torrents i2p_pex_enabled "
        "seeding_outgoing_connections",
    ),
    "async_io_threads": (("4.2.0", 4), ("4.4.0", 10)),
    "dht_bootstrap_nodes": (
        ("5.0.0", "dht.libtorrent.org:25401, dht.transmissionbt.com:6881, router.bittorrent.com:6881"),
        ("5.2.0", "dht.libtorrent.org:25401, dht.transmissionbt.com:6881, router.bt.ouinet.work:6881"),
    ),
    "disk_cache": (("4.2.0", 64), ("4.4.0", -1)),
    "file_pool_size": (("4.2.0", 40), ("4.4.0", 5000), ("4.6.0", 100)),
    "mail_notification_sender": (("4.1.5", "qBittorrent_notification@example.com"), ("5.2.0", "")),
    "mail_notification_smtp": (("4.1.0", "smtp.changeme.com"), ("5.2.0", "")),
    "peer_tos": (("4.3.4", 4), ("5.2.0", 1)),
    "proxy_bittorrent": (("4.6.0", True), ("5.2.0", False)),
    "proxy_hostname_lookup": (("4.5.0", True), ("4.6.0", False), ("5.2.0", True)),
    "proxy_ip": (("4.1.0", "0.0.0.0"), ("4.6.0", "")),  # noqa: S104 - a value that is shown
    "proxy_misc": (("4.6.0", True), ("5.2.0", False)),
    "proxy_rss": (("4.6.0", True), ("5.2.0", False)),
    "proxy_type": (("4.1.0", 0), ("4.6.0", "None")),
    "stop_tracker_timeout": (("4.2.2", 1), ("4.4.0", 5), ("4.6.0", 2)),
}  # fmt: skip
