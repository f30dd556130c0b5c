"""Looks: kept small and without a secret, read again, compared; what explains nothing is never accused."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from qbdoctor.looks import certificate, comparing, explaining, server_log, words
from qbdoctor.looks.look import Look, NewerLook, Setting, parse
from qbdoctor.looks.store import MOST_LOOKS, Store, carried_over, identities
from qbdoctor.looks.taking import keyed
from qbdoctor.model.basics import Secret
from qbdoctor.model.changes import SeenChange, SeenChanges
from qbdoctor.model.report import Cause
from qbdoctor.releases import KEYS
from qbdoctor.reports.changes import line
from qbdoctor.reports.schema import load
from qbdoctor.target import log
from tests.kit.tls import make_cert
from tests.support import systems
from tests.support.page_values import CONTRACT

TAKEN = "2026-11-24T21:04:00.000Z"
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def look(taken: str = TAKEN, settings: dict[str, Setting] | None = None, **facts: str) -> Look:
    return Look(taken, "0.3.0", "http://nas.lan:8080", facts, settings or {}, "file" if settings else "")


def cause(name: str, *folded: str) -> Cause:
    return Cause(name, "error", "likely", name, folded=folded)


def test_a_look_is_what_its_schema_says_and_is_read_again() -> None:
    made = look(
        settings={"Port": Setting("8080", True)}, release="5.1.4", stored_password=keyed(b"k" * 32, Secret("hash"))
    )
    held = made.to_json()
    jsonschema.validate(held, load("look/1"))
    assert parse(json.loads(json.dumps(held))) == made


@pytest.mark.parametrize("held", [None, [], {}, {"schema": "qbdoctor.look/1"}, {"schema": "qbdoctor.look/x"}])
def test_what_is_no_look_is_refused(held: object) -> None:
    with pytest.raises(ValueError, match=r"is no look|lacks"):
        parse(held)


def test_a_later_schema_is_named() -> None:
    with pytest.raises(NewerLook, match=r"newer qbdoctor \(qbdoctor.look/2\)"):
        parse({"schema": "qbdoctor.look/2"})


def test_looks_are_kept_private_small_and_pruned(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    key = store.key(make=True)
    assert key is not None and Store(tmp_path / "state").key(make=False) == key
    for number in range(MOST_LOOKS + 5):
        assert store.keep(look(release=str(number)), [f"target {number}"])
        os.utime(store._path(f"target {number}"), (number, number))
    kept = list((tmp_path / "state/looks").glob("*.json"))
    assert len(kept) <= MOST_LOOKS + 1
    assert all(systems.has_mode(path, 0o600) for path in (tmp_path / "state/looks").iterdir())
    assert store.last(["never", f"target {MOST_LOOKS + 4}"]) == look(release=str(MOST_LOOKS + 4))
    assert store.last(["target 0"]) is None


def test_a_damaged_look_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.keep(look(), ["one"])
    store._path("one").write_bytes(b"{")
    assert store.last(["one"]) is None
    store._path("one").write_bytes(b"[" * 100_000)
    assert store.last(["one"]) is None


@systems.posix_only("permission bits")
def test_a_folder_that_others_may_write_is_neither_believed_nor_written(tmp_path: Path) -> None:
    mine = tmp_path / "state"
    Store(mine).keep(look(), ["one"])
    (mine / "looks").chmod(0o777)
    store = Store(mine)
    assert store.last(["one"]) is None
    assert not store.keep(look(), ["two"])
    assert store.key(make=True) is None


def test_a_state_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    store = Store(tmp_path / "state")
    assert store.key(make=True) is None
    assert not store.keep(look(), ["one"])
    assert store.last(["one"]) is None


def test_a_target_is_found_by_its_config_and_by_its_address() -> None:
    assert identities(look(config_file="/c/qBittorrent.conf")) == ["/c/qBittorrent.conf", "http://nas.lan:8080"]


def test_a_look_without_a_login_keeps_what_the_one_before_knew_of_the_same_start() -> None:
    full, poor = look(release="5.1.4", started="2026-11-01T00:00:00Z"), look(started="2026-11-01T00:00:00Z")
    assert carried_over(poor, full).facts["release"] == "5.1.4"
    assert "release" not in carried_over(look(started="2026-11-02T00:00:00Z"), full).facts


def test_what_explains_the_first_error_comes_first_and_what_explains_nothing_last() -> None:
    before = look(
        settings={"Port": Setting("8080", True), "SessionTimeout": Setting("3600", False)},
        release="5.1.4", cookie_name="SID", webapi_version="2.11.4",
    )  # fmt: skip
    after = look(
        "2026-11-28T11:00:00Z",
        settings={"Port": Setting("9090", True), "SessionTimeout": Setting("3600", False)},
        release="5.2.0", cookie_name="QBT_SID_9090", webapi_version="2.13.0",
    )  # fmt: skip
    found = comparing.differences(before, after, [cause("not-running"), cause("cookie-renamed")], moment=NOW)
    assert [one.what for one in found] == ["Port", "release", "cookie_name", "webapi_version"]
    assert [one.explains for one in found] == [("not-running", "cookie-renamed"), *[("cookie-renamed",)] * 2, ()]
    assert comparing.differences(before, before, [cause("not-running")]) == ()


def test_the_root_is_named_where_the_symptom_was_folded() -> None:
    before = look(settings={"AuthSubnetWhitelist": Setting("10.0.0.0/8", True)})
    after = look(settings={"AuthSubnetWhitelist": Setting("", False)})
    (found,) = comparing.differences(before, after, [cause("edited-while-running", "whitelist-not-matching")])
    assert found.explains == ("edited-while-running",)


def test_an_upgrade_is_not_accused_of_what_both_releases_do() -> None:
    assert "cookie-renamed" in explaining.by_release("5.1.4", "5.2.0")
    assert explaining.by_release("5.2.0", "5.2.0") == ()
    assert "cookie-renamed" not in explaining.by_release("5.2.1", "5.2.3")
    assert "wrong-credentials" not in explaining.by_release("4.2.5", "5.3.0")
    assert explaining.by_release("nonsense", "5.3.0") == ()


def test_the_tables_name_settings_and_causes_that_there_are() -> None:
    from qbdoctor.diagnosis.catalogue import pages

    names = {key.name for key in KEYS}
    assert set(explaining.SETTINGS) <= names
    told = {id_ for table in (explaining.SETTINGS, explaining.FACTS) for ids in table.values() for id_ in ids}
    told |= set(explaining._RULES)
    known = set(pages.ids()) | set(CONTRACT)
    assert told <= known, told - known


@pytest.mark.parametrize(
    ("pid", "started", "again"),
    [
        ("7", "2026-11-01T00:00:00.000Z", False),
        ("7", "2026-11-01T00:00:01.500Z", False),  # the clock was set: the same process
        ("8", "2026-11-01T00:00:01.500Z", True),  # it was started again at once
        ("8", "2026-10-31T23:00:00.000Z", False),
        ("7", "2026-11-01T00:01:00.000Z", True),  # a container's first process is the same each time
    ],
)
def test_a_restart_is_a_later_start_or_another_process(pid: str, started: str, again: bool) -> None:
    before = look(pid="7", started="2026-11-01T00:00:00.000Z")
    found = comparing.differences(before, look(pid=pid, started=started), [])
    assert ("started" in {one.what for one in found}) is again


def test_a_secret_shows_only_that_it_changed() -> None:
    key = b"k" * 32
    before, after = (look(stored_password=keyed(key, Secret(text))) for text in ("first", "second"))
    (found,) = comparing.differences(before, after, [cause("wrong-credentials")])
    assert (found.before, found.after) == (None, None)
    assert "keyed" not in found.text()


def test_the_log_dates_starts_whatever_zone_it_is_in() -> None:
    started = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
    hours = (started.astimezone() + timedelta(hours=5, minutes=30)).replace(tzinfo=None)
    text = f"""(N) 2026-11-24T03:00:00 - qBittorrent v5.1.4 started. Process ID: 1
(N) 2026-11-24T03:00:01 - WebUI: Now listening on IP: *, port: 8080
(N) {hours.isoformat()} - qBittorrent v5.2.0 started. Process ID: 1
(C) {hours.isoformat()} - WebUI: Unable to bind to IP: *, port: 8081. Reason: The bound address is already in use"""
    lines = tuple(log.parse(text))
    found = server_log.starts(lines, started)
    assert [(one.release, one.port, one.failed_port) for one in found] == [("5.1.4", 8080, None), ("5.2.0", None, 8081)]
    assert found[-1].when == started
    told = comparing.by_log(found, (), [cause("bind-failed"), cause("cookie-renamed")], NOW)
    assert [(one.what, one.before, one.after) for one in told] == [
        ("Port", "8080", "8081"),
        ("release", "5.1.4", "5.2.0"),
    ]
    assert server_log.first_with(found, "5.2.0", started) == started
    assert server_log.first_with(found, "5.2.0", started + timedelta(minutes=1)) is None


def test_the_end_of_a_certificate_is_read(tmp_path: Path) -> None:
    import ssl

    made = make_cert(tmp_path)
    pem = re.search(r"-+BEGIN CERTIFICATE.*?END CERTIFICATE-+", made.cert.read_text(), re.DOTALL)
    assert pem is not None
    der = ssl.PEM_cert_to_DER_cert(pem[0])
    end = words.parsed(certificate.end(der) or "")
    assert end is not None
    assert abs(end.timestamp() - time.time() - 30 * 86400) < 300
    for size in range(0, len(der), 7):
        certificate.end(der[:size])  # whatever it says, it raises nothing


def test_times_are_said_as_people_say_them() -> None:
    local = NOW.astimezone()
    assert words.at(NOW, NOW) == f"today {local:%H:%M}"
    assert words.at(NOW - timedelta(days=1), NOW).startswith("yesterday ")
    assert words.at(NOW - timedelta(days=4), NOW).startswith("Tuesday ")
    assert words.at(NOW - timedelta(days=40), NOW).startswith("2026-10-19 ")


def test_the_line_tells_what_explains_and_never_accuses() -> None:
    telling = SeenChange(
        "release", "5.1.4", "5.2.0", None, ("cookie-renamed",), "qBittorrent 5.1.4 → 5.2.0", "started today 03:00"
    )
    other = SeenChange("Port", "1", "2", None, (), "Port 1 → 2\x1b[31m")
    made = SeenChanges(TAKEN, "look", (telling, other), "Since it last worked (Tuesday 21:04)")
    said = line(made, 2)
    assert said.startswith(
        "Since it last worked (Tuesday 21:04): qBittorrent 5.1.4 → 5.2.0 (started today 03:00). Changed as well: Port 1"
    )
    assert "\x1b" not in said
    assert line(made, 1).endswith("(started today 03:00) (and 1 other change)")
    assert "nothing that explains this. Changed as well" in line(SeenChanges(TAKEN, "look", (other,), "Since x"), 2)
    assert "nothing changed that shows from here" in line(SeenChanges(TAKEN, "look", (), "Since x"), 2)
