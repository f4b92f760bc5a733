"""What the beat schedule starts."""

from celery import shared_task
from django.utils import timezone

from tracker.accounts import sessions


@shared_task
def delete_expired_sessions() -> int:
    """Remove the rows of sessions that have ended. Safe at any time, and twice."""
    return sessions.delete_expired(at=timezone.now())
