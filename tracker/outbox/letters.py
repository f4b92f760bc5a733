"""
Invitations by mail to somebody who has no account: address and code wait encrypted, and are removed once they are sent.

A letter goes out while its invitation can be accepted, whatever ended it meanwhile.
"""

import json
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from tracker.access.models import Caregiver
from tracker.clinics.models import Clinic
from tracker.keys import data_keys
from tracker.lib import encryption, rls
from tracker.outbox.channels import EMAIL
from tracker.outbox.models import Letter, Message

WORDS = "caregiver-letter"


def enqueue(*, caregiver: Caregiver, address: str, code: str, at: datetime) -> None:
    """Write the letter with which a patient invites a caregiver, in the transaction of the invitation."""
    clinic_id, patient_id, message_id = caregiver.clinic_id, caregiver.patient_id, uuid4()
    key_id, key = data_keys.data_key_for(clinic_id, patient_id, at)
    text = json.dumps({"address": address, "code": code})
    bound = Letter.associated_data((message_id,), patient_id, key_id)
    with rls.as_clinic(clinic_id):
        Message.objects.create(
            id=message_id, clinic_id=clinic_id, channel=EMAIL, words=WORDS, subject=f"caregiver/{caregiver.pk}",
            key=f"{WORDS}/{caregiver.pk}", patient=patient_id, due_at=at, expires_at=caregiver.accept_by,
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
    """Withdraw a letter with which nobody can accept any more; return whether it was. Context: the clinic's."""
    caregiver_id = message.subject.partition("/")[2]
    if Caregiver.objects.acceptable(timezone.now()).filter(pk=caregiver_id).exists():
        return False
    Message.objects.filter(pk=message.pk, withdrawn_at__isnull=True).update(withdrawn_at=timezone.now())
    remove(message)
    return True


def remove(message: Message) -> None:
    """Remove a letter that was sent, or that will not be. Context: the clinic's."""
    Letter.objects.filter(message_id=message.pk).delete()


def remove_useless(*, at: datetime) -> int:
    """Remove the letters with which nobody can accept any more; return how many."""
    return sum(
        _remove_useless(clinic_id, at) for clinic_id in list(Clinic.objects.values_list("pk", flat=True))
    )


@transaction.atomic
def _remove_useless(clinic_id: UUID, at: datetime) -> int:
    with rls.as_clinic(clinic_id):
        letters = Letter.objects.values("message_id")
        return sum(map(withdraw_unless_wanted, Message.objects.filter(words=WORDS, pk__in=letters)))
