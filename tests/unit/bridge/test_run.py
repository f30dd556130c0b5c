"""Who may use a bridge, what it says, and what it refuses before anything is asked."""

from __future__ import annotations

from typing import Any

import pytest

from qbdoctor.bridge.dialect import Speech
from qbdoctor.bridge.gate import Gate, networks
from qbdoctor.bridge.human import begun, human
from qbdoctor.bridge.result import BridgeResult
from qbdoctor.bridge.tally import KINDS, MOST_CLIENTS, Tally
from qbdoctor.bridge.upstream import Known
from qbdoctor.cli.arguments import parse
from qbdoctor.cli.commands import bridge as command
from qbdoctor.forwarding.rewriting import Names
from qbdoctor.model.errors import UserError
from qbdoctor.releases.versions import known
from qbdoctor.target.address import parse_url

NAMES = Names(parse_url("http://localhost:9000"), parse_url("http://nas.lan:8080"))
SPEECH = Speech.parse("5.1", given=False)


@pytest.mark.parametrize(
    ("address", "host", "status"),
    [
        ("127.0.0.1", "localhost:9000", None), ("::1", "[::1]:9000", None), ("127.0.0.1", "", None),
        ("192.168.1.9", "192.168.1.2:9000", None), ("192.168.2.9", "192.168.1.2:9000", 403), ("unknown", "", 403),
        ("127.0.0.1", "evil.example:9000", 401), ("127.0.0.1", "localhost.evil.example:9000", 401),
        ("127.0.0.1", "localhost:9001", 401), ("192.168.1.9", "evil.example:9000", 401),
    ],
)  # fmt: skip
def test_who_is_let_in(address: str, host: str, status: int | None) -> None:
    refused = Gate(NAMES, networks(["192.168.1.0/24"])).refusal(address, host)
    assert (refused and refused[0]) == status
    assert refused is None or refused[1].startswith("qbdoctor bridge: ")


@pytest.mark.parametrize("text", ["lan", "192.168.1.0/33", "", "10.0.0"])
def test_a_network_that_is_none(text: str) -> None:
    with pytest.raises(UserError, match="--allow"):
        networks([text])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--speak", "6.0"], "bad-release"), (["--allow", "lan"], "bad-allow"), (["--listen", "9000"], "bad-address"),
        (["--listen", "0.0.0.0:0"], "usage"), (["--format", "html"], "usage"),
    ],
)  # fmt: skip
def test_bad_input_is_a_sentence(arguments: list[str], code: str) -> None:
    with pytest.raises(UserError) as refused:
        command.run(parse(["bridge", "--url", "http://127.0.0.1:1", *arguments]))
    assert (refused.value.code, refused.value.exit_code) == (code, 2)


def test_a_server_that_does_not_answer() -> None:
    with pytest.raises(UserError) as refused:
        command.run(parse(["bridge", "--url", "http://127.0.0.1:1"]))
    assert (refused.value.code, refused.value.exit_code) == ("not-running", 1)


def result(*kinds: str, real: str = "5.3.0") -> BridgeResult:
    assert SPEECH is not None
    tally = Tally()
    client = tally.client("127.0.0.1", "old/1")
    client.requests = 3
    for kind in kinds:
        tally.note(client, kind, "a → b")
    return BridgeResult(NAMES, SPEECH, known(real), tally.clients)


@pytest.mark.parametrize(
    ("kinds", "can_go"),
    [((), True), (("version",), True), (("login-answer", "version"), None), (("login-answer", "field"), False)],
)
def test_when_it_can_go(kinds: tuple[str, ...], can_go: bool | None) -> None:
    made = result(*kinds)
    assert made.can_go is can_go
    assert ("the bridge can go." in human(made)) is bool(can_go)


def test_what_is_printed_fits_a_terminal() -> None:
    assert SPEECH is not None
    allowed: Any = networks(["192.168.1.0/24"])
    texts = [human(result(*KINDS)), human(result()), begun(NAMES, SPEECH, Known(status=401), allowed)]
    assert all(len(line) <= 80 for text in texts for line in text.splitlines())


def test_clients_beyond_a_number_share_a_record() -> None:
    tally = Tally()
    for number in range(MOST_CLIENTS + 5):
        tally.client("127.0.0.1", f"agent {number}").requests += 1
    assert len(tally.clients) == MOST_CLIENTS + 1
    assert tally.clients[-1].requests == 5
