"""Decides whether what listens on this machine belongs to somebody who may have the credentials.

On a machine with several users, any of them can listen at a port that qBittorrent has left, or run a program of its
name. A password or key goes to a program of root's, of this user's or of a user that the person named. It goes to the
user whose the config is only where the person named that config, or where the config knows the password or key already:
whoever owns it had it before. An address of another machine is taken from a person alone: a config, and a network that a
user made, may name any.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from qbdoctor.storage import files, private
from qbdoctor.target.address import parse_ip
from qbdoctor.target.listeners import owners_of

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection


def stranger(inspection: Inspection) -> str:
    """Return whose program listens at the address, where that is nobody who may have the credentials; else ""."""
    first = inspection.seen.anonymous
    peer = parse_ip((first.peer or "").partition("%")[0])
    if not private.has_users() or peer is None:
        return ""
    if not (peer.is_loopback or first.peer == first.local):
        return _elsewhere(inspection, str(peer))
    owners = owners_of(inspection.listening, first.peer or "", inspection.address.port)
    foreign = sorted((owners or frozenset()) - trusted_users(inspection))
    if not foreign:
        return ""
    config = inspection.target.config_file
    owner = None if config is None else files.owner(config)
    if foreign == [owner] and (inspection.target.config_given or _known_to(inspection)):
        return ""
    whose = private.user_name(foreign[0])
    instance = inspection.target.instance
    process = (
        f" (process {instance.pid})" if instance is not None and instance.user == private.account(foreign[0]) else ""
    )
    where = f"what listens at {inspection.address.authority} is a program of {whose}{process}"
    if config is not None and owner is not None and owner != foreign[0]:
        where += f", and the config {config} belongs to {private.user_name(owner)}"
    return f"{where}, not of this user: if that one may have it, give --trust-user {private.account(foreign[0])}"


def _elsewhere(inspection: Inspection, peer: str) -> str:
    """Return why an address of another machine or network may not have them; "" where a person or an engine named it.

    Who listens there cannot be seen from here. A process in a network of its own gives that any address it likes, so its
    user counts.
    """
    target, one = inspection.target, inspection.target.instance
    if target.origin in {"url", "container"}:
        return ""
    if target.publisher is not None and peer in target.publisher.addresses:
        return ""
    if one is not None and one.shares_network is False and peer in one.addresses:
        uid = private.user_id(one.user or "")
        if uid in trusted_users(inspection):
            return ""
        return _name_it(inspection, f"process {one.pid} of {one.user if uid is None else private.user_name(uid)}")
    return _name_it(inspection, f"the config {target.config_file}" if target.config_file else "what was found here")


def _name_it(inspection: Inspection, who: str) -> str:
    at = inspection.address
    return f"{at.authority} is no address of this machine's own, and only {who} names it: if it is meant, give --url {at.url}"


def trusted_users(inspection: Inspection) -> frozenset[int]:
    """Return the users whose programs may have the credentials, whatever else is known of them."""
    ours = {0, os.geteuid()}
    caller = inspection.environment.get("SUDO_UID", "")
    if private.is_root() and caller.isascii() and caller.isdigit():
        ours.add(int(caller))
    named = inspection.seen.asked.trusted_user
    uid = None if named is None else private.user_id(named)
    return frozenset(ours if uid is None else ours | {uid})


def _known_to(inspection: Inspection) -> bool:
    """Whether the config holds the API key, or a hash that the password fits."""
    seen = inspection.seen
    if seen.asked.api_key is not None:
        return seen.settings is not None and seen.settings.secret("APIKey") == seen.asked.api_key
    return seen.offline.outcome == "match"
