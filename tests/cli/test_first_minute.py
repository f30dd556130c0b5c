"""What a stranger types wrong in his first minute, and the sentence that he gets."""

from __future__ import annotations

import pytest

from qbdoctor.cli.defaults import COMMANDS
from qbdoctor.cli.parser import command
from tests.support.doctor import qbdoctor

SECRET = "hunter2-secret"

WRONG_OPTIONS = [
    # what is typed, what the answer says
    (["--url"], "--url wants a value behind it: --url URL"),
    (["check", "--deadline"], "--deadline wants a value behind it: --deadline SECONDS"),
    (["watch", "--every"], "--every wants a value behind it: --every SECONDS"),
    (["--urll", "http://x"], "did you mean --url URL?"),
    (["--URL", "http://x"], "did you mean --url URL?"),
    (["--profil", "/srv"], "did you mean --profile DIR?"),
    (["--nologin"], "did you mean --no-login?"),
    (["--user", "admin"], "did you mean --username NAME?"),
    (["-u", "http://x"], "did you mean --url URL?"),
    (["--host", "nas"], "did you mean --url URL?"),
    (["--timeout", "5"], "did you mean --deadline SECONDS?"),
    (["-k"], "did you mean --insecure?"),
    (["fix", "-y"], "did you mean --yes?"),
    (["fix", "--dry"], "did you mean --dry-run?"),
    (["-V"], "did you mean --version?"),
    (["--docker", "qb"], "did you mean --container NAME?"),
    (["--format", "jsn"], "--format: there is no 'jsn': did you mean json? There are human, json,"),
    (["--format", "yml"], "--format: there is no 'yml': There are human, json,"),
    (["-x"], "there is no option -x; "),
    (["--deadline", "5s"], "--deadline: '5s' is no time"),
]

WRONG_WORDS = [
    (["127.0.0.1:8080"], "--url: qbdoctor check --url 127.0.0.1:8080"),
    (["fix", "http://nas:8080"], "--url: qbdoctor fix --url http://nas:8080"),
    (["/etc/qBittorrent.conf"], "--config: qbdoctor check --config /etc/qBittorrent.conf"),
    (["/srv/qb"], "--profile: qbdoctor check --profile /srv/qb"),
    (["docker"], "qbdoctor --help lists the commands, qbdoctor explain the checks."),
    (["install"], "qbdoctor --help lists the commands, qbdoctor explain the checks."),
    (["fix", "all"], "there are require-localhost-auth, "),
    (["--url", ":8080"], "write http://localhost:8080."),
]


@pytest.mark.parametrize(("typed", "told"), [*WRONG_OPTIONS, *WRONG_WORDS], ids=lambda one: " ".join(one)[:40])
def test_a_wrong_line_gets_a_sentence(typed: list[str], told: str) -> None:
    run = qbdoctor(*typed)
    assert run.code == 2
    assert told in run.err.replace("\n", " "), run.err
    assert "argument" not in run.err, "argparse's word"
    assert not run.out


@pytest.mark.parametrize("name", ["--password", "--pass", "-p", "--passwd", "--pasword", "--api-key", "--token"])
@pytest.mark.parametrize("form", ["{name} {secret}", "{name}={secret}"])
def test_a_secret_on_the_line_is_not_taken_nor_repeated(name: str, form: str) -> None:
    typed = form.format(name=name, secret=SECRET).split()
    run = qbdoctor(*typed)
    assert run.code == 2
    assert SECRET not in run.err + run.out
    assert "others would see" in run.err
    assert "QBDOCTOR_" in run.err
    assert SECRET not in qbdoctor(f"-p{SECRET}").err


def test_what_is_meant_by_other_names_is_an_option() -> None:
    from qbdoctor.cli.suggest import _MEANT, _OTHER_NAMES, _SECRETS

    options = {option for name in COMMANDS for option in command(name)._option_string_actions}
    assert set(_MEANT) <= options
    taken = set(_OTHER_NAMES) & {
        o for name in ("check", "fix", "rollback") for o in command(name)._option_string_actions
    }
    assert taken == set(), "a name that is ours means itself"
    assert not {name for names in _SECRETS.values() for name in names} & options
