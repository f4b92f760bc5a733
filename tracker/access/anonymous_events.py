"""
Audit events of requests by nobody who is known: the first of each kind in an hour are recorded, the others counted.

Else whoever is not signed in could let the audit, which is never shortened, grow without end.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from tracker.accounts import throttle
from tracker.accounts.models import ThrottleCount
from tracker.audit import actions as audit
from tracker.audit.models import Result

# In each clock hour, of each route and result.
RECORDED_PER_HOUR = 100
_PREFIX = "anonymous-event"
# Counts are kept for longer than their hour: the next summary may be late.
_KEPT_SECONDS = 7 * 24 * 3600


def record_or_count(
    *,
    at: datetime,
    kind: str,
    result: str,
    detail: Mapping[str, Any] | None = None,
    clinic_id: UUID | None = None,
    **event: Any,
) -> None:
    """Record an event in a transaction of its own, or count it for ``record_summaries`` where its kind has many."""
    status = (detail or {}).get("status", 0)
    key = f"{_PREFIX}|{_hour(at).isoformat()}|{kind}|{result}|{status}"
    ((number, _),) = throttle.count({key: _KEPT_SECONDS}).values()
    if number <= RECORDED_PER_HOUR:
        audit.record_event_in_own_transaction(
            at=at, kind=kind, result=result, detail=detail, clinic_id=clinic_id, **event
        )


@transaction.atomic
def record_summaries(*, at: datetime) -> int:
    """Record one event of each kind for every hour that is over and had more of them; return how many events."""
    over = ThrottleCount.objects.filter(
        key__startswith=f"{_PREFIX}|", key__lt=f"{_PREFIX}|{_hour(at).isoformat()}"
    )
    summaries = 0
    for row in over.select_for_update(skip_locked=True).order_by("key"):
        _, hour, kind, result, status = row.key.split("|")
        if row.count > RECORDED_PER_HOUR:
            audit.record_event_in_own_transaction(
                actor="nobody", action="anonymous_events", subject=kind, kind=kind, at=at, result=Result(result),
                detail={"status": int(status), "hour": hour, "not_recorded": row.count - RECORDED_PER_HOUR},
            )  # fmt: skip
            summaries += 1
        row.delete()
    return summaries


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
