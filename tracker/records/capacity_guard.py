"""
Capacity guard: from a dose until capacity is back, answers to validated questionnaires are kept and do not count.

Who was given ketamine an hour ago is not the person whom PHQ-9 asks about the last two weeks. The answers are kept,
scored and scanned for safety like any others, and they are marked: they are in no baseline, last value, mean, chart or
summary. The mark follows from the doses as they stand, whichever came first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, Q

from tracker.instruments import catalogue
from tracker.records import change_counter
from tracker.records.dosing_period import DosingPeriod
from tracker.records.kinds import KINDS, Record
from tracker.records.kinds.questionnaire import Response
from tracker.records.models import Observation

# Its questionnaires ask how a treatment is being borne, while it lasts: the dissociation scales.
_OF_THE_SESSION = "treatment"


class Span(NamedTuple):
    """The time of one guard: from the first dose of a session up to when capacity is back, without it."""

    starts_at: datetime
    ends_at: datetime


def spans(patient_id: UUID) -> tuple[Span, ...]:
    """Return a patient's guards, in their order."""
    rows = DosingPeriod.objects.filter(patient_id=patient_id).order_by("dosed_at", "session_id")
    return tuple(Span(*row) for row in rows.values_list("dosed_at", "capacity_ends_at"))


def waits(instrument: str, version: str) -> bool:
    """
    Return whether a questionnaire has to wait until capacity is back: a validated one, not of the session itself.

    Of a version that is not known the newest one tells; one that is not in the catalogue at all has to wait.
    """
    try:
        form = catalogue.get(instrument, version)
    except catalogue.UnknownInstrumentError:
        try:
            form = catalogue.latest(instrument)
        except catalogue.UnknownInstrumentError:
            return True
    return form.validated and form.category != _OF_THE_SESSION


def holds(instrument: str, version: str, at: datetime, guards: Sequence[Span]) -> bool:
    """Return whether answers to a questionnaire that were given at ``at`` do not count."""
    return any(guard.starts_at <= at < guard.ends_at for guard in guards) and waits(instrument, version)


def holds_record(record: Record, guards: Sequence[Span]) -> bool:
    """Return whether a record is of answers that do not count; a response is about the instant of its own."""
    if record.data is None or not KINDS[record.kind].scored:
        return False
    return holds(record.data.instrument, record.data.version, record.recorded_at, guards)


def mark_again(clinic_id: UUID, patient_id: UUID) -> int:
    """
    Mark a patient's answers as the doses that stand say; return how many marks have changed.

    The records show their mark: phones pull those that changed again. Runs in the context of the whole record and under
    the lock of the patient's changes; current values have to be refreshed after it.
    """
    guards = spans(patient_id)
    # Whether they have to wait says their catalogue file: which of them are marked is decided in one place, below.
    may_change = Q(is_in_capacity_guard=True) | Exists(DosingPeriod.objects.around("recorded_at"))
    rows = Response.objects.filter(may_change, patient_id=patient_id, removed_at=None)
    columns = rows.order_by("sequence").values_list(
        "id", "instrument", "version", "recorded_at", "is_in_capacity_guard"
    )
    changed = [
        (record_id, is_held)
        for record_id, instrument, version, at, was_held in columns
        if (is_held := holds(instrument, version, at, guards)) != was_held
    ]
    if not changed:
        return 0
    head = change_counter.advance(clinic_id, patient_id, len(changed)).sequence
    for sequence, (record_id, is_held) in enumerate(changed, head - len(changed) + 1):
        Response.objects.filter(patient_id=patient_id, id=record_id).update(
            sequence=sequence, is_in_capacity_guard=is_held
        )
        Observation.objects.filter(patient_id=patient_id, source_id=record_id).update(
            is_in_capacity_guard=is_held
        )
    return len(changed)
