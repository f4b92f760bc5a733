"""What the beat schedule starts."""

from celery import shared_task
from django.utils import timezone

from tracker.alerts import actions, safety_status, treatment_sessions


@shared_task
def escalate_overdue() -> int:
    """Ask again about alerts nobody has acknowledged. Safe at any time, twice, and by many workers."""
    return actions.escalate_overdue(at=timezone.now())


@shared_task
def record_worker_heartbeat() -> None:
    """Note that beat, broker and worker are at work."""
    safety_status.record_heartbeat(safety_status.WORKER)


@shared_task
def raise_unclosed_sessions() -> int:
    """Alert of treatment sessions at home that nobody has closed in time. Safe at any time, twice, by many workers."""
    return treatment_sessions.raise_unclosed(at=timezone.now())
