"""New staff who see patients: the patients of their team and the privacy officers are told, in the same transaction."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from tracker.clinics import approvals
from tracker.clinics.actions import CLINICAL
from tracker.clinics.actor import Actor
from tracker.clinics.models import Patient, Role, StaffMember, TeamMembership
from tracker.lib import rls
from tracker.outbox import actions as outbox


@transaction.atomic
def approve_and_notify(*, by: Actor, invitation_id: UUID, at: datetime) -> None:
    """
    Agree, as a second person, that somebody begins to work at the clinic.

    :raises NotFoundOrHidden: as ``clinics.approvals.approve`` does.
    :raises AlreadyStaff: as ``clinics.approvals.approve`` does.
    """
    notify(approvals.approve(by=by, invitation_id=invitation_id, at=at), at)


def notify(member: StaffMember, at: datetime) -> None:
    """Tell of a member of staff who has just begun: clinical ones to the patients they see, all to the officers."""
    with rls.as_clinic(member.clinic_id):
        teams = TeamMembership.objects.active(at).filter(staff_member=member).values("team_id")
        patients = Patient.objects.filter(care_team_id__in=teams, user__isnull=False)
        told = list(patients.values_list("user_id", flat=True)) if member.role in CLINICAL else []
        officers = StaffMember.objects.at_work().filter(clinic_id=member.clinic_id, role=Role.PRIVACY_OFFICER)
        for words, people in (
            ("team-member-new", told),
            ("staff-new", list(officers.exclude(pk=member.pk).values_list("user_id", flat=True))),
        ):
            outbox.enqueue(
                clinic_id=member.clinic_id, recipients=people, words=words, subject=str(member),
                key=f"{words}/{member.pk}", due_at=at,
            )  # fmt: skip
