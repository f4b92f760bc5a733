"""Celery tasks of the beat schedule."""

from celery import shared_task
from django.utils import timezone

from tracker.progress import actions


@shared_task
def refresh_stale() -> int:
    """Make summaries again whose entries have changed. Safe at any time, twice, and by many workers."""
    return actions.refresh_stale(at=timezone.now())
