"""Break-glass access: in an emergency a clinician opens one patient's record, for an hour, and says why."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import QuerySet, Value
from django.db.models.functions import Greatest

from tracker.access import policy
from tracker.access.models import MAX_DURATION, BreakGlassAccess, BreakGlassReason
from tracker.access.policy import Action
from tracker.access.principal import Principal
from tracker.clinics import active_account
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient
from tracker.keys import data_keys
from tracker.lib import encryption, rls


def find_patient(*, principal: Principal, name: str, birth_date: date) -> UUID:
    """
    Return the one patient of the principal's clinic with this name and day of birth, for ``start``.

    :raises NotFoundOrHidden: if there is none, or more than one.
    """
    _require_right(principal)
    with rls.as_clinic(principal.clinic_id):
        found = list(
            Patient.objects.filter(
                clinic_id=principal.clinic_id, name__iexact=name.strip(), birth_date=birth_date
            ).values_list("pk", flat=True)[:2]
        )
    if len(found) != 1:
        raise NotFoundOrHidden
    return found[0]


def start(*, principal: Principal, patient_id: UUID, reason: str, at: datetime) -> BreakGlassAccess:
    """
    Open one patient's chart to a clinician of the same clinic for 60 minutes, whatever team or consent.

    One at a time: opening a second one ends the first. It counts from the next request on. ``alerts.break_glass`` tells
    the patient and the privacy officers.

    :raises NotFoundOrHidden: if there is no such patient at the principal's clinic, or the principal is no clinician.
    """
    _require_right(principal)
    assert principal.staff_id is not None
    with rls.as_clinic(principal.clinic_id):
        if not Patient.objects.filter(pk=patient_id, clinic_id=principal.clinic_id).exists():
            raise NotFoundOrHidden
        # Of two at once the second finds the first, and ends it; who was switched off meanwhile opens nothing.
        if not active_account.lock_staff(principal.clinic_id, principal.user_id):
            raise NotFoundOrHidden
        _end(principal, at)
        made = BreakGlassAccess.objects.create(
            clinic_id=principal.clinic_id, patient_id=patient_id, staff_member_id=principal.staff_id,
            user_id=principal.user_id, begun_at=at, ends_at=at + MAX_DURATION,
        )  # fmt: skip
        _encrypt_reason(made, reason, at)
    _audit(principal, made, "break_glass.start", at)
    return made


def end(*, principal: Principal, at: datetime) -> int:
    """Close what the principal holds open; return how many that were."""
    with rls.as_clinic(principal.clinic_id):
        active_account.lock(principal.user_id)
        open_now = list(_open(principal, at))
        _end(principal, at)
    for made in open_now:
        _audit(principal, made, "break_glass.end", at)
    return len(open_now)


@dataclass(frozen=True, slots=True)
class BreakGlassView:
    """One break-glass access, as the privacy officer and the patient read it; no reason if it cannot be decrypted."""

    id: UUID
    by: str
    patient: str
    begun_at: datetime
    ends_at: datetime
    reason: str | None


def list_for_clinic(*, principal: Principal, most: int = 50) -> list[BreakGlassView]:
    """Return the break-glass accesses of the clinic, newest first, for its privacy officer."""
    if not policy.role_may(principal.role, Action.SEE_BREAK_GLASS):
        raise NotFoundOrHidden
    with rls.as_clinic(principal.clinic_id):
        return _views(BreakGlassReason.objects.filter(clinic_id=principal.clinic_id), most)


def list_for_patient(*, principal: Principal, most: int = 50) -> list[BreakGlassView]:
    """Return each time that the patient's own record was opened in an emergency, newest first."""
    return _views(BreakGlassReason.objects.filter(patient_id=principal.own_patient_id), most)


def _views(rows: "QuerySet[BreakGlassReason]", most: int) -> list[BreakGlassView]:
    newest = rows.select_related("access__staff_member", "patient", "key").order_by(
        "-access__begun_at", "access_id"
    )[:most]
    reasons = {row.access_id: reason for row, reason in data_keys.decrypt_readable(newest)[0]}
    return [
        BreakGlassView(
            id=row.access_id,
            by=row.access.staff_member.name,
            patient=row.patient.name,
            begun_at=row.access.begun_at,
            ends_at=row.access.ends_at,
            reason=reasons.get(row.access_id),
        )
        for row in newest
    ]


def _require_right(principal: Principal) -> None:
    if not policy.role_may(principal.role, Action.BREAK_GLASS):
        raise NotFoundOrHidden


def _open(principal: Principal, at: datetime) -> "QuerySet[BreakGlassAccess]":
    return BreakGlassAccess.objects.filter(user_id=principal.user_id, ends_at__gt=at)


def _end(principal: Principal, at: datetime) -> None:
    # What began while this request waited for the lock never was.
    _open(principal, at).update(ends_at=Greatest("begun_at", Value(at)))


def _encrypt_reason(made: BreakGlassAccess, reason: str, at: datetime) -> None:
    key_id, key = data_keys.data_key_for(made.clinic_id, made.patient_id, at)
    bound = BreakGlassReason.associated_data((made.pk,), made.patient_id, key_id)
    BreakGlassReason.objects.create(
        clinic_id=made.clinic_id,
        patient_id=made.patient_id,
        access=made,
        key_id=key_id,
        ciphertext=encryption.encrypt(key, reason.encode(), bound),
    )


def _audit(principal: Principal, access: BreakGlassAccess, action: str, at: datetime) -> None:
    detail = {"until": access.ends_at.isoformat()}
    principal.audit(action, access, patient_id=access.patient_id, at=at, detail=detail)
