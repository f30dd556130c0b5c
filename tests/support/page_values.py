"""What the contract says of the catalogue's pages, and a value for each place on them."""

from __future__ import annotations


def words(text: str) -> list[str]:
    return text.split()


CONTRACT = words("""
host-unreachable name-not-resolved
stale-lockfile not-running webui-disabled waiting-at-legal-notice wrong-port bind-failed web-server-hang not-qbittorrent base-path
redirected tls-mismatch tls-untrusted https-fallback http-proxy-env foreign-auth-in-front api-too-old
host-port-mismatch host-not-allowed origin-mismatch referer-mismatch cross-site-blocked forwarded-host-ignored
authorization-header-collision
wrong-credentials temporary-password malformed-password-hash empty-username default-credentials ip-banned
shared-address-ban api-key-rejected
bypass-active exposed-bypass whitelist-not-matching whitelist-syntax client-relies-on-bypass
client-drops-cookie cookie-stripped secure-cookie-over-http cookie-clobber samesite-browser-loop session-too-short
sessions-evicted cookie-renamed
edited-while-running wrong-config-file config-from-newer-release unknown-key misplaced-key ambiguous-setting
config-permission config-lost leftover-new-file settings-not-saved env-override fix-undone-since
alt-webui-broken third-party-403
client-sends-no-cookie client-wants-sid-name client-wants-ok-body client-never-logs-in-again client-logs-in-each-call
client-unencoded-form client-json-login client-http-method client-foreign-origin client-old-add-parameter
client-auth-header-unsupported client-old-endpoint client-unknown-filter
""")

FULL = {
    "plain": "yes",
    "mount": "-v FOLDER:/config",
    "stop_time": "--stop-timeout 300",
    "url": "http://192.168.1.50:8112",
    "host": "192.168.1.50",
    "port": "8112",
    "server_port": "8080",
    "real_url": "http://192.168.1.50:8080",
    "location": "https://qb.example.org/",
    "until": " until 14:05",
    "name": "nas.lan",
    "origin": "https://qb.example.org",
    "public_url": "https://qb.example.org",
    "address": "192.168.1.20",
    "proxy_address": "172.18.0.2",
    "proxy_variable": "http_proxy",
    "ca_file": "/etc/qb/cert.pem",
    "no_proxy": "localhost,127.0.0.1,::1,nas.lan",
    "config_file": "/home/me/.config/qBittorrent/qBittorrent.conf",
    "lock_file": "/home/me/.config/qBittorrent/lockfile",
    "log_file": "/home/me/logs/qbittorrent.log",
    "profile": "/srv/qb",
    "username": "admin",
    "cookie_name": "QBT_SID_8080",
    "section": "Preferences",
    "setting": "LocalHostAuth",
    "pid": "4711",
    "engine": "docker",
    "container_name": "qbittorrent",
    "compose_file": "/srv/media/compose.yaml",
    "compose_service": "qbittorrent",
    "version": "v5.2.3",
}
