"""Real runs of ``./dev`` in a clone elsewhere, with its own data folder, ports and servers."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from launcher.data import DataDir
from launcher.stop import alive

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "dev", "launcher", "manage.py", "backend", "tracker", "examples",
    "requirements.txt", "requirements-demo.txt", "requirements-dev.txt",
)  # fmt: skip
# The launcher must find its own servers, not those of this test run.
OURS = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_ADMIN_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "MASTER_KEY",
    "LOOKUP_KEY",
    "ANCHOR_KEY",
    "AUDIT_ANCHORS",
    "MAIL_DIR",
)


class Clone:
    """A copy of the product in a folder of its own, and what people type there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = DataDir(folder / "var")

    def dev(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        started = self.start(*arguments, env=env)
        stdout, stderr = started.communicate(timeout=180)
        return subprocess.CompletedProcess(started.args, started.returncode, stdout, stderr)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(self.folder / "dev"), *arguments],
            cwd=self.folder,
            env={**{name: value for name, value in os.environ.items() if name not in OURS}, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def pids(self) -> dict[str, int]:
        """Return the living processes that the launcher started, and its own (``dev``)."""
        # Between its lock and its first word a service has no number yet.
        return {name: facts["pid"] for name, facts in alive(self.data).items() if facts}

    def processes(self) -> list[str]:
        """Return the command lines of all living processes that have to do with this clone."""
        homes = (str(self.folder), str(self.data.servers))
        lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
        return [line for line in lines if any(home in line for home in homes)]

    def environment(self) -> dict[str, str]:
        """Return the settings of the product that is running."""
        settings: dict[str, str] = json.loads(self.data.status.read_text())["environment"]
        return settings

    def remove(self) -> None:
        self.dev("down")
        self.data.erase()
        shutil.rmtree(self.folder)


def copy_product(folder: Path) -> None:
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    (folder / ".venv").symlink_to(ROOT / ".venv")


def make_clone() -> Clone:
    folder = Path(tempfile.mkdtemp(prefix="interlude-clone-"))
    # As a clone usually is; one that others may not enter has a test of its own.
    folder.chmod(0o755)
    copy_product(folder)
    return Clone(folder)


@pytest.fixture
def clone() -> Iterator[Clone]:
    clone = make_clone()
    yield clone
    clone.remove()


@pytest.fixture(scope="module")
def running_clone() -> Iterator[Clone]:
    """A clone that runs without the demo, for the tests that only look at it."""
    clone = make_clone()
    up = clone.dev("up", "--detach", "--no-demo")
    assert up.returncode == 0, up.stderr
    yield clone
    clone.remove()
