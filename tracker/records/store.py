"""Writing records: in bulk, with what is derived from them, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from tracker.instruments import catalogue, scoring
from tracker.lib import bulk, rls
from tracker.records import clocks, observations
from tracker.records.kinds import KINDS, Record, questionnaire
from tracker.records.kinds.base import Kind
from tracker.records.kinds.questionnaire import FINISHED, Status
from tracker.records.patient_record import PatientRecord
from tracker.records.reading_source import Origin, Source, SourceWho

__all__ = [
    "FINISHED",
    "AcceptedRecord",
    "Provenance",
    "score",
    "scoring_again",
    "shown_scoring",
    "store",
    "stored_row",
]

_KEY = ("patient_id", "id")


@dataclass(frozen=True, slots=True)
class Provenance:
    """
    Whose records these are, who sends them, from which device, and when we received them.

    ``rights`` is the row-security context of a caregiver who sends them: in it the rows are written, and nothing else.
    """

    clinic_id: UUID
    patient_id: UUID
    author_id: UUID
    device_id: UUID | None
    received_at: datetime
    rights: Mapping[str, str] | None = None

    def source_of(self, record: Record) -> Source | None:
        """Return where a reading comes from: what a caregiver sends is a caregiver's, whatever it says of itself."""
        if self.rights is None:
            return record.source
        told = {} if record.source is None else record.source.model_dump()
        return Source(**told | {"who": SourceWho.CAREGIVER.value})


@dataclass(frozen=True, slots=True)
class AcceptedRecord:
    """
    A record that is to be stored, with its number in the patient's changes and its score if it has one: none of a
    version of an instrument that is not known here.

    ``keeps_ahead``: it keeps an instant that came of a clock which was ahead. ``is_in_capacity_guard``: answered too
    soon after a dose to count.
    """

    record: Record
    sequence: int
    fingerprint: bytes
    result: scoring.Result | None
    replaces: bool
    amends: bool = False
    keeps_ahead: bool = False
    is_in_capacity_guard: bool = False

    @property
    def status(self) -> Status:
        """The status of a response, by its answers."""
        return questionnaire.status_of(self.record.data, self.result, amends=self.amends)


class _Tombstone(NamedTuple):
    patient_id: UUID
    id: UUID
    revision: int
    sequence: int
    fingerprint: bytes
    received_at: datetime
    removed_at: datetime
    amendment_reason: str | None
    author_id: UUID
    device_id: UUID | None


def score(data: Any) -> scoring.Result:
    """
    Score the answers of a response by the version of the instrument that it names.

    :raises catalogue.UnknownInstrumentError: if there is no such instrument or version.
    """
    form = catalogue.get(data.instrument, data.version)
    return scoring.score(form, data.answers, data.reported_total)


def store(provenance: Provenance, accepted: Sequence[AcceptedRecord]) -> None:
    """
    Write the accepted records and all that is derived from them.

    The number of statements depends on the kinds among them, not on how many there are.
    """
    groups: dict[str, list[AcceptedRecord]] = {}
    for item in accepted:
        groups.setdefault(item.record.kind, []).append(item)
    with nullcontext() if provenance.rights is None else rls.context(**provenance.rights):
        for name, items in groups.items():
            _store_kind(provenance, KINDS[name], items)
    for name, items in groups.items():
        store_beside = KINDS[name].store_beside
        if store_beside is not None:
            store_beside(provenance, items)
    observations.store(provenance, accepted)


def _store_kind(provenance: Provenance, kind: Kind, items: Sequence[AcceptedRecord]) -> None:
    rows = [_row(provenance, kind, item) for item in items if not item.record.removed]
    changed = [column for column in kind.row_type._fields if column not in {"clinic_id", *_KEY}]
    bulk.insert(kind.model, rows, key=_KEY, update=changed)
    removed = [_tombstone(provenance, item) for item in items if item.record.removed]
    bulk.update(kind.model, removed, key=_KEY)


def _tombstone(provenance: Provenance, item: AcceptedRecord) -> _Tombstone:
    """What changes in a row that is removed: the data stays in the history, the row keeps its place in the changes."""
    return _Tombstone(
        patient_id=provenance.patient_id,
        id=item.record.id,
        revision=item.record.revision,
        sequence=item.sequence,
        fingerprint=item.fingerprint,
        received_at=provenance.received_at,
        removed_at=provenance.received_at,
        amendment_reason=item.record.amendment_reason,
        author_id=provenance.author_id,
        device_id=provenance.device_id,
    )


def _row(provenance: Provenance, kind: Kind, item: AcceptedRecord) -> Any:
    record, source = item.record, provenance.source_of(item.record)
    columns = kind.to_row(record.data)
    if kind.scored:
        columns["status"] = item.status.value
        columns["reported_total_check"] = questionnaire.total_check_of(record.data, item.result)
        columns["is_in_capacity_guard"] = item.is_in_capacity_guard
    clock = clocks.read(record, provenance.received_at, keeps_ahead=item.keeps_ahead)
    return kind.row_type(
        clinic_id=provenance.clinic_id,
        patient_id=provenance.patient_id,
        id=record.id,
        revision=record.revision,
        recorded_at=record.recorded_at,
        utc_offset_minutes=clock.utc_offset_minutes,
        time_zone=record.time_zone,
        zone_check=clock.zone_check,
        local_date=clock.local_date,
        received_at=provenance.received_at,
        device_id=provenance.device_id,
        author_id=provenance.author_id,
        sequence=item.sequence,
        entered_late=clock.entered_late,
        clock_skew=clock.clock_skew,
        amendment_reason=record.amendment_reason,
        origin=record.origin or Origin.ENTERED.value,
        source_device=source.device if source else None,
        source_app=source.app if source else None,
        source_who=source.who if source else None,
        fingerprint=item.fingerprint,
        removed_at=None,
        **columns,
    )


def shown_scoring(record: Record, result: scoring.Result | None) -> dict[str, Any] | None:
    """Return what the wire shows of the scores of a record that is stored now; None of one of a kind without scores."""
    data: Any = record.data
    if data is None or not KINDS[record.kind].scored:
        return None
    status = questionnaire.status_of(data, result, amends=False)
    scores = () if result is None or status == Status.DRAFT else result.scores
    check = questionnaire.total_check_of(data, result)
    return questionnaire.scoring_of(
        status, check, {made.name: made for made in scores if made.value is not None}
    )


def scoring_again(record: Record) -> dict[str, Any] | None:
    """Return what ``shown_scoring`` says of a record that came before: its answers are scored once more."""
    if record.data is None or not KINDS[record.kind].scored:
        return None
    try:
        return shown_scoring(record, score(record.data))
    except catalogue.UnknownInstrumentError:
        return shown_scoring(record, None)


def stored_row(provenance: Provenance, item: AcceptedRecord) -> tuple[Kind, PatientRecord]:
    """Return a stored record as its row, without asking the database for what was just written."""
    kind = KINDS[item.record.kind]
    return kind, kind.model(**_row(provenance, kind, item)._asdict())
