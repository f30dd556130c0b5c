"""The catalogue: every cause of the contract has a page, and the pages keep the rules they are written by."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbdoctor import registry
from qbdoctor.diagnosis.catalogue import pages
from qbdoctor.diagnosis.catalogue import systems as catalogue_systems
from qbdoctor.diagnosis.catalogue.page_parts import GROUPS, CatalogueError, CausePage, RemedyTemplate
from qbdoctor.diagnosis.catalogue.phrases import PLACES
from qbdoctor.model.basics import CONFIDENCES, SEVERITIES
from tests.support import systems
from tests.support.page_values import CONTRACT, FULL, words

DIAGNOSED = words("""
origin-mismatch referer-mismatch cross-site-blocked forwarded-host-ignored authorization-header-collision
host-unreachable name-not-resolved
base-path stale-lockfile not-running not-qbittorrent web-server-hang wrong-credentials malformed-password-hash ip-banned
temporary-password default-credentials bypass-active exposed-bypass host-port-mismatch host-not-allowed
secure-cookie-over-http cookie-stripped tls-mismatch tls-untrusted cookie-renamed http-proxy-env
edited-while-running api-key-rejected wrong-port redirected foreign-auth-in-front whitelist-syntax
cookie-clobber samesite-browser-loop sessions-evicted unknown-key misplaced-key ambiguous-setting
wrong-config-file config-from-newer-release config-permission config-lost leftover-new-file settings-not-saved
env-override fix-undone-since session-too-short empty-username webui-disabled waiting-at-legal-notice bind-failed
https-fallback api-too-old alt-webui-broken whitelist-not-matching shared-address-ban client-drops-cookie
client-sends-no-cookie client-wants-sid-name client-wants-ok-body client-never-logs-in-again
client-logs-in-each-call client-unencoded-form client-json-login client-http-method client-foreign-origin
client-old-add-parameter client-old-endpoint client-unknown-filter client-auth-header-unsupported client-relies-on-bypass
""")

WARNINGS = words("""
default-credentials cookie-clobber session-too-short edited-while-running unknown-key misplaced-key ambiguous-setting
whitelist-syntax wrong-config-file leftover-new-file fix-undone-since
""")
INFOS = ["bypass-active", "cookie-renamed", "samesite-browser-loop"]

BY_ID = {fix.id: fix for fix in registry.fixes()}
FIXES_NOW = set(
    words("""
    require-localhost-auth disable-subnet-whitelist allow-host trust-reverse-proxy disable-alternative-webui
    set-session-timeout use-http set-tls-files set-password bypass-localhost-auth allow-subnet unset-secure-cookie
    raise-ban-limit remove-unknown-key move-misplaced-key adopt-new-file remove-stale-lockfile
    """)
)
ANY_PAGE = pytest.mark.parametrize("cause", CONTRACT)


@pytest.fixture(autouse=True)
def _in_the_words_of_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the pages are written; test_systems judges what becomes of them elsewhere."""
    monkeypatch.setattr(catalogue_systems, "HERE", "linux")


def page_with(*remedies: RemedyTemplate) -> CausePage:
    return CausePage("x", "other", "X", "error", 1, "likely", "", (), "", "", "", "", (), remedies, (), True)


def texts(cause: str) -> str:
    return (Path(pages.__file__).parent / "causes" / f"{cause}.toml").read_text(encoding="utf-8")


def test_every_cause_of_the_contract_has_a_page_and_is_a_kebab_name() -> None:
    assert set(CONTRACT) <= set(pages.ids())
    assert len(CONTRACT) == len(set(CONTRACT)) == 73
    for cause in pages.ids():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cause)


def test_the_full_places_are_all_places() -> None:
    assert set(FULL) == set(PLACES)


@ANY_PAGE
def test_a_page_is_valid(cause: str) -> None:
    page = pages.page(cause)
    assert page.id == cause
    assert page.group in GROUPS
    assert page.severity in SEVERITIES
    assert page.reach in CONFIDENCES
    assert 0 < page.rank < 1000
    assert 10 < len(page.title) <= 90
    assert not page.title.endswith(".")
    assert page.reach_note
    assert page.see
    assert page.why
    assert page.confirm
    assert page.diagnosed == (cause in DIAGNOSED)
    for bound in (page.since, page.until):
        assert re.fullmatch(r"(\d+\.\d+\.\d+)?", bound)


@ANY_PAGE
def test_severity_is_the_contracts(cause: str) -> None:
    page = pages.page(cause)
    if cause in WARNINGS:
        assert page.severity == "warning"
    elif cause in INFOS:
        assert page.severity == "info"
    elif page.group != "client":
        assert page.severity == "error"


@ANY_PAGE
def test_links_lead_to_pages_and_not_to_itself(cause: str) -> None:
    page = pages.page(cause)
    for other in (*page.explains, *page.seen_also):
        assert other in pages.ids()
        assert other != cause
    assert len(set(page.explains)) == len(page.explains)


@ANY_PAGE
def test_what_explains_comes_first(cause: str) -> None:
    page = pages.page(cause)
    for other in page.explains:
        assert page.rank < pages.page(other).rank, other


def test_explains_has_no_cycle() -> None:
    def walk(cause: str, above: tuple[str, ...]) -> None:
        assert cause not in above, (*above, cause)
        for other in pages.page(cause).explains:
            walk(other, (*above, cause))

    for cause in pages.ids():
        walk(cause, ())


@ANY_PAGE
def test_remedies_keep_their_rules(cause: str) -> None:
    page = pages.page(cause)
    assert page.remedies
    assert not page.remedies[0].loosens
    for remedy in page.remedies:
        assert (remedy.kind == "fix") == bool(remedy.fix)
        if remedy.fix:
            assert remedy.fix in FIXES_NOW
            needed = [one.name for one in BY_ID[remedy.fix].inputs if not one.default and not one.secret]
            (command,) = remedy.commands
            assert command.split()[:3] == ["qbdoctor", "fix", remedy.fix]
            assert re.findall(r"--set (\w+)=", command) == needed, "a fix is printed with what it must be told"
        if remedy.loosens:
            assert "This loosens security: it exposes" in remedy.text
        else:
            assert "loosens security" not in remedy.text
    loosening = [remedy.loosens for remedy in page.remedies]
    assert loosening == sorted(loosening), "what loosens comes last"


@ANY_PAGE
def test_a_full_set_of_values_leaves_no_hole(cause: str) -> None:
    page = pages.page(cause)
    free = {key: value for key, value in FULL.items() if key != "version"}
    filled = pages.fill(page, free)
    templates = [one for one in page.remedies if pages.applies(one.when, free)]
    assert len(filled) == len(templates)
    for template, remedy in zip(templates, filled, strict=True):
        # A place's default may have more lines than its value
        lines = [command if "|" in command else command.split("\n") for command in template.commands]
        assert len(remedy.commands) >= sum(1 if isinstance(one, str) else len(one) for one in lines)
    told = [(one.text, *one.commands) for one in filled]
    told += [(one.text, *one.commands) for one in pages.steps(page, free)]
    for shown in told:
        for text in shown:
            for name in PLACES:
                assert f"{{{name}}}" not in text
                assert f"{{{name}|" not in text
            assert "{key:" not in text
            assert "{edit:" not in text


@ANY_PAGE
@pytest.mark.parametrize("version", ["", "4.2.5", "4.6.7", "5.1.0", "5.2.3", "5.3.0"])
def test_no_values_still_give_a_remedy(cause: str, version: str) -> None:
    page = pages.page(cause)
    hidden = {"version": version, "container": "no", "proxy": "no"}
    assert pages.fill(page, {"version": version} if version else {})
    assert pages.fill(page, hidden)
    assert pages.steps(page, {})
    for remedy in pages.fill(page, hidden):
        assert not any(word in " ".join((remedy.text, *remedy.commands)) for word in ("{key", "{edit"))


@ANY_PAGE
def test_a_page_holds_no_secret_and_no_registry(cause: str) -> None:
    text = texts(cause)
    assert not re.search(r"pypi\.org|npmjs|crates\.io|proxy\.golang|rubygems", text)
    assert not re.search(r"qbt_[A-Za-z0-9]{8,}|BEGIN [A-Z ]*PRIVATE KEY|://[^/\s]+:[^/\s]+@", text)
    assert not re.search(r"[A-Za-z0-9+/]{22}==:[A-Za-z0-9+/]{40}", text)
    assert "/work/" not in text
    assert "TODO" not in text


@ANY_PAGE
def test_places_are_spelled_right(cause: str) -> None:
    for name in re.findall(r"(?<![{$])\{([a-z_]+)\|", texts(cause)):
        assert name in PLACES


def test_the_release_decides_where_a_setting_stands() -> None:
    page = page_with(RemedyTemplate("manual", "{edit:Port={port}} {key:Port}"))

    def said(**values: str) -> str:
        return pages.fill(page, {"port": "9", **values})[0].text

    assert "set WebUI\\Port=9 in [Preferences]. " in said(version="v5.2.3")
    assert "set Port=9 in [WebUI]. " in said(version="5.3.0")
    assert "set Port=9 in [WebUI]. " in said(version="5.2.3", section="WebUI")
    assert "WebUI\\Port=9 in [Preferences] (from 5.3.0 on: Port=9 in [WebUI])" in said()
    assert "In /etc/q.conf set" in said(config_file="/etc/q.conf")
    assert not pages.fill(page, {})


@pytest.mark.parametrize(
    ("when", "values", "shown"),
    [
        ("", {}, True),
        (">=5.2", {}, True),
        (">=5.2", {"version": "v5.2.0"}, True),
        (">=5.2", {"version": "5.1.4"}, False),
        ("<5.2", {"version": "5.2.0"}, False),
        ("<5.2", {"version": "4.6.7"}, True),
        ("<5.2", {"version": "a nightly"}, True),
        ("container", {"container": "no"}, False),
        ("container", {"container": "yes"}, True),
        ("proxy >=4.4", {"version": "4.3.9"}, False),
    ],
)
def test_conditions(when: str, values: dict[str, str], shown: bool) -> None:
    assert pages.applies(when, values) is shown
    assert len(pages.fill(page_with(RemedyTemplate("manual", "x", when=when)), values)) == shown


def test_holes_defaults_and_braces() -> None:
    page = page_with(
        RemedyTemplate("manual", "gone {pid}"),
        RemedyTemplate("manual", "kept", ("kill {pid}", 'nginx { x $host; } {"json": 1} %{http_code} {unknown}')),
        RemedyTemplate("manual", "all commands gone", ("kill {pid}",)),
        RemedyTemplate("manual", "{url|somewhere}", ("a\n  b {server_port|8080}",)),
    )
    kept, default = pages.fill(page, {"pid": ""})
    assert kept.commands == ('nginx { x $host; } {"json": 1} %{http_code} {unknown}',)
    assert (default.text, default.commands) == ("somewhere", ("a", "  b 8080"))
    assert pages.fill(page, {}, stand_ins=True)[0].text == "gone 1234"


@given(st.dictionaries(st.sampled_from(sorted(PLACES)), st.text()))
def test_values_are_never_templates_and_never_break_out_of_a_command(values: dict[str, str]) -> None:
    template = "<{name}>" + "".join(f"{{{place}|-}}" for place in PLACES)
    page = page_with(RemedyTemplate("manual", "x", ("echo 'start'", f"echo '{template}'")))
    (remedy,) = pages.fill(page, values)
    for command in remedy.commands[1:]:
        assert command.count("'") == 2
        assert not set(command[6:-1]) & set('"`$;|&\n\r\x00')
        assert values["name"] in command
    (again,) = pages.fill(page_with(RemedyTemplate("manual", "{name|-}")), {"name": "{port} {key:X}", "port": "1"})
    assert again.text == "{port} {key:X}"


@given(st.text(alphabet="{}|:abkeydit_porn 08\n", max_size=60), st.booleans())
def test_any_template_is_filled_without_a_crash(text: str, stand_ins: bool) -> None:
    for remedy in pages.fill(page_with(RemedyTemplate("manual", text)), {"port": "8080"}, stand_ins=stand_ins):
        assert "{port}" not in remedy.text


def test_an_unknown_cause_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        pages.page("../../etc/passwd")
    with pytest.raises(KeyError):
        pages.page("nope")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('severity = "error"', 'severity = "fatal"', "'fatal' is none of error, warning, info"),
        ("rank = 110", "", "rank"),
        ("rank = 110", "rank = 110\ncolour = 1", "unknown keys: colour"),
        ('kind = "manual"', 'kind = "manual"\nwhen = "monday"', "unknown condition: monday"),
    ],
)
def test_a_bad_page_says_what(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: str, new: str, said: str) -> None:
    good = texts("bind-failed")
    assert old in good
    (tmp_path / "bind-failed.toml").write_text(good.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setattr(pages, "_folder", lambda: tmp_path)
    pages.page.cache_clear()
    try:
        with pytest.raises(CatalogueError, match="bind-failed") as caught:
            pages.page("bind-failed")
        assert said in str(caught.value)
    finally:
        pages.page.cache_clear()


@pytest.mark.skipif(systems.under_wine(), reason="Wine is slower than any Windows")
def test_a_page_loads_fast() -> None:
    took = []
    for cause in CONTRACT:
        pages.page.cache_clear()
        start = time.perf_counter()
        pages.page(cause)
        took.append(time.perf_counter() - start)
    assert sorted(took)[len(took) // 2] < 0.002
