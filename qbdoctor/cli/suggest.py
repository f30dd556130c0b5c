"""Says what was probably meant by a name, a word or an option that does not exist; loaded for a wrong one alone."""

from __future__ import annotations

from collections.abc import Sequence

from qbdoctor.cli import program
from qbdoctor.patterns import regex
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

_LIKE = 0.7
"""How alike two words are that differ by a typing error; `install` and `instance-lock` are 0.6."""

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


def suggest(word: str, known: Sequence[str], count: int = 3) -> tuple[str, ...]:
    """Return the ids nearest to a word that is none: those that hold it first, then those spelled like it."""
    low = word.strip().lower().replace("_", "-").replace(" ", "-")
    # `all` stands in `allow-host` by chance alone: a short word must be one of the id's own.
    holding = [one for one in known if low and low in (one if len(low) > 3 else one.split("-"))]
    alike: list[str] = []
    if near := [one for one in known if _may_be_like(low, one)]:
        import difflib  # noqa: PLC0415 - 4 ms, which most wrong words do not need

        # Two letters the other way round are not alike enough in a short word.
        turned = [one for one in near if sorted(one) == sorted(low)]
        alike = [*turned, *difflib.get_close_matches(low, near, n=count, cutoff=_LIKE)]
    return tuple(dict.fromkeys([*holding, *alike]))[:count]


def _may_be_like(one: str, other: str) -> bool:
    """Return whether two words have letters enough in common, in whatever order, to be as alike as ``_LIKE``."""
    common = sum(min(one.count(letter), other.count(letter)) for letter in set(one))
    return 2 * common >= _LIKE * (len(one) + len(other))


def other_meaning(word: str, command: str) -> str | None:
    """Return how an address or a file is given that was typed where a command or an id is expected; None for neither."""
    given = f"{program.name()} {command}"
    if word.startswith(("/", "~", "./", "../")) or word.lower().endswith((".conf", ".ini")):
        option = "--config" if word.lower().endswith((".conf", ".ini")) else "--profile"
        what = "a config file" if option == "--config" else "a profile's folder"
        return f"{what} is given by {option}: {given} {option} {program.quoted(word)}"
    if word.isdigit() or word == "localhost" or "." in word or ":" in word:
        return f"an address is given by --url: {given} --url {program.quoted(word)}"
    return None


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
