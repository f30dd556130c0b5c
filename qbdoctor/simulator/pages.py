"""Serves the stand-in's pages: one of its own in place of the built-in ones, and those of an alternative Web UI."""

from __future__ import annotations

import mimetypes

from qbdoctor import releases
from qbdoctor.simulator.actions import ActionResult, Refusal
from qbdoctor.simulator.state import StandIn
from qbdoctor.storage import files

_PAGE = (
    "<!DOCTYPE html>\n<title>qbdoctor</title>\n<p>This is qbdoctor's stand-in for qBittorrent; it has no pages.</p>\n"
)
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; script-src 'self' 'unsafe-inline'; object-src 'none';"  # fmt: skip # noqa: E501


def static(standin: StandIn, path: str, *, private: bool) -> ActionResult:
    """Return a file of the Web UI. Raises :class:`~qbdoctor.simulator.actions.Refusal`."""
    version = standin.version
    if "\\" in path:
        raise Refusal(releases.rule("status.backslash_path", version))
    if {".", ".."} & set(path.split("/")):
        raise Refusal(releases.rule("status.dot_path", version))
    login = str(releases.rule("page.login", version))
    if standin.settings.boolean("AlternativeUIEnabled"):
        return _alternative(standin, path if path != "/" else "/index.html" if private else login, private=private)
    if path in ("/", "/index.html", login):
        return ActionResult(200, _PAGE, "text/html", is_page=True)
    raise Refusal(404)


def _alternative(standin: StandIn, path: str, *, private: bool) -> ActionResult:
    version = standin.version
    root = files.expanded(standin.settings.text("RootFolder"))
    file = root / ("private" if private else "public") / path.lstrip("/")
    if private and not file.exists():
        file = root / "public" / path.lstrip("/")
    try:
        if not file.is_file() or not root.is_absolute():
            if path == "/index.html" and releases.rule("config.alternative_ui_switched_off", version):
                standin.config.set("AlternativeUIEnabled", "false")
                standin.apply()
            raise Refusal(500, "Unacceptable file type, only regular file is allowed.")
        links = file.parents if releases.rule("alternative_ui.file_may_be_link", version) else (file, *file.parents)
        if any(each.is_symlink() for each in links if each.is_relative_to(root) and each != root):
            raise Refusal(500, "Symlinks inside alternative UI folder are forbidden.")
        text = file.read_text("utf-8", "replace")
    except OSError:
        raise Refusal(404) from None
    return ActionResult(200, text, mimetypes.guess_type(file.name)[0] or "text/plain", is_page=True)


def caching(kind: str) -> str:
    """Return the Cache-Control of a page's content type (webapplication.cpp, getCachingInterval)."""
    if kind.startswith("image/"):
        return "private, max-age=604800"
    return "private, max-age=43200" if kind in ("text/css", "text/javascript") else "no-store"


def page_headers(standin: StandIn) -> list[tuple[str, str]]:
    """Return the headers of every answer that is not the parser's."""
    version, settings = standin.version, standin.settings
    built_in = not settings.boolean("AlternativeUIEnabled")
    guarded = settings.boolean("ClickjackingProtection")
    headers = {"x-content-type-options": "nosniff", "x-xss-protection": "1; mode=block"}
    policy = [_POLICY] if built_in else []
    if built_in and releases.rule("header.csp_form_action", version):
        policy.append("form-action 'self';")
    if built_in and releases.rule("header.csp_frame_src", version):
        policy.append("frame-src 'self' blob:;")
    if guarded:
        headers["x-frame-options"] = "SAMEORIGIN"
        policy += ["frame-ancestors 'self';"] if releases.rule("header.csp_frame_ancestors", version) else []
    if settings.boolean("HTTPS/Enabled") and releases.rule("header.csp_upgrade", version):
        policy.append("upgrade-insecure-requests;")
    if built_in and releases.rule("header.referrer_policy", version):
        headers["referrer-policy"] = "same-origin"
    if built_in and releases.rule("header.opener_policy", version):
        headers["cross-origin-opener-policy"] = "same-origin"
    if policy:
        headers["content-security-policy"] = " ".join(policy)
    own: list[tuple[str, str]] = []
    if settings.boolean("CustomHTTPHeadersEnabled"):
        for line in settings.text("CustomHTTPHeaders").strip().split("\n"):
            name, colon, value = line.partition(":")
            if colon and name.strip():
                own.append((name.strip().lower(), value.strip()))
    return [*reversed(own), *headers.items()]  # as QMultiMap has them: of equal names the latest first
