"""Services by their locks: which are alive, whoever started them, and how they are stopped in order."""

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
SERVICES = ("web", "worker", "beat", "watch", "demo", *SERVERS)


def alive(data: DataDir) -> dict[str, dict[str, Any]]:
    """Return the services of which a process lives, by name, with what their lock file says."""
    paths = {name: data.lock_of(name) for name in SERVICES}
    return {name: locks.read_facts(path) for name, path in paths.items() if locks.is_held(path)}


def stop_services(data: DataDir, names: Collection[str]) -> None:
    """Stop the named services, whoever started them: the product first, then the servers."""
    for servers in (False, True):
        group = {
            name: facts
            for name, facts in alive(data).items()
            if name in names and (name in SERVERS) == servers
        }
        for name, facts in group.items():
            pids = locks.holders(data.lock_of(name))
            leader = facts.get("pid")
            # Only the leader is asked: it knows in which order its own children should end.
            for pid in [leader] if leader in pids else pids:
                send(pid, orderly(name))
            for pid in pids:
                send(pid, signal.SIGCONT)  # who was stopped hears it only when it goes on
        _wait(data, group, STOP_SECONDS)
        for name in group:
            end_holders(data, name)
        _wait(data, group, 5)


def end_holders(data: DataDir, name: str) -> None:
    """Kill what is left of a service: frozen, stubborn, or children of a leader that died."""
    for pid in locks.holders(data.lock_of(name)):
        send(pid, signal.SIGKILL)


def _wait(data: DataDir, names: Collection[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while set(names) & set(alive(data)) and time.monotonic() < deadline:
        time.sleep(0.05)


def orderly(name: str) -> signal.Signals:
    """SIGTERM would make PostgreSQL wait for every client; SIGINT is its fast, orderly shutdown."""
    return signal.SIGINT if name == "postgres" else signal.SIGTERM


def send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
