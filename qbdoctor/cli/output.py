"""Delivers results and messages: the result alone to standard output (or ``-o``), everything else to standard error."""

from __future__ import annotations

import os
import sys

from qbdoctor.cli import program, wrapping
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.model.terminal_text import harmless, reader_gone
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from qbdoctor.model.report import Report


def say(text: str) -> None:
    """Write a message to standard error."""
    print(wrapping.wrapped(harmless(program.named(text)), wrapping.columns(sys.stderr)), file=sys.stderr)  # noqa: T201


def write(text: str) -> None:
    """Write to standard output, which spells what it has no character for. Raises BrokenPipeError and UserError."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        if reader_gone(error):
            raise BrokenPipeError from None
        raise UserError("output-failed", f"standard output cannot be written: {error.strerror}.") from None


def deliver_json(held: object, to: str | None, *, indent: int | None = 2) -> None:
    """Deliver JSON; with escapes where standard output cannot carry all of Unicode, since JSON is no place for our spelling."""
    import json  # noqa: PLC0415 - most output is none

    text = json.dumps(held, ensure_ascii=False, indent=indent)
    if to in {None, "-"}:
        try:
            text.encode(sys.stdout.encoding or "utf-8")
        except UnicodeEncodeError:
            text = json.dumps(held, ensure_ascii=True, indent=indent)
    deliver(f"{text}\n", to)


def deliver(text: str, output: str | None, *, styled: bool = False) -> None:
    """Write a result to standard output or whole into a file. Raises :class:`UserError` (``output-…``).

    ``styled``: it has colours of our own, and what is not ours in it was made harmless before.
    """
    if not styled:
        text = harmless(text)
    if output is None or output == "-":
        write(text)
        return
    from qbdoctor.storage import files, foreign, private, trust  # noqa: PLC0415

    path = files.expanded(output)
    if files.is_folder(path):
        raise UserError("output-is-folder", f"--output: {path} is a folder: name a file.")

    try:
        if files.exists(path) and not files.is_file(path):  # /dev/stdout, a FIFO: written to, never replaced
            trust.write_stream(path, text.encode())
            return
        with foreign.hold(path, follow=False) as place:
            place.write_whole(text.encode())
    except Refused as refused:
        raise UserError("output-failed", f"--output: {refused.reason}") from None
    except OSError as error:
        raise UserError("output-failed", f"--output: {path} cannot be written: {private.why(error)}.") from None


def use_color(no_color: bool) -> bool:
    """Return whether standard output takes colour: a terminal that is not dumb, and nobody said no."""
    refused = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not refused and _escapes_obeyed()


def is_coloured(args: argparse.Namespace) -> bool:
    """Return whether what a command line asks for is delivered in colours."""
    return args.output in {None, "-"} and use_color(args.no_color)


def _escapes_obeyed() -> bool:
    """Whether the terminal obeys escape sequences: Windows' console must be told to, and the oldest cannot."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - on Windows alone
        import msvcrt  # noqa: PLC0415

        mode, processed = ctypes.c_ulong(), 0x0004  # ENABLE_VIRTUAL_TERMINAL_PROCESSING
        console = ctypes.WinDLL("kernel32")
        try:
            handle = ctypes.c_void_p(msvcrt.get_osfhandle(sys.stdout.fileno()))
        except OSError:
            return False
        if not console.GetConsoleMode(handle, ctypes.byref(mode)):
            return False
        return bool(mode.value & processed or console.SetConsoleMode(handle, mode.value | processed))
    return True


def report(
    made: Report, args: argparse.Namespace, target: Sequence[str] = (), fix_options: Sequence[str] | None = ()
) -> int:
    """Deliver a report in the format that was asked for and return the exit code.

    ``target`` and ``fix_options`` go into the commands that it tells its reader to type.
    """
    import shutil  # noqa: PLC0415 - as below

    from qbdoctor.reports import exit_code, render  # noqa: PLC0415 - other commands deliver no report

    to_stdout = args.output in {None, "-"}
    terminal = to_stdout and sys.stdout.isatty()
    text = render(
        made,
        args.format,
        color=is_coloured(args),
        width=shutil.get_terminal_size().columns if terminal else None,
        height=shutil.get_terminal_size().lines if terminal else None,
        verbose=args.verbose,
        quiet=args.quiet,
        encoding=(sys.stdout.encoding or "utf-8") if to_stdout else "utf-8",
        program=program.name(),
        target=target,
        fix_options=fix_options,
    )
    if args.format == "openmetrics" and to_stdout and (reconfigure := getattr(sys.stdout, "reconfigure", None)):
        reconfigure(newline="\n")  # its grammar knows no other line end, on Windows neither
    if made.error is not None and args.format == "human":
        say(f"qbdoctor: {made.error.message}")
    else:
        deliver(text, args.output, styled=args.format == "human")
    return exit_code(made, args.format)
