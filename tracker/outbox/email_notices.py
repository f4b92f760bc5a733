"""A change of a patient's address: its code to the new one, its news to the inbox, to the new and to the former one."""

from datetime import datetime

from tracker.access import email_change
from tracker.access.principal import Principal
from tracker.accounts.fields import UnreadableAddress
from tracker.outbox import letters, security_notices


def begin_and_mail(*, principal: Principal, address: str, at: datetime) -> datetime:
    """Do ``access.email_change.begin``, which says what it raises; mail the code, and return until when it works."""
    change, code = email_change.begin(principal=principal, address=address, at=at)
    letters.enqueue_code(change=change, address=address, code=code, at=at)
    return change.expires_at


def confirm_and_notify(*, principal: Principal, code: str, at: datetime) -> None:
    """Do ``access.email_change.confirm``, which says what it raises; tell the owner, at the former address too."""
    former = email_change.confirm(principal=principal, code=code, at=at)
    security_notices.notify(
        clinic_id=principal.clinic_id, user_id=principal.user_id, words=letters.EMAIL_CHANGED, at=at
    )
    if not isinstance(former, UnreadableAddress):
        letters.enqueue_to_former(
            clinic_id=principal.clinic_id, patient_id=principal.own_patient_id, address=former, at=at
        )
