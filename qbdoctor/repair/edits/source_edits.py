"""Plans edits of a program's source: whole lines in bytes, so that encoding and line ends of all others stay."""

from __future__ import annotations

from collections.abc import Sequence

from qbdoctor.model.edits import SourceLines
from qbdoctor.repair.edits.changes import Change
from qbdoctor.repair.edits.line_edits import Done


def carry_out(data: bytes, edits: Sequence[SourceLines]) -> Done:
    """Return the source with these lines; their numbers are those before, and none overlaps another."""
    *ended, last = data.split(b"\n")  # bytes.splitlines would end one at a form feed
    lines = [*(line + b"\n" for line in ended), last]
    changes = []
    for edit in sorted(edits, key=lambda one: (one.first, one.last), reverse=True):
        lines[edit.first - 1 : edit.last] = [edit.data]
        changes.append(Change(edit.setting, edit.before, edit.after, line=edit.first))
    changes.reverse()
    return Done(b"".join(lines), tuple(changes), {one.setting: (one.before, one.after) for one in changes})
