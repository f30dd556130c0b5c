"""What the tests with other users of this machine share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.strangers import shared_folder


@pytest.fixture
def base() -> Iterator[Path]:
    """Make a folder that all may enter, with a home of root's in it."""
    with shared_folder() as folder:
        (folder / "root").mkdir(mode=0o700)
        yield folder
