"""``down``, and ``logs``. Standard library only: what runs can be stopped whatever became of ``.venv``."""

import argparse
import os
import signal
import time

from launcher import locks
from launcher.data import DataDir
from launcher.groups import STOP_SECONDS, alive, send, stop_services
from launcher.output import UserError, log


def down(options: argparse.Namespace) -> int:
    """Stop what `up` started, all of it."""
    data = DataDir(options.data)
    log("Stopped." if stop_everything(data) else "Nothing was running.")
    return 0


def stop_everything(data: DataDir) -> bool:
    """
    Stop whatever ./dev is at work in this folder, and what a killed one left; tell whether anything ran.

    :raises UserError: if something does not end, or the folder is not ours.
    """
    data.refuse_foreign()
    supervisor, deadline = locks.holders(data.lock), time.monotonic() + 3 * STOP_SECONDS
    for pid in supervisor:
        send(pid, signal.SIGTERM)
        send(pid, signal.SIGCONT)
    while locks.is_held(data.lock) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in locks.holders(data.lock):
        send(pid, signal.SIGKILL)
    services = alive(data)
    stop_services(data, services)
    if left := {name: locks.holders(data.lock_of(name)) for name in alive(data)}:
        raise UserError(f"These processes do not end: {left}; look at them with `ps`.")
    data.forget_run()
    return bool(supervisor or services)


def logs(options: argparse.Namespace) -> int:
    """Print the end of the logs, or of one."""
    data = DataDir(options.data)
    names = [options.name] if options.name else sorted(path.stem for path in data.log.glob("*.log"))
    paths = [str(data.log_of(name)) for name in names if data.log_of(name).exists()]
    if not paths:
        known = ", ".join(sorted(path.stem for path in data.log.glob("*.log")))
        raise UserError(f"There is no such log in {data.log}; there are: {known or 'none yet'}.")
    how = ["-n", "200" if options.name else "10", *(["-F"] if options.follow else [])]
    os.execvp("tail", ["tail", *how, *paths])
