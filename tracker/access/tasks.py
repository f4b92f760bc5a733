"""Celery tasks of the beat schedule."""

from celery import shared_task
from django.utils import timezone

from tracker.access import devices


@shared_task
def retire_due_devices() -> int:
    """Retire the phones whose day has come. Safe at any time, and twice."""
    return devices.retire_due(at=timezone.now())
