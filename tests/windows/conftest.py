"""The Windows Python under Wine, one for all tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.windows import Windows, windows


@pytest.fixture(scope="session", name="there")
def _there() -> Iterator[Windows]:
    with windows() as made:
        yield made
