"""Makes an observer of a command line: the target resolved, credentials read, the wire set up."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from qbdoctor.cli import output
from qbdoctor.cli.defaults import DEFAULTS
from qbdoctor.model.basics import Secret
from qbdoctor.model.changes import UndoneChange
from qbdoctor.model.errors import UserError
from qbdoctor.storage import files, private
from qbdoctor.storage import state_folder as storage_state_folder
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from qbdoctor.observe.base.inspection import Inspection
    from qbdoctor.observe.base.observations import Observations
    from qbdoctor.observe.hash_ahead import HashAhead
    from qbdoctor.observe.observer import Observer
    from qbdoctor.target.description import Target
    from qbdoctor.target.resolve import World


def observer(
    args: argparse.Namespace,
    environment: Mapping[str, str] | None = None,
    *,
    present: bool = False,
    world: World | None = None,
    hash_ahead: bool = False,
) -> Observer:
    """Return the observer for a command line. ``present``: a prompt says that the password of now is meant, not a new one.

    ``world`` is what is known of this machine already; ``hash_ahead`` begins the offline check of the password at once.

    Raises :class:`UserError` for bad input, and where no target is given or found.
    """
    # Here, not above: history and others take no more than the state folder from this module.
    from qbdoctor.cli import credentials  # noqa: PLC0415
    from qbdoctor.observe.hash_ahead import HashAhead  # noqa: PLC0415
    from qbdoctor.target.address import parse_url  # noqa: PLC0415

    env = os.environ if environment is None else environment
    _refuse_contradictions(args)
    public = parse_url(args.public_url, what="--public-url") if args.public_url is not None else None
    verify = verification(args)
    if args.trust_user is not None and private.user_id(args.trust_user) is None:
        raise UserError("unknown-user", f"--trust-user: this machine has no user {args.trust_user!r}: check the name.")
    api_key, password = _given_secret(args, "api_key", env), _given_secret(args, "password", env)
    ahead = HashAhead(password) if hash_ahead and api_key is None else None
    target = _target(args, env, world, ahead)
    from qbdoctor.observe.base.observed_values import Asked  # noqa: PLC0415 - this and what follows is loaded beside that
    from qbdoctor.observe.observer import Observer  # noqa: PLC0415
    from qbdoctor.webui.masks import Deadline, Masks  # noqa: PLC0415
    from qbdoctor.webui.wire import Wire  # noqa: PLC0415

    asked = Asked(
        no_login=args.no_login,
        username=args.username or env.get("QBDOCTOR_USERNAME") or None,
        api_key=api_key,
        public_url=public,
        verify=verify,
        write_probe=args.write_probe,
        trusted_user=args.trust_user,
    )
    wire = Wire(target.address, Deadline(args.deadline), Masks(), verify=verify)
    if sys.stderr.isatty() and not args.quiet:
        wire.waiting = output.say
    made = Observer(
        target,
        asked,
        wire,
        state=state_folder(args, env),
        password=password,
        environment=env,
        ask_password=None if args.no_login else credentials.asker(present=present),
    )
    if ahead is not None and ahead.verifier is not None:
        made.verifier = ahead.verifier
    made.records = partial(_undone, made.state)
    return made


def _target(args: argparse.Namespace, env: Mapping[str, str], world: World | None, ahead: HashAhead | None) -> Target:
    from qbdoctor.target.address import parse_url  # noqa: PLC0415 - as above

    lines = None
    if ahead is not None and args.config:
        ahead.begin(files.expanded(args.config))
    elif ahead is not None and (args.url is None or parse_url(args.url).is_loopback):
        lines = ahead.guess_here()
    from qbdoctor.target.description import TargetOptions  # noqa: PLC0415 - beside the hash
    from qbdoctor.target.resolve import resolve  # noqa: PLC0415

    options = TargetOptions(args.url, args.profile, args.config, args.container)
    target = resolve(options, env=env, world=world, lines=lines)
    config = target.config_file or (target.handed.config if target.handed is not None else None)
    if ahead is not None and config is not None:
        ahead.begin(config)
    return target


def _refuse_contradictions(args: argparse.Namespace) -> None:
    if args.password_file == "-" and args.api_key_file == "-":  # noqa: S105
        raise UserError(
            "usage", "--password-file and --api-key-file cannot both be standard input: give one as a file."
        )
    if args.username == "":
        raise UserError(
            "usage", "--username: the name is empty, and with none no login succeeds: name one, or leave it out."
        )


def _undone(state: Path, seen: Observations) -> tuple[UndoneChange, ...]:
    """Return the verified changes of this target that no longer hold."""
    target = seen.target
    if not (state / "records").is_dir():
        return ()
    from qbdoctor.repair.history import standing  # noqa: PLC0415 - most have no records

    return standing.undone(state, target.config_file, target.address.url, seen.settings, seen.preferences)


def _given_secret(args: argparse.Namespace, kind: str, env: Mapping[str, str]) -> Secret | None:
    """Return a secret by its option's file, else as the named target says, else from the environment."""
    from qbdoctor.cli import credentials  # noqa: PLC0415 - as above

    option, variable = f"--{kind.replace('_', '-')}-file", f"QBDOCTOR_{kind.upper()}"
    file = getattr(args, f"{kind}_file")
    if file is None and args.named_target is not None and not args.no_login:
        found: Secret | None = args.named_target.secret(kind)
        if found is not None:
            return found
    return credentials.secret(file, option, variable, env)


def state_folder(args: argparse.Namespace, env: Mapping[str, str]) -> Path:
    """Return where records and the ledger are kept."""
    return storage_state_folder.chosen(args.state_dir, env)


def verification(args: argparse.Namespace) -> bool | str:
    """Return how certificates are verified: not at all, as usual, or by --ca-file. Raises :class:`UserError`."""
    if args.ca_file is None:
        return not args.insecure
    path = files.expanded(args.ca_file)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UserError("bad-ca-file", f"--ca-file: {path} {what}: name a file with certificates in PEM form.")
    import ssl  # noqa: PLC0415 - as above

    try:
        ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError):
        raise UserError(
            "bad-ca-file", f"--ca-file: {path} holds no certificates in PEM form that can be read."
        ) from None
    return False if args.insecure else str(path)


def target_arguments(args: argparse.Namespace) -> tuple[str, ...]:
    """Return the options that chose the target, for the commands that a report suggests; none of them is a secret."""
    pairs = (
        ("--url", args.url),
        ("--profile", args.profile),
        ("--config", args.config),
        ("--container", args.container),
        ("--username", args.username),
        ("--password-file", args.password_file if args.password_file != "-" else None),  # noqa: S105
        ("--api-key-file", args.api_key_file if args.api_key_file != "-" else None),
        ("--public-url", args.public_url),
        ("--trust-user", args.trust_user),
        ("--ca-file", args.ca_file),
        ("--state-dir", args.state_dir),
        ("--deadline", f"{args.deadline:g}" if args.deadline != DEFAULTS["deadline"] else None),
    )
    flags = (("--insecure", args.insecure), ("--no-login", args.no_login))
    named = {} if args.named_target is None else args.named_target.options
    own = {f"--{key.replace('_', '-')}": value for key, value in named.items()}
    given = [part for name, value in pairs if value is not None and own.get(name) != value for part in (name, value)]
    first = () if args.target is None else ("--target", args.target)
    return (*first, *given, *(name for name, is_given in flags if is_given and not own.get(name)))


def fix_options(inspection: Inspection) -> tuple[str, ...] | None:
    """Return the options beside the target's; None where no fix can be made from here. Sends nothing.

    With a session, or while a person may still log in, a fix is made live. A running server that refuses us has to be
    restarted for an edit of its file; a stopped one has its file edited.
    """
    seen, target = inspection.seen, inspection.target
    if not seen.has("anonymous") or _may_log_in(seen):
        return ()
    if target.config_file is None:
        return None
    if target.instance is None:
        return None if seen.anonymous.answered else ()
    from qbdoctor.repair.restart import restart  # noqa: PLC0415 - only where something is wrong

    try:
        restart.plan(target.instance, target.config_file, ask=False)
    except UserError:
        return ("--via", "file")  # once it was stopped by hand
    return ("--restart",)


def _may_log_in(seen: Observations) -> bool:
    if seen.anonymous.status == 200:
        return True
    if seen.has("session_call") and seen.session_call is not None:
        return seen.session_call.status == 200
    return seen.has("sign_in") and (
        seen.sign_in.outcome == "accepted" or seen.sign_in.why in {"no-credentials", "no-login"}
    )
