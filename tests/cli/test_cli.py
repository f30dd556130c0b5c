"""The command line: bad input gets a sentence, exit 2, and with --json a report; never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from qbdoctor import __version__
from qbdoctor.cli.arguments import parse
from tests.kit import others
from tests.support.doctor import qbdoctor

CONFIG = b"[Preferences]\nWebUI\\Port=1\nWebUI\\Address=127.0.0.1\n"


def prepared(tmp_path: Path) -> dict[str, str]:
    """Make the files that the bad inputs below name."""
    good = tmp_path / "good.conf"
    good.write_bytes(CONFIG)
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary.conf").write_bytes(b"[Preferences]\0\0\xff\xfe")
    (tmp_path / "utf16.conf").write_bytes("[Preferences]\n".encode("utf-16"))
    with (tmp_path / "huge.conf").open("wb") as file:
        file.truncate(20 << 20)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "lines").write_bytes(b"one\ntwo\n")
    (tmp_path / "latin1").write_bytes(b"p\xe4ssword\n")
    (tmp_path / "long").write_bytes(b"x" * 70_000)
    return {"good": str(good), "dir": str(tmp_path)}


BAD = {
    "no scheme": (["--url", "//localhost:8080"], "bad-url", "http://localhost:8080"),
    "no host": (["--url", "http://"], "bad-url", "host"),
    "other scheme": (["--url", "ftp://x:1"], "bad-url", "http"),
    "port 0": (["--url", "http://x:0"], "bad-url", "65535"),
    "port 65536": (["--url", "http://x:65536"], "bad-url", "65535"),
    "port abc": (["--url", "http://x:abc"], "bad-url", "65535"),
    "credentials": (["--url", "http://me:canary-secret@x:1"], "credentials-in-url", "--password-file"),
    "public url": (["--url", "http://x:1", "--public-url", "//nope"], "bad-url", "--public-url"),
    "unknown check": (["check", "logn"], "unknown-check", "did you mean login?"),
    "address without --url": (["8080"], "unknown-check", "check --url 8080"),
    "host without --url": (["check", "nas.local:8080"], "unknown-check", "check --url nas.local:8080"),
    "unknown option": (["--pasword", "x"], "usage", "--help"),
    "format": (["--format", "yaml"], "usage", "yaml"),
    "deadline": (["--deadline", "soon"], "usage", "seconds"),
    "negative deadline": (["--deadline", "-1"], "usage", "seconds"),
    "config missing": (["--config", "{dir}/none.conf"], "config-missing", "none.conf"),
    "config folder": (["--config", "{dir}/folder"], "config-is-folder", "folder"),
    "config binary": (["--config", "{dir}/binary.conf"], "config-binary", "binary.conf"),
    "config utf-16": (["--config", "{dir}/utf16.conf"], "config-binary", "utf16.conf"),
    "config 20 MB": (["--config", "{dir}/huge.conf"], "config-too-large", "MiB"),
    "config fifo": (["--config", "{dir}/fifo"], "config-unreadable", "fifo"),
    "profile empty": (["--profile", "{dir}/folder"], "config-missing", "folder"),
    "password missing": (["--config", "{good}", "--password-file", "{dir}/none"], "secret-file-missing", "none"),
    "password folder": (["--config", "{good}", "--password-file", "{dir}/folder"], "secret-file-is-folder", "folder"),
    "password fifo": (["--config", "{good}", "--password-file", "{dir}/fifo"], "secret-file-not-regular", "fifo"),
    "password empty": (["--config", "{good}", "--password-file", "{dir}/empty"], "secret-file-empty", "empty"),
    "password lines": (["--config", "{good}", "--password-file", "{dir}/lines"], "secret-file-lines", "line"),
    "password latin-1": (["--config", "{good}", "--password-file", "{dir}/latin1"], "secret-file-not-text", "UTF-8"),
    "password long": (["--config", "{good}", "--password-file", "{dir}/long"], "secret-file-too-large", "64 KiB"),
    "both on stdin": (
        ["--url", "http://x:1", "--password-file", "-", "--api-key-file", "-"],
        "usage",
        "standard input",
    ),
    "user name empty": (["--url", "http://x:1", "--username", ""], "usage", "leave it out"),
    "ca missing": (["--url", "https://x:1", "--ca-file", "{dir}/none"], "bad-ca-file", "none"),
    "ca no pem": (["--url", "https://x:1", "--ca-file", "{good}"], "bad-ca-file", "PEM"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_sentence(name: str, tmp_path: Path) -> None:
    arguments, code, word = BAD[name]
    places = prepared(tmp_path)
    words = [argument.format(**places) for argument in arguments]
    human = qbdoctor(*words)
    assert human.code == 2
    assert human.out == ""
    assert human.err.startswith("qbdoctor: ")
    assert human.err.count("\n") == 1, human.err
    assert word in human.err
    assert "Traceback" not in human.err
    assert "canary" not in human.err
    as_json = qbdoctor(*words, "--json")
    report = as_json.report
    assert report["error"]["code"] == code
    assert report["verdict"]["state"] == "unknown"
    assert (report["checks"], report["exit_code"], as_json.code) == ([], 2, 2)
    assert "canary" not in as_json.out


def test_unreadable_files_as_another_user(tmp_path: Path) -> None:
    """Root reads everything, so the doctor runs as nobody here."""
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0)
    config = tmp_path / "closed.conf"
    config.write_bytes(CONFIG)
    config.chmod(0)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o055)
    begin = [*others.as_user(65534), sys.executable, "-P", "-m", "qbdoctor"]
    for arguments, wanted in (
        (["--config", str(config)], str(config)),
        (["--url", "http://127.0.0.1:1", "--password-file", str(secret)], str(secret)),
    ):
        run = subprocess.run([*begin, *arguments], capture_output=True, text=True)
        assert (run.returncode, run.stdout) == (2, ""), run.stderr
        assert run.stderr.startswith("qbdoctor: ")
        assert wanted in run.stderr
        assert "Traceback" not in run.stderr


def test_no_target_at_all(tmp_path: Path) -> None:
    """Nothing given and nothing found is exit 3: in a process namespace of its own, since others may run servers here."""
    run = subprocess.run(
        ["unshare", "-rpf", "--mount-proc", sys.executable, "-m", "qbdoctor", "--json"], capture_output=True, text=True
    )
    if "unshare" in run.stderr:
        pytest.skip(f"no namespaces here: {run.stderr.strip()}")
    assert run.returncode == 3, run.stderr
    assert '"code": "no-target"' in run.stdout


def test_a_configured_server_that_does_not_run(tmp_path: Path) -> None:
    config = tmp_path / "qBittorrent.conf"
    config.write_bytes(CONFIG)
    run = qbdoctor("check", "--config", str(config), "--json")
    assert run.code == 1
    assert [one["id"] for one in run.report["causes"]] == ["not-running"]


def test_version_and_help() -> None:
    run = subprocess.run([sys.executable, "-m", "qbdoctor", "--version"], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, f"qbdoctor {__version__}\n")
    assert (
        "--password-file"
        in subprocess.run(
            [sys.executable, "-m", "qbdoctor", "check", "-h"], capture_output=True, text=True, check=True
        ).stdout
    )


def test_options_before_and_after_the_subcommand() -> None:
    before = qbdoctor("--json", "--url", "http://127.0.0.1:1", "--no-login", "check")
    after = qbdoctor("check", "--no-login", "--url", "http://127.0.0.1:1", "--json")
    assert before.report["target"] == after.report["target"]
    assert before.code == after.code == 1


def test_some_checks_only() -> None:
    report = qbdoctor("check", "port-served", "--url", "http://127.0.0.1:1", "--json").report
    reasons = {check["id"]: check["reason"] for check in report["checks"]}
    assert reasons.pop("port-served") is None
    assert set(reasons.values()) == {"not asked for"}


@pytest.mark.parametrize(("level", "code"), [("error", 1), ("warning", 1), ("never", 0)])
def test_fail_on(level: str, code: int) -> None:
    assert qbdoctor("--url", "http://127.0.0.1:1", "--fail-on", level).code == code


def test_output_file(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    run = qbdoctor("--url", "http://127.0.0.1:1", "--json", "-o", str(target))
    assert (run.code, run.out) == (1, "")
    assert target.read_text().startswith("{")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".report")] == []
    folder = qbdoctor("--url", "http://127.0.0.1:1", "-o", str(tmp_path))
    assert (folder.code, folder.err.count("\n")) == (2, 1)


def test_explain_lists_and_shows() -> None:
    listed = qbdoctor("explain")
    assert listed.code == 0
    assert "host-port-mismatch" in listed.out
    assert "session-cookie" in listed.out
    for name in ("host-port-mismatch", "login", "client-wants-sid-name"):
        page = qbdoctor("explain", name)
        assert page.code == 0
        assert len(page.out) > 400
        assert qbdoctor("explain", name, "--json").out.startswith("{")
    unknown = qbdoctor("explain", "host-port")
    assert (unknown.code, unknown.err.count("\n")) == (2, 1)
    assert "host-port-mismatch" in unknown.err


def test_a_reader_that_goes_away() -> None:
    run = subprocess.run(f"{sys.executable} -m qbdoctor explain | head -1", shell=True, capture_output=True, text=True)
    assert "Traceback" not in run.stderr
    assert "BrokenPipe" not in run.stderr


def test_interrupt_is_130() -> None:
    from tests.kit import faults

    with faults.Silent() as silent:
        process = subprocess.Popen(
            [sys.executable, "-m", "qbdoctor", "--url", silent.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Timer(1.5, lambda: process.send_signal(2)).start()
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", [["explain", "login"], ["check", "--url", "http://127.0.0.1:9", "--no-login"]])
def test_closed_standard_streams(words: list[str], closed: str) -> None:
    """A daemon may start us without them; the exit code still says what was found."""
    run = subprocess.run(
        f"{sys.executable} -m qbdoctor {' '.join(words)} {closed}", shell=True, capture_output=True, text=True
    )
    assert "Traceback" not in run.stderr + run.stdout
    assert run.returncode == (0 if words[0] == "explain" else 1)
    assert bool(run.stdout) == (">&- 2" not in closed and closed != ">&-")


def test_a_full_disk_behind_standard_output() -> None:
    for words in ("explain", "check --url http://127.0.0.1:9 --no-login --json"):
        run = subprocess.run(
            f"{sys.executable} -m qbdoctor {words} > /dev/full", shell=True, capture_output=True, text=True
        )
        assert (run.returncode, run.stderr.count("\n")) == (2, 1), run.stderr
        assert run.stderr.startswith("qbdoctor: standard output cannot be written: No space left")


def test_an_interrupted_check_is_a_report_as_well() -> None:
    from tests.kit import faults

    with faults.Silent() as silent:
        process = subprocess.Popen(
            [sys.executable, "-m", "qbdoctor", "--json", "--url", silent.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Timer(1.5, lambda: process.send_signal(2)).start()
        out, err = process.communicate(timeout=20)
    report = json.loads(out)
    assert (process.returncode, report["exit_code"], report["error"]["code"]) == (130, 130, "interrupted")
    assert "Traceback" not in err


@pytest.mark.parametrize("stop", ["raise KeyboardInterrupt", 'exec("raise KeyboardInterrupt")'])
def test_an_interrupt_before_the_start(stop: str, tmp_path: Path) -> None:
    """Ctrl-C while the program is still being loaded."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'qbdoctor.cli.commands.explain':\n"
        f"            {stop}\n"
        "sys.meta_path.insert(0, Stop())\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "qbdoctor", "explain"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "qbdoctor: interrupted\n")


def test_a_mistyped_command_is_told_as_one() -> None:
    for word, meant in (("chek", "check"), ("rolback", "rollback"), ("simulat", "simulate"), ("hstory", "history")):
        run = qbdoctor(word)
        assert run.code == 2
        assert f"did you mean {meant}?" in run.err, run.err
    assert "did you mean login?" in qbdoctor("logn").err


def test_a_password_of_the_environment_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    """A wrong decoding would be a wrong password, and a wrong accusation."""
    code = (
        "import os\n"
        "from qbdoctor.cli.credentials import secret\n"
        "from qbdoctor.model.errors import UserError\n"
        "try:\n"
        "    print(ascii(secret(None, '', 'QBDOCTOR_PASSWORD', os.environ).reveal()))\n"
        "except UserError as error:\n"
        "    print(error.code)\n"
    )
    for raw, shown in (("p\u00e4ss".encode(), "'p\\xe4ss'"), (b"p\xe4ss", "secret-not-text")):
        for locale in ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LC_ALL": "C.UTF-8"}):
            env = {**{name.encode(): value.encode() for name, value in locale.items()}, b"QBDOCTOR_PASSWORD": raw}
            run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
            assert run.stdout.strip() == shown, (raw, locale, run.stderr)


@pytest.mark.parametrize("words", [
    "fix --format html", "rollback --format junit", "history --format nagios", "explain login --format markdown",
])  # fmt: skip
def test_a_format_that_a_command_has_not(words: str) -> None:
    run = qbdoctor(*words.split())
    assert (run.code, run.out) == (2, "")
    assert "--format is human" in run.err


@pytest.mark.parametrize(
    "command", ["check", "fix", "rollback", "history", "explain", "demo", "trace", "clients", "lint"]
)
def test_common_options_stand_on_either_side(command: str) -> None:
    common = ["-q", "-v", "--no-color", "--yes", "--dry-run", "--json", "-o", "x"]
    before, after = parse([*common, command]), parse([command, *common])
    assert before == after
    assert (after.quiet, after.no_color, after.yes, after.dry_run, after.format, after.output) == (
        True, True, True, True, "json", "x",
    )  # fmt: skip
    for place in (["--version", command], [command, "--version"]):
        with pytest.raises(SystemExit) as stopped:
            parse(place)
        assert stopped.value.code == 0
