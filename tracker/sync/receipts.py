"""Receipts: the same key again gets the same answer."""

import json
from uuid import UUID

from tracker.access.principal import Principal
from tracker.records.store import Provenance
from tracker.sync.batch import BatchKey, Receipt
from tracker.sync.models import SyncBatch


class KeyReusedError(Exception):
    """The batch key was used before, with other records."""


def size(records: int) -> int:
    """Return what the receipt of so many records takes of a patient's storage, in bytes."""
    return 200 + 80 * records


def find(patient_id: UUID, sent: BatchKey) -> SyncBatch | None:
    """Return what this key was used for before. Asked under the patient's lock, so two at once are safe."""
    return SyncBatch.objects.filter(patient_id=patient_id, device_id=sent.device_id, key=sent.key).first()


def issue_again(batch: SyncBatch, fingerprint: bytes) -> Receipt:
    """
    Return the receipt of then, if it was for the same records.

    :raises KeyReusedError: if it was for others.
    """
    if bytes(batch.fingerprint) != fingerprint:
        raise KeyReusedError
    return Receipt(batch.receipt, batch.results["results"], batch.head, batch.results["alerted"])


def exists(principal: Principal, sent: BatchKey) -> bool:
    """Return whether a batch was received under this key before."""
    return SyncBatch.objects.filter(
        patient_id=principal.own_patient_id, device_id=sent.device_id, key=sent.key
    ).exists()


def save(provenance: Provenance, sent: BatchKey, fingerprint: bytes, receipt: Receipt) -> None:
    """Keep the receipt: ids and statuses. The server's copies of records hold health data and are left out."""
    bare = [{name: value for name, value in row.items() if name != "server"} for row in receipt.results]
    SyncBatch.objects.bulk_create(
        [
            SyncBatch(
                clinic_id=provenance.clinic_id,
                patient_id=provenance.patient_id,
                device_id=sent.device_id,
                key=sent.key,
                fingerprint=fingerprint,
                received_at=provenance.received_at,
                receipt=receipt.receipt,
                results=json.loads(json.dumps({"results": bare, "alerted": receipt.alerted}, default=str)),
                head=receipt.head,
            )
        ]
    )
