"""Compares the headers of two answers to the same request, and reads the policy for a page's content."""

from __future__ import annotations

from urllib.parse import urlsplit

from qbdoctor.model.exchanges import Exchange
from qbdoctor.patterns import regex

CHANGING = frozenset(
    {
        "date",
        "connection",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "keep-alive",
        "vary",
        "set-cookie",
    }
)


NAMING = regex(
    r"server|via|alt-svc|strict-transport-security|nel|report-to|reporting-endpoints|server-timing|expect-ct|speculation-rules"
    r"|x-powered-by|x-robots-tag|x-runtime|x-download-options|x-permitted-cross-domain-policies"
    r"|(x-)?(served-by|request-id|correlation-id|trace-id|cache(-status|-hits)?|timer|varnish|amz-cf-\S+|azure-\S+)|cf-\S+|fly-\S+"
)
"""Headers that say who passed an answer on, or advise about something else: no client does otherwise for them."""


def explains_itself(name: str) -> bool:
    """Return whether a header that differs says only who stands between."""
    return NAMING.fullmatch(name) is not None


def differing_headers(a: Exchange, b: Exchange) -> tuple[tuple[str, str, str], ...]:
    """Return the headers (name, through the address, directly) that are not the same on both ways; "" for none."""
    names = sorted({name.lower() for name, _ in (*a.headers, *b.headers)} - CHANGING)
    pairs = ((name, a.header(name) or "", b.header(name) or "") for name in names)
    return tuple((name, one, other) for name, one, other in pairs if one != other)


def blocks_scripts(page: Exchange) -> bool:
    """Return whether a Content-Security-Policy keeps a browser from running the page's own scripts (CSP 3, 6.1 and 6.3).

    Of several policies each counts. Nonces and hashes are none of qBittorrent's pages.
    """
    for text in (value for name, value in page.headers if name.lower() == "content-security-policy"):
        for policy in text.split(","):
            rules: dict[str, list[str]] = {}
            for words in (part.lower().split() for part in policy.split(";")):
                if words:
                    rules.setdefault(words[0], words[1:])
            if "sandbox" in rules and "allow-scripts" not in rules["sandbox"]:
                return True
            # scripts, and the calls that they make
            for kind in ("script-src-elem", "connect-src"):
                chain = (kind, "script-src", "default-src") if kind.startswith("script") else (kind, "default-src")
                sources = next((rules[name] for name in chain if name in rules), None)
                if sources is not None and not any(_allows(source, page.url) for source in sources):
                    return True
    return False


def _allows(source: str, url: str) -> bool:
    """Whether a source may be the page's own place; one that only might be counts as such."""
    here = urlsplit(url)
    if source in {"'self'", "*", f"{here.scheme}:"}:
        return True
    return not source.startswith("'") and (here.hostname or "").endswith(
        (urlsplit(source if "//" in source else f"//{source}").hostname or "?").removeprefix("*")
    )
