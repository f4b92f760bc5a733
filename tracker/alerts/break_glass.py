"""Start break-glass access, and notify the patient and the privacy officers."""

from datetime import datetime
from uuid import UUID

from tracker.access import break_glass
from tracker.access.models import BreakGlassAccess
from tracker.access.principal import Principal
from tracker.alerts.models import Alert
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient, Role, StaffMember
from tracker.lib import rls
from tracker.outbox import actions as outbox


def start_and_notify(
    *, principal: Principal, patient_id: UUID, reason: str, at: datetime
) -> BreakGlassAccess:
    """
    Open one patient's chart for 60 minutes and tell of it, in one transaction.

    :raises NotFoundOrHidden: if there is no such patient at the principal's clinic, or the principal is no clinician.
    """
    made = break_glass.start(principal=principal, patient_id=patient_id, reason=reason, at=at)
    _notify(made, _users_of(patient_id, made.clinic_id), "break-glass", at)
    officers = StaffMember.objects.at_work().filter(clinic_id=made.clinic_id, role=Role.PRIVACY_OFFICER)
    _notify(made, list(officers.values_list("user_id", flat=True)), "break-glass-officer", at)
    return made


def _users_of(patient_id: UUID, clinic_id: UUID) -> list[UUID]:
    """The patient's account; nobody's where there is none yet. Then the access log tells it after the first sign-in."""
    with rls.as_clinic(clinic_id):
        accounts = Patient.objects.filter(pk=patient_id, user__isnull=False)
        return list(accounts.values_list("user_id", flat=True))


def _notify(made: BreakGlassAccess, people: list[UUID], words: str, at: datetime) -> None:
    outbox.enqueue(
        clinic_id=made.clinic_id, recipients=people, words=words, subject=str(made), key=str(made), due_at=at,
        patient_id=made.patient_id,
    )  # fmt: skip


def patient_of(*, alert_id: UUID, principal: Principal) -> UUID:
    """
    Return whom an alert is about.

    :raises NotFoundOrHidden: if there is no such alert for this principal.
    """
    alert = Alert.objects.filter(pk=alert_id, patient_id__in=principal.patients).first()
    if alert is None:
        raise NotFoundOrHidden
    return alert.patient_id
