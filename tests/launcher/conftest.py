"""Real runs of ``./dev`` in a clone elsewhere, with its own data folder, ports and servers."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("dev", "manage.py", "backend", "tracker", "requirements.txt", "requirements-dev.txt")
# The launcher must find its own servers, not those of this test run.
OURS = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
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
        self.data = folder / "var"

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
        return {path.stem: int(path.read_text().split()[0]) for path in (self.data / "run").glob("*.pid")}

    def processes(self) -> list[str]:
        """Return the command lines of all living processes that have to do with this clone."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.folder) in words:
                found.append(words)
        return found

    def remove(self) -> None:
        self.dev("down")
        elsewhere = self.data / "servers.path"
        if elsewhere.exists():
            shutil.rmtree(elsewhere.read_text())
        shutil.rmtree(self.folder)


def copy_product(folder: Path) -> None:
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    (folder / ".venv").symlink_to(ROOT / ".venv")


@pytest.fixture
def clone() -> Iterator[Clone]:
    folder = Path(tempfile.mkdtemp(prefix="interlude-clone-"))
    # As a clone usually is; one that others may not enter has a test of its own.
    folder.chmod(0o755)
    copy_product(folder)
    made = Clone(folder)
    yield made
    made.remove()
