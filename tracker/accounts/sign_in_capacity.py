"""
Capacity of sign-in: how much of a process tries of unknown devices may take, all accounts and addresses together.

A count for each address stops nobody who has many. Here one try of an unknown device runs at a time, and the next ones
wait for a moment or come again; devices on which the account has signed in before, and who is signed in, pass by.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_WAITING, _WAIT_SECONDS = 2, 2.0
_places = threading.BoundedSemaphore(1 + _WAITING)
_runs = threading.BoundedSemaphore(1)


class NoCapacity(Exception):
    """This process has no room for another try of an unknown device now. Nothing was tried or counted."""


@contextmanager
def of_unknown_device() -> Iterator[None]:
    """
    Hold, for the block, the place of the one try that runs.

    :raises NoCapacity: if others wait already, or if the place does not become free in time.
    """
    if not _places.acquire(blocking=False):
        raise NoCapacity
    try:
        if not _runs.acquire(timeout=_WAIT_SECONDS):
            raise NoCapacity
        try:
            yield
        finally:
            _runs.release()
    finally:
        _places.release()
