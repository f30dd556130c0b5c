"""qbdoctor's own image: built from .github/Containerfile, run without rights beside a real qBittorrent, as README says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.kit import debian, engines
from tests.live.containers.conftest import PASSWORD, Scene
from tests.support.strangers import shared_folder

pytestmark = [pytest.mark.live, pytest.mark.extended]

READY = "access the WebUI|Web UI at"
MOST_ADDED = 60_000_000
"""The bytes by which the image may be larger than what it is built on."""


@pytest.fixture(scope="module")
def built(docker: engines.Docker) -> Iterator[dict[str, int]]:
    """Build it with the file's own line, on Debian's Python with the wheels beside it: no index is asked."""
    with shared_folder() as folder:
        base = folder / "base"
        shutil.copytree(debian.tree("python", debian.BASE), base, symlinks=True)
        shutil.copytree(debian.wheels(), base / "wheels")
        certificates = sorted(
            (base / "usr/share/ca-certificates/mozilla").glob("*.crt")
        )  # Debian's pip wants them as one
        bundle = "".join(each.read_text("utf-8") for each in certificates)
        (base / "etc/ssl/certs/ca-certificates.crt").write_text(bundle, "utf-8")
        docker.from_tree("pythonbase", base, "PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels", "LANG=C.UTF-8")
    said = (debian.ROOT / ".github/Containerfile").read_text("utf-8")
    line = next(match[1] for match in re.finditer(r"^#\s+(docker build .*)$", said, re.MULTILINE))
    words = [*shlex.split(line), "--build-arg", "BASE=pythonbase"]
    environment = {**docker.environment, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(words, cwd=debian.ROOT, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    sizes = {name: int(docker("image", "inspect", "-f", "{{.Size}}", name)) for name in ("pythonbase", "qbdoctor")}
    yield sizes


def test_small(docker: engines.Docker, built: dict[str, int]) -> None:
    added = built["qbdoctor"] - built["pythonbase"]
    print(f"the image adds {added / 1e6:.1f} MB to a base of {built['pythonbase'] / 1e6:.1f} MB")  # noqa: T201
    assert added < MOST_ADDED
    assert docker("image", "inspect", "-f", "{{.Config.User}}", "qbdoctor") == "65532:65532"


def test_beside_a_server(scene: Callable[..., Scene], built: dict[str, int]) -> None:
    """README's line with this scene's folder, whose config is closed to others; then less of it, and what is said then."""
    one = scene("qbittorrent")
    one.write(inner=8080)
    for each in [one.folder, *one.folder.rglob("*")]:
        os.chown(each, 1000, 1000)
    one.config.chmod(0o600)
    one.start("--user", "1000:1000", published=8080)
    readme = (debian.ROOT / "README.md").read_text("utf-8")
    (line,) = re.findall(r"^docker run .*qbdoctor$", readme, re.MULTILINE)
    words = shlex.split(line.replace("/srv/qb", str(one.folder)).replace(" -it", ""))

    def asked(*left_out: str, words: list[str] = words) -> subprocess.CompletedProcess[str]:
        kept = list(words)
        for option in left_out:
            at = kept.index(option)
            del kept[at : at + 2]
        kept[2:2] = ["-e", f"QBDOCTOR_PASSWORD={PASSWORD}"]
        return subprocess.run(kept, env=one.docker.environment, capture_output=True, text=True)

    done = asked()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "✓ The server is fine: qBittorrent 5.3.0 at http://127.0.0.1:8080" in done.stdout
    assert "Way: this container (127.0.0.1)" in done.stdout
    assert "Next: qbdoctor explain" in done.stdout
    done = asked("--pid")
    assert "read-only mount" not in done.stdout, "that mount is the doctor's own"
    assert done.returncode == 0, done.stdout
    done = asked("--user")
    assert "port map or proxy" not in done.stdout
    done = asked("--network", "--pid", "-v")
    assert done.returncode == 3
    assert "qbdoctor runs in a container itself and looks from there" in done.stderr
