"""Celery tasks of the beat schedule."""

from celery import shared_task
from django.utils import timezone

from tracker.accounts import former_emails, known_devices, sessions, throttle


@shared_task
def delete_expired() -> int:
    """Remove ended sessions, counts of tries, devices not used for long, old addresses. Safe at any time, and twice."""
    ended = sessions.delete_expired(at=timezone.now()) + throttle.delete_expired()
    return ended + known_devices.delete_expired() + former_emails.delete_expired(at=timezone.now())
