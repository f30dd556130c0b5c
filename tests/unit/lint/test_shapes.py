"""The kinds of clients met in public code: what is found, and that each printed mend is one that was read and is right."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from qbdoctor.lint import run

FOLDER = Path(__file__).parents[2] / "data" / "lint_shapes"
INDEX = {
    line.split()[0]: sorted(set(line.split()[1:]) - {"-"}) for line in (FOLDER / "index.txt").read_text().splitlines()
}
READ = {  # each was read: right on every release
    "f1_const_qbit.sh": ['--data-urlencode "password=${qbt_pass}"'],
    "m10_property_qbit.kt": ['response.body != "Ok." && response.code != 204'],
    "m2_prefix_qbit.go": ['if !(strings.HasPrefix(text, "Ok") || r.StatusCode == 204) {'],
    "m3_ok_qbit.py": ['(r.ok and r.text.strip() == "Ok.") or r.status_code == 204'],
    "m3b_ok_qbit.ts": ['(!r.ok || body !== "Ok.") && r.status !== 204'],
    "m9_aiohttp_qbit.py": ['res != b"Ok." and resp.status != 204'],
}
WORDS_ALONE = (
    "g1_getlogin_qbit.ts", "m1_negated_qbit.ts", "m5_key_qbit.ts", "m6_strip_qbit.rs", "m7_sed_qbit.sh", "m8_value_qbit.py",
    "m11_php_qbit.php", "m12_constant_qbit.py", "m13_missing_qbit.py",
    "p1_qbit.ps1", "p2_cookie_qbit.ps1", "y1_rest_command_qbit.yaml",
    "y2_cookie_qbit.yaml", "y3_compose_qbit.yaml", "y4_ansible_qbit.yml", "z1_node_red_qbit.json", "z3_n8n_qbit.json",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _extra() -> None:
    pytest.importorskip("ast_grep_py", reason="the extra qbdoctor[lint] is not installed")


@pytest.mark.parametrize("name", INDEX)
def test_what_is_wanted_is_found_and_nothing_else(name: str) -> None:
    result = run.lint([str(FOLDER / name)])
    assert sorted({finding.id for finding in result.findings if finding.breaks}) == INDEX[name]
    assert not result.skipped


def test_a_login_in_a_folder_that_does_not_import_the_session_is_another_ones(tmp_path: Path) -> None:
    folder = tmp_path / "two_qbit"
    shutil.copytree(FOLDER / "two_deep_qbit", folder)
    assert [finding.id for finding in run.lint([str(folder)]).findings] == ["client-drops-cookie"]
    login = folder / "api" / "auth.py"
    login.write_text(login.read_text().replace("from qbit.client import", "from other import"))
    assert not run.lint([str(folder)]).findings


def test_a_login_behind_a_403_that_nothing_comes_to_is_possible(tmp_path: Path) -> None:
    dead = (FOLDER / "n4_dead_qbit.kt").read_text()
    (finding,) = run.lint([str(FOLDER / "n4_dead_qbit.kt")]).findings
    assert (finding.id, finding.confidence, finding.line) == ("client-never-logs-in-again", "possible", 9)
    alive = tmp_path / "alive_qbit.kt"
    for changed in (
        dead.replace("r is Result.Http && r.code == 403", "r is Result.Bad"),
        dead.replace("if (r.code() == 403) Result.Bad else ", ""),
    ):
        assert changed != dead
        alive.write_text(changed)
        assert not run.lint([str(alive)]).findings


def test_a_guarded_login_of_a_with_block_is_possible(tmp_path: Path) -> None:
    text = (FOLDER / "n6_guard_qbit" / "session.py").read_text()
    path = tmp_path / "qbit.py"
    guard = (
        "    def torrents(self):\n        if not self.sid:\n            self.login('u', 'p')\n"
        "        r = self.http.get(self.base + '/api/v2/torrents/info')\n        r.raise_for_status()\n        return r.json()\n"
    )
    for more, confidence in (
        ("", "likely"),
        ("    def __enter__(self):\n        return self\n", "possible"),
    ):
        path.write_text(text + guard + more)
        assert [(one.id, one.confidence) for one in run.lint([str(path)]).findings] == [
            ("client-never-logs-in-again", confidence)
        ]


@pytest.mark.parametrize(
    ("name", "nested"),
    [
        ("qbit.yaml", "- " * 3000),
        ("qbit.yaml", "? " * 3000),
        ("qbit.yaml", "".join(" " * one + "a:\n" for one in range(400))),
        ("qbit.kt", '"${' * 3000),
    ],
)
def test_what_nests_too_deeply_for_the_parser_is_said(name: str, nested: str, tmp_path: Path) -> None:
    """The parsers of YAML and Kotlin ended the whole process there."""
    path = tmp_path / name
    path.write_text(f"login: /api/v2/auth/login\nx:\n{nested}")
    assert [one.reason for one in run.lint([str(path)]).skipped] == ["nested too deeply"]


def test_every_shape_is_in_the_index() -> None:
    there = {path.name for path in FOLDER.iterdir()} - {"README.md", "index.txt", "dir_l", "y5_openapi_qbit.yaml"}
    assert there - set(INDEX) == {"n4_dead_qbit.kt", "o1f_helper_qbit.py"}


@pytest.mark.parametrize("name", READ)
def test_printed_mends_are_the_ones_that_were_read(name: str) -> None:
    lines = "\n".join(edit.text for finding in run.lint([str(FOLDER / name)]).findings for edit in finding.mended)
    assert lines
    assert all(line in lines for line in READ[name])


@pytest.mark.parametrize("name", WORDS_ALONE)
def test_what_cannot_be_proven_gets_words(name: str) -> None:
    findings = run.lint([str(FOLDER / name)]).findings
    assert findings
    assert all(finding.remedy and not finding.mended for finding in findings)


def test_nothing_read_is_said(tmp_path: Path) -> None:
    result = run.lint([str(FOLDER / "dir_l")])
    assert (result.seen, result.exit_code) == (3, 1)
    (tmp_path / "qbit.scala").write_text('val login = post("http://qbittorrent:8080/api/v2/auth/login")\n')
    (tmp_path / "openapi.yaml").write_bytes((FOLDER / "y5_openapi_qbit.yaml").read_bytes())
    (tmp_path / "other.json").write_text('{"qbittorrent": "5.3.0"}')
    result = run.lint([str(tmp_path)])
    assert (result.seen, result.exit_code) == (0, 3)
    assert dict(result.unread) == {".scala": 1, ".yaml": 1}
    assert ["no call that lint can read" in one.reason for one in result.skipped] == [True]


@pytest.mark.parametrize("suffix", ["dart", "lua", "rb", "swift"])
def test_languages_that_are_read_and_not_written_get_words(suffix: str) -> None:
    findings = run.lint([str(path) for path in FOLDER.glob(f"x?_*.{suffix}")]).findings
    assert findings
    assert all(finding.remedy and not finding.mended for finding in findings)


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        ("py", "def login(s, b):\n    r = s.post(b + '/api/v2/auth/login')\n{}\n    return r.text == 'Ok.'\n"),
        ("js", "function login(b) {{ const r = post(b + '/api/v2/auth/login');\n{}\n return r.text === 'Ok.'; }}\n"),
        ("kt", 'class Q {{ fun login() {{ val r = api.post("/api/v2/auth/login")\n{}\n return r == "Ok." }} }}\n'),
        (
            "java",
            'class Q {{ boolean login() {{ String r = Http.post("/api/v2/auth/login");\n{}\n return r.equals("Ok."); }} }}\n',
        ),
        ("go", 'package q\nfunc login() bool {{\n r := post("/api/v2/auth/login")\n{}\n return r == "Ok."\n}}\n'),
        ("sh", 'r=$(curl -s http://q/api/v2/auth/login)\n{}\n[ "$r" = "Ok." ] || exit 1\n'),
    ],
)
@pytest.mark.parametrize("kind", ["comment", "blank lines", "blanks"])
def test_long_comments_and_blanks_take_no_square_of_time(suffix: str, text: str, kind: str, tmp_path: Path) -> None:
    filling = {"comment": "a word of a comment " * 3000, "blank lines": "\n" * 60_000, "blanks": " " * 60_000}[kind]
    sign = "#" if suffix in {"py", "sh"} else "//"
    path = tmp_path / f"qbit.{suffix}"
    path.write_text(text.format(f"{sign} {filling}" if kind == "comment" else filling))
    started = time.process_time()
    assert run.lint([str(path)]).looked_at == 1
    assert time.process_time() - started < 5


def test_a_word_that_some_release_does_not_know_is_a_warning_and_breaks_where_torrents_are_deleted() -> None:
    found = {
        name: [(one.id, one.confidence, one.line) for one in run.lint([str(FOLDER / name)]).findings]
        for name in ("w1_filter_qbit.py", "w1b_both_qbit.py", "w2_newword_qbit.js")
    }
    assert found == {
        "w1_filter_qbit.py": [("client-unknown-filter", "likely", 6)],
        "w1b_both_qbit.py": [],
        "w2_newword_qbit.js": [("client-unknown-filter", "possible", 4)],
    }


def test_a_call_that_was_renamed_is_told_where_its_new_name_is_not_spoken_of() -> None:
    found = run.lint([str(FOLDER / name) for name in ("q7_stop_qbit.py", "q7b_both_qbit.py")]).findings
    assert [(one.id, one.confidence, one.line, one.since) for one in found] == [
        ("client-old-endpoint", "possible", 8, "5.0.0")
    ]


@pytest.mark.parametrize(
    ("suffix", "head", "one", "tail"),
    [
        (
            "js",
            'const qb = "http://q:8080/api/v2";\n',
            'async function login%d(p) { const t = await post(qb + "/auth/login", p); if (t !== "Ok.") throw new Error(); }\n',
            "",
        ),
        (
            "php",
            "<?php\n",
            'function login%d() { $t = post("/api/v2/auth/login"); if ($t !== "Ok.") { die(); } }\n',
            "",
        ),
        (
            "java",
            "class Q {\n",
            'void login%d() { String t = post("/api/v2/auth/login"); if (t != "Ok.") { fail(); } }\n',
            "}\n",
        ),
        (
            "ps1",
            "",
            'function f%d { $t = irm "http://q/api/v2/auth/login" -Method Post; if ($t -ne "Ok.") { throw } $x = ((\n',
            "",
        ),
        ("yaml", "rest_command:\n", "  a%d:\n    url: http://1.2.3.4/api/v2/auth/login\n    method: post\n", ""),
    ],
)
def test_thousands_of_conditions_take_no_square_of_time(
    suffix: str, head: str, one: str, tail: str, tmp_path: Path
) -> None:
    """4 times as many cost 4 times as much, and a square would be 16; measured 45 s for 4000 in JavaScript before."""
    _grows_straight(tmp_path / f"qbit.{suffix}", head, one, tail, 500)


@pytest.mark.parametrize(
    ("suffix", "head", "one", "tail", "many"),
    [
        (
            "json",
            '["\u00e9", ',
            '{"id": "n%d", "type": "http request", "method": "GET", "url": "http://q/api/v2/torrents/info", "wires": []},',
            "{}]",
            2000,
        ),
        ("yaml", "rest_command: {", "a%d: {url: http://1.2.3.4/api/v2/auth/login, method: post},", "}\n", 2000),
        (
            "js",
            'const qb = "http://q:8080/api/v2";',
            'async function login%d(p) { const t = await post(qb + "/auth/login", p); if (t !== "Ok.") throw new Error(); }',
            "",
            500,
        ),
        ("py", "import requests\n", 'requests.get("http://q/api/v2/torrents/info", params={"a": "%d"});', "\n", 2000),
        ("ps1", "", 'function f%d { $t = irm "http://q/api/v2/auth/login" -Method Post; if ($t -ne "Ok.") {} };', "", 2000),
    ],
)  # fmt: skip
def test_one_long_line_takes_no_square_of_time(
    suffix: str, head: str, one: str, tail: str, many: int, tmp_path: Path
) -> None:
    """Columns were counted from the line's beginning for each node: 4.3 s for 8000 calls in JSON, 18 s in Python."""
    _grows_straight(tmp_path / f"qbit.{suffix}", head, one, tail, many)


def _grows_straight(path: Path, head: str, one: str, tail: str, many: int) -> None:
    def seconds(times: int) -> float:
        path.write_text(head + "".join(one % number for number in range(times)) + tail)
        started = time.process_time()
        assert run.lint([str(path)]).looked_at == 1
        return time.process_time() - started

    # The machine's other work can only make a run slower: the quicker of two counts, and one that is quick enough does.
    few, four_times = min(seconds(many), seconds(many)), seconds(4 * many)
    assert four_times < 9 * few or seconds(4 * many) < 9 * few, (few, four_times)


def test_many_clients_in_one_folder_take_no_square_of_time(tmp_path: Path) -> None:
    """4 times as many cost 4 times as much: each was searched for the names of all others, 13 s for 80 before."""
    took = []
    login = 'requests.post(url + "/api/v2/auth/login", data={"username": "a", "password": "b"})'
    one = f"import requests\n\ndef ask(url):\n    {login}\n"
    for many in (20, 80):
        folder = tmp_path / str(many)
        folder.mkdir()
        for number in range(many):
            (folder / f"part{number}_qbit.py").write_text(one * 100)
        started = time.process_time()
        assert run.lint([str(folder)]).looked_at == many
        took.append(time.process_time() - started)
    assert took[1] < 9 * took[0], took
