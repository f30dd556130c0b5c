"""Runs ``qbdoctor completion bash|zsh|fish``: prints the shell's completion script, made from the parser."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence

from qbdoctor.cli import output, parser
from qbdoctor.cli.defaults import COMMANDS
from qbdoctor.diagnosis.catalogue import pages
from qbdoctor.model.errors import UserError
from qbdoctor.values import frozen

SHELLS = ("bash", "zsh", "fish")
_FILES = ("FILE", "DIR", "PATH")


@frozen
class Option:
    """One spelling of an option. ``values``: what it takes, None for no value, () for what cannot be listed."""

    name: str
    about: str
    values: tuple[str, ...] | None
    takes_path: bool = False


def run(args: argparse.Namespace) -> int:
    """Print the script for the shell that is named."""
    makers = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    shell = args.ids[0] if args.ids else ""
    if shell not in makers or len(args.ids) != 1:
        raise UserError("usage", f"completion: name the shell, one of {', '.join(SHELLS)}: qbdoctor completion bash.")
    output.deliver(makers[shell](options(), words()), args.output)
    return 0


def options() -> dict[str, list[Option]]:
    """Return the options of each command that its help shows."""
    return {name: list(_options(parser.command(name))) for name in COMMANDS}


def _options(command: argparse.ArgumentParser) -> Iterator[Option]:
    for action in command._actions:  # argparse has no public way to ask a parser for its options
        if action.help == argparse.SUPPRESS:
            continue
        metavar = action.metavar if isinstance(action.metavar, str) else ""
        values: tuple[str, ...] | None = None
        if action.nargs != 0:
            values = tuple(map(str, action.choices or ()))
        for name in action.option_strings:
            yield Option(name, " ".join((action.help or "").split()), values, metavar in _FILES)


def words() -> dict[str, tuple[str, ...]]:
    """Return what each command takes as words, where that is a list."""
    checks, fixes = (_ids(f"qbdoctor.{folder}") for folder in ("checks", "fixes"))
    return {
        "check": checks,
        "fix": fixes,
        "explain": tuple(sorted({*pages.ids(), *checks, *fixes})),
        "completion": SHELLS,
        "help": COMMANDS,
    }


def _ids(package: str) -> tuple[str, ...]:
    """Return the ids by the names of the files: none is loaded for that."""
    path = importlib.import_module(package).__path__
    return tuple(sorted(found.name.replace("_", "-") for found in pkgutil.iter_modules(path)))


def _bash(known: Mapping[str, Sequence[Option]], listed: Mapping[str, Sequence[str]]) -> str:
    names, paths, cases = _by_value(known)
    values = "\n".join(
        f'    {name}) COMPREPLY=($(compgen -W "{" ".join(each)}" -- "$current")); return ;;' for name, each in cases
    )
    commands = "\n".join(f'    {command}) words="{_words(known, listed, command)}" ;;' for command in known)
    return f"""# bash completion of qbdoctor; load it with: source <(qbdoctor completion bash)
_qbdoctor() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" command="" word words
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in {"|".join(known)}) command="$word"; break ;; esac
  done
  case "$before" in
    {"|".join(paths)}) COMPREPLY=($(compgen -f -- "$current")); return ;;
{values}
    {"|".join(names)}) return ;;
  esac
  case "$command" in
{commands}
    *) words="{" ".join(known)} help {_words(known, {}, "check")}" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  case "$command" in lint) [ "${{current:0:1}}" = - ] || COMPREPLY=($(compgen -f -- "$current")) ;; esac
}}
complete -o filenames -F _qbdoctor qbdoctor
"""


def _zsh(known: Mapping[str, Sequence[Option]], listed: Mapping[str, Sequence[str]]) -> str:
    names, paths, cases = _by_value(known)
    values = "\n".join(f"    {name}) compadd -- {' '.join(each)}; return ;;" for name, each in cases)
    commands = "\n".join(f"    {command}) compadd -- {_words(known, listed, command)} ;;" for command in known)
    return f"""#compdef qbdoctor
# zsh completion of qbdoctor; load it with: source <(qbdoctor completion zsh)
_qbdoctor() {{
  local word command=""
  for word in ${{words[2,CURRENT-1]}}; do
    case $word in {"|".join(known)}) command=$word; break ;; esac
  done
  case ${{words[CURRENT-1]}} in
    {"|".join(paths)}) _files; return ;;
{values}
    {"|".join(names)}) return ;;
  esac
  case $command in
    lint) _files; compadd -- {_words(known, listed, "lint")} ;;
{commands}
    *) compadd -- {" ".join(known)} help {_words(known, {}, "check")} ;;
  esac
}}
compdef _qbdoctor qbdoctor
"""


def _fish(known: Mapping[str, Sequence[Option]], listed: Mapping[str, Sequence[str]]) -> str:
    lines = [
        "# fish completion of qbdoctor; load it with: qbdoctor completion fish | source",
        "complete -c qbdoctor -f",
    ]
    every = " ".join(known)
    lines.append(f"complete -c qbdoctor -n 'not __fish_seen_subcommand_from {every}' -a '{every} help'")
    for command, found in known.items():
        here = f"complete -c qbdoctor -n '__fish_seen_subcommand_from {command}'"
        if command in listed:
            lines.append(f"{here} -a '{' '.join(listed[command])}'")
        for one in found:
            name = f"-l {one.name[2:]}" if one.name.startswith("--") else f"-s {one.name[1:]}"
            takes = "" if one.values is None else " -r -F" if one.takes_path else f" -x -a '{' '.join(one.values)}'"
            about = one.about.replace("\\", "\\\\").replace("'", "\\'")
            lines.append(f"{here} {name}{takes} -d '{about}'")
        if command == "lint":
            lines.append(f"{here} -F")
    return "\n".join(lines) + "\n"


def _by_value(
    known: Mapping[str, Sequence[Option]],
) -> tuple[list[str], list[str], list[tuple[str, tuple[str, ...]]]]:
    """Return the options that take a value: those of a free one, those of a path, and those of one of a list."""
    taking = {one.name: one for found in known.values() for one in found if one.values is not None}
    paths = [name for name, one in taking.items() if one.takes_path]
    cases = [(name, one.values or ()) for name, one in taking.items() if one.values and not one.takes_path]
    return [name for name, one in taking.items() if not one.values and not one.takes_path], paths, cases


def _words(known: Mapping[str, Sequence[Option]], listed: Mapping[str, Sequence[str]], command: str) -> str:
    return " ".join([*listed.get(command, ()), *(one.name for one in known[command])])
