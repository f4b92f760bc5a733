"""The open alerts: which answer, whose, how old. One query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F

from tracker.access import policy
from tracker.access.policy import Action, Relation
from tracker.access.principal import Principal
from tracker.alerts import rules
from tracker.alerts.models import Alert, Level
from tracker.dashboard import formatting
from tracker.lib import days

# A phone's clock within this of ours tells the same time.
SAME_TIME = timedelta(minutes=10)
_LEVEL_ORDER = [level.value for level in Level]


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """One alert as it stands on a page, with both times where they differ."""

    id: UUID
    level: str
    level_name: str
    answer: str
    patient_id: UUID
    patient: str
    age: str
    answered: str
    answered_at: datetime
    arrived: str
    arrived_at: datetime
    times_differ: bool
    is_historical: bool
    answer_stored: bool
    may_open: bool
    may_break_glass: bool


@dataclass(frozen=True, slots=True)
class AlertBox:
    """The open alerts of a page: gravest first, then today's answers before old ones, then oldest."""

    open: Sequence[OpenAlert]


def alert_box(principal: Principal, at: datetime, patient_id: UUID | None = None) -> AlertBox:
    """Return the open alerts of the principal's patients, or of one of them."""
    alerts = Alert.objects.open()
    if patient_id:
        alerts = alerts.filter(patient=patient_id)
    rows = alerts.values(
        "id", "rule", "level", "answer_stored", "is_historical", "answered_at", "raised_at", "patient_id",
        name=F("patient__name"), time_zone=F("patient__time_zone"),
    ).order_by("raised_at", "id")  # fmt: skip
    found = [_shown(row, principal, at) for row in rows]
    return AlertBox(sorted(found, key=lambda alert: (_LEVEL_ORDER.index(alert.level), alert.is_historical)))


def _shown(row: Mapping[str, Any], principal: Principal, at: datetime) -> OpenAlert:
    answered_at, raised_at = row["answered_at"], row["raised_at"]
    return OpenAlert(
        id=row["id"],
        level=row["level"],
        level_name=Level(row["level"]).label,
        answer=rules.label(row["rule"]),
        patient_id=row["patient_id"],
        patient=row["name"],
        age=formatting.age(at - answered_at),
        answered=formatting.moment(days.local(answered_at, row["time_zone"])),
        answered_at=answered_at,
        arrived=formatting.moment(days.local(raised_at, principal.time_zone)),
        arrived_at=raised_at,
        times_differ=abs(raised_at - answered_at) > SAME_TIME,
        is_historical=row["is_historical"],
        answer_stored=row["answer_stored"],
        may_break_glass=policy.role_may(principal.role, Action.BREAK_GLASS),
        may_open=principal.relation_to(row["patient_id"]) != Relation.ALERT_RESPONDER,
    )
