"""
What lives, by its locks, and how it is stopped in order, whoever started it; ``down`` and ``logs``.

Standard library only: what runs can be stopped whatever became of ``.venv``.
"""

import argparse
import contextlib
import os
import signal
import time
from collections.abc import Collection
from typing import Any

from launcher import locks
from launcher.data import DataDir
from launcher.output import UserError, log

STOP_SECONDS = 15
# The product is stopped before its servers, and finishes on living ones.
PRODUCT, SERVERS = ("web", "worker", "beat", "watch", "demo"), ("postgres", "valkey")
SERVICES = (*PRODUCT, *SERVERS)


def down(options: argparse.Namespace) -> int:
    """Stop what `up` started, all of it."""
    log("Stopped." if stop_everything(DataDir(options.data)) else "Nothing was running.")
    return 0


def logs(options: argparse.Namespace) -> int:
    """Print the end of the logs, or of one."""
    data = DataDir(options.data)
    known = sorted(path.stem for path in data.log.glob("*.log"))
    paths = [str(data.log_of(name)) for name in known if options.name in (None, name)]
    if not paths:
        raise UserError(f"There is no such log in {data.log}; there are: {', '.join(known) or 'none yet'}.")
    how = ["-n", "200" if options.name else "10", *(["-F"] if options.follow else [])]
    os.execvp("tail", ["tail", *how, *paths])


def alive(data: DataDir) -> dict[str, dict[str, Any]]:
    """Return what lives, the supervisor (``dev``) too, by name, with what the lock file says."""
    paths = {name: data.lock_of(name) for name in (*SERVICES, "dev")}
    return {name: locks.read_facts(path) for name, path in paths.items() if locks.is_held(path)}


def stop_everything(data: DataDir) -> bool:
    """
    Stop whatever ./dev is at work in this folder, and what a killed one left; tell whether anything ran.

    :raises UserError: if something does not end, or the folder is not ours.
    """
    data.refuse_foreign()
    anything_ran = bool(alive(data))
    stop_services(data, ("dev", *SERVICES))
    if left := {name: locks.holders(data.lock_of(name)) for name in alive(data)}:
        raise UserError(f"These processes do not end: {left}; look at them with `ps`.")
    data.status.unlink(missing_ok=True)
    return anything_ran


def stop_services(data: DataDir, names: Collection[str]) -> None:
    """Stop the named: the supervisor, which stops its own services, then the product, then the servers."""
    for stage, seconds in ((("dev",), 3 * STOP_SECONDS), (PRODUCT, STOP_SECONDS), (SERVERS, STOP_SECONDS)):
        group = {name: facts for name, facts in alive(data).items() if name in stage and name in names}
        for name, facts in group.items():
            pids = locks.holders(data.lock_of(name))
            leader = facts.get("pid")
            # Only the leader is asked: it knows in which order its own children should end.
            for pid in [leader] if leader in pids else pids:
                _send(pid, orderly(name))
            for pid in pids:
                _send(pid, signal.SIGCONT)  # who was stopped hears it only when it goes on
        _wait(data, group, seconds)
        for name in group:
            end_holders(data, name)
        _wait(data, group, 5)


def end_holders(data: DataDir, name: str) -> None:
    """Kill what is left of a service: frozen, stubborn, or children of a leader that died."""
    for pid in locks.holders(data.lock_of(name)):
        _send(pid, signal.SIGKILL)


def orderly(name: str) -> signal.Signals:
    """SIGTERM would make PostgreSQL wait for every client; SIGINT is its fast, orderly shutdown."""
    return signal.SIGINT if name == "postgres" else signal.SIGTERM


def _wait(data: DataDir, names: Collection[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while set(names) & set(alive(data)) and time.monotonic() < deadline:
        time.sleep(0.05)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
