"""Celery tasks of the beat schedule and of the views' hints."""

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from tracker.lib import logs
from tracker.outbox import actions

log = logs.get(__name__)


@shared_task
def deliver_due() -> int:
    """Send the messages that are due. Safe at any time, twice, and by many workers."""
    return actions.deliver_due(at=timezone.now())


def wake_delivery() -> None:
    """Hint that something urgent waits. A dead broker is no matter: the rows are found without it."""
    try:
        deliver_due.delay()
    except OperationalError:
        log.warning("broker away")
