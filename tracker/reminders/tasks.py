"""Celery tasks of the beat schedule."""

from celery import shared_task
from django.utils import timezone

from tracker.reminders import actions


@shared_task
def plan_reminders() -> int:
    """Put reminders that fall due into the outbox. Safe at any time, twice, and by many workers."""
    return actions.plan_reminders(at=timezone.now())
