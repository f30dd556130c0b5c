"""Real qbittorrent-nox releases as unpacked Debian package trees.

Nothing is installed and no root is needed: a private apt state with an empty dpkg status resolves the whole closure of
packages, `dpkg-deb -x` unpacks it into one tree for each release, and the program runs through that tree's own dynamic
loader, so that neither the host's C library nor its Qt takes part.

    python -m tests.kit.matrix list
    python -m tests.kit.matrix get all
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

# Release expected -> suites; the program comes from the first, the others only satisfy its dependencies.
SUITES: dict[str, tuple[str, ...]] = {
    "4.2.5": ("bullseye",),
    "4.5.2": ("bookworm",),
    "5.1.0": ("trixie",),
    "5.3.0": ("trixie-backports", "trixie"),
}
RELEASES: tuple[str, ...] = tuple(SUITES)

# Part of the folder's name: raise it when trees are made differently, and old ones are made anew.
_LAYOUT = 1

_CODENAMES = ("buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid")
_KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
)
# In the closure by dependency only; the program never opens a file of theirs.
_UNUSED = re.compile(
    r"(dpkg|tar|perl-base|debconf|gcc-\d+-base|libdb5\.3[^_]*|sensible-utils|shared-mime-info|tzdata|ucf)_"
)
_FETCH_TIMEOUT = 300.0


class Unavailable(Exception):
    """A release cannot be had on this machine, and why."""


@dataclass(frozen=True)
class Release:
    """One unpacked release."""

    name: str  # what the suite is expected to hold; tests are named after it
    version: str  # what the program says it is
    root: Path

    @property
    def version_tuple(self) -> tuple[int, ...]:
        """The real version, comparable."""
        return tuple(int(part) for part in self.version.split("."))

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs the program with the tree's own loader and libraries."""
        # Not the one in lib64: that is a link to an absolute path, so to the host's.
        loaders = [*self.root.glob("lib/*-linux-gnu*/ld-linux*"), *self.root.glob("usr/lib/*-linux-gnu*/ld-linux*")]
        if not loaders:
            raise Unavailable(f"{self.name}: no dynamic loader in {self.root}")
        folders = [
            folder
            for pattern in ("lib/*-linux-gnu*", "usr/lib/*-linux-gnu*", "usr/lib/*-linux-gnu*/libproxy")
            for folder in sorted(self.root.glob(pattern))
            if folder.is_dir()
        ]
        program = self.root / "usr/bin/qbittorrent-nox"
        return [str(loaders[0]), "--library-path", ":".join(map(str, folders)), str(program), *arguments]

    def environment(self, home: Path) -> dict[str, str]:
        """The environment that keeps the program inside its own tree and inside `home`."""
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "TZ", "TMPDIR"}}
        plugins = sorted(self.root.glob("usr/lib/*/qt[56]/plugins"))
        return {
            **kept,
            "LANG": "C.UTF-8",  # the one that every machine has
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(home / ".local/share"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_RUNTIME_DIR": str(home),
            "QT_PLUGIN_PATH": ":".join(map(str, plugins)),
        }


def cache_dir() -> Path:
    """Where the trees are kept between runs."""
    given = os.environ.get("QBDOCTOR_TEST_CACHE")
    return Path(given).expanduser().absolute() if given else platformdirs.user_cache_path("qbdoctor-tests")


def tree(name: str) -> Path:
    """The folder of one release, there or not."""
    return cache_dir() / f"qbittorrent-nox-{name}-v{_LAYOUT}"


def cached(name: str) -> Release | None:
    """The release, if it has been unpacked before."""
    try:
        facts = json.loads((tree(name) / "release.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Release(name=name, version=str(facts["version"]), root=tree(name))


@functools.cache
def _get(name: str) -> Release | str:
    """The release, or the reason why not: a failure too is settled once for a whole run."""
    try:
        found = cached(name)
        if found is not None:
            return found
        folder = cache_dir()
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{name}.lock"):
            return cached(name) or _make(name, folder)
    except Unavailable as reason:
        return str(reason)
    except OSError as error:
        return f"{name}: {error}"


def get(name: str) -> Release:
    """The release, fetched and unpacked where that has not been done; raises Unavailable."""
    if name not in SUITES:
        raise Unavailable(f"unknown release {name}; known: {', '.join(SUITES)}")
    found = _get(name)
    if isinstance(found, str):
        raise Unavailable(found)
    return found


def get_all(names: Sequence[str] = RELEASES) -> list[Release]:
    """Several releases, fetched side by side: one waits for the network while another unpacks."""
    with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
        return list(pool.map(get, names))


def _make(name: str, folder: Path) -> Release:
    """Fetch, unpack and try one release, in a temporary folder that is renamed once all is well."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{name}: no {tool} on this machine")
    mirrors = list(dict.fromkeys(debian_mirrors()))
    if not mirrors:
        raise Unavailable(
            f"{name}: no Debian archive among the machine's apt sources; QBDOCTOR_TEST_MIRROR may name one"
        )
    with tempfile.TemporaryDirectory(prefix=f".making-{name}-", dir=folder) as made:
        work = Path(made)
        problems = []
        for mirror in mirrors:
            try:
                packages = download(name, mirror, work, SUITES[name])
                break
            except Unavailable as reason:
                problems.append(str(reason))
        else:
            raise Unavailable("; ".join(problems))
        root = work / "root"
        root.mkdir()
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            list(pool.map(lambda package: run_tool(name, ["dpkg-deb", "-x", str(package), str(root)]), packages))
        for useless in ("doc", "man", "locale", "lintian", "bug", "zoneinfo"):
            shutil.rmtree(root / "usr/share" / useless, ignore_errors=True)
        trial = Release(name=name, version="", root=root)
        home = work / "home"
        home.mkdir()
        said = run_tool(name, trial.command("--version"), environment=trial.environment(home))
        match = re.search(r"\d+(?:\.\d+)+", said)
        if match is None:
            raise Unavailable(f"{name}: --version said {said[:200]!r}")
        (root / "release.json").write_text(json.dumps({"version": match[0], "suites": SUITES[name]}), encoding="utf-8")
        shutil.rmtree(tree(name), ignore_errors=True)  # without its release.json it is a leftover
        root.rename(tree(name))
    return Release(name=name, version=match[0], root=tree(name))


def download(
    name: str, mirror: str, work: Path, suites: Sequence[str], packages: Sequence[str] = ("qbittorrent-nox",)
) -> list[Path]:
    """Download the closure of some packages from one mirror; the packages that are worth unpacking."""
    state = work / "apt"
    shutil.rmtree(state, ignore_errors=True)
    for part in ("lists/partial", "archives/partial", "log", "etc"):
        (state / part).mkdir(parents=True)
    (state / "status").touch()
    first, *others = suites
    keyring = next((str(path) for path in _KEYRINGS if path.exists()), "")
    option = f"[signed-by={keyring}] " if keyring else ""
    sources = "".join(f"deb {option}{mirror} {suite} main\n" for suite in suites)
    (state / "etc/sources.list").write_text(sources, encoding="utf-8")
    pin = f"Package: qbittorrent*\nPin: release n={first}\nPin-Priority: 990\n" if others else ""
    (state / "etc/preferences").write_text(pin, encoding="utf-8")
    (state / "apt.conf").write_text(_apt_conf(state), encoding="utf-8")
    apt = ["apt-get", "-c", str(state / "apt.conf"), "-qq"]
    run_tool(name, [*apt, "update"])
    run_tool(name, [*apt, "-y", "--download-only", "install", *packages])
    return [path for path in sorted((state / "archives").glob("*.deb")) if not _UNUSED.match(path.name)]


def _apt_conf(state: Path) -> str:
    """A private state in `state`. The host's own settings, such as a proxy, go on holding; its hooks do not."""
    settings = {
        "Dir::Etc::SourceList": state / "etc/sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": state / "etc/preferences",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State": state,
        "Dir::State::Lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::State::extended_states": state / "extended_states",
        "Dir::Cache": state,
        "Dir::Cache::Archives": state / "archives",
        "Dir::Log": state / "log",
        "APT::Install-Recommends": "0",
        "APT::Sandbox::User": "",
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::Check-Valid-Until": "false",  # an archived suite is no longer signed anew
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "20",
    }
    hooks = [f"APT::Update::{when}" for when in ("Pre-Invoke", "Post-Invoke", "Post-Invoke-Success")]
    hooks += [f"DPkg::{when}" for when in ("Pre-Invoke", "Post-Invoke", "Pre-Install-Pkgs")]
    cleared = "".join(f"#clear {hook};\n" for hook in hooks)
    return cleared + "".join(f'{key} "{value}";\n' for key, value in settings.items())


def run_tool(name: str, command: list[str], environment: dict[str, str] | None = None) -> str:
    """Run a tool; its standard output, or Unavailable with its first complaint."""
    if environment is None:
        environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=_FETCH_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{name}: {error}") from error
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).split("\n")
        words = " ".join(next((line for line in lines if line.startswith("E: ")), " ".join(lines)).split())
        raise Unavailable(f"{name}: {Path(command[0]).name} failed ({done.returncode}): {words[:300]}")
    return done.stdout


def debian_mirrors() -> Iterator[str]:
    """Addresses of Debian archives, from the machine's own apt sources.

    Others name their suites after Debian's too; apt refuses them, as their index is not signed by Debian, and the next
    address gets its turn.
    """
    given = os.environ.get("QBDOCTOR_TEST_MIRROR")
    if given:
        yield given
        return
    etc = Path("/etc/apt")
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if path.suffix == ".list":
            yield from _one_line_entries(text)
        elif path.suffix == ".sources":
            yield from _deb822_entries(text)


def _is_debian(suites: Sequence[str], components: Sequence[str]) -> bool:
    """Whether an entry looks like the main archive: its security archive lacks the releases themselves."""
    wanted = {f"{codename}{pocket}" for codename in _CODENAMES for pocket in ("", "-updates", "-backports")}
    return "main" in components and not wanted.isdisjoint(suites)


def _one_line_entries(text: str) -> Iterator[str]:
    """The addresses of Debian archives in a sources.list."""
    for line in text.splitlines():
        words = re.sub(r"\[[^]]*\]", " ", line.partition("#")[0]).split()
        if len(words) >= 4 and words[0] == "deb" and _is_debian(words[2:3], words[3:]):
            yield words[1]


def _deb822_entries(text: str) -> Iterator[str]:
    """The addresses of Debian archives in a deb822 sources file."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields: dict[str, list[str]] = {}
        key = ""
        for line in stanza.splitlines():
            if line[:1].isspace():
                fields.get(key, []).extend(line.split())
                continue
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = value.split()
        if (
            "deb" in fields.get("types", [])
            and fields.get("enabled", ["yes"]) != ["no"]
            and _is_debian(fields.get("suites", []), fields.get("components", []))
        ):
            yield from fields.get("uris", [])


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch releases ahead of a test run, or list them."""
    parser = argparse.ArgumentParser(prog="python -m tests.kit.matrix", description="Real qbittorrent-nox releases.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the releases known, and which are unpacked")
    fetch = commands.add_parser("get", help="fetch and unpack; what is there already is left alone")
    fetch.add_argument("versions", nargs="+", choices=["all", *RELEASES], metavar="all|VERSION")
    chosen = parser.parse_args(arguments)
    if chosen.command == "list":
        for name in RELEASES:
            found = cached(name)
            print(f"{name:8} {','.join(SUITES[name]):26} {f'{found.version} in {found.root}' if found else '-'}")  # noqa: T201
        return 0
    started = time.monotonic()
    names = RELEASES if "all" in chosen.versions else tuple(dict.fromkeys(chosen.versions))
    try:
        for release in get_all(names):
            print(f"{release.name}: {release.version} in {release.root}")  # noqa: T201
    except Unavailable as reason:
        print(reason, file=sys.stderr)  # noqa: T201
        return 1
    print(f"{time.monotonic() - started:.1f} s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
