"""A heartbeat that one process leaves in a file and another reads, such as a container's health check."""

import time
from pathlib import Path

OLDEST_S = 60


def write(path: Path) -> None:
    """
    Note that a round has just ended. In one step, so that no reader meets half a file.

    :raises OSError: if the file cannot be written, on a full disk for example.
    """
    # The monotonic clock is the machine's: setting its calendar clock makes nobody look dead, or alive.
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    # All its digits: a number that was rounded up is in the future for who reads it at once.
    part.write_text(str(time.monotonic()))
    part.replace(path)


def problem(path: Path) -> str | None:
    """Return None if a round ended less than ``OLDEST_S`` seconds ago, else one sentence."""
    try:
        age = time.monotonic() - float(path.read_text())
    except FileNotFoundError:
        return "The watch has not ended a round yet, or was started without this --heartbeat."
    except (OSError, ValueError):
        return "The file of --heartbeat cannot be read: it is not one that a watch has written."
    if age < 0:
        return "The watch has not ended a round since this machine was started."
    if age >= OLDEST_S:
        return f"The watch ended its last round {age:.0f} s ago, which is too long: look at its log."
    return None
