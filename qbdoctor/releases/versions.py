"""Parses and orders versions of qBittorrent, and ranges of them."""

from __future__ import annotations

from typing import Final, NamedTuple

from qbdoctor.patterns import regex
from qbdoctor.releases.rule_table import RELEASES

_VERSION = regex(
    r"\s*(?:qBittorrent )?v?([0-9]{1,3})\.([0-9]{1,3})(?:\.([0-9]{1,3}))?(?:\.([0-9]{1,3}))?"
    r"(?:(alpha|beta|rc)([0-9]{0,3}))?\s*\Z",
)
_STAGES = ("alpha", "beta", "rc", "")


class Version(NamedTuple):
    """A release of qBittorrent. They compare in order: 5.2.0beta1 < 5.2.0rc1 < 5.2.0 < 5.2.1."""

    major: int
    minor: int
    patch: int = 0
    build: int = 0
    stage: int = 3  # of _STAGES: a pre-release sorts before its release
    number: int = 0

    @classmethod
    def parse(cls, text: str | None) -> Version | None:
        """Read "v5.1.0", "5.3.0", "4.5.0beta1" or "qBittorrent v4.6.7"; None for anything else."""
        match = _VERSION.match(text or "")
        if match is None:
            return None
        major, minor, patch, build, stage, number = match.groups()
        numbers = int(major), int(minor), int(patch or 0), int(build or 0)
        return cls(*numbers, _STAGES.index(stage or ""), int(number or 0))

    def __str__(self) -> str:
        build = f".{self.build}" if self.build else ""
        stage = f"{_STAGES[self.stage]}{self.number or ''}"
        return f"{self.major}.{self.minor}.{self.patch}{build}{stage}"

    @property
    def release(self) -> Version:
        """The release that a pre-release leads to; else the version itself."""
        return Version(self.major, self.minor, self.patch, self.build)


def known(text: str) -> Version:
    """Read a version that is one. Raises ValueError."""
    version = Version.parse(text)
    if version is None:
        raise ValueError(f"no version: {text}")
    return version


KNOWN: Final[tuple[Version, ...]] = tuple(known(text) for text in RELEASES)
"""Every release from 4.1.0 on, in order."""
OLDEST: Final = KNOWN[0]
NEWEST: Final = KNOWN[-1]
BEFORE_OLDEST: Final = Version(4, 0, 4)
"""The last release without the present Web API."""
FUTURE: Final = Version(999, 0)
"""Stands above every release: the upper end of a range that is open."""


class VersionRange(NamedTuple):
    """The releases that something fits, both ends included; ``highest`` is :data:`FUTURE` where it is open."""

    lowest: Version
    highest: Version

    def meet(self, other: VersionRange) -> VersionRange | None:
        """Return the releases that fit both, or None: the two contradict each other."""
        lowest, highest = max(self.lowest, other.lowest), min(self.highest, other.highest)
        return VersionRange(lowest, highest) if lowest <= highest else None

    def holds(self, version: Version) -> bool:
        """Whether the version lies in the range."""
        return self.lowest <= version <= self.highest

    @property
    def single(self) -> Version | None:
        """The one release of the range, or None if there are several."""
        return self.lowest if self.lowest == self.highest else None

    def __str__(self) -> str:
        if self.highest >= FUTURE:
            return f"{self.lowest} or later"
        return str(self.lowest) if self.single else f"{self.lowest} to {self.highest}"


ANY: Final = VersionRange(OLDEST, FUTURE)
"""Every release: nothing is known."""
