"""The versions of a record: the content of each, who wrote it, when, from where and why."""

from typing import Any
from uuid import UUID

from tracker.clinics.models import Patient, StaffMember
from tracker.lib.cursors import CursorCipher
from tracker.records import plans, queries
from tracker.records.kinds import KINDS
from tracker.records.kinds.base import Kind
from tracker.records.patient_record import PatientRecord

_CURSORS = CursorCipher("history")


def page(
    patient_id: UUID, record_id: UUID, *, reader: UUID, limit: int, cursor: str | None, as_patient: bool
) -> tuple[list[dict[str, Any]], str | None] | None:
    """
    Return up to ``limit`` versions of a record as the wire shows them, and the cursor of the next page if there is one.

    The newest first, and no more than one answer takes; None if there is no such record. Each says who wrote it
    (``author``), from which device, when it was replaced, and in a plan that was merged the values that the merge
    replaced (``overwritten``). Without ``as_patient`` a version of a journal that was not shared is left out.

    ``reader`` is the user whose cursors they are.

    :raises InvalidCursor: if the cursor is not one of this reader's for this record.
    """
    of = (reader, patient_id, record_id)
    before = None if cursor is None else _CURSORS.decrypt(cursor, int, of=of)
    head = queries.current_versions(patient_id, [record_id]).get(record_id)
    if head is None:
        return None
    rows: list[tuple[Kind, PatientRecord]] = []
    if before is None:
        rows = queries.get_many(patient_id, [(head.kind, record_id)])
    replaced: dict[int, Any] = {}
    for note, row in queries.previous_versions(
        patient_id, record_id, before=before or head.revision, limit=limit + 1 - len(rows)
    ):
        rows.append((KINDS[note.kind], row))
        replaced[note.revision] = note.replaced_at
    shown, count = queries.serialize_page(patient_id, rows[:limit], as_patient=as_patient)
    _add_writers(patient_id, record_id, shown, rows, replaced)
    following = _CURSORS.encrypt(rows[count - 1][1].revision, of=of) if count < len(rows) else None
    return (shown, following) if shown or before is not None else None


def _add_writers(
    patient_id: UUID,
    record_id: UUID,
    shown: list[dict[str, Any]],
    rows: list[tuple[Kind, PatientRecord]],
    replaced: dict[int, Any],
) -> None:
    """Add to each version who wrote it, until when it stood and what its merge replaced."""
    of_revision = {row.revision: row for _, row in rows}
    authors = _names({row.author_id for row in of_revision.values()}, patient_id)
    # What a caregiver wrote names them already.
    authors |= {
        version["author"]["id"]: version["author"]["name"] for version in shown if "author" in version
    }
    overwritten = {
        edit.merged_revision: edit.overwritten
        for edit in plans.overwritten_values(
            patient_id, record_id, [version["revision"] for version in shown]
        )
        if edit.overwritten
    }
    for version in shown:
        row = of_revision[version["revision"]]
        version["author"] = {"id": row.author_id, "name": authors.get(row.author_id, "")}
        version["device"] = row.device_id
        version["replaced_at"] = replaced.get(row.revision)
        if row.revision in overwritten:
            version["overwritten"] = overwritten[row.revision]


def _names(authors: set[UUID], patient_id: UUID) -> dict[UUID, str]:
    """The names of those who wrote: the patient, a caregiver, or staff of the clinic."""
    names = dict(Patient.objects.filter(pk=patient_id).values_list("user_id", "name"))
    names |= dict(StaffMember.objects.filter(user_id__in=authors).values_list("user_id", "name"))
    return names
