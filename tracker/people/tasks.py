"""What the timetable starts."""

from celery import shared_task
from django.utils import timezone

from tracker.people import sessions


@shared_task
def forget_ended_sessions() -> int:
    """Remove the rows of sessions that have ended. Safe at any time, and twice."""
    return sessions.forget_ended(at=timezone.now())
