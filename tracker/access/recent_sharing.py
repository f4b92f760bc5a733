"""
What a thief of a patient's sign-in may have shown to others ends when the sign-in is taken back.

A new password, and the care team's closing of the sign-in, end the sessions of whoever had it. A caregiver whom they
have invited, or a team that they have shown more, would go on reading. Nobody can tell these from what the patient
shared, but by the sign-in in which it was done: what is ended too much the patient shares again.
"""

from datetime import datetime
from uuid import UUID

from django.db.models import F, Q, Value
from django.db.models.functions import Greatest

from tracker.access import consent, devices
from tracker.access.models import Caregiver, ConsentChange
from tracker.audit import actions as audit
from tracker.clinics import patient_lock
from tracker.lib import rls


def end(
    *, clinic_id: UUID, patient_id: UUID, by_id: UUID, at: datetime, all_caregivers: bool = False
) -> bool:
    """
    End what was shared by a sign-in that may have been stolen; return whether there was any.

    Open invitations of caregivers end, and what was shared within ``devices.IS_RECENT`` on a phone that was
    ``devices.is_recent``: caregivers, what they may write, and categories that a team sees. With ``all_caregivers``
    every caregiver does. Consent to a team that was given otherwise stays: those who look after the patient go on
    seeing what they saw.

    Must be inside a transaction that holds the lock on the account, if it takes one.
    """
    patient_lock.lock(clinic_id, patient_id)
    with rls.context(clinic=str(clinic_id), own_patient=str(patient_id), person=str(by_id)):
        caregivers = _end_caregivers(patient_id, at, all_caregivers)
        writers = _withdraw_writing(patient_id, at)
        withdrawn = _withdraw(clinic_id, patient_id, by_id, at)
        if not caregivers and not writers and not withdrawn:
            return False
        audit.record_event(
            actor=f"user/{by_id}", action="sharing.end_recent", subject=f"patient/{patient_id}", clinic_id=clinic_id,
            patient_id=patient_id, at=at,
            detail={"caregivers": caregivers, "writers": writers, "withdrawn": withdrawn},
        )  # fmt: skip
    return True


def _end_caregivers(patient_id: UUID, at: datetime, all_caregivers: bool) -> list[str]:
    standing = Caregiver.objects.standing(at).filter(patient_id=patient_id)
    if not all_caregivers:
        recent = Q(by_recent_sign_in=True, invited_at__gt=at - devices.IS_RECENT)
        standing = standing.filter(recent | Q(user__isnull=True))
    ids = list(standing.order_by("invited_at", "id").values_list("pk", flat=True))
    Caregiver.objects.filter(pk__in=ids).update(
        ends_at=Greatest("starts_at", Value(at)), version=F("version") + 1
    )
    return [str(each) for each in ids]


def _withdraw_writing(patient_id: UUID, at: datetime) -> list[str]:
    standing = Caregiver.objects.standing(at).filter(patient_id=patient_id)
    doubted = standing.filter(writes_by_recent_sign_in=True, writes_since__gt=at - devices.IS_RECENT)
    ids = list(doubted.order_by("invited_at", "id").values_list("pk", flat=True))
    Caregiver.objects.filter(pk__in=ids).update(
        writes_since=None, writes_by_recent_sign_in=False, version=F("version") + 1
    )
    return [str(each) for each in ids]


def _withdraw(clinic_id: UUID, patient_id: UUID, by_id: UUID, at: datetime) -> list[str]:
    lately = ConsentChange.objects.filter(patient_id=patient_id, at__gt=at - devices.IS_RECENT)
    newest = {(change.team_id, change.category): change for change in lately.order_by("id")}
    granted = consent.granted_categories(patient_id)
    doubted = [
        change
        for (team_id, category), change in newest.items()
        if change.given and change.by_recent_sign_in and category in granted.get(team_id, ())
    ]
    ConsentChange.objects.bulk_create(
        ConsentChange(
            clinic_id=clinic_id, patient_id=patient_id, team_id=change.team_id, category=change.category, given=False,
            text_id=change.text_id, by_id=by_id, at=at,
        )
        for change in doubted
    )  # fmt: skip
    return [f"{change.team_id}/{change.category}" for change in doubted]
