"""What other programs do to us on Windows: files that they hold open, consoles, shells, drives and long paths."""

from __future__ import annotations

import contextlib
import json
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.windows import Windows
from tests.windows.scenes import CONFIG, Console, folder, said, waited_for

pytestmark = pytest.mark.extended

HOLD = """import ctypes, os, sys, time
k = ctypes.WinDLL("kernel32", use_last_error=True)
k.CreateFileW.restype = ctypes.c_void_p
held = k.CreateFileW(sys.argv[1], 0x80000000, int(sys.argv[2]), None, 3, 0, None)
open("C:/t/held.new", "w").write(str(held))
os.replace("C:/t/held.new", "C:/t/held")
time.sleep(300)
"""
READ_BY_OTHERS = 1
"""FILE_SHARE_READ: others may read it meanwhile, not write or replace it."""
FIX = ("-m", "qbdoctor", "fix", "require-localhost-auth", "--yes", "--via", "file")


@contextlib.contextmanager
def held_open(there: Windows, name: str, share: int) -> Iterator[None]:
    """Another program has the file open of which this is Windows' name."""
    mark = there.drive / "t/held"
    mark.unlink(missing_ok=True)
    (there.drive / "t/hold.py").write_text(HOLD)
    holder = subprocess.Popen(
        there.command(r"C:\t\hold.py", name, str(share)),
        cwd=there.drive, env=there.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert waited_for(mark) != "-1"
        yield
    finally:
        holder.kill()
        holder.wait()
        mark.unlink(missing_ok=True)


def ini(there: Windows, name: str) -> tuple[Path, str]:
    """A config alone in its folder, as we and as Windows call it."""
    path, called = folder(there, name)
    (path / "qBittorrent.ini").write_bytes(CONFIG)
    return path / "qBittorrent.ini", f"{called}\\qBittorrent.ini"


def test_a_config_that_another_program_has_open_is_left_with_the_reason(there: Windows) -> None:
    config, name = ini(there, "open")
    with held_open(there, name, READ_BY_OTHERS):
        done = there.run(*FIX, "--config", name)
    text = said(done)
    assert done.returncode == 4, text
    assert "another program has it open" in text
    assert config.read_bytes() == CONFIG
    assert [path.name for path in config.parent.iterdir()] == [config.name]


def test_a_config_that_nobody_else_may_read_is_told_so(there: Windows) -> None:
    _, name = ini(there, "locked")
    with held_open(there, name, 0):
        text = said(there.run("-m", "qbdoctor", "check", "--config", name))
    assert "another program has it open" in text, text


def test_such_a_config_at_its_usual_place_is_not_said_to_be_missing(there: Windows) -> None:
    config = there.drive / "users/ann/AppData/Roaming/qBittorrent/qBittorrent.ini"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_bytes(CONFIG)
    try:
        with held_open(there, r"C:\users\ann\AppData\Roaming\qBittorrent\qBittorrent.ini", 0):
            done = there.run("-m", "qbdoctor", "check")
    finally:
        config.unlink()
    assert done.returncode == 3, said(done)
    assert "another program has it open" in said(done)
    assert "no config is at a usual place" not in said(done)


def test_an_output_file_that_is_open_leaves_nothing_beside_it(there: Windows) -> None:
    path, name = folder(there, "report")
    target = path / "report.json"
    target.write_bytes(b"old")
    config, called = ini(there, "for the report")
    with held_open(there, f"{name}\\report.json", READ_BY_OTHERS):
        done = there.run("-m", "qbdoctor", "check", "--config", called, "--json", "-o", f"{name}\\report.json")
    assert done.returncode == 2, said(done)
    assert "another program has it open" in said(done)
    assert [(one.name, one.read_bytes()) for one in path.iterdir()] == [("report.json", b"old")]
    assert config.read_bytes() == CONFIG


def test_openmetrics_has_its_own_line_ends(there: Windows) -> None:
    _, name = ini(there, "metrics")
    done = there.run("-m", "qbdoctor", "check", "--config", name, "--format", "openmetrics")
    assert b"# EOF\n" in done.stdout, said(done)
    assert b"\r" not in done.stdout


@pytest.mark.parametrize("name", ["фильмы", "x" * 120 + "\\" + "y" * 120], ids=["letters of no code page", "long"])
def test_any_path_is_fixed_and_rolled_back(there: Windows, name: str) -> None:
    path, called = folder(there, name.replace("\\", "/"))
    config = path / "qBittorrent.ini"
    config.write_bytes(CONFIG)
    done = there.run(*FIX, "--config", f"{called}\\qBittorrent.ini".replace("/", "\\"))
    assert done.returncode == 0, said(done)
    assert config.read_bytes() != CONFIG
    done = there.run("-m", "qbdoctor", "rollback", "--yes")
    assert done.returncode == 0, said(done)
    assert config.read_bytes() == CONFIG


def test_a_profile_on_another_drive(there: Windows, tmp_path: Path) -> None:
    """Its records are on C:, so nothing of them can be renamed into its place."""
    drive = there.folder / "prefix/dosdevices/q:"
    drive.unlink(missing_ok=True)
    drive.symlink_to(tmp_path)
    config = tmp_path / "box/qBittorrent/config/qBittorrent.ini"
    config.parent.mkdir(parents=True)
    config.write_bytes(CONFIG)
    try:
        done = there.run(*FIX, "--profile", r"Q:\box")
        assert done.returncode == 0, said(done)
        assert config.read_bytes() == CONFIG.replace(b"LocalHostAuth=false", b"LocalHostAuth=true")
        done = there.run("-m", "qbdoctor", "rollback", "--yes")
        assert done.returncode == 0, said(done)
        assert config.read_bytes() == CONFIG
    finally:
        drive.unlink()


def test_the_change_document_has_windows_commands(there: Windows) -> None:
    config, name = ini(there, "my change")
    assert there.run(*FIX, "--config", name).returncode == 0
    listed = json.loads(there.run("-m", "qbdoctor", "history", "--json").stdout)
    newest = next(one for one in listed["records"] if one["file"]["path"] == name)
    text = said(there.run("-m", "qbdoctor", "history", newest["id"], "--format", "markdown"))
    assert f'certutil -hashfile "{name}" SHA256' in text
    assert "```bat" in text
    for word in ("```sh\n", "sha256sum", "install -", "systemctl", "umask", f"'{name}'"):
        assert word not in text
    # What takes it back works as printed, blank in the path and all.
    undo = next(line.strip() for line in text.splitlines() if " rollback " in line and "--state-dir" in line)
    whole = undo.replace("qbdoctor", r"C:\Python\python.exe -m qbdoctor", 1) if undo.startswith("qbdoctor") else undo
    (there.drive / "t/undo.bat").write_text(f"@{whole} --yes\r\n", newline="")
    done = there.batch(r"C:\t\undo.bat")
    assert done.returncode == 0, said(done)
    assert config.read_bytes() == CONFIG


def test_a_client_that_is_a_batch_file_is_traced(there: Windows) -> None:
    """As npm, which is npm.cmd."""
    path, name = folder(there, "tools")
    (path / "client.cmd").write_text('@C:\\Python\\python.exe -c "print(7 * 6)"\r\n', newline="")
    done = there.run(
        "-m", "qbdoctor", "trace", "--url", "http://127.0.0.1:9", "--run", "--", "client",
        seconds=180, environment={"WINEPATH": name},
    )  # fmt: skip
    text = said(done)
    assert "cannot be started" not in text, text
    assert "42" in text


def test_a_console_is_told_to_obey_escapes_and_a_pipe_gets_none(there: Windows) -> None:
    code = (
        "import ctypes, msvcrt, sys; from qbdoctor.cli import output; mode = ctypes.c_ulong(); used = output.use_color(False); "
        "ctypes.WinDLL('kernel32').GetConsoleMode(ctypes.c_void_p(msvcrt.get_osfhandle(1)), ctypes.byref(mode)); "
        "print('used', used, 'obeys', bool(mode.value & 4))"
    )
    assert b"used False obeys False" in there.run("-c", code).stdout
    with Console(there, "-c", code) as console:
        shown = console.until(b"obeys ", 60) + console.until(b"", 5)
    assert b"used True obeys True" in shown or b"used False obeys False" in shown, shown


def test_the_scheduled_task_is_taken_and_starts_the_watch(there: Windows) -> None:
    path, name = folder(there, "my tasks")
    words = ("watch", "--url", "http://127.0.0.1:9", "--no-login", "--every", "300", "--report", f"{name}\\a page.html")
    xml = there.run("-m", "qbdoctor", *words, "--install-unit").stdout
    for number, (text, code) in enumerate([(xml, 0), (xml.decode().encode("utf-16"), 0), (xml[:-30], 1)]):
        (path / f"{number}.xml").write_bytes(text)
        made = there.batch("schtasks", "/Create", "/F", "/TN", "qbdoctor watch", "/XML", f"{name}\\{number}.xml")
        assert made.returncode == code, (number, said(made))
    run = ET.fromstring(xml).find(".//{*}Exec")
    assert run is not None
    line = "{} {}".format(*(part.text for part in run)).replace("-m qbdoctor", f'"{name}\\argv.py"')
    (path / "argv.py").write_text("import json, sys; print(json.dumps(sys.argv[1:]))")
    (path / "run.bat").write_text(f"@{line}\n", newline="\r\n")
    assert json.loads(there.batch(f"{name}\\run.bat").stdout) == list(words)


def test_a_list_that_powershell_wrote(there: Windows) -> None:
    path, name = folder(there, "list")
    (path / "urls.txt").write_bytes("http://127.0.0.1:9\r\nhttp://127.0.0.1:10\r\n".encode("utf-16"))
    done = there.run("-m", "qbdoctor", "fleet", "--targets", f"{name}\\urls.txt")
    assert "2 of 2 targets: 2 problem" in said(done), said(done)


def test_the_read_only_mark_is_taken_away_as_printed(there: Windows) -> None:
    config, name = ini(there, "my marked one")
    there.batch("attrib", "+R", name)
    done = there.run(*FIX, "--config", name)
    assert done.returncode == 4, said(done)
    command = said(done).partition("with ")[2].strip().removesuffix(".")
    (there.drive / "t/mark.bat").write_text(f"@{command}\n", newline="\r\n")
    there.batch(r"C:\t\mark.bat")
    done = there.run(*FIX, "--config", name)
    assert done.returncode == 0, said(done)
    assert config.read_bytes() != CONFIG


def test_who_may_read_a_config_stays(there: Windows) -> None:
    """Wine makes the list of the mode and the mode of the list: others are Everyone. What a folder hands down it has not."""
    config, name = ini(there, "mine alone")
    config.chmod(0o600)
    listed = said(there.batch("icacls", name))
    assert config.stat().st_mode & 0o007 == 0, listed
    done = there.run(*FIX, "--config", name)
    assert done.returncode == 0, said(done)
    assert config.read_bytes() != CONFIG
    assert config.stat().st_mode & 0o007 == 0, said(done)
    done = there.run("-m", "qbdoctor", "rollback", "--yes")
    assert config.read_bytes() == CONFIG, said(done)
    assert config.stat().st_mode & 0o007 == 0, said(done)
    report = config.with_name("report.json")
    report.write_bytes(b"old")
    report.chmod(0o600)
    there.run("-m", "qbdoctor", "check", "--config", name, "--json", "-o", name.replace("qBittorrent.ini", report.name))
    assert report.read_bytes() != b"old"
    assert report.stat().st_mode & 0o007 == 0
