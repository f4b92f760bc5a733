"""
Letters: mail to an address that is no account's, or not yet, or no more. Address and code wait encrypted, and are
removed once they are sent.

A letter with a code goes out while the code is taken, whatever ended it meanwhile.
"""

import json
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from tracker.access.models import Caregiver, EmailChange
from tracker.accounts import former_emails
from tracker.accounts.fields import UnreadableAddress
from tracker.clinics.models import Clinic
from tracker.keys import data_keys
from tracker.lib import encryption, rls
from tracker.outbox.channels import EMAIL
from tracker.outbox.models import Letter, Message

WORDS, EMAIL_CODE = "caregiver-letter", "email-change"
EMAIL_CHANGED, EMAIL_UNDO = "email-changed", "email-undo"
# How long news is tried to be sent to a former address.
_NEWS_LASTS = timedelta(days=7)


def enqueue(*, caregiver: Caregiver, address: str, code: str, at: datetime) -> None:
    """Write the letter with which a patient invites a caregiver, in the transaction of the invitation."""
    _write(
        caregiver.clinic_id, caregiver.patient_id, WORDS, f"caregiver/{caregiver.pk}", address, code, at,
        caregiver.accept_by,
    )  # fmt: skip


def enqueue_code(*, change: EmailChange, address: str, code: str, at: datetime) -> None:
    """Write the letter with the code of a new address, in the transaction in which the change begins."""
    _write(
        change.clinic_id, change.patient_id, EMAIL_CODE, f"email-change/{change.id}", address, code, at,
        change.expires_at,
    )  # fmt: skip


def enqueue_to_former(
    *, clinic_id: UUID, patient_id: UUID, address: str, words: str, at: datetime, code: str = ""
) -> None:
    """Write news of the account to an address that it had, in the transaction of the change; or how to undo it."""
    lasts = former_emails.UNDO_LASTS if code else _NEWS_LASTS
    if not isinstance(address, UnreadableAddress):
        _write(clinic_id, patient_id, words, f"former/{uuid4()}", address, code, at, at + lasts)


def _write(
    clinic_id: UUID, patient_id: UUID, words: str, subject: str, address: str, code: str, at: datetime,
    expires_at: datetime,
) -> None:  # fmt: skip
    message_id = uuid4()
    text = json.dumps({"address": address, "code": code})
    with rls.as_clinic(clinic_id):
        key_id, key = data_keys.data_key_for(clinic_id, patient_id, at)
        bound = Letter.associated_data((message_id,), patient_id, key_id)
        Message.objects.create(
            id=message_id, clinic_id=clinic_id, channel=EMAIL, words=words, subject=subject,
            key=f"{words}/{subject.partition('/')[2]}", patient=patient_id, due_at=at, expires_at=expires_at,
        )  # fmt: skip
        Letter.objects.create(
            clinic_id=clinic_id, patient_id=patient_id, message_id=message_id, key_id=key_id,
            ciphertext=encryption.encrypt(key, text.encode(), bound),
        )  # fmt: skip


@transaction.atomic
def open_for_sending(message: Message) -> str | None:
    """Put the code of a letter into ``message.code`` and return its address; None if it cannot be decrypted."""
    with rls.as_clinic(message.clinic_id):
        rows = Letter.objects.filter(message_id=message.pk).select_related("key")
        readable, _ = data_keys.decrypt_readable(rows)
    if not readable:
        return None
    content = json.loads(readable[0][1])
    message.code = content["code"]
    return str(content["address"])


def withdraw_unless_wanted(message: Message) -> bool:
    """Withdraw a letter that is of no use any more; return whether it was. Context: the clinic's."""
    if _is_wanted(message):
        return False
    Message.objects.filter(pk=message.pk, withdrawn_at__isnull=True).update(withdrawn_at=timezone.now())
    remove(message)
    return True


def remove(message: Message) -> None:
    """Remove a letter that was sent, or that will not be. Context: the clinic's."""
    Letter.objects.filter(message_id=message.pk).delete()


def remove_useless(*, at: datetime) -> int:
    """Remove letters whose code is taken no more, and expired changes of an address; return how many letters."""
    return sum(
        _remove_useless(clinic_id, at) for clinic_id in list(Clinic.objects.values_list("pk", flat=True))
    )


@transaction.atomic
def _remove_useless(clinic_id: UUID, at: datetime) -> int:
    with rls.as_clinic(clinic_id):
        EmailChange.objects.filter(clinic_id=clinic_id, expires_at__lte=at).delete()
        letters = Letter.objects.values("message_id")
        return sum(map(withdraw_unless_wanted, Message.objects.filter(pk__in=letters)))


def _is_wanted(message: Message) -> bool:
    """Whether the letter is still of use: an invitation or a code only as long as it is taken."""
    at, subject_id = timezone.now(), message.subject.partition("/")[2]
    if message.words == WORDS:
        return Caregiver.objects.acceptable(at).filter(pk=subject_id).exists()
    if message.words == EMAIL_CODE:
        return EmailChange.objects.filter(id=subject_id, expires_at__gt=at).exists()
    return message.expires_at is None or message.expires_at > at
