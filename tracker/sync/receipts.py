"""Receipts: the same key again gets the same answer."""

import json
from uuid import UUID

from tracker.access.principal import Principal
from tracker.sync.batch import BatchKey, BatchState, Receipt
from tracker.sync.models import SyncBatch


class KeyReusedError(Exception):
    """The batch key was used before, with other records."""


def find(patient_id: UUID, sent: BatchKey, print_of_all: bytes) -> SyncBatch | None:
    """
    Return the receipt that this key got before. Asked under the timeline's lock, so two at once are safe.

    :raises KeyReusedError: if it was for other records.
    """
    batch = SyncBatch.objects.filter(patient_id=patient_id, device_id=sent.device_id, key=sent.key).first()
    if batch is not None and bytes(batch.fingerprint) != print_of_all:
        raise KeyReusedError
    return batch


def exists(principal: Principal, sent: BatchKey) -> bool:
    """Return whether a batch was received under this key before."""
    return SyncBatch.objects.filter(
        patient_id=principal.own_patient_id, device_id=sent.device_id, key=sent.key
    ).exists()


def save(work: BatchState, receipt: Receipt) -> None:
    """Keep the receipt: ids and statuses. The server's copies of records hold health data and are left out."""
    assert work.sent is not None
    bare = [{name: value for name, value in row.items() if name != "server"} for row in receipt.results]
    SyncBatch.objects.bulk_create(
        [
            SyncBatch(
                clinic_id=work.source.clinic_id,
                patient_id=work.source.patient_id,
                device_id=work.sent.device_id,
                key=work.sent.key,
                fingerprint=work.fingerprint,
                received_at=work.source.received_at,
                receipt=receipt.receipt,
                results=json.loads(json.dumps({"results": bare, "alerted": receipt.alerted}, default=str)),
                head=receipt.head,
            )
        ]
    )
