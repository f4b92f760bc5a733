"""The answers of one alert, the newest first: when each was given, when it reached us. Two queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tracker.access.principal import Principal
from tracker.alerts import escalation, reporters, rules
from tracker.alerts.joined_answers import joined_answers
from tracker.alerts.models import Alert
from tracker.dashboard import formatting
from tracker.lib import days

PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class AlertAnswer:
    """One answer, at the patient's time, when it arrived, at the reader's, and which caregiver gave it, if one did."""

    answered: str
    answered_at: datetime
    arrived: str
    arrived_at: datetime
    is_historical: bool
    is_stored: bool
    reported_by: str


@dataclass(frozen=True, slots=True)
class AnswersPage:
    """A page of the answers of an alert; ``rule`` says what they answer."""

    alert_id: UUID
    patient_id: UUID
    patient: str
    rule: str
    answers: Sequence[AlertAnswer]
    total: int
    number: int
    has_more: bool


def answers_page(principal: Principal, alert_id: UUID, number: int) -> AnswersPage:
    """
    Return page ``number``, from 1, of the answers of an alert.

    :raises NotFoundOrHidden: if there is no such alert for this principal.
    """
    alert, rows = joined_answers(alert_id, principal)
    total, first = rows.count(), (number - 1) * PAGE_SIZE
    shown = list(rows[first : first + PAGE_SIZE])
    users = {row.reported_by_id for row in shown if row.reported_by_id}
    names = reporters.names(principal, [(alert.patient_id, users)])
    return AnswersPage(
        alert_id=alert.pk,
        patient_id=alert.patient_id,
        patient=alert.patient.name,
        rule=rules.label(alert.rule),
        answers=[_shown(row, alert, principal, names) for row in shown],
        total=total,
        number=number,
        has_more=first + PAGE_SIZE < total,
    )


def _shown(row: Alert, alert: Alert, principal: Principal, names: Mapping[UUID, str]) -> AlertAnswer:
    return AlertAnswer(
        answered=formatting.moment(days.local(row.answered_at, alert.patient.time_zone)),
        answered_at=row.answered_at,
        arrived=formatting.moment(days.local(row.raised_at, principal.time_zone)),
        arrived_at=row.raised_at,
        # Of each by itself: the alert's own mark tells of all its answers.
        is_historical=row.raised_at - row.answered_at > escalation.HISTORICAL_AFTER,
        is_stored=row.answer_stored,
        reported_by=names.get(row.reported_by_id, "") if row.reported_by_id else "",
    )
