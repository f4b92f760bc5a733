"""Closing and opening a patient's sign-in (``access.patient_sign_in``), told to the patient in the same transaction."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from tracker.access import patient_sign_in
from tracker.access.principal import Principal
from tracker.outbox import security_notices


@transaction.atomic
def disable_and_notify(*, principal: Principal, patient_id: UUID, at: datetime) -> None:
    """
    Close a patient's sign-in and tell them.

    :raises NotFoundOrHidden: as ``access.patient_sign_in.disable`` does.
    """
    user_id, has_ended = patient_sign_in.disable(principal=principal, patient_id=patient_id, at=at)
    for words in ("sign-in-disabled", *(["sharing-ended"] if has_ended else [])):
        security_notices.notify(clinic_id=principal.clinic_id, user_id=user_id, words=words, at=at)


@transaction.atomic
def recover_and_notify(*, principal: Principal, patient_id: UUID, at: datetime) -> None:
    """
    Open a patient's sign-in again and tell their address where to choose a new password.

    :raises NotFoundOrHidden: as ``access.patient_sign_in.recover`` does.
    """
    user_id, has_removed = patient_sign_in.recover(principal=principal, patient_id=patient_id, at=at)
    for words in ("sign-in-recovered", *(["second-factor-removed"] if has_removed else [])):
        security_notices.notify(clinic_id=principal.clinic_id, user_id=user_id, words=words, at=at)
