"""Process groups by their locks: which are alive, whoever started them, and how they are stopped in order."""

import contextlib
import os
import signal
import time
from collections.abc import Collection
from typing import Any

from launcher import locks
from launcher.data import DataDir

STOP_SECONDS = 15
# The product is stopped before them, and finishes on living servers.
SERVERS = ("postgres", "valkey")


def alive(data: DataDir) -> dict[str, dict[str, Any]]:
    """Return the services of which a process lives, by name: ``pid``, ``started_at``, ``restarts``."""
    holders = {path.stem: locks.holder(path) for path in sorted(data.run.glob("*.lock"))}
    return {name: facts for name, facts in holders.items() if facts}


def stop_services(data: DataDir, names: Collection[str]) -> None:
    """Stop the named services, whoever started them: the product first, then the servers."""
    for servers in (False, True):
        group = {
            name: facts
            for name, facts in alive(data).items()
            if name in names and (name in SERVERS) == servers
        }
        for name, facts in group.items():
            # Only the leader is asked: it knows in which order its own children should end.
            with contextlib.suppress(ProcessLookupError):
                os.kill(facts["pid"], orderly(name))
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(facts["pid"], signal.SIGCONT)  # who was stopped hears it only when it goes on
        _wait(data, group, STOP_SECONDS)
        for facts in group.values():
            # What will not stop, and children that do not hold the lock.
            kill_group(facts["pid"])
        _wait(data, group, 5)


def _wait(data: DataDir, names: Collection[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while set(names) & set(alive(data)) and time.monotonic() < deadline:
        time.sleep(0.05)


def orderly(name: str) -> signal.Signals:
    """SIGTERM would make PostgreSQL wait for every client; SIGINT is its fast, orderly shutdown."""
    return signal.SIGINT if name == "postgres" else signal.SIGTERM


def kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
