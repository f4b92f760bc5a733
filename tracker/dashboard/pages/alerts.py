"""The open alerts: which answer, whose, how old, and how many answers have joined it. One query, bounded pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from tracker.access import policy
from tracker.access.policy import Action, Relation
from tracker.access.principal import Principal
from tracker.alerts import escalation, reporters, rules
from tracker.alerts.models import Alert, Level
from tracker.dashboard import formatting
from tracker.lib import days

# A phone's clock within this of ours tells the same time.
SAME_TIME = timedelta(minutes=10)
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """
    One alert as it stands on a page: by its newest answer, with both times where they differ.

    ``first`` is when the first of its answers arrived.
    """

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
    answers: int
    version: int
    first: str
    first_at: datetime
    is_historical: bool
    answer_stored: bool
    reported_by: str
    may_open: bool
    may_break_glass: bool


@dataclass(frozen=True, slots=True)
class AlertBox:
    """
    A page of the open alerts: gravest first, then today's answers before old ones, then oldest.

    ``total`` counts all of them, ``levels`` names patient, level and whether the answer was late, of each.
    """

    open: Sequence[OpenAlert]
    total: int
    number: int
    pages: int
    levels: Sequence[tuple[UUID, str, bool]]

    @property
    def first(self) -> int:
        """The place of the first alert of the page among all."""
        return (self.number - 1) * PAGE_SIZE + 1

    @property
    def last(self) -> int:
        return self.first + len(self.open) - 1


def page_number(text: str) -> int:
    """Return the page that a query parameter names; the first if it names none."""
    return form_number(text) if len(text) < 7 else 1


def form_number(text: str) -> int:
    """Return the number of a hidden field of a form; 1 if there is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 1


def alert_box(
    principal: Principal, at: datetime, patient_id: UUID | None = None, number: int = 1
) -> AlertBox:
    """
    Return the open alerts of the principal's patients, or of one of them.

    ``number`` is the page, from 1; beyond the last one it is the last.
    """
    alerts = Alert.objects.open()
    if patient_id:
        alerts = alerts.filter(patient=patient_id)
    rows: QuerySet[Any, Any] = alerts.with_reporters().values(  # type: ignore[misc]
        "id", "rule", "level", "answer_stored", "is_historical", "raised_at", "newest_answered_at",
        "newest_raised_at", "patient_id",
        "answer_count", "reporters", "version",
        name=F("patient__name"), time_zone=F("patient__time_zone"),
    ).order_by("raised_at", "id")  # fmt: skip
    in_order = sorted(rows, key=lambda row: (escalation.gravity(row["level"]), row["is_historical"]))
    pages = max(1, -(-len(in_order) // PAGE_SIZE))
    number = min(max(1, number), pages)
    shown = in_order[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    names = reporters.names(principal, [(row["patient_id"], row["reporters"]) for row in shown])
    return AlertBox(
        open=[_shown(row, principal, at, names) for row in shown],
        total=len(in_order),
        number=number,
        pages=pages,
        levels=[(row["patient_id"], row["level"], row["is_historical"]) for row in in_order],
    )


def _shown(
    row: Mapping[str, Any], principal: Principal, at: datetime, names: Mapping[UUID, str]
) -> OpenAlert:
    answered_at, arrived_at = row["newest_answered_at"], row["newest_raised_at"]
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
        arrived=formatting.moment(days.local(arrived_at, principal.time_zone)),
        arrived_at=arrived_at,
        times_differ=abs(arrived_at - answered_at) > SAME_TIME,
        answers=row["answer_count"],
        version=row["version"],
        first=formatting.moment(days.local(row["raised_at"], principal.time_zone)),
        first_at=row["raised_at"],
        is_historical=row["is_historical"],
        answer_stored=row["answer_stored"],
        reported_by=", ".join(sorted({names.get(user, "") for user in row["reporters"]})),
        may_break_glass=policy.role_may(principal.role, Action.BREAK_GLASS),
        may_open=principal.relation_to(row["patient_id"]) != Relation.ALERT_RESPONDER,
    )
