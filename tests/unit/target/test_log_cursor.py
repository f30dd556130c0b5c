"""What a log says since a moment: by its bytes, since its times are whole seconds."""

from pathlib import Path

from qbdoctor.target.log_cursor import LogEnd

FAILED = "(C) 2026-11-23T02:00:00 - Web UI: Unable to bind to IP: 10.0.0.1, port: 8080. Reason: no such address\n"
STARTED = "(N) 2026-11-23T02:00:00 - qBittorrent v5.1.0 started. Process ID: 2\n"


def texts(end: LogEnd) -> list[str]:
    return [line.text.split(" ")[0] for line in end.lines_since()]


def test_what_another_wrote_in_the_same_second_is_not_new(tmp_path: Path) -> None:
    log = tmp_path / "qbittorrent.log"
    log.write_text(FAILED)
    end = LogEnd.now(log)
    assert texts(end) == []
    with log.open("a") as file:
        file.write(STARTED)
    assert texts(end) == ["qBittorrent"]
    assert [line.level for line in end.lines_since()] == ["N"]


def test_a_rotated_log_is_read_whole(tmp_path: Path) -> None:
    log = tmp_path / "qbittorrent.log"
    log.write_text(FAILED)
    end = LogEnd.now(log)
    log.rename(tmp_path / "qbittorrent.log.bak")
    assert texts(end) == []  # for a moment there is none
    log.write_text(STARTED + FAILED + STARTED)  # and longer than the old one
    assert texts(end) == ["qBittorrent", "Web", "qBittorrent"]


def test_one_that_was_cut_off_is_read_whole(tmp_path: Path) -> None:
    log = tmp_path / "qbittorrent.log"
    log.write_text(FAILED * 3)
    end = LogEnd.now(log)
    with log.open("r+") as file:
        file.truncate(0)
        file.write(STARTED)
    assert texts(end) == ["qBittorrent"]


def test_one_that_was_not_there_is_all_new(tmp_path: Path) -> None:
    log = tmp_path / "qbittorrent.log"
    end = LogEnd.now(log)
    assert texts(end) == []
    log.write_text(FAILED)
    assert texts(end) == ["Web"]
