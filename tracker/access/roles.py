"""
The roles of one person: patient, member of staff, caregiver of one patient or several; a session acts as one of them.

What one role opens is never added to what another does. Which one is chosen stands in the session at the server.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from tracker.access.models import Caregiver
from tracker.access.principal import CAREGIVER, Principal
from tracker.accounts import sessions
from tracker.clinics.actor import Actor
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Clinic, Patient, StaffMember
from tracker.clinics.staff import disable_account
from tracker.lib import rls

PATIENT = "PATIENT"


@dataclass(frozen=True, slots=True)
class OwnRole:
    """One thing that a person is: the id of the patient, staff member or caregiver, and where."""

    id: UUID
    role: str
    name: str
    clinic: str
    clinic_id: UUID


def roles_of(user_id: UUID, at: datetime) -> list[OwnRole]:
    """Return what a person is at ``at``, the one that a new session acts as first. Must be inside a transaction."""
    with rls.context(person=str(user_id)):
        patients = Patient.objects.filter(user_id=user_id, sign_in_disabled_at__isnull=True)
        staff = StaffMember.objects.filter(user_id=user_id, left_at__isnull=True)
        caregivers = Caregiver.objects.active(at).filter(user_id=user_id).order_by("starts_at", "id")
        rows: list[tuple[Patient | StaffMember | Caregiver, str]] = [(row, PATIENT) for row in patients]
        rows += [(row, row.role) for row in staff]
        rows += [(row, CAREGIVER) for row in caregivers]
        clinics = dict(
            Clinic.objects.filter(pk__in={row.clinic_id for row, _ in rows}).values_list("pk", "name")
        )
    return [OwnRole(row.pk, role, row.name, clinics[row.clinic_id], row.clinic_id) for row, role in rows]


def choose(*, principal: Principal, session: sessions.SessionData, role_id: UUID, at: datetime) -> None:
    """
    Let the session act as another role of its owner, from the next request on.

    :raises NotFoundOrHidden: if the person is nothing of that id, or the session is a phone's, which is a patient's.
    """
    own = {each.id for each in roles_of(principal.user_id, at)}
    if role_id not in own or (session.device_id is not None and role_id != principal.patient_id):
        raise NotFoundOrHidden
    sessions.act_as(session, role_id)
    principal.audit("session.act_as", f"role/{role_id}", at=at)


@transaction.atomic
def end_work(*, by: Actor, member_id: UUID, at: datetime) -> None:
    """
    Do ``clinics.staff.disable_account``; of somebody who is a patient or a caregiver too the account stays.

    :raises NotFoundOrHidden: as ``disable_account`` does.
    :raises LastFallbackContact: as ``disable_account`` does.
    """
    with rls.as_clinic(by.clinic_id):
        member = StaffMember.objects.filter(pk=member_id, clinic_id=by.clinic_id).first()
    others = roles_of(member.user_id, at) if member else []
    disable_account(
        by=by, member_id=member_id, at=at, keeps_account=any(each.id != member_id for each in others)
    )
