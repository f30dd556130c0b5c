"""A config that a fix was made on, as the history tests need it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.support.fixer import change


def home() -> Path:
    return Path(os.environ["QBDOCTOR_STATE_DIR"])


def fixed(config: Path, *fixes: str) -> list[str]:
    """Apply and return the ids, the oldest first."""
    return [one["id"] for one in change("fix", *fixes, "--config", str(config))["records"]]


def edited(name: str, **members: Any) -> None:
    path = home() / "records" / name / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **members}))
