"""Switches reverse proxy support on, with one proxy's address in the list."""

from collections.abc import Mapping

from qbdoctor.api import Added, Edit, Effectiveness, Fix, Input, Observations, inputvalues

SUPPORT, LIST = "ReverseProxySupportEnabled", "TrustedReverseProxiesList"


def plan(seen: Observations, cause: str | None, given: Mapping[str, str]) -> tuple[Edit, ...]:
    """Return both edits; for a cause only where something in front of the server shows itself as a proxy."""
    if cause is not None and not seen.in_front and cause != "proxy-hop-untrusted":
        return ()
    return (Edit(LIST, Added(given["proxy"])), Edit(SUPPORT, True))


def judge(_before: Observations, _after: Observations, given: Mapping[str, str]) -> Effectiveness:
    """Judge nothing: whom the server takes a client for shows in its log alone, at the next login."""
    return Effectiveness(None, f"no answer shows whether {given['proxy']} speaks for its clients now")


FIX = Fix(
    id="trust-reverse-proxy",
    title="One reverse proxy is believed when it names its clients; safe only where it replaces X-Forwarded-For",
    order=40,
    answers=("forwarded-host-ignored", "shared-address-ban", "proxy-hop-untrusted"),
    effect="keeps",
    plan=plan,
    judge=judge,
    inputs=(
        Input("proxy", "the proxy's address as qBittorrent sees it", inputvalues.ip_address, found="proxy_address"),
    ),
    changes=(
        "ReverseProxySupportEnabled=true, TrustedReverseProxiesList gets one more entry (app/preferences: "
        "web_ui_reverse_proxy_enabled, web_ui_reverse_proxies_list)"
    ),
    about=(
        "From 4.4.0 on qBittorrent takes the clients' addresses (for bans and bypasses) from X-Forwarded-For, and from "
        "5.2.2 on the public host from X-Forwarded-Host, if reverse proxy support is on and the proxy is listed by its "
        "address. The fix switches it on and adds that one address; other entries stay. The address is what the log shows "
        "for logins through the proxy: --set proxy=ADDRESS. Security stays as it is only where the proxy replaces "
        "X-Forwarded-For, which qbdoctor cannot see before: Caddy does so by itself, nginx with `proxy_set_header "
        "X-Forwarded-For $remote_addr;`. Behind a proxy that hands on what a visitor sends, every visitor can name an address "
        "of the whitelist and is let in without a password, and with a new address for each guess nobody is banned."
    ),
)
