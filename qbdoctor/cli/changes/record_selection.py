"""Selects the records of a ``rollback``: those named, the last run's, or all, of the target that was given."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.cli import output
from qbdoctor.cli.outcome import UNSETTLED
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.repair.history import other_folders
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import Damaged, Record
from qbdoctor.storage import files, trust

if TYPE_CHECKING:
    from qbdoctor.target.address import Address


def chosen(args: argparse.Namespace, journal: Journal, state: Path) -> list[Record]:
    """Return the records to take back, newest first. Raises UserError where there is none."""
    belongs = _belongs(args)
    if args.ids:
        return _named(args.ids, journal, state, belongs)
    everything = journal.records()
    for one in everything:
        if isinstance(one, Damaged):
            output.say(one.text())
    standing = [one for one in everything if isinstance(one, Record) and one.standing and belongs(one)]
    if not standing:
        of = " of this target" if args.url or args.config or args.profile else ""
        raise UserError(
            "nothing-to-roll-back",
            f"There is no applied fix{of} to take back: qbdoctor history shows the records.{_lost(everything)}"
            f"{other_folders.name_other_folders(state, os.environ)}",
        )
    if args.all:
        return standing
    return standing[:1] if args.last else [one for one in standing if one.run == standing[0].run]


def _lost(records: Sequence[Record | Damaged]) -> str:
    """Return a sentence on each applied fix whose file is not here, such as one made in a container."""
    lost = [one for one in records if isinstance(one, Record) and one.standing and files.is_gone(one.file_name())]
    return "".join(
        f" {one.id} is of {one.file_name()}, which is not here (it was made on {one.host}): if that file has another path "
        f"here, qbdoctor rollback {one.id} --config FILE takes it back in that."
        for one in lost[:3]
    )


def _named(ids: Sequence[str], journal: Journal, state: Path, belongs: Callable[[Record], bool | None]) -> list[Record]:
    records: dict[str, Record] = {}
    for name in ids:
        try:
            found = journal.find(name)
        except Refused as refused:  # a slip of the pen, not a refusal
            raise UserError(
                refused.code, f"{refused.reason}{other_folders.name_other_folders(state, os.environ, name)}"
            ) from None
        if isinstance(found, Damaged):
            raise Refused(found.text(), "record-damaged")
        if not found.standing:
            raise UserError("nothing-to-roll-back", f"{found.id} is {found.state}: there is nothing to take back.")
        if belongs(found) is False:  # one made through a proxy may be taken back in the file that a person names
            where = found.file_name() or found.target.url
            raise UserError("other-target", f"{found.id} is of another target, {where}: name that one, or none.")
        records[found.id] = found
    return sorted(records.values(), key=lambda record: record.id, reverse=True)


def _belongs(args: argparse.Namespace) -> Callable[[Record], bool | None]:
    """Return what says whether a record is of the target that the options name; without any, every record is.

    It says None where the record does not know its config file, or knows it by a path that is not here, and a config
    is what was given.
    """
    if args.config is not None:
        config = os.path.realpath(files.expanded(args.config))
        return lambda record: (
            files.same_name(record.file_name(), config)
            or (None if record.file_name() is None or files.is_gone(record.file_name()) else False)
        )
    if args.profile is not None:
        profile = files.expanded(args.profile).resolve()
        return lambda record: _is_in(profile, record)
    if args.url is None and args.container is None:
        return lambda _: True
    from qbdoctor.target.description import TargetOptions  # noqa: PLC0415 - only where a target is named
    from qbdoctor.target.resolve import resolve  # noqa: PLC0415

    target = resolve(TargetOptions(args.url, container=args.container))
    address, file = target.address, target.config_file
    known = None if file is None else os.path.realpath(file)
    return lambda record: _same_address(address, record.target.url) or files.same_name(known, record.file_name())


def _is_in(profile: Path, record: Record) -> bool | None:
    file = record.file_name()
    named = record.target.profile
    if file is None and named is None:
        return None
    inside = file is not None and any(files.same_file(folder, profile) for folder in Path(file).parents)
    return inside or files.same_name(named, str(profile))


def _same_address(address: Address, other: str | None) -> bool:
    """Return whether a record's URL is this address; the names of this machine are one."""
    if other is None:
        return False
    from qbdoctor.target.address import parse_url  # noqa: PLC0415 - as above

    theirs = parse_url(other)
    local = address.is_loopback and theirs.is_loopback
    return address.url == theirs.url or (local and (address.scheme, address.port) == (theirs.scheme, theirs.port))


def settle(journal: Journal, *, dry_run: bool) -> None:
    """Heal what an earlier run left, before something is written; a dry run writes nothing and says so. Raises Refused."""
    trust.check_ours(journal.store.root)
    if not dry_run:
        for sentence in journal.recover():
            output.say(sentence)
    elif journal.store.unsettled():
        output.say(UNSETTLED)
