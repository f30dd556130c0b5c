"""Switches reverse proxy support on, with one proxy's address in the list."""

from collections.abc import Mapping

from qbdoctor.api import Added, Edit, Effectiveness, Fix, Input, Observations, doors, inputvalues

SUPPORT, LIST = "ReverseProxySupportEnabled", "TrustedReverseProxiesList"


def plan(seen: Observations, cause: str | None, given: Mapping[str, str]) -> tuple[Edit, ...]:
    """Return both edits; for a cause only where something in front shows itself as a proxy that makes up no address."""
    if cause is not None and not seen.in_front and cause != "proxy-hop-untrusted":
        return ()
    if cause is not None and (made_up := seen.compared("made-up-address")) is not None and made_up.differs:
        return ()
    return (Edit(LIST, Added(given["proxy"])), Edit(SUPPORT, True))


def judge(_before: Observations, after: Observations, given: Mapping[str, str]) -> Effectiveness:
    """Judge by a call with a made-up address: one that is believed undoes the fix. Whom else is believed, no answer shows."""
    made_up = after.compared("made-up-address")
    if made_up is not None and made_up.differs:
        return Effectiveness(
            False,
            f"the proxy hands on an X-Forwarded-For that its visitor makes up ({made_up.a.status}, and {made_up.b.status} with "
            "it): whoever names an address that needs no password would be let in. Have the proxy replace that header first",
        )
    text = f"no answer shows whether {given['proxy']} speaks for its clients now"
    if made_up is not None and "yes" in doors(after).values():
        text += "; a made-up X-Forwarded-For changed nothing"
    return Effectiveness(None, text)


FIX = Fix(
    id="trust-reverse-proxy",
    title="One reverse proxy is believed when it names its clients",
    order=40,
    answers=("forwarded-host-ignored", "shared-address-ban", "proxy-hop-untrusted", "whitelist-not-matching"),
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
        "for logins through the proxy: --set proxy=ADDRESS. Where something needs no password (the whitelist, local callers), "
        "a call with a made-up X-Forwarded-For through the proxy shows afterwards whether it is handed on: then the fix is "
        "taken back."
    ),
    provided=(
        "the proxy replaces X-Forwarded-For (Caddy does so by itself, nginx with `proxy_set_header X-Forwarded-For "
        "$remote_addr;`). Behind one that hands on what a visitor sends it LOOSENS security: every visitor can name an address "
        "of the whitelist and is let in without a password, and with a new address for each guess nobody is banned. While "
        "support is off, no answer of qBittorrent's shows which of the two it is"
    ),
)
