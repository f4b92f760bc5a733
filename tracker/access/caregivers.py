"""Caregivers: the patient shows somebody close some categories, for a time or until they end it."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Greatest

from tracker.access.models import Caregiver
from tracker.access.policy import Category
from tracker.access.principal import Principal
from tracker.accounts.models import AccountKind, User
from tracker.clinics import patient_lock
from tracker.clinics.errors import NotFoundOrHidden


def grant(
    *,
    principal: Principal,
    email: str,
    name: str,
    categories: Collection[Category],
    at: datetime,
    ends_at: datetime | None = None,
) -> Caregiver:
    """
    Let somebody see these categories of the patient's record from now on; the same person again: instead of before.

    Somebody new gets an account without a password, and chooses one by "password forgotten". Whether the address
    was known before cannot be told from the outside.

    :raises NotFoundOrHidden: for anybody but a patient.
    """
    patient_id = principal.own_patient_id
    # Of two grants at once the second finds the first, and replaces it.
    patient_lock.lock(principal.clinic_id, patient_id)
    user, new = User.objects.get_or_create(
        email=email.strip().lower(), defaults={"kind": AccountKind.CAREGIVER}
    )
    if new:
        user.set_unusable_password()
        user.save()
    _end(_standing(patient_id, at).filter(user=user), at)
    made = Caregiver.objects.create(
        clinic_id=principal.clinic_id,
        patient_id=patient_id,
        user=user,
        name=name,
        categories=sorted(categories),
        starts_at=at,
        ends_at=ends_at,
    )
    _audit(principal, made, "caregiver.grant", at)
    return made


def revoke(*, principal: Principal, caregiver_id: UUID, at: datetime) -> None:
    """
    End what a caregiver sees, from their next look on. Ending it twice changes nothing.

    :raises NotFoundOrHidden: if the patient has no such caregiver.
    """
    patient_lock.lock(principal.clinic_id, principal.own_patient_id)
    own = Caregiver.objects.filter(patient_id=principal.own_patient_id, pk=caregiver_id).first()
    if own is None:
        raise NotFoundOrHidden
    if _end(_standing(principal.own_patient_id, at).filter(pk=caregiver_id), at):
        _audit(principal, own, "caregiver.revoke", at)


def _standing(patient_id: UUID, at: datetime) -> "QuerySet[Caregiver]":
    return Caregiver.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), patient_id=patient_id)


def _end(standing: "QuerySet[Caregiver]", at: datetime) -> int:
    # What began while this request waited for the lock never was.
    return standing.update(ends_at=Greatest("starts_at", Value(at)))


def _audit(principal: Principal, caregiver: Caregiver, action: str, at: datetime) -> None:
    detail = {"user": str(caregiver.user_id), "categories": list(caregiver.categories)}
    principal.audit(action, caregiver, patient_id=caregiver.patient_id, at=at, detail=detail)
