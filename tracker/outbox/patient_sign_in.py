"""Closing and opening a patient's sign-in (``access.patient_sign_in``), told to the patient in the same transaction."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from tracker.access import patient_sign_in
from tracker.access.principal import Principal
from tracker.accounts import former_emails
from tracker.accounts.models import User
from tracker.outbox import letters, security_notices


@transaction.atomic
def disable_and_notify(*, principal: Principal, patient_id: UUID, at: datetime) -> None:
    """
    Close a patient's sign-in and tell them.

    :raises NotFoundOrHidden: as ``access.patient_sign_in.disable`` does.
    """
    user_id, has_ended = patient_sign_in.disable(principal=principal, patient_id=patient_id, at=at)
    for words in ("sign-in-disabled", *(["sharing-ended"] if has_ended else [])):
        security_notices.notify(clinic_id=principal.clinic_id, user_id=user_id, words=words, at=at)
    _notify_former(principal, patient_id, user_id, "sign-in-disabled", at)


@transaction.atomic
def recover_and_notify(
    *, principal: Principal, patient_id: UUID, at: datetime, address_at: datetime | None = None
) -> None:
    """
    Open a patient's sign-in again and tell their address where to choose a new password.

    Addresses that the account had within the last month are told too.

    :raises NotFoundOrHidden: as ``access.patient_sign_in.recover`` does.
    """
    user_id, has_removed = patient_sign_in.recover(
        principal=principal, patient_id=patient_id, at=at, address_at=address_at
    )
    for words in ("sign-in-recovered", *(["second-factor-removed"] if has_removed else [])):
        security_notices.notify(clinic_id=principal.clinic_id, user_id=user_id, words=words, at=at)
    _notify_former(principal, patient_id, user_id, "sign-in-recovered", at)


def _notify_former(principal: Principal, patient_id: UUID, user_id: UUID, words: str, at: datetime) -> None:
    """Tell every other address of the last month: one of them is the owner's, and nobody knows which."""
    address = User.objects.values_list("email", flat=True).get(pk=user_id)
    for former in sorted({row.email for row in former_emails.of(user_id, at)} - {address}):
        letters.enqueue_to_former(
            clinic_id=principal.clinic_id, patient_id=patient_id, address=former, words=words, at=at
        )
