"""Builds a real Windows CPython under Wine, with qbdoctor in it, from Debian's and PyPI's packages alone.

python3XX.dll and its modules are those that panda3d's Windows wheel brings along, of this interpreter's own version; the
library is this interpreter's. Three small programs are compiled: python.exe, python3.dll, which hands the stable ABI on, and
bcryptprimitives.dll, which Wine 8 lacks. psutil gets a stand-in for the one question that Wine 8 has no answer to (which
program a process runs). Debian: wine wine64 gcc-mingw-w64-x86-64.

``python -m tests.kit.windows`` builds it and says where it lies, or ends with 75 (EX_TEMPFAIL) and what was missing.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.kit import matrix
from tests.kit.needs import missing, without

ROOT = Path(__file__).parents[2]
MINGW = "x86_64-w64-mingw32"
LIBRARIES = (
    "psutil", "requests", "iniparse>=0.5.2,<0.6", "rich", "platformdirs", "filelock", "aiohttp>=3.12", "ast-grep-py>=0.38",
    "jinja2>=3.1", "prometheus-client>=0.20", "apprise>=1.8", "httpx>=0.27", "qbittorrent-api>=2025.11",
    "pytest", "pytest-timeout", "hypothesis", "jsonschema", "cryptography", "tzdata", "pip", "setuptools>=77",
)  # fmt: skip
_IN_CHECKOUT = (
    "qbdoctor",
    "checks",
    "fixes",
    "tests",
    ".github",
    "pyproject.toml",
    "setup.py",
    "README.md",
    "CHANGELOG.md",
)
_NOT_OURS = re.compile(
    r"site-packages|dist-packages|__pycache__|lib-dynload|config-3\..*|test|idlelib|_sysconfigdata.*"
)
_PYTHON = """
#include <windows.h>
typedef int (*PyMain)(int, wchar_t **);
int wmain(int argc, wchar_t **argv)
{
    HMODULE h = LoadLibraryW(L"%s.dll");
    PyMain m = h ? (PyMain)(void *)GetProcAddress(h, "Py_Main") : 0;
    return m ? m(argc, argv) : 251;
}
"""
_MAIN = "DllMainCRTStartup"
_ENTRY = f"int __stdcall {_MAIN}(void *a, unsigned b, void *c) {{ return 1; }}"
_RANDOM = """
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE p, SIZE_T n) { return SystemFunction036(p, (ULONG)n); }
"""
_SHIM = """
import ctypes
from ctypes import wintypes
_k = ctypes.WinDLL("kernel32", use_last_error=True)
_k.OpenProcess.restype = wintypes.HANDLE
_k.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
_k.QueryFullProcessImageNameW.argtypes = [wintypes.HANDLE, wintypes.DWORD, wintypes.LPWSTR, ctypes.POINTER(wintypes.DWORD)]
_k.CloseHandle.argtypes = [wintypes.HANDLE]
def proc_exe(pid):
    h = _k.OpenProcess(0x1000, False, pid)
    if not h:
        e = ctypes.get_last_error()
        raise ProcessLookupError(3, "no such process") if e == 87 else ctypes.WinError(e)
    try:
        n = wintypes.DWORD(32768)
        b = ctypes.create_unicode_buffer(n.value)
        if not _k.QueryFullProcessImageNameW(h, 0, b, ctypes.byref(n)):
            raise ctypes.WinError(ctypes.get_last_error())
        return b.value
    finally:
        _k.CloseHandle(h)
"""


class Unavailable(Exception):
    """It cannot be had on this machine; the text says for want of what."""


class Windows:
    """A prefix of Wine with a Python in it. ``drive`` is C: as a folder of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.drive = folder / "prefix/drive_c"
        self.python = self.drive / "Python"
        self.packages = self.python / "Lib/site-packages"
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "USER": "ann",
            "LANG": "C.UTF-8",
            "WINEPREFIX": str(folder / "prefix"),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",
            "WINEARCH": "win64",
        }

    def command(self, *words: str) -> list[str]:
        """The command that runs the Windows Python."""
        return ["wine", r"C:\Python\python.exe", *words]

    def run(
        self, *words: str, seconds: float = 120, environment: dict[str, str] | None = None, inside: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the Windows Python in a folder of C: with pipes, whose encoding is then that of a redirect (cp1252)."""
        return subprocess.run(
            self.command(*words),
            cwd=self.drive / inside,
            env=self.environment | (environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )

    def batch(
        self, *words: str, seconds: float = 120, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a line of cmd.exe's."""
        return subprocess.run(
            ["wine", "cmd", "/c", *words],
            cwd=self.drive, env=self.environment | (environment or {}),
            stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False,
        )  # fmt: skip

    def start(self) -> None:
        """Start Wine's own server: a start takes a second then. Its services hold no pipe of a test's."""
        _silently([_server(), "-p"], self.environment)
        _silently(self.command("-c", "pass"), self.environment)

    def end(self) -> None:
        """End Wine's server with all that runs under it."""
        _silently([_server(), "-k"], self.environment)


def _server() -> str:
    return shutil.which("wineserver", path="/usr/bin:/usr/lib/wine") or "/usr/lib/wine/wineserver64"


def _silently(command: Sequence[str], environment: dict[str, str]) -> None:
    quiet = subprocess.DEVNULL
    subprocess.run(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet, check=False, timeout=120)


@contextlib.contextmanager
def windows() -> Iterator[Windows]:
    """Give the running environment, built where it is not there yet, with this checkout in it. Skips where it cannot be."""
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(prepared())
        except Unavailable as reason:
            without(str(reason))
        yield made


@contextlib.contextmanager
def prepared() -> Iterator[Windows]:
    """Give the running environment as `windows` does; raises Unavailable where it cannot be had.

    Workers of one run share it; a run of another checkout waits until they are done.
    """
    lacking = missing("wine", f"{MINGW}-gcc")
    if lacking is not None or os.uname().machine != "x86_64":
        raise Unavailable(lacking or "Wine runs Windows' programs on x86-64 alone")
    made = Windows(matrix.cache_dir() / f"windows-{sys.version_info[0]}.{sys.version_info[1]}")
    made.folder.parent.mkdir(parents=True, exist_ok=True)
    with made.folder.with_name(f"{made.folder.name}.lock").open("a") as lock:
        _share(made, lock.fileno())
        made.start()
        try:
            yield made
        finally:
            with contextlib.suppress(BlockingIOError):  # others still use it
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                made.end()


def _share(made: Windows, lock: int) -> None:
    """Return with the environment as it is wanted and a shared lock on it."""
    wanted = _digest()
    while True:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if _text(made.folder / "checkout") == wanted and _text(made.folder / "done") == _built_of():
            return
        fcntl.flock(lock, fcntl.LOCK_UN)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _text(made.folder / "done") != _built_of():
            shutil.rmtree(made.folder, ignore_errors=True)
            try:
                _build(made)
            except (subprocess.SubprocessError, OSError) as error:
                raise Unavailable(f"the Windows Python could not be built: {error}") from error
            (made.folder / "done").write_text(_built_of())
        if _text(made.folder / "checkout") != wanted:
            _install(made)
            (made.folder / "checkout").write_text(wanted)
        fcntl.flock(lock, fcntl.LOCK_UN)


def _built_of() -> str:
    return "\n".join(LIBRARIES)


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _digest() -> str:
    """Return what tells this checkout, as it is now, from others."""
    made = hashlib.sha256(str(ROOT).encode())
    for name in _IN_CHECKOUT:
        for path in sorted((ROOT / name).rglob("*") if (ROOT / name).is_dir() else [ROOT / name]):
            if path.is_file() and "__pycache__" not in path.parts:
                made.update(f"{path}\0".encode() + path.read_bytes())
    return made.hexdigest()


def _build(made: Windows) -> None:
    work = made.folder / "work"
    work.mkdir(parents=True)
    _quietly(["wine", "wineboot", "-i"], made.environment, 240)
    for link in (made.drive / "users/ann").iterdir():
        if link.is_symlink():  # Wine leads Documents and the like to our home
            link.unlink()
            link.mkdir()
    (made.python / "DLLs").mkdir(parents=True)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    _pip("download", "--no-deps", "-d", str(work), "panda3d", version=version)
    with zipfile.ZipFile(next(work.glob("panda3d*.whl"))) as wheel:
        for name in wheel.namelist():
            base = name.rpartition("/")[2]
            if name.startswith("deploy_libs/") and base.lower().endswith((".dll", ".pyd")):
                first = base.lower().startswith(("python3", "vcruntime"))
                (made.python / ("" if first else "DLLs") / base).write_bytes(wheel.read(name))
    shutil.copytree(
        sysconfig.get_path("stdlib"),
        made.python / "Lib",
        ignore=lambda _folder, names: [name for name in names if _NOT_OURS.fullmatch(name)],
    )
    made.packages.mkdir(exist_ok=True)
    _compile(made, work, f"python{version.replace('.', '')}")
    _pip("install", "--target", str(made.packages), "--no-compile", *LIBRARIES, version=version)
    (made.packages / "psutil/_wineshim.py").write_text(_SHIM)
    asks = made.packages / "psutil/_pswindows.py"
    text = asks.read_text(encoding="utf-8").replace("cext.proc_exe(self.pid)", "_wineshim.proc_exe(self.pid)")
    asks.write_text(text.replace("from . import _common\n", "from . import _common, _wineshim\n"), encoding="utf-8")


def _compile(made: Windows, work: Path, dll: str) -> None:
    (work / "python.c").write_text(_PYTHON % dll)
    (work / "entry.c").write_text(_ENTRY)
    (work / "random.c").write_text(_RANDOM)
    table = subprocess.run(
        [f"{MINGW}-objdump", "-p", str(made.python / f"{dll}.dll")], capture_output=True, text=True, check=True
    )
    _, _, names = table.stdout.partition("[Ordinal/Name Pointer] Table")
    exported = [line.split()[-1] for line in names.split("\n\n")[0].splitlines()[1:] if line.strip()]
    (work / "python3.def").write_text(
        "LIBRARY python3.dll\nEXPORTS\n" + "".join(f"{one}={dll}.{one}\n" for one in exported)
    )
    gcc = f"{MINGW}-gcc"
    for words in (
        ("-O1", "-municode", "-o", str(made.python / "python.exe"), "python.c"),
        (
            "-shared",
            "-nostdlib",
            "-o",
            str(made.python / "python3.dll"),
            "entry.c",
            "python3.def",
            "-Wl,--entry,DllMainCRTStartup",
        ),
        ("-shared", "-O1", "-o", str(made.python / "bcryptprimitives.dll"), "random.c", "-ladvapi32"),
    ):
        subprocess.run([gcc, *words], cwd=work, check=True, timeout=60)


def _install(made: Windows) -> None:
    """Put this checkout into C:\\src, where Python finds it; ``checks`` and ``fixes`` lie inside its package, as in a wheel."""
    source = made.drive / "src"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    skip = shutil.ignore_patterns("__pycache__")
    for name in _IN_CHECKOUT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=skip)
        else:
            shutil.copyfile(ROOT / name, source / name)
    for neighbour in ("checks", "fixes"):
        shutil.copytree(ROOT / neighbour, source / "qbdoctor" / neighbour, ignore=skip)
    (made.packages / "checkout.pth").write_text("C:\\src\n")
    about = made.packages / "qbdoctor-0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: qbdoctor\nVersion: 0\n")


def _pip(verb: str, *words: str, version: str) -> None:
    target = ("--only-binary=:all:", "--platform", "win_amd64", "--python-version", version, "--implementation", "cp")
    abis = [part for abi in (f"cp{version.replace('.', '')}", "abi3", "none") for part in ("--abi", abi)]
    _quietly([sys.executable, "-m", "pip", verb, "-q", *target, *abis, *words], dict(os.environ), 400)


def _quietly(command: Sequence[str], environment: dict[str, str], seconds: float) -> None:
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=seconds,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").split("\n")
        raise OSError(
            f"{' '.join(command[:4])}: {next((line for line in reversed(said) if line.strip()), done.returncode)}"
        )


if __name__ == "__main__":
    try:
        with prepared() as there:
            print(there.folder)  # noqa: T201
    except Unavailable as lack:
        print(lack, file=sys.stderr)  # noqa: T201
        sys.exit(os.EX_TEMPFAIL)
