"""Celery tasks of the beat schedule and of the views' hints."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from tracker.lib import logs
from tracker.outbox import actions, letters

log = logs.get(__name__)
with tempfile.TemporaryFile() as _file:
    _SLOT = os.dup(_file.fileno())


@shared_task
def deliver_in_app() -> int:
    """Send the messages that are due in the app. Safe at any time, twice, and by many workers."""
    return actions.deliver_in_app(at=timezone.now())


@shared_task
def deliver_by_network() -> int:
    """
    Send the messages that are due by a provider. Safe at any time, twice, and by many workers.

    Of each worker one process at a time: a provider that hangs leaves the others free.
    """
    with _network_slot() as is_free:
        return actions.deliver_by_network(at=timezone.now()) if is_free else 0


@shared_task
def remove_useless_letters() -> int:
    """Remove addresses of invitations that nobody can accept any more. Safe at any time, and twice."""
    return letters.remove_useless(at=timezone.now())


@contextmanager
def _network_slot() -> Iterator[bool]:
    """Hold the lock of this worker, and say whether it was free. The kernel ends it with its process."""
    try:
        # A record lock belongs to a process, although all have the file from the one that they were forked from.
        fcntl.lockf(_SLOT, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        fcntl.lockf(_SLOT, fcntl.LOCK_UN)


def wake_delivery() -> None:
    """Hint that something urgent waits. A dead broker is no matter: the rows are found without it."""
    try:
        deliver_in_app.delay()
        deliver_by_network.delay()
    except OperationalError:
        log.warning("broker away")
