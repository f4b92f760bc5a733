"""Raising alerts with their messages, and asking again when nobody has acknowledged them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from tracker.alerts import escalation
from tracker.alerts.assessment import Answer, Assessment, worst_by_answer
from tracker.alerts.escalation import Finding
from tracker.alerts.models import Alert
from tracker.alerts.notification import notify
from tracker.audit import actions as audit
from tracker.clinics import responders
from tracker.clinics.models import Clinic
from tracker.lib import bulk, rls, table_rights

# So many answers that could not be stored may join one alert with a row each; the last row stands for those beyond.
MOST_UNSTORED = 1_000

_Row = bulk.row_type(*(field.attname for field in Alert._meta.concrete_fields))
_Changes = bulk.row_type("id", *(field.attname for field in table_rights.updated(Alert, Alert.db_rights)))


def assess(
    *,
    clinic_id: UUID,
    patient_id: UUID,
    findings: Sequence[Finding],
    at: datetime,
    reported_by: UUID | None = None,
) -> bool:
    """
    Write an alert for each finding that is new, and messages; return whether there was any finding.

    An answer joins the open alert of its rule, if there is one: people are told anew if it is graver, if it is the
    first current one, or 10 minutes after they were told last. Another version of an answer that alerted before is
    raised again, also when it was acknowledged; the same version again is a replay and adds nothing. Runs in the
    transaction of the answer and under the patient's lock: if the alert cannot be written, the answer is not stored.
    The number of statements does not grow with the number of findings. ``reported_by`` is the caregiver (their
    user) who gave the answers, where it was not the patient.
    """
    worst, versions = worst_by_answer(findings)
    if not worst:
        return False
    assessment = Assessment(_lock_known(patient_id, worst), at, reported_by)
    for answer, finding in worst.items():
        alert = assessment.by_answer.get(answer)
        if alert is None:
            assessment.raise_new(clinic_id, patient_id, finding, versions[answer])
        else:
            assessment.merge(alert, finding, versions[answer])
    _save(assessment)
    if assessment.reopened:
        # Who had acknowledged them stands in the audit, and nowhere else from now on.
        audit.record_event(
            actor="system", action="alert.reopen", subject="alerts", clinic_id=clinic_id, patient_id=patient_id,
            ids=assessment.reopened, at=at,
        )  # fmt: skip
    if assessment.to_notify:
        notify([*assessment.to_notify.values()], responders.alert_responders(patient_id, at), at=at)
    return True


def _lock_known(patient_id: UUID, answers: Iterable[Answer]) -> list[Alert]:
    """
    The alerts of these answers, and the open ones that new answers join.

    Who acknowledges one at this moment is first: what is written back knows of it.
    """
    rules, sources = zip(*answers, strict=True)
    same_answer = Q(source_id__in=set(sources))
    can_be_joined = Q(rule__in=set(rules), acknowledged_at__isnull=True, leader__isnull=True)
    rows = Alert.objects.filter(same_answer | can_be_joined, patient_id=patient_id)
    return list(rows.select_for_update().order_by("id"))


def _save(assessment: Assessment) -> None:
    """Write the new rows and those that were known. What has joined too many is put into the last row."""
    crowded = [alert for alert in assessment.new if alert.place > MOST_UNSTORED and not alert.answer_stored]
    new = [alert for alert in assessment.new if alert not in crowded]
    bulk.insert(Alert, _rows(_Row, new))
    bulk.update(Alert, _rows(_Changes, assessment.known), key=["id"])
    for newest in {alert.leader_id: alert for alert in crowded}.values():
        _replace_last(newest)


def _replace_last(alert: Alert) -> None:
    """Write ``alert`` in the place of the last one that joined the same alert and could not be stored either."""
    joined = Alert.objects.filter(leader_id=alert.leader_id, acknowledged_at=None, answer_stored=False)
    last = joined.order_by("-place").first()
    if last is None:
        bulk.insert(Alert, _rows(_Row, [alert]))
        return
    alert.pk = last.pk
    bulk.update(Alert, _rows(_Changes, [alert]), key=["id"])


def _rows(row_type: Any, alerts: Iterable[Alert]) -> list[bulk.Row]:
    """The columns of ``row_type`` of each alert."""
    return [row_type(*(getattr(alert, name) for name in row_type._fields)) for alert in alerts]


def escalate_overdue(*, at: datetime) -> int:
    """Ask again, step by step, about alerts that nobody has acknowledged; return how many steps were taken."""
    return sum(_escalate_clinic(clinic_id, at) for clinic_id in Clinic.objects.values_list("pk", flat=True))


@transaction.atomic
def _escalate_clinic(clinic_id: UUID, at: datetime) -> int:
    taken = 0
    with rls.as_clinic(clinic_id):
        soonest = at - timedelta(minutes=15)
        waiting = Alert.objects.open().filter(clinic_id=clinic_id, escalation_began_at__lte=soonest)
        for alert in waiting.select_for_update(skip_locked=True).order_by("escalation_began_at", "id"):
            taken += _escalate(alert, at)
    return taken


def _escalate(alert: Alert, at: datetime) -> int:
    """Take the latest step that is due; after a standstill the missed ones are not sent one by one."""
    step = alert.escalation_step
    while escalation.step_due_at(alert.escalation_began_at, step) <= at:
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
    notify([alert], people, step=step, at=at)
    Alert.objects.filter(pk=alert.pk).update(escalation_step=step)
    return 1
