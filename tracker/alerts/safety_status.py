"""
Safety status: are worker and watch at work, and does what is due go out?

Each leaves a heartbeat in PostgreSQL: the worker by a task of the beat schedule, which proves beat, broker and worker
in one; the watch at the end of each round. All times are the database's, so no machine's clock makes anybody look dead.
"""

import time
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from tracker.alerts.heartbeat import OLDEST_S
from tracker.lib import logs

log = logs.get(__name__)
WORKER, WATCH = "worker", "watch"
_WARN_EVERY_S = 60
_warned_at: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class SafetyStatus:
    """
    Ages in seconds. Of who never left a heartbeat: since the database was last migrated, when everything was to start.

    So a new installation has a minute to start in, and one without a worker does not stay well.
    """

    worker_age_s: float
    watch_age_s: float
    oldest_due_message_s: float

    @property
    def failing(self) -> list[str]:
        """What is not as it must be, a sentence each; empty if all is well."""
        sentences = self.silent(WORKER, WATCH)
        if self.oldest_due_message_s > OLDEST_S:
            sentences.append(f"a message has been due for {self.oldest_due_message_s:.0f} s and is not sent")
        return sentences

    def silent(self, *names: str) -> list[str]:
        """Those of the named processes that have done nothing for too long, a sentence each."""
        ages = {WORKER: self.worker_age_s, WATCH: self.watch_age_s}
        return [
            f"the {name} has done nothing for {ages[name]:.0f} s" for name in names if ages[name] > OLDEST_S
        ]

    @property
    def late_s(self) -> float:
        """For how long the longest of what is failing has been so; 0 if all is well."""
        longest = max(self.worker_age_s, self.watch_age_s, self.oldest_due_message_s)
        return longest if longest > OLDEST_S else 0


_BEAT = """
INSERT INTO alerts_heartbeat (name, at, oldest_due_at) VALUES (%s, statement_timestamp(), %s)
ON CONFLICT (name) DO UPDATE SET at = excluded.at, oldest_due_at = excluded.oldest_due_at
"""
_READ = """
SELECT extract(epoch FROM statement_timestamp() - coalesce(worker.at, migrated.at))::float,
    extract(epoch FROM statement_timestamp() - coalesce(watch.at, migrated.at))::float,
    coalesce(extract(epoch FROM statement_timestamp() - watch.oldest_due_at), 0)::float
FROM (SELECT max(applied) AS at FROM django_migrations) migrated
LEFT JOIN alerts_heartbeat worker ON worker.name = 'worker'
LEFT JOIN alerts_heartbeat watch ON watch.name = 'watch'
"""


def record_heartbeat(name: str, oldest_due_at: datetime | None = None) -> None:
    """Note that the worker or the watch has just done its work; log a warning if the other one is silent."""
    with connection.cursor() as cursor:
        cursor.execute(_BEAT, [name, oldest_due_at])
    status = read()
    other, age = (WATCH, status.watch_age_s) if name == WORKER else (WORKER, status.worker_age_s)
    if age > OLDEST_S and time.monotonic() - _warned_at.get(other, -_WARN_EVERY_S) >= _WARN_EVERY_S:
        _warned_at[other] = time.monotonic()
        log.warning(f"the {other} is silent", seconds=round(age))


def read() -> SafetyStatus:
    """Return how it stands now: one statement, whose cost does not grow with the data."""
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        worker_age, watch_age, oldest_due = cursor.fetchone()
    return SafetyStatus(*(round(max(0.0, age), 1) for age in (worker_age, watch_age, oldest_due)))
