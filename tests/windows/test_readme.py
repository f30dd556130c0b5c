"""README's lines for Windows, typed: its installation in cmd.exe, and every line for a shell with the words that it means."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from qbdoctor.cli import arguments
from tests.kit.windows import ROOT, Windows
from tests.windows.scenes import folder, said

pytestmark = pytest.mark.extended

README = (ROOT / "README.md").read_text("utf-8")
LINUX = re.compile(r"ansible|docker|--confirm-within|--restart|/srv/|\bsource\b")
"""Not for a Windows person by README's own words, or a path of such a machine."""


def blocks(language: str) -> list[list[str]]:
    found = re.findall(rf"^```{language}\n(.*?)\n```", README, re.MULTILINE | re.DOTALL)
    assert found, language
    return [one.splitlines() for one in found]


def typed() -> list[str]:
    """README's commands without their remark and where their output goes, as its paragraph on Windows says."""
    lines = [line for block in blocks("sh") for line in block if line.startswith("qbdoctor") and not LINUX.search(line)]
    made = [re.sub(r"( >>? \S+)+$", "", line.partition(" # ")[0].rstrip()) for line in lines]
    assert len(made) > 20, made
    return [line.replace('"cat ', '"findstr . ') for line in made]


def powershell_words(line: str) -> list[str]:
    """Read a line as PowerShell does, as far as README may go: what it would put in or run itself is refused."""
    taken = re.fullmatch(r"""(?:\s*(?:"[^"$`]*"|'[^']*'|[^\s"'`$@(){};&|<>,]+))*""", line)
    assert taken, f"PowerShell takes more than words out of: {line}"
    return [one.strip("\"'") for one in re.findall(r""""[^"]*"|'[^']*'|\S+""", line)]


def test_the_installation(there: Windows) -> None:
    """Its three lines; py -m venv makes what is made here by hand, since this Python brings no Windows starter for it."""
    place = there.drive / "t/checkout of mine"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in (
        "qbdoctor",
        "checks",
        "fixes",
        ".github",
        "pyproject.toml",
        "setup.py",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
    ):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, place / name)
    first, *lines = next(one for one in blocks("bat") if one[0].startswith("py "))
    assert first == "py -m venv .venv"
    (place / ".venv/Scripts").mkdir(parents=True)
    shutil.copyfile(there.python / "python.exe", place / ".venv/Scripts/python.exe")
    (place / ".venv/pyvenv.cfg").write_text("home = C:\\Python\ninclude-system-site-packages = true\n")
    manual = importlib.util.find_spec("argparse_manpage")  # what the build needs and no wheel brings
    assert manual is not None
    assert manual.origin is not None
    shutil.copytree(Path(manual.origin).parent, place / ".venv/Lib/site-packages/argparse_manpage")
    install, run = lines
    assert install.endswith(" pip install -q .")
    offline = install.replace(" -q .", " -q --no-index --no-deps --no-build-isolation .")
    (there.drive / "t/readme.bat").write_text(f"@cd /d C:\\t\\checkout of mine\n@{offline}\n@{run}\n", newline="\r\n")
    done = there.batch(r"C:\t\readme.bat", seconds=300, environment={"WINEPATH": r"C:\Python"})
    text = said(done)
    assert done.returncode == 3, text
    assert "No qBittorrent runs here" in text
    assert r'"C:\t\checkout of mine\.venv\Scripts\qbdoctor" demo' in text, "by the name that it was called"


def test_every_line_reaches_the_program_as_it_is_meant(there: Windows) -> None:
    _, name = folder(there, "readme")
    (there.drive / "t/readme/argv.py").write_text("import json, sys; print(json.dumps(sys.argv[1:]))")
    lines = typed()
    own = f"@C:\\Python\\python.exe {name}\\argv.py"
    (there.drive / "t/readme/lines.bat").write_text(
        "".join(f"{own}{line.removeprefix('qbdoctor')}\n" for line in lines), newline="\r\n"
    )
    got = there.batch(rf"{name}\lines.bat").stdout.decode("cp1252").splitlines()
    assert len(got) == len(lines)
    for line, words in zip(lines, got, strict=True):
        meant = shlex.split(line)[1:]
        assert json.loads(words) == meant, f"cmd.exe: {line}"
        assert powershell_words(line)[1:] == meant
        arguments.parse(meant)


def test_commands_in_its_sentences_are_the_same_in_every_shell() -> None:
    """Typed as they stand: cmd.exe hands a single quote on as a letter."""
    sentences = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    commands = re.findall(r"`((?:qbdoctor|pipx|uv|pip) [^`|]+)`", sentences)
    assert len(commands) > 5
    for line in commands:
        assert "'" not in line
        assert powershell_words(line) == shlex.split(line)


def test_a_password_for_scripts(there: Windows) -> None:
    (line,) = next(one for one in blocks("bat") if "PASSWORD" in one[0])
    mine = line.replace("…", "my own").replace("qbdoctor", r"C:\Python\python.exe -m qbdoctor")
    (there.drive / "t/password.bat").write_text(f"@{mine} --url http://127.0.0.1:9\n", newline="\r\n")
    done = there.batch(r"C:\t\password.bat")
    assert json.loads(done.stdout)["causes"][0]["id"] == "not-running", said(done)
    ((line,),) = blocks("powershell")
    assert re.fullmatch(r"\$env:QBDOCTOR_PASSWORD = '…'; qbdoctor check --json", line), (
        "one statement, then the command"
    )


def test_what_powershell_would_take_for_its_own_is_known() -> None:
    for line in ("qbdoctor trace {url}", 'qbdoctor "$x"', "qbdoctor a,b", "qbdoctor & b", "A=1 qbdoctor (b)"):
        with pytest.raises(AssertionError, match="PowerShell takes more"):
            powershell_words(line)
    assert powershell_words("""a "b c" 'd'""") == ["a", "b c", "d"]
