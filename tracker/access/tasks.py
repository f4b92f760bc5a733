"""What the beat schedule starts."""

from celery import shared_task
from django.utils import timezone

from tracker.access import anonymous_events


@shared_task
def record_summaries_of_anonymous_events() -> int:
    """Record how many events of nobody known were counted and not recorded. Safe at any time, and twice."""
    return anonymous_events.record_summaries(at=timezone.now())
