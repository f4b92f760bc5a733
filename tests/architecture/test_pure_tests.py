"""Tests of pure rules need no server and no setting: a newcomer runs them from an editor."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_pure_tests_run_with_nothing_started_and_say_what_they_leave_out():
    files = ["tests/progress/test_trends.py", "tests/progress/test_refresh.py"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *files],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "./dev test starts both and runs them" in done.stdout
