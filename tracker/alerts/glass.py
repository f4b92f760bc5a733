"""Breaking the glass, and telling of it: the patient and the clinic's privacy officers hear of each time."""

from datetime import datetime
from uuid import UUID

from tracker.lib import walls
from tracker.outbox import actions as outbox
from tracker.people import glass
from tracker.people.access import Viewer
from tracker.people.models import BreakGlass, Patient, Role, StaffMember


def break_glass(*, viewer: Viewer, patient_id: UUID, reason: str, at: datetime) -> BreakGlass:
    """
    Open one patient's chart for 60 minutes and tell of it, in one transaction.

    :raises NotYoursError: if there is no such patient at the viewer's clinic, or the viewer is no clinician.
    """
    made = glass.break_glass(viewer=viewer, patient_id=patient_id, reason=reason, at=at)
    _tell(made, [_user_of(patient_id, made.clinic_id)], "break-glass", at)
    officers = StaffMember.objects.filter(
        clinic_id=made.clinic_id, role=Role.PRIVACY_OFFICER, user__is_active=True
    )
    _tell(made, list(officers.values_list("user_id", flat=True)), "break-glass-officer", at)
    return made


def _user_of(patient_id: UUID, clinic_id: UUID) -> UUID:
    with walls.clinic(clinic_id):
        return Patient.objects.values_list("user_id", flat=True).get(pk=patient_id)


def _tell(made: BreakGlass, people: list[UUID], words: str, at: datetime) -> None:
    outbox.enqueue(
        clinic_id=made.clinic_id, recipients=people, words=words, subject=str(made), key=str(made), due_at=at
    )
