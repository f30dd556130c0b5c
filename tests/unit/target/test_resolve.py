"""Which qBittorrent is meant: options, what runs, what lies at the usual places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.target.command_line import CommandLine
from qbdoctor.target.engines.port_mappings import PortMapping
from tests.kit.server import Server
from tests.support import systems
from tests.unit.target.conftest import WILDCARD, Bench, running, write

ServerFactory = Callable[..., Server]
# --- nothing given


def test_nothing_at_all(bench: Bench) -> None:
    message = bench.refused("no-target", exit_code=3)
    assert "--url" in message
    assert "--profile" in message


def test_the_only_instance(bench: Bench) -> None:
    profile, config = bench.profile(Port="8080")
    instance = running(config_file=config, profile=profile, log_file=Path("/log"))
    target = bench.resolve(instance)
    assert target.address.url == "http://127.0.0.1:8080"
    assert (target.origin, target.instance, target.others) == ("process", instance, ())
    assert (target.config_file, target.profile, target.log_file) == (config, profile, Path("/log"))
    assert (target.config_given, target.direct) == (False, True)
    assert (target.server_port, target.server_port_source) == (8080, "listening")


@pytest.mark.parametrize(
    ("settings", "fields", "url", "server_port"),
    [
        ({"Port": "8080", "HTTPS_Enabled": "true"}, {}, "https://127.0.0.1:8080", (8080, "listening")),
        ({"Port": "99"}, {}, "http://127.0.0.1:8080", (8080, "listening")),  # edited while it runs
        ({"Port": "6881"}, {"torrent_ports": ()}, "http://127.0.0.1:6881", (6881, "listening")),
        ({"Port": "99"}, {"torrent_ports": ()}, "http://127.0.0.1:99", (99, "config")),  # which of two cannot be told
        ({"Port": "99"}, {"options": CommandLine(webui_port=6881)}, "http://127.0.0.1:6881", (6881, "listening")),
        ({"Port": "99"}, {"listening": None}, "http://127.0.0.1:99", (99, "config")),
        ({"Port": "99"}, {"listening": ()}, "http://127.0.0.1:99", (99, "config")),
        ({"Port": "abc"}, {"listening": ()}, "http://127.0.0.1:8080", (None, None)),
        ({"Port": "99999"}, {"listening": ()}, "http://127.0.0.1:34463", (34463, "config")),
        ({}, {"listening": ()}, "http://127.0.0.1:8080", (8080, "config")),
        ({"Address": "10.0.0.5"}, {"listening": None}, "http://10.0.0.5:8080", (8080, "config")),
        ({"Address": "*"}, {"listening": None}, "http://127.0.0.1:8080", (8080, "config")),
        ({"Address": "localhost"}, {"listening": None}, "http://127.0.0.1:8080", (8080, "config")),
        ({"Address": "::"}, {"listening": None}, "http://[::1]:8080", (8080, "config")),
        ({}, {"listening": (("10.0.0.5", 8080),)}, "http://10.0.0.5:8080", (8080, "listening")),
        ({}, {"listening": (("::1", 8080),)}, "http://[::1]:8080", (8080, "listening")),
        ({}, {"listening": (("::", 8080),)}, "http://127.0.0.1:8080", (8080, "listening")),
        (
            {},
            {"shares_network": False, "addresses": ("172.17.0.2",), "in_container": True},
            "http://172.17.0.2:8080",
            (8080, "listening"),
        ),
    ],
)
def test_its_address(
    bench: Bench, settings: dict[str, str], fields: dict[str, Any], url: str, server_port: tuple[int, str]
) -> None:
    _, config = bench.profile(**settings)
    target = bench.resolve(running(config_file=config, **fields))
    assert target.address.url == url
    assert (target.server_port, target.server_port_source) == server_port


def test_an_instance_whose_config_is_hidden(bench: Bench) -> None:
    options = CommandLine(webui_port=81, webui_port_source="QBT_WEBUI_PORT")
    target = bench.resolve(running(config_file=None, listening=None, options=options))
    assert target.address.url == "http://127.0.0.1:81"
    assert (target.server_port, target.server_port_source) == (81, "QBT_WEBUI_PORT")
    assert target.direct is None
    assert bench.resolve(running(config_file=bench.folder / "none")).address.port == 8080


def test_several_are_listed(bench: Bench) -> None:
    _, config = bench.profile(Port="81")
    message = bench.refused(
        "several-instances",
        running(11, profile=Path("/one")),
        running(12, listening=None, config_file=config),
        running(13, listening=None),
    )
    assert "3 qBittorrent" in message
    assert f"qbdoctor check --profile {Path('/one')}   (port 8080, pid 11)" in message
    assert f"qbdoctor check --config {config}   (port 81, pid 12)" in message
    assert "sudo" not in message
    hidden = bench.folder / "hidden"
    refused = bench.refused(
        "several-instances",
        running(11, listening=None, profile=hidden, config_file=hidden / "qBittorrent.conf"),
        running(12, listening=None, config_file=config),
    )
    assert (
        f"--profile {hidden}   (port unknown, pid 11; with sudo, since this user may not read its config)" in refused
    ), refused
    assert refused.count("sudo") == 1
    assert "process 13, whose port and config are not to be seen from here" in message
    assert "--url, --profile or --config" in message


@pytest.mark.parametrize(
    "place",
    [
        "home/u/.config/qBittorrent/qBittorrent.conf",
        "home/u/.var/app/org.qbittorrent.qBittorrent/config/qBittorrent/qBittorrent.conf",
        "home/u/snap/qbittorrent-arnatious/current/.config/qBittorrent/qBittorrent.conf",
        "config/qBittorrent/qBittorrent.conf",
        "config/qBittorrent/config/qBittorrent.conf",
        ".config/qBittorrent/qBittorrent.conf",
    ],
)
def test_a_config_at_a_usual_place(bench: Bench, place: str) -> None:
    config = write(bench.folder / place, Port="81")
    target = bench.resolve()
    assert (target.origin, target.config_file, target.address.port) == ("default-config", config, 81)
    assert (target.config_given, target.instance, target.direct) == (False, None, None)
    assert (target.server_port, target.server_port_source) == (81, "config")


def test_a_config_that_cannot_be_read_is_passed_over_and_not_said_to_be_missing(bench: Bench) -> None:
    config = bench.home / ".config/qBittorrent/qBittorrent.conf"
    config.parent.mkdir(parents=True)
    config.write_bytes(b"\0\1\2")
    message = bench.refused("no-target", exit_code=3)
    assert str(config) in message
    assert "no config is at a usual place" not in message
    other = write(bench.folder / "config/qBittorrent/qBittorrent.conf", Port="81")
    assert bench.resolve().config_file == other


# --- --profile and --config


def test_profile(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, config = bench.profile(Port="81", Address="10.0.0.5")
    monkeypatch.chdir(bench.folder)
    for given in (str(folder), "p", "./p/"):
        target = bench.resolve(profile=given)
        assert (target.origin, target.address.url) == ("profile", "http://10.0.0.5:81")
        assert (target.config_file, target.profile, target.config_given) == (config, folder, True)
        assert target.log_file == folder / "qBittorrent/data/logs/qbittorrent.log"
        assert (target.instance, target.direct) == (None, None)


def test_config(bench: Bench) -> None:
    config = write(bench.folder / "my.conf", Port="81")
    target = bench.resolve(config=str(config))
    assert (target.origin, target.address.url, target.config_given) == ("config", "http://127.0.0.1:81", True)
    assert target.profile is None
    folder, config = bench.profile()
    assert bench.resolve(config=str(config)).profile == folder


@pytest.mark.parametrize("option", ["config", "profile"])
@systems.links
def test_the_instance_that_uses_that_very_file(bench: Bench, option: str) -> None:
    folder, config = bench.profile(Port="8080")
    link = bench.folder / "link"
    link.symlink_to(folder)
    mine = running(1, config_file=link / "qBittorrent/config/qBittorrent.conf", profile=link)
    other = running(2, config_file=bench.profile("other")[1])
    target = bench.resolve(other, mine, **{option: str(folder if option == "profile" else config)})
    assert (target.instance, target.others, target.direct) == (mine, (other,), True)
    assert (target.config_file, target.profile) == (config, folder)


def test_a_named_configuration(bench: Bench) -> None:
    folder = bench.folder / "p"
    one = write(folder / "qBittorrent_one/config/qBittorrent.conf", Port="81")
    target = bench.resolve(profile=str(folder))
    assert (target.config_file, target.address.port) == (one, 81)
    assert target.log_file == folder / "qBittorrent_one/data/logs/qbittorrent.log"
    write(folder / "qBittorrent_two/config/qBittorrent.conf")
    message = bench.refused("several-configurations", profile=str(folder))
    assert "one, two" in message
    assert f"such as {one}" in message


def test_profiles_that_are_none(bench: Bench) -> None:
    missing = bench.folder / "none"
    message = bench.refused("config-missing", profile=str(missing))
    assert str(missing / "qBittorrent/config/qBittorrent.conf") in message
    file = write(bench.folder / "file.conf")
    assert "--config" in bench.refused("profile-not-a-folder", profile=str(file))
    _, config = bench.profile()
    for inside in (config.parent, config.parent.parent):
        assert f"use --config {config}" in bench.refused("config-missing", profile=str(inside))
    assert "empty" in bench.refused("empty-path", profile=" ")


def test_configs_that_are_none(bench: Bench) -> None:
    bench.refused("config-missing", config=str(bench.folder / "none.conf"))
    bench.refused("config-is-folder", config=str(bench.folder))
    bench.refused("empty-path", config="")
    binary = bench.folder / "binary.conf"
    binary.write_bytes(b"\0\0")
    bench.refused("config-binary", config=str(binary))
    bench.refused("config-missing", config=str(bench.folder / "none.conf"), url="http://localhost:8080")


def test_config_and_profile(bench: Bench) -> None:
    folder, config = bench.profile()
    target = bench.resolve(config=str(config), profile=str(folder))
    assert (target.origin, target.config_file, target.profile) == ("config", config, folder)
    other = write(bench.folder / "other.conf")
    message = bench.refused("config-differs-from-profile", config=str(other), profile=str(folder))
    assert str(config) in message


# --- --url


@pytest.mark.parametrize(
    ("url", "listening", "direct"),
    [
        ("http://localhost:8080", WILDCARD, True),
        ("http://127.0.0.1:8080/base", WILDCARD, True),
        ("http://127.3.3.3:8080", WILDCARD, True),
        ("http://10.0.0.5:8080", WILDCARD, True),
        ("http://nas.lan:8080", WILDCARD, True),
        ("https://nas.lan:8080", WILDCARD, True),
        ("http://[::1]:8080", (("::", 8080),), True),
        ("http://127.0.0.1:8080", (("::", 8080),), True),
        ("http://127.0.0.1:8080", (("::ffff:127.0.0.1", 8080),), True),
        ("http://[::1]:8080", WILDCARD, None),
        ("http://10.0.0.5:8080", (("127.0.0.1", 8080),), None),
        ("http://localhost:8080", (("10.0.0.5", 8080),), None),
        ("http://localhost:8081", WILDCARD, None),
        ("http://localhost:8080", (), None),
        ("http://203.0.113.9:8080", WILDCARD, None),
        ("http://far.example:8080", WILDCARD, None),
        ("http://unknown.example:8080", WILDCARD, None),
    ],
)
def test_a_local_process_belongs_only_if_it_listens_there(
    bench: Bench, url: str, listening: tuple[tuple[str, int], ...], direct: bool | None
) -> None:
    _, config = bench.profile(Port="8080")
    instance = running(config_file=config, listening=listening)
    target = bench.resolve(instance, url=url)
    assert (target.origin, target.address.url, target.direct) == ("url", url, direct)
    if direct:
        assert (target.instance, target.config_file, target.server_port) == (instance, config, 8080)
    else:
        assert (target.instance, target.config_file, target.server_port) == (None, None, None)
        assert target.others == (instance,)
    assert not target.config_given


def test_the_right_one_of_several(bench: Bench) -> None:
    one, two = running(1, listening=(("127.0.0.1", 81),)), running(2, listening=(("127.0.0.1", 82),))
    target = bench.resolve(one, two, url="http://localhost:82")
    assert (target.instance, target.others) == (two, (one,))


def test_a_process_that_hides_its_sockets(bench: Bench) -> None:
    _, config = bench.profile(Port="81")
    hidden = running(1, listening=None, config_file=config)
    target = bench.resolve(hidden, url="http://localhost:81")
    assert (target.instance, target.direct) == (hidden, None)
    assert bench.resolve(hidden, url="http://localhost:82").instance is None
    assert bench.resolve(hidden, url="http://far.example:81").instance is None
    assert bench.resolve(hidden, replace(hidden, pid=2), url="http://localhost:81").instance is None


@pytest.mark.parametrize("option", ["config", "profile"])
def test_a_config_beside_a_url_is_taken_at_its_word(bench: Bench, option: str) -> None:
    folder, config = bench.profile(Port="8080")
    given = {option: str(folder if option == "profile" else config)}
    target = bench.resolve(url="https://far.example", **given)
    assert (target.origin, target.config_file, target.config_given) == ("url", config, True)
    assert (target.instance, target.direct) == (None, None)
    assert (target.server_port, target.server_port_source) == (8080, "config")
    instance = running(config_file=config)
    target = bench.resolve(instance, url="https://far.example", **given)
    assert (target.instance, target.direct) == (instance, False), "a proxy may lead to it"
    target = bench.resolve(instance, url="http://localhost:8080", **given)
    assert (target.instance, target.direct) == (instance, True)


def test_a_container(bench: Bench) -> None:
    _, config = bench.profile(Port="8080")
    inside = running(config_file=config, in_container=True, shares_network=False, addresses=("172.17.0.2",))
    target = bench.resolve(inside, url="http://172.17.0.2:8080")
    assert (target.instance, target.direct) == (inside, True)
    assert bench.resolve(inside, url="http://localhost:8080").instance is None, "its port 8080 is not ours"
    bench.mappings = (PortMapping("0.0.0.0", 18080, "172.17.0.2", 8080), PortMapping("10.0.0.5", 9, "172.17.0.2", 8080))
    target = bench.resolve(inside, url="http://nas.lan:18080")
    assert (target.instance, target.direct, target.config_file) == (inside, False, config)
    assert (target.server_port, target.server_port_source) == (8080, "listening")
    assert bench.resolve(inside, url="http://nas.lan:9").instance is inside
    assert bench.resolve(inside, url="http://localhost:9").instance is None
    assert bench.resolve(inside, url="http://far.example:18080").instance is None


def test_a_bad_url(bench: Bench) -> None:
    bench.refused("bad-url", url="http:/localhost:8080")
    bench.refused("credentials-in-url", url="http://a:b@localhost:8080")


# --- the log


def test_the_log_is_where_the_config_puts_it(bench: Bench) -> None:
    folder, config = bench.profile()
    elsewhere = bench.folder / "logs"
    text = config.read_text()
    config.write_text(f"[Application]\nFileLogger\\Path={elsewhere.as_posix()}\n{text}")
    assert bench.resolve(profile=str(folder)).log_file == elsewhere / "qbittorrent.log"
    usual = folder / "qBittorrent/data/logs/qbittorrent.log"
    usual.parent.mkdir(parents=True)
    usual.touch()
    assert bench.resolve(profile=str(folder)).log_file == usual, "the folder was moved here"
    elsewhere.mkdir()
    (elsewhere / "qbittorrent.log").touch()
    assert bench.resolve(profile=str(folder)).log_file == elsewhere / "qbittorrent.log"
    config.write_text(f"[Application]\nFileLogger\\Enabled=false\n{text}")
    assert bench.resolve(profile=str(folder)).log_file is None
