"""Acknowledging an alert: a clinician takes it on, with the answers that they were shown."""

from datetime import datetime
from uuid import UUID

from django.db.models import F

from tracker.access.principal import Principal
from tracker.alerts.models import Alert
from tracker.alerts.notification import notify
from tracker.audit import actions as audit
from tracker.clinics import patient_lock, responders
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import StaffMember
from tracker.lib import rls
from tracker.records import change_counter


class AlreadyAcknowledgedError(Exception):
    """A colleague was first."""

    def __init__(self, by_name: str, at: datetime) -> None:
        super().__init__("already acknowledged")
        self.by_name = by_name
        self.at = at


class AnswerChangedError(Exception):
    """A further version of an answer has come in since the alert was shown."""


def acknowledge(
    *,
    alert_id: UUID,
    principal: Principal,
    at: datetime,
    answers: int | None = None,
    base_version: int | None = None,
) -> Alert | None:
    """
    Note that ``principal`` has seen the alert and takes it from here, with the answers that have joined it.

    ``answers`` is the number of answers that they were shown: what has joined since stays open, as an alert of its
    own, which is returned. ``base_version`` is the alert's ``version`` that they were shown. None means all there is.

    :raises AlreadyAcknowledgedError: if a colleague was first.
    :raises AnswerChangedError: if an answer has had a further version since, which may be graver.
    :raises NotFoundOrHidden: if there is no such alert for this principal.
    """
    own = Alert.objects.filter(pk=alert_id, leader=None, patient_id__in=principal.patients)
    patient_id = own.values_list("patient_id", flat=True).first()
    if patient_id is None:
        raise NotFoundOrHidden
    # No answer arrives between what is read here and what is written.
    with rls.as_clinic(principal.clinic_id):
        change_counter.lock(patient_id)
    alert = own.select_for_update(of=("self",)).get()
    if alert.acknowledged_at is not None:
        first = StaffMember.objects.filter(user=alert.acknowledged_by).first()
        raise AlreadyAcknowledgedError(first.name if first else "a colleague", alert.acknowledged_at)
    if base_version is not None and base_version != alert.version:
        raise AnswerChangedError
    later = _acknowledge_shown(alert, answers or alert.answer_count, principal, at)
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
    return later


def _acknowledge_shown(alert: Alert, answers: int, principal: Principal, at: datetime) -> Alert | None:
    """Acknowledge an alert with its first ``answers`` answers; return the alert of those that are left."""
    joined = Alert.objects.filter(leader=alert, acknowledged_at=None)
    left = joined.filter(place__gt=answers).order_by("place").first()
    shown = Alert.objects.filter(pk=alert.pk) | joined.filter(place__lte=answers)
    shown.update(acknowledged_at=at, acknowledged_by_id=principal.user_id)
    if left is None:
        return None
    moved = left.place - 1
    rest = Alert.objects.filter(leader=alert, acknowledged_at=None)
    # The newest, but none of long ago where there is one of now.
    newest = rest.order_by("is_historical", "-place")[0]
    Alert.objects.filter(pk=left.pk).update(
        leader=None,
        place=1,
        raise_count=left.raise_count + 1,
        answer_count=alert.answer_count - moved,
        is_historical=newest.is_historical,
        newest_answered_at=newest.answered_at,
        newest_raised_at=newest.raised_at,
        notified_at=at,
    )
    rest.update(leader=left, place=F("place") - moved)
    left.refresh_from_db()
    notify([left], responders.alert_responders(left.patient_id, at), at=at)
    return left
