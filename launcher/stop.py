"""``down``, and ``logs``. Standard library only: what runs can be stopped whatever became of ``.venv``."""

import argparse
import contextlib
import os
import signal
import time

from launcher import locks
from launcher.data import DataDir
from launcher.groups import STOP_SECONDS, alive, stop_services
from launcher.output import UserError, log


def down(options: argparse.Namespace) -> int:
    """Stop what `up` started, all of it."""
    log("Stopped." if stop_everything(DataDir(options.data)) else "Nothing was running.")
    return 0


def stop_everything(data: DataDir) -> bool:
    """Stop whatever ./dev is at work in this folder, and what a killed one left; tell whether anything ran."""
    supervisor = locks.holder(data.lock)
    if supervisor:
        deadline = time.monotonic() + 3 * STOP_SECONDS
        for number in (signal.SIGTERM, signal.SIGCONT):
            with contextlib.suppress(ProcessLookupError):
                os.kill(supervisor["pid"], number)
        while (left := locks.holder(data.lock)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if left:
            os.kill(left["pid"], signal.SIGKILL)
    services = alive(data)
    stop_services(data, services)
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
