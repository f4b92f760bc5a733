"""Who answers for whom, at a given time: the primary clinician, who is on duty, the team, the clinic's fallback."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from tracker.clinics.models import Clinic, DutyPeriod, Patient, Role, StaffMember, TeamMembership
from tracker.lib import rls

_CLINICAL = (Role.CLINICIAN, Role.COORDINATOR)


def alert_responders(patient_id: UUID, at: datetime) -> list[UUID]:
    """
    Return the users who are asked about a patient now, the one who answers for them first.

    That is the primary clinician, then who is on duty, and the team is asked with them. Where there is neither a
    primary clinician nor anybody on duty, the clinic's fallback contact answers, at once. A clinic that is not
    active yet may have none: then everybody clinical is asked.
    """
    patient = Patient.objects.only("care_team_id", "clinic_id", "primary_clinician_id").get(pk=patient_id)
    answering = [*_primary(patient), *_periods(patient, at)]
    people = _once([*(answering or _fallback(patient.clinic_id)), *_members(patient, at)])
    return people or clinic_responders(patient.clinic_id)


def clinic_responders(clinic_id: UUID) -> list[UUID]:
    """
    Return the users of all clinical staff of a clinic, its fallback contact first; if there is none, of everybody
    who works there.
    """
    staff = StaffMember.objects.at_work().filter(clinic_id=clinic_id).order_by("id")
    clinical = list(staff.filter(role__in=_CLINICAL).values_list("user_id", flat=True))
    return _once([*_fallback(clinic_id), *clinical]) or list(staff.values_list("user_id", flat=True))


def open_to_whole_clinic(patient_id: UUID, at: datetime) -> None:
    """Let everybody clinical at the clinic take on the patient's alerts. In a job of the clinic's own."""
    Patient.objects.filter(pk=patient_id, alert_opened_to_clinic_at__isnull=True).update(
        alert_opened_to_clinic_at=at
    )


def close_to_team(clinic_id: UUID, patient_id: UUID) -> None:
    """End what ``open_to_whole_clinic`` began: somebody has taken it on."""
    with rls.as_clinic(clinic_id):
        Patient.objects.filter(pk=patient_id, alert_opened_to_clinic_at__isnull=False).update(
            alert_opened_to_clinic_at=None
        )


def _able(staff: QuerySet[StaffMember]) -> list[UUID]:
    """The users of those who are clinical and whose account is switched on."""
    able = staff.filter(role__in=_CLINICAL, left_at__isnull=True, user__is_active=True)
    return list(able.order_by("id").values_list("user_id", flat=True))


def _primary(patient: Patient) -> list[UUID]:
    if patient.primary_clinician_id is None:
        return []
    return _able(StaffMember.objects.filter(pk=patient.primary_clinician_id))


def _periods(patient: Patient, at: datetime) -> list[UUID]:
    """Who is on duty for the patient's team, or for the whole clinic."""
    periods = DutyPeriod.objects.active(at).filter(
        Q(team_id=patient.care_team_id) | Q(team_id__isnull=True), clinic_id=patient.clinic_id
    )
    return _able(StaffMember.objects.filter(pk__in=periods.values("staff_member_id")))


def _members(patient: Patient, at: datetime) -> list[UUID]:
    members = TeamMembership.objects.active(at).filter(team_id=patient.care_team_id)
    return _able(StaffMember.objects.filter(pk__in=members.values("staff_member_id")))


def _fallback(clinic_id: UUID) -> list[UUID]:
    contact = Clinic.objects.filter(pk=clinic_id).values("fallback_contact_id")
    return _able(StaffMember.objects.filter(pk__in=contact))


def _once(people: Iterable[UUID]) -> list[UUID]:
    return list(dict.fromkeys(people))
