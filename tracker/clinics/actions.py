"""Running a clinic: its fallback contact and activation, duty periods, discharge of patients."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from tracker.audit import actions as audit
from tracker.clinics import active_account
from tracker.clinics.actor import Actor
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import CareTeam, Clinic, DutyPeriod, Patient, Role, StaffMember
from tracker.lib import days, rls

CLINICAL = (Role.CLINICIAN, Role.COORDINATOR)
# A duty period longer than this is a slip of the keyboard.
MAX_DUTY = timedelta(days=92)


class NotClinical(Exception):
    """Only a clinician or coordinator whose account is switched on can answer for alerts."""


class InvalidPeriod(Exception):
    """A duty period ends after it starts, not before now, and is at most 92 days long."""


@transaction.atomic
def set_fallback_contact(*, clinic_id: UUID, member_id: UUID, by: Actor | None, at: datetime) -> None:
    """
    Name who answers for an alert when nobody else does, and activate the clinic if it is not active yet.

    ``by`` is None where the operator's own commands do it. From then on there is always one: the database refuses to
    take the last one away.

    :raises NotFoundOrHidden: if nobody of that id works at the clinic.
    :raises NotClinical: if that person is not clinical, or their account is switched off.
    """
    with rls.as_clinic(clinic_id):
        member = _clinical_member(clinic_id, member_id)
        clinic = Clinic.objects.select_for_update().get(pk=clinic_id)
        clinic.fallback_contact = member
        clinic.activated_at = clinic.activated_at or at
        try:
            with transaction.atomic():
                clinic.save(update_fields=["fallback_contact", "activated_at"])
        except IntegrityError:
            raise NotClinical from None
        audit.record_event(
            actor=by.actor if by else "system",
            action="clinic.fallback_contact",
            subject=str(member),
            clinic_id=clinic_id,
            at=at,
        )


@transaction.atomic
def add_duty_period(
    *, by: Actor, member_id: UUID, team_id: UUID | None, starts_at: datetime, ends_at: datetime, at: datetime
) -> DutyPeriod:
    """
    Put a member of staff on duty for alerts, for one team or (``team_id`` None) for the whole clinic.

    :raises NotFoundOrHidden: if there is no such person or team at the clinic.
    :raises NotClinical: if that person is not clinical, or their account is switched off.
    :raises InvalidPeriod: if the period is over, ends before it starts, or is longer than 92 days.
    """
    if not at < ends_at or not timedelta(0) < ends_at - starts_at <= MAX_DUTY:
        raise InvalidPeriod
    with rls.as_clinic(by.clinic_id):
        member = _clinical_member(by.clinic_id, member_id)
        if team_id and not CareTeam.objects.filter(pk=team_id, clinic_id=by.clinic_id).exists():
            raise NotFoundOrHidden
        period = DutyPeriod.objects.create(
            clinic_id=by.clinic_id, team_id=team_id, staff_member=member, starts_at=starts_at, ends_at=ends_at
        )
        _record(by, "duty.add", str(period), at)
    return period


@transaction.atomic
def end_duty_period(*, by: Actor, period_id: int, at: datetime) -> None:
    """
    End a duty period now; one that has not begun is removed. Ending one that is over changes nothing.

    :raises NotFoundOrHidden: if the clinic has no such period.
    """
    with rls.as_clinic(by.clinic_id):
        period = DutyPeriod.objects.select_for_update().filter(pk=period_id, clinic_id=by.clinic_id).first()
        if period is None:
            raise NotFoundOrHidden
        if period.ends_at <= at:
            return
        if period.starts_at >= at:
            period.delete()
        else:
            DutyPeriod.objects.filter(pk=period_id).update(ends_at=at)
        _record(by, "duty.end", f"duty/{period_id}", at)


@transaction.atomic
def discharge(*, by: Actor, patient: Patient, at: datetime) -> None:
    """
    Discharge a patient: she leaves the caseload and gets no more reminders. Doing it twice changes nothing.

    Her app goes on to take entries, and her alerts stay open and are raised as before.
    """
    today = max(days.local_day(at, patient.time_zone), patient.enrolled_on)
    _set_discharged(by, patient, "patient.discharge", at, discharged_on=None, to=today)


@transaction.atomic
def readmit(*, by: Actor, patient: Patient, at: datetime) -> None:
    """Take a discharged patient back into care. Doing it twice changes nothing."""
    _set_discharged(by, patient, "patient.readmit", at, discharged_on__isnull=False, to=None)


def _set_discharged(
    by: Actor, patient: Patient, action: str, at: datetime, *, to: object, **current: object
) -> None:
    with rls.as_clinic(patient.clinic_id):
        changed = Patient.objects.filter(pk=patient.pk, **current).update(discharged_on=to)
    if changed:
        _record(by, action, str(patient), at, patient_id=patient.pk)


def _clinical_member(clinic_id: UUID, member_id: UUID) -> StaffMember:
    member = StaffMember.objects.filter(pk=member_id, clinic_id=clinic_id).first()
    if member is None:
        raise NotFoundOrHidden
    if member.role not in CLINICAL or not active_account.lock_staff(clinic_id, member.user_id):
        raise NotClinical
    return member


def _record(by: Actor, action: str, subject: str, at: datetime, patient_id: UUID | None = None) -> None:
    audit.record_event(
        actor=by.actor, action=action, subject=subject, clinic_id=by.clinic_id, patient_id=patient_id, at=at
    )
