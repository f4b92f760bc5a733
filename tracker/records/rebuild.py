"""
Deriving every observation and current value again from the records, and comparing them with what is stored.

Ingest derives them in the transaction of the record. This goes the same way once more, from the stored rows, and
so finds nothing: a difference is a mistake in the product, or somebody's hand in the database.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from tracker.clinics.models import Clinic, Patient
from tracker.instruments import catalogue
from tracker.lib import days, rls
from tracker.records import (
    capacity_guard,
    categories,
    change_counter,
    clocks,
    measure_state,
    measures,
    observations,
    queries,
    reading_source,
    store,
)
from tracker.records.kinds import KINDS, RECORD
from tracker.records.kinds.base import Kind
from tracker.records.kinds.questionnaire import Status
from tracker.records.models import MeasureState, Observation
from tracker.records.patient_record import PatientRecord

_Key = tuple[UUID, str]


@dataclass(slots=True)
class Report:
    """
    What was looked at, and what differs: (patient, record or measure, what is wrong). ``unknown`` counts responses
    without a score, to versions of instruments that the catalogue has not or had not: ``rescore`` scores them.
    """

    records: int = 0
    observations: int = 0
    unknown: int = 0
    differences: list[tuple[UUID, str, str]] = field(default_factory=list)


def check(*, repair: bool = False) -> Report:
    """Compare everything that is derived with what it is derived from; with ``repair`` write what differs anew."""
    report = Report()
    for clinic_id in list(Clinic.objects.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic(), rls.as_clinic(clinic_id):
            patients = list(
                Patient.objects.filter(clinic_id=clinic_id).order_by("pk").values_list("pk", flat=True)
            )
        for patient_id in patients:
            with transaction.atomic(), rls.as_patient(clinic_id, patient_id):
                _one(clinic_id, patient_id, report, repair=repair)
    return report


def _one(clinic_id: UUID, patient_id: UUID, report: Report, *, repair: bool) -> None:
    change_counter.advance(clinic_id, patient_id, 0)
    before = len(report.differences)
    wanted = dict(_wanted(patient_id, report))
    held = {
        (row.source_id, row.measure): (
            row.category,
            row.local_date,
            row.at,
            row.clock_skew,
            row.origin,
            row.source_order,
            row.by_caregiver,
            row.is_in_capacity_guard,
            row.value,
            row.band,
        )
        for row in Observation.objects.filter(patient_id=patient_id)
    }
    report.observations += len(held)
    for source_id, measure in sorted(wanted.keys() | held.keys()):
        key = (source_id, measure)
        if wanted.get(key) != held.get(key):
            what = "missing" if key not in held else "not derived" if key not in wanted else "differs"
            report.differences.append((patient_id, f"{source_id} {measure}", what))
    if repair and len(report.differences) > before:
        capacity_guard.mark_again(clinic_id, patient_id)
        _write(clinic_id, patient_id, wanted)
    _compare_current(clinic_id, patient_id, report, repair=repair)


def _wanted(patient_id: UUID, report: Report) -> Iterator[tuple[_Key, tuple[Any, ...]]]:
    guards = capacity_guard.spans(patient_id)
    for kind in KINDS.values():
        for row in kind.rows(patient_id).filter(removed_at__isnull=True):
            report.records += 1
            is_guarded = kind.scored and capacity_guard.holds(
                row.instrument, row.version, row.recorded_at, guards
            )
            if kind.scored and row.is_in_capacity_guard != is_guarded:
                report.differences.append((patient_id, f"{row.id} {kind.name}", "capacity guard differs"))
            if getattr(row, "status", None) == Status.UNSCORED:
                report.unknown += 1
                continue
            try:
                item = accepted(kind, row)
            except catalogue.UnknownInstrumentError:
                report.unknown += 1
                continue
            for measure, value, band in observations.derive(item):
                category = str(categories.of_measure(measure))
                at = clocks.occurrence(item.record)
                yield (row.id, measure), (
                    category, row.local_date, at, row.clock_skew, row.origin,
                    observations.source_order(measure, item.record.source),
                    reading_source.is_by_caregiver(item.record.source), is_guarded, value, band,
                )  # fmt: skip


def accepted(kind: Kind, row: PatientRecord) -> store.AcceptedRecord:
    """
    Return a stored record as ingest had it, so that one way alone makes numbers of records.

    :raises catalogue.UnknownInstrumentError: if the catalogue no longer has the form that was answered.
    """
    record = RECORD.validate_python(
        {
            "kind": kind.name,
            "id": row.id,
            "revision": row.revision,
            "recorded_at": row.recorded_at.astimezone(days.fixed_offset(row.utc_offset_minutes)),
            "time_zone": row.time_zone,
            "origin": row.origin,
            "source": queries.source(row) or None,
            "data": {**kind.to_data(row), **kind.placeholders},
        }
    )
    result = store.score(record.data) if kind.scored else None
    return store.AcceptedRecord(
        record, row.sequence, bytes(row.fingerprint), result, replaces=True,
        is_in_capacity_guard=getattr(row, "is_in_capacity_guard", False),
    )  # fmt: skip


def _write(clinic_id: UUID, patient_id: UUID, wanted: dict[_Key, tuple[Any, ...]]) -> None:
    kinds = dict(_kinds_of(patient_id))
    Observation.objects.filter(patient_id=patient_id).delete()
    Observation.objects.bulk_create(
        [
            Observation(
                clinic_id=clinic_id, patient_id=patient_id, source_id=source_id, source_kind=kinds[source_id],
                measure=measure, category=category, local_date=local_date, at=at, clock_skew=clock_skew, origin=origin,
                source_order=source_order, by_caregiver=by_caregiver, is_in_capacity_guard=is_guarded, value=value,
                band=band,
            )
            for (source_id, measure), (
                category, local_date, at, clock_skew, origin, source_order, by_caregiver, is_guarded, value, band,
            ) in wanted.items()
        ],
        batch_size=1000,
    )  # fmt: skip
    change_counter.advance(clinic_id, patient_id, 1)


def _kinds_of(patient_id: UUID) -> Iterator[tuple[UUID, str]]:
    for kind in KINDS.values():
        for record_id in kind.rows(patient_id).values_list("id", flat=True):
            yield record_id, kind.name


def _compare_current(clinic_id: UUID, patient_id: UUID, report: Report, *, repair: bool) -> None:
    """Make the current values again beside the stored ones: in a savepoint that is undone unless they are mended."""
    before = _current(patient_id)
    named = Observation.objects.filter(patient_id=patient_id).values_list("measure", flat=True).distinct()
    known = [code for code in {*named, *before} if measures.find(code)]
    sid = transaction.savepoint()
    measure_state.refresh(clinic_id, patient_id, known, removed=True)
    after = _current(patient_id)
    for measure in sorted(before.keys() | after.keys()):
        if before.get(measure) != after.get(measure):
            report.differences.append((patient_id, measure, "current value differs"))
    if repair:
        transaction.savepoint_commit(sid)
    else:
        transaction.savepoint_rollback(sid)


def _current(patient_id: UUID) -> dict[str, tuple[Any, ...]]:
    names = [field.attname for field in MeasureState._meta.concrete_fields if field.attname != "clinic_id"]
    rows = MeasureState.objects.filter(patient_id=patient_id).values_list("measure", *names)
    return {measure: tuple(values) for measure, *values in rows}
