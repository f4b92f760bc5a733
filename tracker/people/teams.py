"""Who looks after whom, at a given time."""

from datetime import datetime
from uuid import UUID

from tracker.people.models import Patient, Role, StaffMember, TeamMembership

_CLINICAL = (Role.CLINICIAN, Role.COORDINATOR)


def on_duty(patient_id: UUID, at: datetime) -> list[UUID]:
    """Return the users of the patient's team; if nobody is on it, everybody clinical at the clinic."""
    patient = Patient.objects.only("care_team_id", "clinic_id").get(pk=patient_id)
    members = TeamMembership.objects.active(at).filter(
        team_id=patient.care_team_id,
        staff_member__role__in=_CLINICAL,
        staff_member__user__is_active=True,
    )
    people = list(members.order_by("staff_member_id").values_list("staff_member__user_id", flat=True))
    return people or whole_clinic(patient.clinic_id)


def whole_clinic(clinic_id: UUID) -> list[UUID]:
    """Return the users of all clinical staff of a clinic; if there is none, of everybody who works there."""
    staff = StaffMember.objects.filter(clinic_id=clinic_id, user__is_active=True).order_by("id")
    clinical = list(staff.filter(role__in=_CLINICAL).values_list("user_id", flat=True))
    return clinical or list(staff.values_list("user_id", flat=True))
