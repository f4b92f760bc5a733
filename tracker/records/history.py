"""Every version of a record: its content, who wrote it, when, from where and why."""

from typing import Any
from uuid import UUID

from tracker.clinics.models import Patient, StaffMember
from tracker.records import plans, queries
from tracker.records.kinds import KINDS
from tracker.records.kinds.base import Kind
from tracker.records.patient_record import PatientRecord


def versions(clinic_id: UUID, patient_id: UUID, record_id: UUID, *, as_patient: bool) -> list[dict[str, Any]]:
    """
    Return all versions of a record as the wire shows them, the newest first; none if there is no such record.

    Each says who wrote it (``author``), from which device, when it was replaced, and in a plan that was merged the
    values that the merge replaced (``overwritten``). Without ``as_patient`` a version of a journal that
    was not shared is left out.
    """
    head = queries.current_versions(patient_id, [record_id]).get(record_id)
    if head is None:
        return []
    rows: list[tuple[Kind, PatientRecord]] = queries.get_many(patient_id, [(head.kind, record_id)])
    replaced: dict[int, Any] = {}
    for note, row in queries.previous_versions(patient_id, record_id):
        rows.append((KINDS[note.kind], row))
        replaced[note.revision] = note.replaced_at
    overwritten = {
        edit.merged_revision: edit.overwritten
        for edit in plans.overwritten_values(patient_id, record_id)
        if edit.overwritten
    }
    authors = _names({row.author_id for _, row in rows}, patient_id)
    devices = {row.revision: row.device_id for _, row in rows}
    writers = {row.revision: row.author_id for _, row in rows}
    shown = queries.serialize(patient_id, rows, as_patient=as_patient)
    for version in shown:
        revision = version["revision"]
        version["author"] = {"id": writers[revision], "name": authors.get(writers[revision], "")}
        version["device"] = devices[revision]
        version["replaced_at"] = replaced.get(revision)
        if revision in overwritten:
            version["overwritten"] = overwritten[revision]
    return shown


def _names(authors: set[UUID], patient_id: UUID) -> dict[UUID, str]:
    """The names of those who wrote: the patient, or staff of the clinic."""
    names = dict(Patient.objects.filter(pk=patient_id).values_list("user_id", "name"))
    names |= dict(StaffMember.objects.filter(user_id__in=authors).values_list("user_id", "name"))
    return names
