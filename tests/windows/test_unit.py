"""The unit tests in the Windows Python: what is POSIX' alone is skipped there with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.windows import Windows

pytestmark = pytest.mark.extended

UNIT = Path(__file__).parents[1] / "unit"
ROOMS = sorted({path.relative_to(UNIT).parts[0] for path in UNIT.rglob("test_*.py")})


@pytest.mark.parametrize("room", ROOMS)
def test_a_room(there: Windows, room: str) -> None:
    done = there.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--hypothesis-profile=few", f"tests/unit/{room}",
        seconds=570, inside="src",
    )  # fmt: skip
    said = done.stdout.decode("cp1252", errors="replace")
    assert done.returncode == 0, said[-6000:] + done.stderr.decode("cp1252", errors="replace")[-2000:]
    assert " passed" in said
