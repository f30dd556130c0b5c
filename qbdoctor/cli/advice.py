"""Says in a sentence what is wrong with a command line, and what was probably meant; loaded for a wrong one alone."""

from __future__ import annotations

import argparse

from qbdoctor.cli import program
from qbdoctor.cli.suggest import suggest
from qbdoctor.patterns import regex

_MEANT = {
    "--url": "-u --address --addr --host --hostname --server --port --ip --base-url --uri --endpoint",
    "--username": "--user --usr --login --name --account",
    "--deadline": "-t --timeout --time-out --wait --max-time",
    "--insecure": "-k --no-verify --noverify --skip-verify --no-check-certificate --ignore-ssl --no-ssl-verify",
    "--yes": "-y --assume-yes --force-yes --non-interactive --noninteractive --no-confirm",
    "--version": "-V --ver",
    "--verbose": "-d -vv --debug --trace --details",
    "--container": "--docker --podman --container-name --container-id",
    "--config": "-c -f --conf --config-file --configfile --file --ini",
    "--profile": "-P --profile-dir --config-dir --data-dir",
    "--dry-run": "-n --dry --dryrun --plan --what-if --check-only --simulate",
    "--no-color": "--nocolor --no-colour --color=never --plain",
    "--format": "--output-format",
    "--ca-file": "--cacert --ca --cert --certificate",
    "--public-url": "--external-url --proxy-url",
}
"""Options, and what other programs call them."""
_OTHER_NAMES = {spelled: ours for ours, theirs in _MEANT.items() for spelled in theirs.split()}
_SECRETS = {
    "password": ("-p", "--pass", "--password", "--passwd", "--pw", "--pwd"),
    "API key": ("-a", "--apikey", "--api-key", "--key", "--token", "--api-token", "--bearer"),
}
_INSTEAD = {
    "password": "leave it out and you are asked, or use --password-file FILE or QBDOCTOR_PASSWORD",
    "API key": "use --api-key-file FILE or QBDOCTOR_API_KEY",
}

_UNKNOWN = regex(r"unrecognized arguments: (?P<words>.*)", 0)
_ABOUT = regex(r"argument (?P<names>\S+?): (?P<what>.*)", 0)
_CHOICE = regex(r"invalid choice: '?(?P<word>.*?)'? \((?:choose|maybe)")


def sentence(message: str, parser: argparse.ArgumentParser) -> str:
    """Return argparse's message about a command line in our words; a value behind an unknown option is not repeated."""
    if found := _UNKNOWN.match(message):
        return _unknown(found["words"], parser)
    if found := _ABOUT.match(message):
        return _about(found["names"], found["what"], parser)
    return f"{message}; {_more(parser)}"


def _more(parser: argparse.ArgumentParser) -> str:
    return program.named(f"{parser.prog} --help shows what there is.")


def _unknown(words: str, parser: argparse.ArgumentParser) -> str:
    word = next((one for one in words.split() if one.startswith("-")), words)
    option = word.partition("=")[0] if word.startswith("--") else word[:2]
    known = [name for name in parser._option_string_actions if name.startswith("--")]
    secrets = {name: what for what, names in _SECRETS.items() for name in names}
    near = _OTHER_NAMES.get(option, option)
    if near not in known and near not in secrets:
        near = next(iter(suggest(option, [*known, *secrets], 1)), "") if option.startswith("--") else ""
    if what := secrets.get(near):
        instead = _INSTEAD[what]
        return f"there is no {option}, since others would see your {what} in the list of processes: {instead}. {_more(parser)}"
    if not near:
        return f"there is no option {option}; {_more(parser)}"
    return f"there is no option {option}: did you mean {_shown(near, parser)}? {_more(parser)}"


def _shown(option: str, parser: argparse.ArgumentParser) -> str:
    """Return an option with the name of the value that it takes."""
    action = parser._option_string_actions[option]
    value = action.metavar if action.nargs != 0 else None
    return f"{option} {value}" if isinstance(value, str) else option


def _about(names: str, what: str, parser: argparse.ArgumentParser) -> str:
    option = names.rpartition("/")[2]
    if what.startswith("expected ") and option in parser._option_string_actions:
        given = _shown(option, parser)
        return f"{option} wants a value behind it: {given}; {_more(parser)}"
    if found := _CHOICE.match(what):
        action = parser._option_string_actions.get(option)
        choices = [str(one) for one in action.choices or ()] if action else []
        near = suggest(found["word"], choices, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        return f"{option}: there is no {found['word']!r}: {meant}There are {', '.join(choices)}."
    return f"{option}: {what}; {_more(parser)}"
