"""
Who sees more of a patient's record: the patient is told, in the same transaction.

A caregiver who was invited, one who accepted, a team that is shown more. Whoever has the password alone can ask for
each of them; the owner hears of it, and ends it.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from tracker.access import caregivers, consent
from tracker.access.models import Caregiver
from tracker.access.policy import Category
from tracker.access.principal import Principal
from tracker.outbox import letters, security_notices


def invite_caregiver_and_notify(
    *,
    principal: Principal,
    name: str,
    categories: Collection[Category],
    at: datetime,
    ends_at: datetime | None,
    address: str | None = None,
    may_write: bool = False,
) -> tuple[Caregiver, str]:
    """Do ``access.caregivers.invite``, which says what it raises; tell the patient, mail the code to ``address``."""
    caregiver, code = caregivers.invite(
        principal=principal, name=name, categories=categories, at=at, ends_at=ends_at, may_write=may_write
    )
    _notify(principal, "caregiver-invited", at)
    if address is not None:
        letters.enqueue(caregiver=caregiver, address=address, code=code, at=at)
    return caregiver, code


def notify_of_caregiver(caregiver: Caregiver, at: datetime) -> None:
    """Tell the patient that somebody has accepted and reads from now on; in that transaction (``on_accept``)."""
    user_id = caregiver.patient.user_id
    if user_id is not None:
        security_notices.notify(
            clinic_id=caregiver.clinic_id, user_id=user_id, words="caregiver-accepted", at=at
        )


def set_writing_and_notify(
    *, principal: Principal, caregiver_id: UUID, may_write: bool, base_version: int | None, at: datetime
) -> Caregiver:
    """Do ``access.caregivers.set_writing``, which says what it raises; tell the patient if more is allowed."""
    caregiver, is_more = caregivers.set_writing(
        principal=principal, caregiver_id=caregiver_id, may_write=may_write, base_version=base_version, at=at
    )
    if is_more:
        _notify(principal, "caregiver-writes", at)
    return caregiver


def set_consent_and_notify(
    *,
    principal: Principal,
    wanted: Mapping[UUID, Collection[Category]],
    text_version: int,
    base_version: int | None,
    at: datetime,
) -> None:
    """Do ``access.consent.set_consent``, which says what it raises; tell the patient if a team is shown more."""
    changes = consent.set_consent(
        principal=principal, wanted=wanted, text_version=text_version, base_version=base_version, at=at
    )
    if any(change.given for change in changes):
        _notify(principal, "consent-widened", at)


def _notify(principal: Principal, words: str, at: datetime) -> None:
    security_notices.notify(clinic_id=principal.clinic_id, user_id=principal.user_id, words=words, at=at)
