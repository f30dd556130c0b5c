"""Builds a real Windows CPython under Wine, with qbdoctor in it, from Debian's and PyPI's packages alone.

python3XX.dll and its modules are those that panda3d's Windows wheel brings along, of this interpreter's own version; the
library is this interpreter's. Three small programs are compiled: python.exe, python3.dll, which hands the stable ABI on, and
bcryptprimitives.dll, which Wine 8 lacks. psutil gets a stand-in for the one question that Wine 8 has no answer to (which
program a process runs). Debian: wine wine64 gcc-mingw-w64-x86-64.
"""

from __future__ import annotations

import contextlib
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
    "pytest", "pytest-timeout", "hypothesis", "jsonschema", "cryptography",
)  # fmt: skip
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
        self, *words: str, seconds: float = 120, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the Windows Python with pipes, whose encoding is then that of a redirect (cp1252)."""
        return subprocess.run(
            self.command(*words),
            cwd=self.drive,  # not the checkout, whose package would be taken before the installed one
            env=self.environment | (environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Keep Wine's own server meanwhile: a start takes a second then. Its services hold no pipe of a test's."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = shutil.which("wineserver", path="/usr/bin:/usr/lib/wine") or "/usr/lib/wine/wineserver64"
        subprocess.run([server, "-p"], env=self.environment, check=True, **quiet)  # type: ignore[call-overload]
        subprocess.run(self.command("-c", "pass"), env=self.environment, check=True, timeout=120, **quiet)  # type: ignore[call-overload]
        try:
            yield
        finally:
            subprocess.run([server, "-k"], env=self.environment, check=False, **quiet)  # type: ignore[call-overload]


def windows() -> Windows:
    """Return the environment, built where it is not there yet, with this checkout's qbdoctor. Skips where it cannot be."""
    lacking = missing("wine", f"{MINGW}-gcc")
    if lacking is not None or os.uname().machine != "x86_64":
        without(lacking or "Wine runs Windows' programs on x86-64 alone")
    made = Windows(matrix.cache_dir() / f"windows-{sys.version_info[0]}.{sys.version_info[1]}")
    if not (made.folder / "done").exists():
        shutil.rmtree(made.folder, ignore_errors=True)
        try:
            _build(made)
        except (subprocess.SubprocessError, OSError) as error:
            without(f"the Windows Python could not be built: {error}")
        (made.folder / "done").touch()
    _install(made)
    return made


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
    """Put this checkout's package in: ``checks`` and ``fixes`` lie inside it, as in a wheel."""
    package = made.packages / "qbdoctor"
    shutil.rmtree(package, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "qbdoctor", package, ignore=skip)
    for neighbour in ("checks", "fixes"):
        shutil.copytree(ROOT / neighbour, package / neighbour, ignore=skip)
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
        raise OSError(f"{command[0]}: {done.stderr.decode(errors='replace')[-300:]}")
