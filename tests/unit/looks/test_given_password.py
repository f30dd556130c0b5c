"""The keyed hash of a given password costs 60 ms: it is computed where nothing else tells that the password is the same."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from qbdoctor.looks import taking
from qbdoctor.looks.look import Look
from qbdoctor.looks.taking import with_given_password
from qbdoctor.model.basics import Secret
from qbdoctor.observe.base.observations import Observations
from qbdoctor.observe.base.observed_values import Offline, SignIn

KEY = b"k" * 32
FITS = {"stored_password": "keyed:1", "given_password_fits": "stored"}


def look(**facts: str) -> Look:
    return Look("2026-01-01T00:00:00Z", "1", "http://nas.lan:8080", facts)


def seen(password: str | None = "a good one", sign_in: SignIn | None = None) -> Observations:
    secret = Secret(password) if password is not None else None
    return Observations({"password": secret, "sign_in": sign_in or SignIn("accepted", "the login is accepted")})


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []
    taking._given.cache_clear()
    real = hashlib.scrypt

    def noted(*given: Any, **named: Any) -> bytes:
        made.append(given)
        return real(*given, **named)

    monkeypatch.setattr(hashlib, "scrypt", noted)
    return made


def test_it_is_computed_the_first_time(computed: list[Any]) -> None:
    first = with_given_password(look(**FITS), seen(), KEY, None)
    assert first.facts["given_password"].startswith("keyed:")
    assert len(computed) == 1


def test_a_password_that_fits_the_same_stored_hash_is_the_same(computed: list[Any]) -> None:
    first = with_given_password(look(**FITS), seen(), KEY, None)
    second = with_given_password(look(**FITS), seen(), KEY, first)
    assert second.facts["given_password"] == first.facts["given_password"]
    assert len(computed) == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"stored_password": "keyed:2", "given_password_fits": "stored"},  # the config has another one now
        {"stored_password": "keyed:1"},  # the given one does not fit, or was not held against it
        {"given_password_fits": "stored"},
        {},
    ],
)
def test_else_it_is_computed(facts: dict[str, str], computed: list[Any]) -> None:
    first = with_given_password(look(**FITS), seen(), KEY, None)
    other = with_given_password(look(**facts), seen("another"), KEY, first)
    assert other.facts["given_password"] != first.facts["given_password"]
    assert len(computed) == 2


def test_none_where_none_was_tried(computed: list[Any]) -> None:
    unsent = SignIn("not-sent", "no password was given", why="no-credentials")
    for now, key in ((seen(None), KEY), (seen(sign_in=unsent), KEY), (seen(), None)):
        assert "given_password" not in with_given_password(look(**FITS), now, key, None).facts
    assert not computed


def test_what_was_computed_ahead_is_used(computed: list[Any]) -> None:
    held = seen()
    held.put("offline", Offline("unknown", "the config is not at hand"))
    taking.hash_ahead(held, KEY, is_new=False)
    with_given_password(look(), held, KEY, None)
    assert len(computed) == 1
    with_given_password(look(), held, KEY, None)
    assert len(computed) == 1
    held.put("offline", Offline("match", "the password fits"))
    taking.hash_ahead(held, b"j" * 32, is_new=False)
    with_given_password(look(**FITS), held, b"j" * 32, look(**FITS, given_password="keyed:0"))
    assert len(computed) == 1, "the stored hash tells"
    taking.hash_ahead(held, b"n" * 32, is_new=True)
    with_given_password(look(**FITS), held, b"n" * 32, None)
    assert len(computed) == 2, "the first look needs it"
