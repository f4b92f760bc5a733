"""Receipts: the same key again gets the same answer."""

import json
from uuid import UUID

from tracker.access.principal import Principal
from tracker.sync.models import Batch
from tracker.sync.work import Receipt, Sent, Work


class KeyReusedError(Exception):
    """The batch key was used before, with other records."""


def seen(patient_id: UUID, sent: Sent, print_of_all: bytes) -> Batch | None:
    """
    Return the receipt that this key got before. Asked under the timeline's lock, so two at once are safe.

    :raises KeyReusedError: if it was for other records.
    """
    batch = Batch.objects.filter(patient_id=patient_id, device_id=sent.device_id, key=sent.key).first()
    if batch is not None and bytes(batch.fingerprint) != print_of_all:
        raise KeyReusedError
    return batch


def has(principal: Principal, sent: Sent) -> bool:
    """Return whether a batch was received under this key before."""
    return Batch.objects.filter(
        patient_id=principal.own_patient_id, device_id=sent.device_id, key=sent.key
    ).exists()


def keep(work: Work, receipt: Receipt) -> None:
    """Keep the receipt: ids and verdicts. The server's copies of records hold health data and are left out."""
    assert work.sent is not None
    bare = [{name: value for name, value in row.items() if name != "server"} for row in receipt.results]
    Batch.objects.bulk_create(
        [
            Batch(
                clinic_id=work.source.clinic_id,
                patient_id=work.source.patient_id,
                device_id=work.sent.device_id,
                key=work.sent.key,
                fingerprint=work.fingerprint,
                received_at=work.source.received_at,
                receipt=receipt.receipt,
                results=json.loads(json.dumps({"results": bare, "worried": receipt.worried}, default=str)),
                head=receipt.head,
            )
        ]
    )
