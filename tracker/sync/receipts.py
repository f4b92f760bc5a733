"""Receipts: the same key again gets the same answer."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tracker.access.principal import Principal
from tracker.records.kinds import Record
from tracker.records.store import Provenance, scoring_again
from tracker.sync import decisions
from tracker.sync.batch import BatchKey, Receipt
from tracker.sync.merge import Status
from tracker.sync.models import SyncBatch
from tracker.sync.parsing import InvalidItem

_NOT_KEPT = frozenset({"local_date", "server", "scoring", "errors"})


class KeyReusedError(Exception):
    """The batch key was used before, with other records."""


def size(records: int) -> int:
    """Return what the receipt of so many records takes of a patient's storage, in bytes."""
    return 200 + 80 * records


def find(patient_id: UUID, sent: BatchKey) -> SyncBatch | None:
    """Return what this key was used for before. Asked under the patient's lock, so two at once are safe."""
    return SyncBatch.objects.filter(patient_id=patient_id, device_id=sent.device_id, key=sent.key).first()


def issue_again(batch: SyncBatch, fingerprint: bytes, items: Sequence[Record | InvalidItem]) -> Receipt:
    """
    Return the receipt of then, if it was for the same records: ``items``.

    :raises KeyReusedError: if it was for others.
    """
    if bytes(batch.fingerprint) != fingerprint:
        raise KeyReusedError
    results = [_again(row, item) for row, item in zip(batch.results["results"], items, strict=True)]
    return Receipt(batch.receipt, results, batch.head, batch.results["alerted"])


def _again(row: dict[str, Any], item: Record | InvalidItem) -> dict[str, Any]:
    """A result with what was left out of it, made again of the record that came again."""
    if row["status"] == Status.REJECTED:
        errors = decisions.errors_again(item)
        return row | {"errors": [error.as_dict() for error in errors]} if len(errors) > 1 else row
    if row["status"] not in decisions.HELD_STATUSES or isinstance(item, InvalidItem):
        return row
    made_again = {"local_date": decisions.local_date(item), "scoring": scoring_again(item)}
    return row | {name: value for name, value in made_again.items() if value is not None}


def exists(principal: Principal, sent: BatchKey) -> bool:
    """Return whether a batch was received under this key before."""
    return SyncBatch.objects.filter(
        patient_id=principal.own_patient_id, device_id=sent.device_id, key=sent.key
    ).exists()


def save(provenance: Provenance, sent: BatchKey, fingerprint: bytes, receipt: Receipt) -> None:
    """Keep the receipt: ids and statuses. What can be made again of the records is left out."""
    bare = [{name: value for name, value in row.items() if name not in _NOT_KEPT} for row in receipt.results]
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
