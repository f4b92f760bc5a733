"""Unread writes: refused requests of patients that nobody could read, counted by the hour for operations."""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Sum

from tracker.alerts.models import UnreadWrites

_COUNT = """
INSERT INTO alerts_unreadwrites AS hour (starts_at, count) VALUES (date_trunc('hour', %s, 'UTC'), 1)
ON CONFLICT (starts_at) DO UPDATE SET count = hour.count + 1
"""


def count(at: datetime) -> None:
    """Count one more. Whose it was stands in the audit, under the request's id."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [at])


def last_day(at: datetime) -> int:
    """Return how many there were in the last 24 hours."""
    hours = UnreadWrites.objects.filter(starts_at__gt=at - timedelta(hours=25))
    return hours.aggregate(count=Sum("count"))["count"] or 0
