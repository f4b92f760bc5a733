"""
Observations: the numbers that come of records.

A missing answer gives no observation; it is never a zero.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from tracker.instruments import answers, catalogue
from tracker.instruments.definition import InstrumentDefinition, Item
from tracker.lib import bulk
from tracker.records import categories, clocks, measure_state, measures, reading_source
from tracker.records.kinds import KINDS
from tracker.records.kinds.questionnaire import Status
from tracker.records.models import Observation
from tracker.records.reading_source import Origin

if TYPE_CHECKING:
    from tracker.records.store import AcceptedRecord, Provenance


class Value(NamedTuple):
    """One number of a record, and the name of the stretch of the scale that it lies in, if any."""

    measure: str
    value: float
    band: str = ""


class _Row(NamedTuple):
    clinic_id: UUID
    patient_id: UUID
    source_id: UUID
    source_kind: str
    measure: str
    category: str
    local_date: date
    at: datetime
    clock_skew: str
    origin: str
    source_order: str
    by_caregiver: bool
    is_in_capacity_guard: bool
    value: float
    band: str


def derive(item: "AcceptedRecord") -> list[Value]:
    """Return the numbers of one record. T-scores are the number that a T-scored domain is read by."""
    if item.record.removed:
        return []
    if item.result is not None:
        return _of_scores(item)
    kind = KINDS[item.record.kind]
    return [Value(measure, float(value)) for measure, value in kind.observations(item.record.data)]


def _of_scores(item: "AcceptedRecord") -> list[Value]:
    assert item.result is not None
    if item.status == Status.DRAFT:
        return []
    scores = [
        Value(made.name, float(made.value if made.t is None else made.t), made.band or "")
        for made in item.result.scores
        if made.value is not None
    ]
    named = {score.measure for score in scores}
    return scores + [single for single in _of_single_answers(item) if single.measure not in named]


@cache
def _measured(form: InstrumentDefinition) -> tuple[Item, ...]:
    """The items of a form whose answer is a measure of its own."""
    return tuple(item for item in form.items if item.measure)


def _of_single_answers(item: "AcceptedRecord") -> list[Value]:
    """The answers that are measures of their own, such as a momentary mood; none from unusable answers."""
    data: Any = item.record.data
    if item.result is None or item.result.status == "invalid":
        return []
    form = catalogue.get(data.instrument, data.version)
    # As they were read for the score: whatever the item was called, and without the noise of binary arithmetic.
    values = answers.read(form, data.answers).values
    return [
        Value(asked.measure.code, float(values[asked.link_id]))
        for asked in _measured(form)
        if asked.measure and asked.link_id in values
    ]


def store(provenance: "Provenance", accepted: "Sequence[AcceptedRecord]") -> None:
    """Write the observations of records in place of those of their former versions, and what is current of them."""
    touched = _delete_replaced(provenance, [item.record.id for item in accepted if item.replaces])
    rows = [row for item in accepted for row in _rows(provenance, item)]
    bulk.insert(Observation, rows)
    measure_state.refresh(
        provenance.clinic_id,
        provenance.patient_id,
        touched | {row.measure for row in rows},
        removed=any(item.replaces for item in accepted),
    )


def source_order(measure: str, source: reading_source.Source | None) -> str:
    """Return the place of a record's source among those of a day, for one of its measures."""
    return reading_source.order(source, adds_up=measures.get(measure).aggregation == "sum")


def _delete_replaced(provenance: "Provenance", replaced: Sequence[UUID]) -> set[str]:
    """Remove the observations of records that are replaced; return their measures."""
    if not replaced:
        return set()
    old = Observation.objects.filter(patient_id=provenance.patient_id, source_id__in=replaced)
    touched = set(old.values_list("measure", flat=True))
    old.delete()
    return touched


def _rows(provenance: "Provenance", item: "AcceptedRecord") -> list[_Row]:
    record, source = item.record, provenance.source_of(item.record)
    clock = clocks.read(record, provenance.received_at, keeps_ahead=item.keeps_ahead)
    return [
        _Row(
            clinic_id=provenance.clinic_id,
            patient_id=provenance.patient_id,
            source_id=record.id,
            source_kind=record.kind,
            measure=number.measure,
            category=categories.of_measure(number.measure),
            local_date=clock.local_date,
            at=clock.occurred_at,
            clock_skew=clock.clock_skew,
            origin=record.origin or Origin.ENTERED.value,
            source_order=source_order(number.measure, source),
            by_caregiver=reading_source.is_by_caregiver(source),
            is_in_capacity_guard=item.is_in_capacity_guard,
            value=number.value,
            band=number.band,
        )
        for number in derive(item)
    ]
