"""Celery tasks of the beat schedule."""

from celery import shared_task
from django.utils import timezone

from tracker.accounts import sessions, throttle


@shared_task
def delete_expired() -> int:
    """Remove sessions that have ended, and counts of tries whose window has. Safe at any time, and twice."""
    return sessions.delete_expired(at=timezone.now()) + throttle.delete_expired()
