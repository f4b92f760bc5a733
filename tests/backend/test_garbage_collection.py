"""Garbage collection waits until a process has started, works from then on, and leaves what the start made alone."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.servers import ROOT

TELL = "import gc; print(gc.isenabled(), gc.get_freeze_count() > 100_000)"


@pytest.mark.parametrize(
    "command", [("-c", f"import backend.asgi; {TELL}"), ("manage.py", "shell", "--no-imports", "-c", TELL)]
)
def test_garbage_collection_is_on_after_the_start_and_spares_what_the_start_made(fresh_database, command):
    environment: Mapping[str, str] = os.environ | fresh_database()

    told = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True
    )

    assert told.stdout.splitlines()[-1:] == ["True True"], told.stderr
