"""Raising alerts with their messages, acknowledging them, and asking again when nobody has."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.db import transaction

from tracker.access.principal import Principal
from tracker.alerts import escalation
from tracker.alerts.escalation import Finding
from tracker.alerts.models import Alert
from tracker.audit import actions as audit
from tracker.clinics import patient_lock, responders
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Clinic, StaffMember
from tracker.lib import bulk, rls
from tracker.outbox import actions as outbox

__all__ = ["AlreadyAcknowledgedError", "Finding", "acknowledge", "assess", "escalate_overdue"]


class _New(NamedTuple):
    id: UUID
    clinic_id: UUID
    patient_id: UUID
    rule: str
    rule_version: int
    level: str
    source_kind: str
    source_id: UUID
    value: float | None
    raise_count: int
    answer_stored: bool
    is_historical: bool
    answered_at: datetime
    answered_on: date
    raised_at: datetime
    escalation_step: int


class _NextVersion(NamedTuple):
    id: UUID
    rule_version: int
    source_kind: str
    value: float | None
    raise_count: int
    answer_stored: bool
    answered_at: datetime
    answered_on: date
    raised_at: datetime
    escalation_step: int
    acknowledged_at: datetime | None
    acknowledged_by_id: UUID | None


class AlreadyAcknowledgedError(Exception):
    """A colleague was first."""

    def __init__(self, by_name: str, at: datetime) -> None:
        super().__init__("already acknowledged")
        self.by_name = by_name
        self.at = at


def assess(*, clinic_id: UUID, patient_id: UUID, findings: Sequence[Finding], at: datetime) -> bool:
    """
    Write an alert and its messages for each finding that is new; return whether there was any finding.

    An answer that alerted before and has become worse is raised again, also when it was acknowledged. Runs in
    the transaction of the answer and under the patient's lock: if the alert cannot be written, the answer is
    not stored. The number of statements does not grow with the number of findings.
    """
    worst = _worst_by_answer(findings)
    if not worst:
        return False
    known = Alert.objects.filter(patient_id=patient_id, source_id__in=[found.source_id for found in findings])
    # Who acknowledges one at this moment is first: what is written back below knows of it.
    known = known.select_for_update().order_by("id")
    held = {(alert.rule, alert.source_id): alert for alert in known}
    told = [_of(clinic_id, patient_id, found, at) for key, found in worst.items() if key not in held]
    bulk.insert(Alert, [_New(**_columns(alert, _New._fields)) for alert in told])
    again = [alert for key, alert in held.items() if key in worst]
    told += [alert for alert in again if _merge_finding(alert, worst[alert.rule, alert.source_id], at)]
    bulk.update(Alert, [_NextVersion(**_columns(alert, _NextVersion._fields)) for alert in again], key=["id"])
    if told:
        _notify(told, responders.alert_responders(patient_id, at), at=at)
    return True


def _columns(alert: Alert, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(alert, name) for name in names}


def _worst_by_answer(findings: Sequence[Finding]) -> dict[tuple[str, UUID], Finding]:
    """One finding per rule and answer, the worst; what could be stored goes before what could not."""
    worst: dict[tuple[str, UUID], Finding] = {}
    for found in sorted(findings, key=lambda found: (found.value or 0, found.stored)):
        worst[found.rule, found.source_id] = found
    return worst


def _of(clinic_id: UUID, patient_id: UUID, found: Finding, at: datetime) -> Alert:
    """Return the alert of a finding, not yet stored."""
    return Alert(
        id=uuid4(),
        clinic_id=clinic_id,
        patient_id=patient_id,
        rule=found.rule,
        rule_version=found.rule_version,
        level=found.level,
        source_kind=found.source_kind,
        source_id=found.source_id,
        value=found.value,
        answer_stored=found.stored,
        is_historical=escalation.is_historical(found, at),
        answered_at=found.answered_at,
        answered_on=found.answered_on,
        raised_at=at,
    )


def _merge_finding(alert: Alert, found: Finding, at: datetime) -> bool:
    """Take a further version of an answer into its alert; return whether it must be raised again."""
    worse = (found.value or 0) > (alert.value or 0)
    if found.stored:
        alert.answer_stored, alert.source_kind = True, found.source_kind
    if worse:
        alert.rule_version = found.rule_version
        alert.value, alert.raised_at = found.value, at
        alert.answered_at, alert.answered_on = found.answered_at, found.answered_on
        alert.raise_count, alert.escalation_step = alert.raise_count + 1, 0
        alert.acknowledged_at = alert.acknowledged_by = None
    return worse


def _notify(alerts: Sequence[Alert], recipients: Sequence[UUID], *, at: datetime, step: int = 0) -> None:
    """Ask ``recipients`` to look at ``alerts``, which are of one clinic."""
    outbox.enqueue_many(
        clinic_id=alerts[0].clinic_id,
        recipients=recipients,
        words="alert",
        keys={f"alert/{alert.pk}": f"alert/{alert.pk}/{alert.raise_count}/{step}" for alert in alerts},
        due_at=at,
        urgent=True,
    )


def patient_of(*, alert_id: UUID, principal: Principal) -> UUID:
    """
    Return whom an alert is about.

    :raises NotFoundOrHidden: if there is no such alert for this principal.
    """
    alert = Alert.objects.filter(pk=alert_id, patient_id__in=principal.patients).first()
    if alert is None:
        raise NotFoundOrHidden
    return alert.patient_id


def acknowledge(*, alert_id: UUID, principal: Principal, at: datetime) -> None:
    """
    Note that ``principal`` has seen the alert and takes it from here.

    :raises AlreadyAcknowledgedError: if a colleague was first.
    :raises NotFoundOrHidden: if there is no such alert for this principal.
    """
    own = Alert.objects.filter(pk=alert_id, patient_id__in=principal.patients)
    # One statement decides the race: only one of two clinicians changes the row.
    changed = own.open().update(acknowledged_at=at, acknowledged_by_id=principal.user_id)
    alert = own.first()
    if alert is None:
        raise NotFoundOrHidden
    if not changed:
        assert alert.acknowledged_at is not None
        first = StaffMember.objects.filter(user=alert.acknowledged_by).first()
        raise AlreadyAcknowledgedError(first.name if first else "a colleague", alert.acknowledged_at)
    # Of two who take on a patient's last two alerts at once the second sees that none is left.
    patient_lock.lock(alert.clinic_id, alert.patient_id)
    if not Alert.objects.open().filter(patient_id=alert.patient_id).exists():
        responders.close_to_team(alert.clinic_id, alert.patient_id)
    audit.record_event(
        actor=principal.actor,
        action="alert.acknowledge",
        subject=str(alert),
        clinic_id=alert.clinic_id,
        patient_id=alert.patient_id,
        at=at,
    )


def notify_responders_again(*, clinic_id: UUID, at: datetime) -> None:
    """
    Tell whoever answers now about the clinic's open alerts: somebody who did has been switched off.

    Who was told at this step is not told again.
    """
    with rls.as_clinic(clinic_id):
        for alert in Alert.objects.open().filter(clinic_id=clinic_id).order_by("raised_at", "id"):
            _notify(
                [alert], responders.alert_responders(alert.patient_id, at), at=at, step=alert.escalation_step
            )


def escalate_overdue(*, at: datetime) -> int:
    """Ask again, step by step, about alerts that nobody has acknowledged; return how many steps were taken."""
    return sum(_escalate_clinic(clinic_id, at) for clinic_id in Clinic.objects.values_list("pk", flat=True))


@transaction.atomic
def _escalate_clinic(clinic_id: UUID, at: datetime) -> int:
    taken = 0
    with rls.as_clinic(clinic_id):
        soonest = at - timedelta(minutes=15)
        waiting = Alert.objects.open().filter(clinic_id=clinic_id, raised_at__lte=soonest)
        for alert in waiting.select_for_update(skip_locked=True).order_by("raised_at", "id"):
            taken += _escalate(alert, at)
    return taken


def _escalate(alert: Alert, at: datetime) -> int:
    """Take the latest step that is due; after a standstill the missed ones are not sent one by one."""
    step = alert.escalation_step
    while escalation.step_due_at(alert.raised_at, step) <= at:
        step += 1
    if step == alert.escalation_step:
        return 0
    wide = escalation.notifies_whole_clinic(step)
    people = (
        responders.clinic_responders(alert.clinic_id)
        if wide
        else responders.alert_responders(alert.patient_id, at)
    )
    if wide:
        responders.open_to_whole_clinic(alert.patient_id, at)
    _notify([alert], people, step=step, at=at)
    Alert.objects.filter(pk=alert.pk).update(escalation_step=step)
    return 1
