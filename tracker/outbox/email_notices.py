"""A change of a patient's address: its code to the new one, its news to the inbox, to the new and to the former one."""

from datetime import datetime

from django.db import transaction

from tracker.access import email_change
from tracker.access.principal import Principal
from tracker.outbox import letters, security_notices


def begin_and_mail(*, principal: Principal, address: str, at: datetime) -> datetime:
    """Do ``access.email_change.begin``, which says what it raises; mail the code, and return until when it works."""
    change, code = email_change.begin(principal=principal, address=address, at=at)
    letters.enqueue_code(change=change, address=address, code=code, at=at)
    return change.expires_at


def confirm_and_notify(*, principal: Principal, code: str, at: datetime) -> None:
    """Do ``access.email_change.confirm``, which says what it raises; tell the owner, at the former address too."""
    former, undo_code = email_change.confirm(principal=principal, code=code, at=at)
    security_notices.notify(
        clinic_id=principal.clinic_id, user_id=principal.user_id, words=letters.EMAIL_CHANGED, at=at
    )
    letters.enqueue_to_former(
        clinic_id=principal.clinic_id, patient_id=principal.own_patient_id, address=former,
        words=letters.EMAIL_UNDO if undo_code else letters.EMAIL_CHANGED, at=at, code=undo_code,
    )  # fmt: skip


@transaction.atomic
def undo_and_notify(*, code: str, at: datetime) -> None:
    """Do ``access.email_change.undo``, which says what it raises; tell the owner, and the address that is put away."""
    undone = email_change.undo(code=code, at=at)
    for words in (letters.EMAIL_CHANGED, *(["second-factor-removed"] if undone.has_removed else [])):
        security_notices.notify(clinic_id=undone.clinic_id, user_id=undone.user_id, words=words, at=at)
    letters.enqueue_to_former(
        clinic_id=undone.clinic_id, patient_id=undone.patient_id, address=undone.replaced,
        words=letters.EMAIL_CHANGED, at=at,
    )  # fmt: skip
