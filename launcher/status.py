"""``status`` and ``code``: what runs, since when, how it feels; and what the demo's staff need to sign in."""

import argparse
import contextlib
import os
import time
from typing import Any

import psutil

from launcher.data import DataDir
from launcher.output import ROOT, UserError, last_lines
from launcher.processes import tree
from launcher.product import MANAGE, health
from launcher.stop import alive


def status(options: argparse.Namespace) -> int:
    """Print what runs and how it is; end with 1 if it does not run, or something is wrong."""
    data = DataDir(options.data)
    data.refuse_foreign()
    services = alive(data)
    up = data.read_status()
    print(f"Interlude is at {up['url']} (data and logs: {data.path})" if up else "Interlude is not running.")
    memory = sum([_print_process(name, facts) for name, facts in services.items()])
    if services:
        print(f"  {'all':<9} {memory:>5.0f} MB")
    if "demo" in services:
        print(f"The demo is loading: {last_lines(data.log_of('demo'), 1).strip() or 'it has just begun'}")
    problems = problems_of(up["port"]) if up else []
    if services and "dev" not in services:
        problems = ["processes of a killed ./dev are alive; `./dev down` ends them"]
    for problem in problems:
        print(f"Problem: {problem}")
    return 0 if up and not problems else 1


def _print_process(name: str, facts: dict[str, Any]) -> float:
    """Print one line; return the memory of a process and its children in MB: shared pages are counted once."""
    if not facts:  # written on a full disk
        print(f"  {name:<9} runs, since when is not known")
        return 0
    memory, frozen = 0.0, ""
    # The children of ./dev are the others.
    for process, is_stopped in list(tree(facts["pid"]).items())[: 1 if name == "dev" else None]:
        frozen = "frozen" if is_stopped else frozen
        with contextlib.suppress(psutil.Error):
            full = process.memory_full_info()
            memory += getattr(full, "pss", full.uss) / 1_000_000
    age = _duration(time.time() - facts["started_at"])
    restarts = f"started again: {facts['restarts']}" if facts["restarts"] else ""
    print(f"  {name:<9} {memory:>5.0f} MB  {age:>7}  {frozen} {restarts}".rstrip())
    return memory


def problems_of(port: int) -> list[str]:
    safety = health(port, "safety", statuses=(200, 503))
    if safety is None:
        return ["the web server does not answer"]
    if "oldest_due_message_s" in safety:  # else the database does not answer
        print(f"Oldest message that is due: {_duration(safety['oldest_due_message_s'])}")
    return list(safety.get("failing", []))


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def code(options: argparse.Namespace) -> int:
    """Print the codes that the demo staff's authenticator app shows now. There is such an app in the demo only."""
    data = DataDir(options.data)
    up = data.read_status()
    if not (up and up["demo"]):
        raise UserError(f"No demo is running in {data.path}; start it with ./dev up.")
    os.chdir(ROOT)
    command = [*MANAGE, "demo", "codes", "--sign-ins", str(data.sign_ins), options.who]
    os.execve(MANAGE[0], command, {**os.environ, **up["environment"]})
