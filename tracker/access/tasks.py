"""Celery tasks of the beat schedule."""

from celery import shared_task
from django.utils import timezone

from tracker.access import anonymous_events, devices


@shared_task
def record_summaries_of_anonymous_events() -> int:
    """Record how many events of nobody known were counted and not recorded. Safe at any time, and twice."""
    return anonymous_events.record_summaries(at=timezone.now())


@shared_task
def retire_due_devices() -> int:
    """Retire the phones whose day has come. Safe at any time, and twice."""
    return devices.retire_due(at=timezone.now())
