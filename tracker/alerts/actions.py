"""Raising alerts with their messages, acknowledging them, and asking again when nobody has."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction

from tracker.alerts import rules
from tracker.alerts.models import Alert
from tracker.alerts.rules import Finding
from tracker.audit import actions as audit
from tracker.lib import bulk, walls
from tracker.outbox import actions as outbox
from tracker.people import teams
from tracker.people.access import NotYoursError, Viewer
from tracker.people.models import Clinic, StaffMember

__all__ = ["AlreadyAcknowledgedError", "Finding", "acknowledge", "assess", "escalate_overdue"]

_COLUMNS = (
    "clinic_id", "patient", "id", "rule", "level", "source_kind", "source_id", "historical",
    "answered_at", "raised_at", "steps",
)  # fmt: skip


class AlreadyAcknowledgedError(Exception):
    """A colleague was first."""

    def __init__(self, by_name: str, at: datetime) -> None:
        super().__init__("already acknowledged")
        self.by_name = by_name
        self.at = at


def assess(*, clinic_id: UUID, patient_id: UUID, findings: Sequence[Finding], at: datetime) -> bool:
    """
    Write an alert and its messages for each finding that has none yet; return whether there was any finding.

    Runs in the transaction of the answer: if the alert cannot be written, the answer is not stored.
    """
    if not findings:
        return False
    bulk.insert(
        Alert,
        _COLUMNS,
        [
            (
                clinic_id, patient_id, uuid4(), found.rule, found.level, found.source_kind,
                found.source_id, rules.is_historical(found, at), found.answered_at, at, 0,
            )
            for found in findings
        ],
        key=("patient", "rule", "source_id"),
    )  # fmt: skip
    raised = Alert.objects.filter(
        patient_id=patient_id, source_id__in=[found.source_id for found in findings]
    )
    recipients = teams.on_duty(patient_id, at)
    for alert in raised.filter(raised_at=at):
        _tell(alert, recipients, step=0, at=at)
    return True


def _tell(alert: Alert, recipients: Sequence[UUID], *, step: int, at: datetime) -> None:
    outbox.enqueue(
        clinic_id=alert.clinic_id,
        recipients=recipients,
        words="alert",
        subject=f"alert/{alert.pk}",
        key=f"alert/{alert.pk}/{step}",
        due_at=at,
        urgent=True,
    )


def acknowledge(*, alert_id: UUID, viewer: Viewer, at: datetime) -> None:
    """
    Note that ``viewer`` has seen the alert and takes it from here.

    :raises AlreadyAcknowledgedError: if a colleague was first.
    :raises NotYoursError: if there is no such alert for this viewer.
    """
    own = Alert.objects.filter(pk=alert_id, patient_id__in=viewer.patients)
    # One statement decides the race: only one of two clinicians changes the row.
    changed = own.open().update(acknowledged_at=at, acknowledged_by_id=viewer.user_id)
    alert = own.first()
    if alert is None:
        raise NotYoursError
    if not changed:
        assert alert.acknowledged_at is not None
        first = StaffMember.objects.filter(user=alert.acknowledged_by).first()
        raise AlreadyAcknowledgedError(first.name if first else "a colleague", alert.acknowledged_at)
    audit.note(
        actor=viewer.actor,
        action="alert.acknowledge",
        subject=str(alert),
        clinic_id=alert.clinic_id,
        patient_id=alert.patient_id,
        at=at,
    )


def escalate_overdue(*, at: datetime) -> int:
    """Ask again, step by step, about alerts that nobody has acknowledged; return how many steps were taken."""
    return sum(_escalate_clinic(clinic_id, at) for clinic_id in Clinic.objects.values_list("pk", flat=True))


@transaction.atomic
def _escalate_clinic(clinic_id: UUID, at: datetime) -> int:
    taken = 0
    with walls.clinic(clinic_id):
        soonest = at - timedelta(minutes=15)
        waiting = Alert.objects.open().filter(clinic_id=clinic_id, raised_at__lte=soonest)
        for alert in waiting.select_for_update(skip_locked=True).order_by("raised_at", "id"):
            taken += _escalate(alert, at)
    return taken


def _escalate(alert: Alert, at: datetime) -> int:
    """Take the latest step that is due; after a standstill the missed ones are not sent one by one."""
    step = alert.steps
    while rules.step_due_at(alert.raised_at, step) <= at:
        step += 1
    if step == alert.steps:
        return 0
    wide = rules.asks_whole_clinic(step)
    people = teams.whole_clinic(alert.clinic_id) if wide else teams.on_duty(alert.patient_id, at)
    _tell(alert, people, step=step, at=at)
    Alert.objects.filter(pk=alert.pk).update(steps=step)
    return 1
