"""Writing records: in bulk, with their scores, observations and current values, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from tracker.access.principal import Principal
from tracker.audit import actions as audit
from tracker.clinics.models import Patient
from tracker.instruments import catalogue, scoring
from tracker.instruments.definition import InstrumentDefinition
from tracker.keys import data_keys
from tracker.lib import bulk, codes, days, encryption, rls
from tracker.records import categories, change_counter, measure_state, observing
from tracker.records.kinds import KINDS, Kind
from tracker.records.models import JournalText, Observation, PatientRecord, Score, TreatmentSession
from tracker.records.models.base import ClockSkew
from tracker.records.models.responses import Status
from tracker.records.shapes import Record

# A response that was finished once and is changed later is called amended.
FINISHED = frozenset({Status.COMPLETE, Status.AMENDED})
AHEAD = timedelta(minutes=10)
BEHIND = timedelta(days=30)

_ENVELOPE = (
    "clinic_id", "patient", "id", "revision", "recorded_at", "time_zone", "local_date", "received_at",
    "device_id", "author", "sequence", "entered_late", "clock_skew", "amendment_reason", "fingerprint", "removed_at",
)  # fmt: skip
_KEY = ("patient", "id")
_OBSERVATION = (
    "clinic_id",
    "patient",
    "source_id",
    "source_kind",
    "measure",
    "category",
    "local_date",
    "at",
    "value",
    "band",
)
_SCORE = (
    "clinic_id", "patient", "response_id", "revision", "measure", "category", "instrument", "version",
    "scoring_version", "value", "t", "se", "answered", "items", "prorated", "band", "made_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Provenance:
    """Whose records these are, who sends them, from which device, and when we received them."""

    clinic_id: UUID
    patient_id: UUID
    author_id: UUID
    device_id: UUID | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class AcceptedRecord:
    """A record that is to be stored, with its number in the patient's changes and its score if it has one."""

    record: Record
    sequence: int
    fingerprint: bytes
    result: scoring.Result | None
    replaces: bool
    amends: bool = False

    @property
    def status(self) -> str:
        """
        The status of a response: what its answers say, whatever the client believes.

        ``amends`` says that it was complete before.
        """
        assert self.result is not None
        if self.record.data is not None and self.record.data.status == "draft":  # type: ignore[union-attr]
            return Status.DRAFT
        if self.result.status != "complete":
            return Status.INCOMPLETE
        return Status.AMENDED if self.amends else Status.COMPLETE


def score(data: Any) -> scoring.Result:
    """
    Score the answers of a response by the version of the instrument that it names.

    :raises catalogue.UnknownInstrumentError: if there is no such instrument or version.
    """
    form = catalogue.get(data.instrument, data.version)
    return scoring.score(form, data.answers, data.reported_total)


def score_side_effects(items: Mapping[str, int]) -> scoring.Result:
    """Score the side-effect checklist as far as it was tapped, by its newest version."""
    return scoring.score(catalogue.latest("side-effects"), items)


def clock_skew(recorded_at: datetime, received_at: datetime) -> str:
    """Return what we think of the phone's clock. A health entry is never refused for it."""
    if recorded_at > received_at + AHEAD:
        return ClockSkew.AHEAD
    if recorded_at < received_at - BEHIND:
        return ClockSkew.BEHIND
    return ClockSkew.NONE


def store(provenance: Provenance, accepted: Sequence[AcceptedRecord]) -> None:
    """
    Write the accepted records and all that is derived from them.

    The number of statements depends on the kinds among them, not on how many there are.
    """
    groups: dict[str, list[AcceptedRecord]] = {}
    for item in accepted:
        groups.setdefault(item.record.kind, []).append(item)
    for name, items in groups.items():
        _store_kind(provenance, name, items)
    if "journal" in groups:
        _seal_texts(provenance, groups["journal"])
    if "response" in groups:
        _store_scores(provenance, groups["response"])
    store_observations(provenance, accepted)


def _store_kind(provenance: Provenance, name: str, items: Sequence[AcceptedRecord]) -> None:
    kind = KINDS[name]
    columns = _ENVELOPE + kind.columns
    live = [item for item in items if not item.record.removed]
    rows = [_row(provenance, item) for item in live]
    changed = [column for column in columns if column not in {"clinic_id", *_KEY}]
    bulk.insert(kind.model, columns, rows, key=_KEY, update=changed)
    _remove(provenance, kind, [item for item in items if item.record.removed])


def _remove(provenance: Provenance, kind: Kind, items: Sequence[AcceptedRecord]) -> None:
    """Turn rows into tombstones: the data stays in the history, the row keeps its place in the changes."""
    bulk.update(
        kind.model,
        _KEY,
        ("revision", "sequence", "fingerprint", "received_at", "removed_at", "amendment_reason", "author", "device_id"),
        [
            (
                provenance.patient_id, item.record.id, item.record.revision, item.sequence,
                item.fingerprint, provenance.received_at, provenance.received_at, _amendment_reason(item.record),
                provenance.author_id, provenance.device_id,
            )
            for item in items
        ],
    )  # fmt: skip


def _row(provenance: Provenance, item: AcceptedRecord) -> tuple[Any, ...]:
    record = item.record
    data = KINDS[record.kind].to_row(record.data)
    local_date = days.local_day(record.recorded_at, record.time_zone)
    if item.result is not None:
        data = (*data[:2], item.status, *data[3:])
    return (
        provenance.clinic_id,
        provenance.patient_id,
        record.id,
        record.revision,
        record.recorded_at,
        record.time_zone,
        local_date,
        provenance.received_at,
        provenance.device_id,
        provenance.author_id,
        item.sequence,
        days.local_day(provenance.received_at, record.time_zone) > local_date,
        clock_skew(record.recorded_at, provenance.received_at),
        _amendment_reason(record),
        item.fingerprint,
        None,
        *data,
    )


def _amendment_reason(record: Record) -> str | None:
    return record.amendment_reason and codes.to_stored(record.amendment_reason)


def stored_row(provenance: Provenance, item: AcceptedRecord) -> tuple[Kind, PatientRecord]:
    """Return a stored record as its row, without asking the database for what was just written."""
    kind = KINDS[item.record.kind]
    names = [
        {"patient": "patient_id", "author": "author_id"}.get(name, name) for name in _ENVELOPE + kind.columns
    ]
    return kind, kind.model(**dict(zip(names, _row(provenance, item), strict=True)))


def _seal_texts(provenance: Provenance, items: Sequence[AcceptedRecord]) -> None:
    live = [item.record for item in items if not item.record.removed]
    if not live:
        return
    key_id, key = data_keys.data_key_for(provenance.clinic_id, provenance.patient_id, provenance.received_at)
    rows = []
    for record in live:
        bound = JournalText.associated_data((record.id, record.revision), provenance.patient_id, key_id)
        text = encryption.encrypt(key, record.data.text.encode(), bound)  # type: ignore[union-attr]
        rows.append((provenance.clinic_id, provenance.patient_id, record.id, record.revision, key_id, text))
    bulk.insert(JournalText, ("clinic_id", "patient", "entry_id", "revision", "key", "ciphertext"), rows)


def _store_scores(provenance: Provenance, items: Sequence[AcceptedRecord]) -> None:
    rows = []
    for item in items:
        if item.result is None or item.record.removed or item.status == "DRAFT":
            continue
        data: Any = item.record.data
        rows += [
            (
                provenance.clinic_id, provenance.patient_id, item.record.id, item.record.revision, made.name,
                categories.of_instrument(data.instrument), data.instrument, data.version,
                made.scoring_version, float(made.value), made.t, made.se,
                made.answered, made.items, made.prorated, made.band or "", provenance.received_at,
            )
            for made in item.result.scores
            if made.value is not None
        ]  # fmt: skip
    bulk.insert(Score, _SCORE, rows)


def values_of(item: AcceptedRecord) -> list[tuple[str, float, str]]:
    """The (measure, value, band) of one record. T-scores are the number that a T-scored domain is read by."""
    if item.record.removed:
        return []
    if item.result is not None:
        if item.status == "DRAFT":
            return []
        scores = [
            (made.name, float(made.value if made.t is None else made.t), made.band or "")
            for made in item.result.scores
            if made.value is not None
        ]
        named = {name for name, _, _ in scores}
        return scores + [single for single in _single_answers(item) if single[0] not in named]
    return [
        (measure, float(value), "") for measure, value in observing.of(item.record.kind, item.record.data)
    ]


@cache
def _measured(form: InstrumentDefinition) -> tuple[Any, ...]:
    """The items of a form whose answer is a measure of its own."""
    return tuple(item for item in form.items if item.measure)


def _single_answers(item: AcceptedRecord) -> list[tuple[str, float, str]]:
    """The answers that are measures of their own, such as a momentary mood; none from unusable answers."""
    data: Any = item.record.data
    if item.result is None or item.result.status == "invalid":
        return []
    form = catalogue.get(data.instrument, data.version)
    return [
        (asked.measure.code, float(data.answers[asked.link_id]), "")
        for asked in _measured(form)
        if data.answers.get(asked.link_id) is not None
    ]


def store_observations(provenance: Provenance, accepted: Sequence[AcceptedRecord]) -> None:
    replaced = [item.record.id for item in accepted if item.replaces]
    touched: set[str] = set()
    if replaced:
        old = Observation.objects.filter(patient_id=provenance.patient_id, source_id__in=replaced)
        touched |= set(old.values_list("measure", flat=True))
        old.delete()
    rows = []
    for item in accepted:
        record = item.record
        day = days.local_day(record.recorded_at, record.time_zone)
        rows += [
            (
                provenance.clinic_id, provenance.patient_id, record.id, record.kind, measure,
                categories.of_measure(measure), day, record.recorded_at, value, band,
            )
            for measure, value, band in values_of(item)
        ]  # fmt: skip
    bulk.insert(Observation, _OBSERVATION, rows)
    measure_state.refresh(
        provenance.clinic_id, provenance.patient_id, touched | {row[4] for row in rows}, bool(replaced)
    )


class InTheFuture(Exception):
    """A treatment session is recorded once it has begun."""


class AlreadyRecorded(Exception):
    """The patient has a treatment session at that instant already."""


def record_session(
    *,
    principal: Principal,
    patient: Patient,
    starts_at: datetime,
    route: str,
    dose_mg: Decimal,
    at: datetime,
) -> TreatmentSession:
    """
    Record a treatment session; baselines count back from the first one, so all of them are made again.

    The session is written with the rights of ``principal``. What follows from it is worked out from the whole
    record, whatever of it they may see.

    :raises InTheFuture: if ``starts_at`` is later than ``at``.
    :raises AlreadyRecorded: if a session of that instant was recorded before: a form that is sent twice.
    """
    if starts_at > at:
        raise InTheFuture
    local_date: date = days.local_day(starts_at, patient.time_zone)
    with rls.as_patient(patient.clinic_id, patient.pk):
        # Locked before the look, so that of a form that is sent twice only one is recorded.
        change_counter.advance(patient.clinic_id, patient.pk, 0)
        if TreatmentSession.objects.filter(patient=patient, starts_at=starts_at).exists():
            raise AlreadyRecorded
        change_counter.advance(patient.clinic_id, patient.pk, 1)
    session = TreatmentSession.objects.create(
        clinic_id=patient.clinic_id,
        patient=patient,
        starts_at=starts_at,
        time_zone=patient.time_zone,
        local_date=local_date,
        route=route,
        dose_mg=dose_mg,
        recorded_by_id=principal.user_id,
    )
    with rls.as_patient(patient.clinic_id, patient.pk):
        measures = Observation.objects.filter(patient=patient).values_list("measure", flat=True).distinct()
        measure_state.refresh(patient.clinic_id, patient.pk, set(measures), removed=False)
    audit.record_event(
        actor=principal.actor,
        action="session.record",
        subject=str(session),
        clinic_id=patient.clinic_id,
        patient_id=patient.pk,
        at=at,
    )
    return session
