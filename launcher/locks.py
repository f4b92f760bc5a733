"""
Locks of the kernel's own (``flock``): let go of when the last holder dies, however it dies.

A lock is the only notion of "is it running". The supervisor holds one for the data folder; every service, with all
its children, holds one of its own. Who is signalled is who holds the lock, asked of the kernel at that moment: never
a number from a file, which may be a stranger's by now. What the file says (since when, how often) is for people.
"""

import contextlib
import fcntl
import json
import os
import sys
import time
from pathlib import Path
from typing import IO, Any

from launcher.output import private


def acquire(path: Path, *, wait: bool = False) -> IO[str] | None:
    """Return the open file that holds the lock; without ``wait`` None, while somebody else does."""
    file = open(path, "a+", opener=private)  # noqa: SIM115 - the lock lasts as long as the file is open
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        file.close()
        return None
    file.truncate(0)
    return file


def write_facts(file: IO[str], *, pid: int, restarts: int = 0) -> None:
    """Write down who holds it since when; on a full disk the service runs without."""
    with contextlib.suppress(OSError):
        file.write(json.dumps({"pid": pid, "started_at": time.time(), "restarts": restarts}))
        file.flush()


def read_facts(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        facts = json.loads(path.read_text())
        return facts if isinstance(facts, dict) else {}
    return {}


def is_held(path: Path) -> bool:
    """Ask with a shared lock, which another that asks does not meet."""
    try:
        with open(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def holders(path: Path) -> list[int]:
    """Return the processes that hold the lock, children that inherited it too; not on Linux, who wrote the file."""
    if sys.platform != "linux":
        pid = read_facts(path).get("pid")
        return [pid] if pid and is_held(path) else []
    pids = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is another user's
            file = link.parents[1] / "fdinfo" / link.name
            if os.readlink(link) == str(path) and "FLOCK  ADVISORY  WRITE" in file.read_text():
                pids.append(int(link.parts[2]))
    return pids
