"""
Locks of the kernel's own (``flock``): let go of when the last holder dies, however it dies.

A lock is the only notion of "is it running". The supervisor holds one for the data folder; every service, with all
its children, holds one of its own, whose file names the process group. While such a lock is held, a member of
the group lives, so that its number cannot have been given to a stranger.
"""

import contextlib
import fcntl
import json
import time
from pathlib import Path
from typing import IO, Any


def acquire(path: Path, *, wait: bool = False) -> IO[str] | None:
    """Return the open file that holds the lock; without ``wait`` None, while somebody else does."""
    file = open(path, "a+")  # noqa: SIM115 - the lock lasts as long as the file is open
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        file.close()
        return None
    file.truncate(0)
    return file


def write_holder(file: IO[str], **facts: Any) -> None:
    """Write down who holds the lock: at least ``pid``."""
    file.truncate(0)
    file.write(json.dumps(facts))
    file.flush()


def holder(path: Path) -> dict[str, Any] | None:
    """Return what the holder wrote, or None if nobody holds the lock."""
    while _is_held(path):
        # Between its lock and its first word the file is empty.
        with contextlib.suppress(OSError, ValueError):
            facts: dict[str, Any] = json.loads(path.read_text())
            return facts
        time.sleep(0.01)
    return None


def _is_held(path: Path) -> bool:
    """Ask with a shared lock, which another that asks does not meet."""
    try:
        with open(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
