"""Reads files and output of a container through its engine, where this user may not read them on the machine.

``cp`` to standard output is a tar archive; it needs no program in the container, works for one that is stopped, and
changes nothing. Sizes are capped, and what is no regular file is nothing.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath

from qbdoctor.target.engines.container import Container
from qbdoctor.target.engines.engine import Engine, EngineError, ask

MOST_BYTES = 16 << 20
_ROUND = 1 << 16  # a tar archive's headers and padding
OUTPUT_LINES = 400
OUTPUT_BYTES = 1 << 20
LINKS = 4


def copy(engine: Engine, container: Container, path: PurePosixPath, most: int = MOST_BYTES) -> bytes | None:
    """Return a file of the container; None where there is none, it is larger than ``most`` bytes, or no regular file."""
    for _ in range(LINKS):
        try:
            data = ask(engine, "cp", f"{container.id}:{path}", "-", most=most + _ROUND)
            with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as archive:
                member = archive.next()
                if member is not None and (member.issym() or member.islnk()):
                    path = path.parent / member.linkname
                    continue
                if member is None or not member.isfile() or member.size > most:
                    return None
                taken = archive.extractfile(member)
                return None if taken is None else taken.read(most)
        except (EngineError, tarfile.TarError, EOFError, ValueError):
            return None
    return None


def output(engine: Engine, container: Container) -> tuple[str, ...]:
    """Return the last lines that the container printed, standard output and error alike; () where they are not kept.

    They may hold a temporary password: nothing of a line may be shown but what is known to be harmless.
    """
    try:
        said = ask(engine, "logs", "--tail", str(OUTPUT_LINES), container.id, most=OUTPUT_BYTES, both=True)
    except EngineError:
        return ()
    return tuple(said.decode("utf-8", errors="replace").splitlines())
