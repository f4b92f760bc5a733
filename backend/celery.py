"""
The Celery app and the timetable: every periodic job in one list.

Due work is rows in PostgreSQL, so a job that runs twice, late or on two beats does no harm, and a lost
queue only delays it until the next tick.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

app = Celery("interlude")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

app.conf.beat_schedule = {
    "deliver messages that are due": {"task": "tracker.outbox.tasks.deliver_due", "schedule": 15.0},
    "escalate alerts nobody has acknowledged": {
        "task": "tracker.alerts.tasks.escalate_overdue",
        "schedule": 30.0,
    },
    "plan reminders of check-ins": {"task": "tracker.reminders.tasks.plan_reminders", "schedule": 60.0},
    "refresh progress summaries": {"task": "tracker.progress.tasks.refresh_stale", "schedule": 15.0},
}
