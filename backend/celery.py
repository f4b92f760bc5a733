"""
The Celery app and the beat schedule: every periodic job in one list.

Due work is rows in PostgreSQL, so a job that runs twice, late or on two beats does no harm, and a lost
queue only delays it until the next tick.
"""

import os
from typing import Any

from celery import Celery

from backend import queues

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

# A worker checks itself by `backend.startup` before it forks and takes a task.
app = Celery("interlude", include=["backend.startup"])
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


# (what, task, every so many seconds). A task that no worker has taken by the next one expires: after a standstill
# of the workers the queue does not hold a thousand of them.
BEAT_SCHEDULE = (
    ("note that beat, broker and worker are at work", "tracker.alerts.tasks.record_worker_heartbeat", 15.0),
    ("deliver messages that are due in the app", "tracker.outbox.tasks.deliver_in_app", 15.0),
    ("deliver messages that are due by mail", "tracker.outbox.tasks.deliver_by_network", 15.0),
    ("escalate alerts nobody has acknowledged", "tracker.alerts.tasks.escalate_overdue", 30.0),
    ("raise alerts of sessions that nobody closed", "tracker.alerts.tasks.raise_unclosed_sessions", 60.0),
    ("plan reminders of check-ins", "tracker.reminders.tasks.plan_reminders", 60.0),
    ("anchor the audit chains", "tracker.audit.tasks.anchor", 60.0),
    (
        "record how many anonymous audit events were counted",
        "tracker.access.tasks.record_summaries_of_anonymous_events",
        600.0,
    ),
    ("refresh progress summaries", "tracker.progress.tasks.refresh_stale", 15.0),
    (
        "remove addresses of invitations that nobody can accept",
        "tracker.outbox.tasks.remove_useless_letters",
        3600.0,
    ),
    ("retire phones whose day has come", "tracker.access.tasks.retire_due_devices", 300.0),
    ("delete sessions and counts of tries that have ended", "tracker.accounts.tasks.delete_expired", 600.0),
)
# A worker takes these first: alerts go out and are escalated, and health sees it, behind a backlog of hints too.
SAFETY_TASKS = frozenset(
    {
        "tracker.alerts.tasks.record_worker_heartbeat",
        "tracker.outbox.tasks.deliver_in_app",
        "tracker.outbox.tasks.deliver_by_network",
        "tracker.alerts.tasks.escalate_overdue",
    }
)
# Beat has an app of its own (``backend.beat``), without the product's settings.
SCHEDULE: dict[str, dict[str, Any]] = {
    what: {
        "task": task,
        "schedule": seconds,
        "options": {"expires": seconds, "queue": queues.SAFETY if task in SAFETY_TASKS else queues.ORDINARY},
    }
    for what, task, seconds in BEAT_SCHEDULE
}
