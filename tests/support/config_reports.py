"""Configuration causes of a report, and what the config tests do to a server."""

from __future__ import annotations

from typing import Any

from tests.kit.server import Server
from tests.support.doctor import causes, diagnose

CONFIG_CAUSES = {
    "unknown-key",
    "misplaced-key",
    "ambiguous-setting",
    "edited-while-running",
    "wrong-config-file",
    "config-from-newer-release",
    "config-permission",
    "config-lost",
    "leftover-new-file",
    "settings-not-saved",
    "env-override",
    "session-too-short",
    "empty-username",
    "whitelist-syntax",
}


def config_causes(report: dict[str, Any]) -> set[str]:
    return CONFIG_CAUSES.intersection(causes(report))


def checked(running: Server, *arguments: str) -> dict[str, Any]:
    return diagnose("--url", running.url, *arguments, password=running.password)


def anonymous(running: Server) -> int:
    return running.get("/api/v2/app/version").status_code
