"""The report's formats: golden files (QBDOCTOR_ACCEPT=1 rewrites them), the schema, hostile texts."""

from __future__ import annotations

import copy
import difflib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from rich.cells import cell_len

from qbdoctor.model import shell
from qbdoctor.model.exchanges import Evidence
from qbdoctor.reports import FORMATS, exit_code, render
from qbdoctor.reports.commands import complete
from qbdoctor.reports.human import to_svg
from qbdoctor.reports.schema import load
from qbdoctor.reports.text import Options, setting, sides
from tests.support.samples import SAMPLES, healthy, host_port_mismatch

GOLDEN = Path(__file__).parents[2] / "data" / "golden"
# Read here: no QBDOCTOR_ variable of the caller reaches a test.
ACCEPT = os.environ.get("QBDOCTOR_ACCEPT") == "1"
SUFFIX = {"human": "txt", "json": "json", "markdown": "md", "html": "html", "nagios": "nagios.txt"} | {
    "openmetrics": "prom",
    "junit": "xml",
}
READ = list(SAMPLES)
WHOLE = ("host_port_mismatch", "worked_yesterday", "hostile")
CASES: list[tuple[str, str, dict[str, Any]]] = [
    *((f"{name}.txt", name, {"format": "human"}) for name in SAMPLES),
    *(
        (f"{name}.{SUFFIX[f]}", name, {"format": f})
        for name in ("host_port_mismatch", "worked_yesterday", "hostile")
        for f in FORMATS[1:]
    ),
    *((f"{name}-80.txt", name, {"format": "human", "width": 80}) for name in ("host_port_mismatch", "healthy")),
    *(
        (f"{name}-{width}x24.txt", name, {"format": "human", "width": width, "height": 24})
        for name in READ
        for width in (60, 80, 120)
    ),
    ("host_port_mismatch-v.txt", "host_port_mismatch", {"format": "human", "width": 120, "verbose": 1}),
    ("exposed-color.txt", "exposed", {"format": "human", "width": 80, "color": True}),
    ("exposed-ascii.txt", "exposed", {"format": "human", "encoding": "ascii"}),
    ("exposed-target.txt", "exposed", {"format": "human", "target": ("--config", "/srv/my qb.conf")}),
    ("early_error.json", "early_error", {"format": "json"}),
    ("early_error.md", "early_error", {"format": "markdown"}),
    ("early_error.xml", "early_error", {"format": "junit"}),
]


@pytest.mark.parametrize(("file", "name", "options"), CASES, ids=[case[0] for case in CASES])
def test_golden(file: str, name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "at_hand", lambda: "sh")  # the files are the same on every system
    text = render(SAMPLES[name](), **options)
    path = GOLDEN / file
    if ACCEPT:
        path.write_text(text, encoding="utf-8", newline="\n")
    stored = path.read_text("utf-8") if path.exists() else ""
    diff = "\n".join(difflib.unified_diff(stored.split("\n"), text.split("\n"), "golden", "now", lineterm=""))
    assert stored == text, f"{file} (QBDOCTOR_ACCEPT=1 accepts):\n{diff}"


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {case[0] for case in CASES}


# The schema


VALIDATOR = jsonschema.Draft202012Validator(load("qbdoctor.report/1"))


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(load("report/1"))
    with pytest.raises(FileNotFoundError):
        load("report/0")


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_json_is_valid(name: str, encoding: str) -> None:
    report = SAMPLES[name]()
    text = render(report, "json", encoding=encoding)
    assert json.loads(text) == json.loads(json.dumps(complete(report, Options()).to_json()))
    VALIDATOR.validate(json.loads(text))


Mutation = Callable[[dict[str, Any]], object]
MUTATIONS: dict[str, Mutation] = {
    "problem without an error": lambda r: r.update(causes=[]),
    "error without a problem": lambda r: r["verdict"].update(state="healthy"),
    "error, state unknown": lambda r: r["verdict"].update(state="unknown"),
    "only a warning": lambda r: r["causes"][0].update(severity="warning"),
    "state not known": lambda r: r["verdict"].update(state="fine"),
    "proven without an experiment": lambda r: r["causes"][0]["evidence"].pop(0),
    "experiment without shows": lambda r: r["causes"][0]["evidence"][0].pop("shows"),
    "experiment with half a side": lambda r: r["causes"][0]["evidence"][0]["a"].pop("response"),
    "evidence of no kind": lambda r: r["causes"][0]["evidence"][1].update(kind="rumour"),
    "evidence without text": lambda r: r["causes"][0]["evidence"][1].pop("text"),
    "two logins": lambda r: r.update(login_attempts=2),
    "skip without a reason": lambda r: r["checks"][2].update(status="skip", reason=None),
    "unknown without a reason": lambda r: (r["checks"][0].update(status="unknown"), r.update(complete=False)),
    "skip with an empty reason": lambda r: r["checks"][2].update(status="skip", reason=""),
    "complete, one unknown": lambda r: r["checks"][0].update(status="unknown", reason="because"),
    "incomplete, none unknown": lambda r: r.update(complete=False),
    "status not known": lambda r: r["checks"][0].update(status="ok"),
    "fix without a name": lambda r: r["causes"][0]["remedies"][0].update(kind="fix"),
    "remedy of no kind": lambda r: r["causes"][0]["remedies"][0].update(kind="magic"),
    "id with a space": lambda r: r["causes"][0].update(id="host port"),
    "exit code not known": lambda r: r.update(exit_code=5),
    "local time": lambda r: r.update(started="2026-11-22T20:12:00+01:00"),
    "another schema": lambda r: r.update(schema="qbdoctor.report/2"),
    "checks beside an error": lambda r: r.update(error={"code": "no-target", "message": "none"}),
    "port as text": lambda r: r["target"].update(port="8080"),
} | {f"no {member}": lambda r, member=member: r.pop(member) for member in healthy().to_json()}


@pytest.mark.parametrize("name", MUTATIONS)
def test_schema_rejects(name: str) -> None:
    report = copy.deepcopy(host_port_mismatch().to_json())
    VALIDATOR.validate(report)
    MUTATIONS[name](report)
    assert not VALIDATOR.is_valid(report)


def test_schema_takes_additions() -> None:
    report = host_port_mismatch().to_json()
    for part in (report, report["target"], report["verdict"], report["causes"][0], report["checks"][0]):
        part["added"] = 1
    report["causes"][0]["evidence"][0]["added"] = 1
    VALIDATOR.validate(report)


# For people


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("width", [None, 20, 80, 120])
@pytest.mark.parametrize("verbose", [0, 1])
def test_human_lines(name: str, width: int | None, verbose: int) -> None:
    report = SAMPLES[name]()
    text = render(report, "human", width=width, verbose=verbose)
    coloured = render(report, "human", width=width, verbose=verbose, color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text, "colour, which rich makes, is all that it adds"
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "\n\n\n" not in text
    for line in text.splitlines():
        assert line == line.rstrip(), repr(line)
        assert all(c.isprintable() or c == "\t" for c in line), repr(line)
    for cause in report.causes:
        for remedy in cause.remedies if verbose else ():
            for command in remedy.commands:
                first = command.split("\n")[0]
                assert f"       {first}\n" in text, "a command is never wrapped or cut"


def test_human_fits_the_width() -> None:
    for sample in (healthy(), host_port_mismatch(), SAMPLES["unknown"]()):
        long = [line for line in render(sample, "human", width=80).splitlines() if len(line) > 80]
        assert all("docker run" in line for line in long), long


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", READ)
def test_human_fits_the_screen(name: str, width: int) -> None:
    lines = render(SAMPLES[name](), "human", width=width, height=24).splitlines()
    assert sum(max(1, -(-cell_len(line) // width)) for line in lines) <= 24, "\n".join(lines)
    assert any(line.startswith("Next: ") for line in lines) or name == "early_error"


def test_human_first_line_and_length() -> None:
    report = healthy()
    text = render(report, "human", width=80)
    assert len(text.splitlines()) <= 12
    assert render(report, "human").splitlines()[0] == f"✓ {report.headline}"
    assert render(report, "human", quiet=True) == f"✓ {report.headline}\n"
    early = SAMPLES["early_error"]()
    assert early.error is not None
    assert render(early, "human", verbose=2) == f"{early.error.message}\n"


def test_human_keeps_brackets_and_colours_only_when_told() -> None:
    text = render(SAMPLES["hostile"](), "human")
    assert "[core]=[red]bold[/]" in text
    assert "\x1b" not in text
    assert "\x1b[" in render(healthy(), "human", color=True)


@pytest.mark.parametrize("variable", ["NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM"])
def test_human_reads_no_environment(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, colored = (render(host_port_mismatch(), "human", width=80, color=color) for color in (False, True))
    monkeypatch.setenv(variable, "20" if variable == "COLUMNS" else "dumb")
    assert render(host_port_mismatch(), "human", width=80) == plain
    assert render(host_port_mismatch(), "human", width=80, color=True) == colored


def test_next_is_the_first_remedy_only() -> None:
    report = SAMPLES["exposed"]()
    assert "\nNext: qbdoctor fix disable-subnet-whitelist --url http://x" in render(
        report, "human", target=("--url", "http://x")
    )
    assert "\nNext: qbdoctor check" in render(SAMPLES["wrong_credentials"](), "human")


def test_answers_that_differ_in_a_header_only() -> None:
    request = {"method": "GET", "url": "http://x/"}
    a, b = ({"request": request, "response": {"status": 200, "headers": {"X-Frame": x}, "body": ""}} for x in "ab")
    halves = sides(Evidence("experiment", "t", {"a": a, "b": b}))
    assert halves is not None
    assert [side.outcome for side in halves] == ["200 OK; X-Frame: a", "200 OK; X-Frame: b"]


def test_an_experiment_without_its_halves_is_told_all_the_same() -> None:
    report = host_port_mismatch()
    half = Evidence("experiment", "a plug-in's", {"factor": "f", "a": 3})
    report = replace(report, causes=(replace(report.causes[0], evidence=(half,)),))
    assert all("plug-in" in render(report, format_).replace("&#x27;", "'") for format_ in ("human", "markdown", "html"))


def test_a_setting_that_stands_in_a_line_is_not_called_unset() -> None:
    """A value that the evidence does not repeat is not one that is absent."""
    assert setting(Evidence.setting("SessionTimeout", None, "8 s", file="/q.conf", line=7)) == ("/q.conf:7", "")
    absent = Evidence.setting("SessionTimeout", None, "absent", file="/q.conf")
    assert setting(absent) == ("/q.conf", "SessionTimeout is not set")


def test_svg() -> None:
    svg = to_svg(host_port_mismatch(), "qbdoctor")
    assert svg.startswith("<svg")
    assert "host-port-mismatch" in svg.replace("&#45;", "-")


# For programs


@pytest.mark.parametrize("name", SAMPLES)
def test_junit(name: str) -> None:
    report = SAMPLES[name]()
    suite = ET.fromstring(render(report, "junit")).find("testsuite")
    assert suite is not None
    cases = suite.findall("testcase")
    assert len(cases) == int(suite.attrib["tests"]) == (len(report.checks) or 1)
    tags = {"fail": "failure", "unknown": "error", "skip": "skipped"}
    for check, case in zip(report.checks, cases, strict=False):
        wanted = tags.get(check.status, "system-out")
        assert [child.tag for child in case] == [wanted]
        if check.status == "skip":
            assert case[0].attrib["message"]
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.attrib[attribute]) == len(list(suite.iter(tag)))


LABEL = r'[a-z]+="(?:[^"\\\n]|\\[\\n"])*"'
METRIC = re.compile(rf"(qbdoctor_[a-z_]+)(\{{{LABEL}(?:,{LABEL})*\}})? (-?\d+(?:\.\d+)?)")


@pytest.mark.parametrize("name", SAMPLES)
def test_openmetrics(name: str) -> None:
    report = SAMPLES[name]()
    report = replace(report, causes=report.causes * 2)
    text = render(report, "openmetrics")
    assert text.endswith("\n# EOF\n")
    *lines, end = text.rstrip("\n").split("\n")
    assert end == "# EOF"
    typed, seen = set(), set()
    for line in lines:
        if line.startswith("#"):
            assert re.fullmatch(r"# (TYPE qbdoctor_[a-z_]+ gauge|HELP qbdoctor_[a-z_]+ .+)", line)
            typed.add(line.split()[2])
            continue
        found = METRIC.fullmatch(line)
        assert found, repr(line)
        assert found[1] in typed
        assert line.rpartition(" ")[0] not in seen, "a series twice"
        seen.add(line.rpartition(" ")[0])
    assert f'qbdoctor_state{{state="{report.state}"}} 1' in lines
    for check in report.checks:
        assert f'qbdoctor_check_status{{check="{check.id}",status="{check.status}"}} 1' in lines


NAGIOS = {"healthy": 0, "warnings": 1, "unknown": 3, "early_error": 3}


@pytest.mark.parametrize("name", SAMPLES)
def test_nagios(name: str) -> None:
    report = SAMPLES[name]()
    assert exit_code(report, "nagios") == NAGIOS.get(name, 2)
    assert exit_code(report, "human") == report.exit_code
    text = render(report, "nagios")
    assert text.count("\n") == 1
    assert text.count("|") == 1
    said, data = text.split(" | ")
    assert len(said) <= 220
    assert said.startswith(f"QBITTORRENT {('OK', 'WARNING', 'CRITICAL', 'UNKNOWN')[NAGIOS.get(name, 2)]}: ")
    assert re.fullmatch(r"errors=\d+;;0;0 warnings=\d+;0;;0 duration=\d+\.\d{3}s;;;0\n", data)


@pytest.mark.parametrize("name", SAMPLES)
def test_html_and_markdown_hold_no_foreign_markup(name: str) -> None:
    html = render(SAMPLES[name](), "html")
    assert "<script" not in html
    assert not re.search(r"(?:src|href)=|@import|url\(", html)
    markdown = re.sub(r"(`+).*?\1", "", render(SAMPLES[name](), "markdown"), flags=re.DOTALL)
    assert "<script" not in markdown


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_every_format_can_be_written(name: str, format_: str, encoding: str) -> None:
    text = render(SAMPLES[name](), format_, encoding=encoding, width=80, target=("--url", "http://x"))
    text.encode(encoding)
    assert text.endswith("\n")
    assert text == render(SAMPLES[name](), format_, encoding=encoding, width=80, target=("--url", "http://x"))


def test_unknown_format() -> None:
    with pytest.raises(ValueError, match="no such format"):
        render(healthy(), "yaml")


def test_rich_is_loaded_for_people_only() -> None:
    code = (
        "import sys; from qbdoctor.reports import FORMATS, render; from tests.support.samples import SAMPLES\n"
        "[render(s(), f) for s in SAMPLES.values() for f in FORMATS if f != 'human']\n"
        "import qbdoctor.reports.human; sys.exit('rich' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
