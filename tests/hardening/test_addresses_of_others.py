"""Credentials go to another machine where a person or an engine named its address, not a user's config or network."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hardening.test_credentials import IMPOSTOR, PASSWORD, Impostor, doctor
from tests.kit import namespaces, others
from tests.kit.namespaces import Net, net
from tests.support.strangers import EVE, give, needs_root, profile

REASON = namespaces.unavailable()
pytestmark = [needs_root, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


@contextmanager
def process(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    made = subprocess.Popen(words)
    try:
        time.sleep(0.8)
        yield made
    finally:
        made.kill()
        made.wait()


@contextmanager
def far_machine(base: Path) -> Iterator[tuple[Impostor, Net]]:
    """Give another machine that answers as qBittorrent does, and this one's eve, who has its address in her config."""
    with net() as inside:
        eve = Impostor(base, EVE)
        eve.host = inside.inner
        program = eve.home / "far.py"
        program.write_text(IMPOSTOR)
        where = f"{inside.inner}:{eve.port}"
        with process(*inside.enter, sys.executable, str(program), str(eve.kept), where):
            profile(base, EVE, f"[Preferences]\nWebUI\\Address={inside.inner}\nWebUI\\Port={eve.port}\n".encode())
            yield eve, inside


def test_an_address_that_a_config_alone_names_gets_nothing(base: Path) -> None:
    with far_machine(base) as (eve, inside):
        words = ("--deadline", "8", "--config", str(base / "home/qBittorrent/config/qBittorrent.conf"))
        held = doctor(base, *words)
        assert PASSWORD not in eve.got, held.out
        assert f"give --url http://{inside.inner}:{eve.port}" in held.out
        doctor(base, *words, "--url", f"http://{inside.inner}:{eve.port}")
        assert PASSWORD in eve.got


def test_an_address_of_a_network_that_a_user_made_gets_nothing(base: Path) -> None:
    """There she takes any address: her "qBittorrent" listens at one that is another machine's for everybody else."""
    with far_machine(base) as (eve, inside):
        kept = eve.home / "hers"
        kept.touch()
        give(EVE, kept)
        script = 'ip link set lo up; ip addr add "$1"/32 dev lo; shift; exec "$@"'
        hers = [*others.as_user(EVE), sys.executable, str(eve.program), str(kept), f"{inside.inner}:{eve.port}"]
        hers.append(f"--profile={base / 'home'}")
        with process("unshare", "-n", "sh", "-c", script, "sh", inside.inner, *hers) as one:
            words = ("--deadline", "8", "--config", str(base / "home/qBittorrent/config/qBittorrent.conf"))
            held = doctor(base, *words)
            assert f"only process {one.pid} of user {EVE} names it" in held.out, held
            assert PASSWORD not in eve.got
            doctor(base, *words, "--trust-user", str(EVE))
            assert PASSWORD in eve.got
