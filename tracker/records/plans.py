"""What a merge of two edits of a plan needs to know, and the note that it was made."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tracker.records import queries
from tracker.records.kinds.plan import KIND, MergedEdit
from tracker.records.store import Provenance


@dataclass(frozen=True, slots=True)
class Versions:
    """The version that an edit was made of, and the one that is held, as a phone writes them."""

    base: Mapping[str, Any]
    held: Mapping[str, Any]


def was_merged(patient_id: UUID, record_id: UUID, revision: int, fingerprint: bytes) -> bool:
    """Return whether this very edit has arrived and was merged before."""
    return MergedEdit.objects.filter(
        patient_id=patient_id, record_id=record_id, sent_revision=revision, fingerprint=fingerprint
    ).exists()


def versions(patient_id: UUID, record_id: UUID, base: int) -> Versions | None:
    """Return what a merge is made of; None if the record is removed, or the base is not known or was a tombstone."""
    rows = queries.get_many(patient_id, [(KIND.name, record_id)])
    former = queries.previous_versions(patient_id, record_id, before=base + 1, limit=1)
    if not rows or rows[0][1].removed_at is not None or not former:
        return None
    (kind, row), (_, base_row) = rows[0], former[0]
    if base_row.revision != base or base_row.removed_at is not None:
        return None
    return Versions(kind.to_data(base_row), kind.to_data(row))


def record_merge(
    provenance: Provenance,
    record_id: UUID,
    sent_revision: int,
    fingerprint: bytes,
    merged_revision: int,
    overwritten: Mapping[str, Any],
) -> None:
    """Keep that an edit was merged, and the values that it replaced."""
    MergedEdit.objects.bulk_create(
        [
            MergedEdit(
                clinic_id=provenance.clinic_id,
                patient_id=provenance.patient_id,
                record_id=record_id,
                sent_revision=sent_revision,
                fingerprint=fingerprint,
                merged_revision=merged_revision,
                overwritten=dict(overwritten),
                merged_at=provenance.received_at,
            )
        ]
    )


def overwritten_values(patient_id: UUID, record_id: UUID, revisions: Collection[int]) -> list[MergedEdit]:
    """Return the merges that made these revisions of a plan, the newest first."""
    merges = MergedEdit.objects.filter(
        patient_id=patient_id, record_id=record_id, merged_revision__in=revisions
    )
    return list(merges.order_by("-id"))
