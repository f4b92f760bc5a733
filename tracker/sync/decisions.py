"""
Decisions: what becomes of each item of a batch, from values alone.

``decide`` extends the rule of versions (``merge.decide``) by what may be stored and how it scores. The order inside a
batch does not matter: records are decided on in rounds in which each id stands once, lower revisions first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from tracker.instruments import catalogue, scoring
from tracker.lib import validation_errors
from tracker.lib.error_codes import CODES
from tracker.lib.validation_errors import FieldError
from tracker.records import capacity_guard, clocks
from tracker.records import store as records
from tracker.records.kinds import KINDS, Record
from tracker.records.plans import Versions
from tracker.records.reading_source import SourceWho
from tracker.sync import merge, parsing
from tracker.sync.batch import ItemResult
from tracker.sync.merge import CurrentVersion, Incoming, Status
from tracker.sync.parsing import InvalidItem

HELD_STATUSES = frozenset({Status.STORED, Status.REPLAYED})
# Of one record. A tombstone may be one more, so that what cannot be amended can still be removed.
MAX_VERSIONS = 1000


@dataclass(frozen=True, slots=True)
class SentRecord:
    """A record that could be read: its place in the batch, its number in the patient's changes, its fingerprint."""

    place: int
    record: Record
    sequence: int
    fingerprint: bytes

    @property
    def incoming(self) -> Incoming:
        return Incoming(self.record.kind, self.record.id, self.record.revision, self.fingerprint)

    def result(self, status: Status, code: str = "", pointer: str = "", detail: str = "") -> ItemResult:
        # What is rejected is no version of anything.
        revision = None if status == Status.REJECTED else self.record.revision
        day = local_date(self.record) if status in HELD_STATUSES else None
        return ItemResult(str(self.record.id), status, revision, day, code, pointer, detail)


@dataclass(frozen=True, slots=True)
class PlanEdit:
    """
    What the merge of a conflicting edit needs: whether this edit was merged before, and the versions.

    ``versions`` is None where the record or its base is removed, or the base is not known.
    """

    was_merged: bool
    versions: Versions | None


@dataclass(frozen=True, slots=True)
class MergedPlan:
    """An edit that was merged into a plan, and the values of ours that it replaced."""

    sent: SentRecord
    revision: int
    overwritten: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one item: what the phone is told, and what is written, if anything."""

    result: ItemResult
    store: records.AcceptedRecord | None = None
    merged: MergedPlan | None = None


@dataclass
class _RefusedError(Exception):
    """A record cannot be stored as it is."""

    code: str
    pointer: str = ""
    detail: str = ""
    errors: tuple[FieldError, ...] = ()


# So many of a record's errors are told at once.
MOST_ERRORS = 20
Round = Sequence[SentRecord]
Current = Mapping[UUID, CurrentVersion]
Guards = Sequence[capacity_guard.Span]


def sent_records(items: Sequence[Record | InvalidItem], *, first: int, key: bytes) -> list[SentRecord]:
    """Return the items that could be read; ``first`` is the change number of the batch's first item."""
    return [
        SentRecord(place, item, first + place, parsing.fingerprint(key, item))
        for place, item in enumerate(items)
        if not isinstance(item, InvalidItem)
    ]


def refuse_invalid(items: Sequence[Record | InvalidItem]) -> dict[int, Decision]:
    """Return the decisions on the items that could not be read, by their place."""
    return {
        place: Decision(_rejected(item)) for place, item in enumerate(items) if isinstance(item, InvalidItem)
    }


def rounds(sent: Iterable[SentRecord]) -> list[Round]:
    """Put the records in rounds in which each id stands once, lower revisions first."""
    ordered: list[list[SentRecord]] = []
    count: dict[UUID, int] = {}
    for item in sorted(sent, key=lambda item: item.record.revision):
        place = count.get(item.record.id, 0)
        count[item.record.id] = place + 1
        if place == len(ordered):
            ordered.append([])
        ordered[place].append(item)
    return list(ordered)


def decide_all(
    current_round: Round,
    current: Current,
    edits: Mapping[int, PlanEdit],
    *,
    has_space: bool,
    key: bytes,
    caregiver_id: UUID | None = None,
    guards: Guards = (),
) -> dict[int, Decision]:
    """
    Return the decision on each record of a round, by its place. ``edits`` are those that can be merged, ``guards`` the
    patient's capacity guards.
    """
    return {
        item.place: decide(
            item,
            current.get(item.record.id),
            edits.get(item.place),
            has_space=has_space,
            key=key,
            caregiver_id=caregiver_id,
            guards=guards,
        )
        for item in current_round
    }


def decide(
    sent: SentRecord,
    current: CurrentVersion | None,
    edit: PlanEdit | None,
    *,
    has_space: bool,
    key: bytes,
    caregiver_id: UUID | None = None,
    guards: Guards = (),
) -> Decision:
    """
    Return what becomes of ``sent`` when ``current`` is what is held under its id.

    ``has_space`` says whether the account may store more; ``key`` makes the fingerprint of a merge. ``caregiver_id`` is
    the user who sends it, where that is not the patient. Answers within one of the capacity ``guards`` are stored as
    any others and marked.
    """
    try:
        _check_caregiver(sent.record, caregiver_id)
    except _RefusedError as refused:
        return Decision(sent.result(Status.REJECTED, refused.code, refused.pointer, refused.detail))
    version = merge.decide(current, sent.incoming)
    if version.status == Status.CONFLICT and current is not None and edit is not None:
        return _decide_edit(sent, current, edit, has_space=has_space, key=key)
    if version.status != Status.STORED:
        result = sent.result(version.status, version.code)
        if version.status == Status.REPLAYED:
            again, is_held = (
                records.scoring_again(sent.record),
                capacity_guard.holds_record(sent.record, guards),
            )
            result = replace(result, scoring=again, capacity_guard=is_held)
        return Decision(result)
    if caregiver_id is not None and current is not None and current.author_id != caregiver_id:
        return Decision(sent.result(Status.CONFLICT, "written_by_another"))
    return _accept(sent, current, has_space=has_space, guards=guards)


def _check_caregiver(record: Record, caregiver_id: UUID | None) -> None:
    """Go on if the patient sends the record, or a caregiver one of those that can be another's."""
    if caregiver_id is None:
        return
    if not KINDS[record.kind].caregivers_write:
        raise _RefusedError("not_by_caregiver", "/kind", CODES["not_by_caregiver"].detail)
    if record.source is not None and record.source.who not in (None, SourceWho.CAREGIVER):
        raise _RefusedError("not_the_sender", "/source/who", CODES["not_the_sender"].detail)


def _decide_edit(
    sent: SentRecord, current: CurrentVersion, edit: PlanEdit, *, has_space: bool, key: bytes
) -> Decision:
    """
    Merge an edit that was made without knowing of ours.

    An edit of what was removed, a removal of what was edited and two makings of one id stay a conflict.
    """
    data, versions = sent.record.data, edit.versions
    if edit.was_merged:
        return Decision(replace(sent.result(Status.REPLAYED, "merged"), revision=current.revision))
    if versions is None or data is None:
        return Decision(sent.result(Status.CONFLICT, "newer_version_held"))
    fields, overwritten = merge.merge_fields(versions.base, versions.held, data.model_dump(exclude_none=True))
    revision = current.revision + 1
    record = sent.record.model_copy(update={"revision": revision, "data": type(data).model_validate(fields)})
    merged = replace(sent, record=record, fingerprint=parsing.fingerprint(key, record))
    decision = _accept(merged, current, has_space=has_space, code="merged")
    return replace(decision, merged=MergedPlan(sent, revision, overwritten)) if decision.store else decision


def _accept(
    sent: SentRecord,
    current: CurrentVersion | None,
    *,
    has_space: bool,
    code: str = "",
    guards: Guards = (),
) -> Decision:
    try:
        _check(sent.record, current, has_space=has_space)
        result = _score(sent.record)
    except _RefusedError as refused:
        rejected = sent.result(Status.REJECTED, refused.code, refused.pointer, refused.detail)
        return Decision(replace(rejected, errors=refused.errors))
    amends = current is not None and current.is_finished
    # An amendment that keeps the instant of a wrong clock does not set that clock right.
    keeps_ahead = current is not None and current.ahead_at == sent.record.recorded_at
    is_held = capacity_guard.holds_record(sent.record, guards)
    accepted = records.AcceptedRecord(
        sent.record,
        sent.sequence,
        sent.fingerprint,
        result,
        current is not None,
        amends,
        keeps_ahead,
        is_held,
    )
    scoring = records.shown_scoring(sent.record, result)
    return Decision(
        replace(sent.result(Status.STORED, code), scoring=scoring, capacity_guard=is_held), accepted
    )


def _check(record: Record, current: CurrentVersion | None, *, has_space: bool) -> None:
    if record.removed and current is None:
        raise _RefusedError("not_found")
    if record.revision > MAX_VERSIONS + record.removed:
        raise _RefusedError("too_many_versions", detail=CODES["too_many_versions"].detail)
    if not record.removed and not has_space:
        detail = "The storage of this account is full: keep the entry and tell the clinic."
        raise _RefusedError("storage_full", detail=detail)


def _score(record: Record) -> scoring.Result | None:
    """
    Score a response. Answers that cannot be used are refused by item, so that the phone can mend them,
    unless one of them is a positive safety answer: then the answers are kept as incomplete. Answers to a version
    that is not known here have no score: they are kept as they came.

    :raises _RefusedError: naming the item, or an instrument of which no version is known.
    """
    if not KINDS[record.kind].scored or record.data is None:
        return None
    try:
        result = records.score(record.data)
    except catalogue.UnknownInstrumentError:
        _refuse_unknown_instrument(record.data)
        return None
    if result.errors and not result.safety_findings:
        errors = tuple(map(_field_error, result.errors[:MOST_ERRORS]))
        raise _RefusedError(errors[0].code, errors[0].pointer, errors[0].detail, errors)
    return result


def _field_error(problem: scoring.Problem) -> FieldError:
    pointer = validation_errors.pointer(("data", "answers", problem.item))
    return FieldError(pointer, problem.code, problem.detail)


def _rejected(item: InvalidItem) -> ItemResult:
    first = item.errors[0]
    return ItemResult(
        item.id,
        Status.REJECTED,
        code=first.code,
        pointer=first.pointer,
        detail=first.detail,
        errors=item.errors,
    )


def local_date(record: Record) -> date | None:
    """Return the day that a receipt tells of a record that is held; None of a tombstone, which has none of its own."""
    return None if record.removed else clocks.local_date(record)


def errors_again(item: Record | InvalidItem) -> tuple[FieldError, ...]:
    """Return what is wrong with a record that was rejected and comes again; nothing if it was refused as a whole."""
    if isinstance(item, InvalidItem):
        return item.errors
    try:
        _score(item)
    except _RefusedError as refused:
        return refused.errors
    return ()


def _refuse_unknown_instrument(data: Any) -> None:
    """
    Take answers to an unknown version of a known instrument.

    :raises _RefusedError: if no version of the instrument is known: nobody could say who may see the answers.
    """
    try:
        catalogue.latest(data.instrument)
    except catalogue.UnknownInstrumentError:
        raise _RefusedError("unknown_instrument", "/data/instrument") from None


def refuse_unstorable(decision: Decision) -> Decision:
    """Return the decision on a record that the database refused."""
    return Decision(ItemResult(decision.result.id, Status.REJECTED, code="cannot_be_stored"))


def after(current: Current, decided: Iterable[Decision], author_id: UUID | None = None) -> Current:
    """Return what is held once the decisions have been carried out on what ``author_id`` sent."""
    versions = dict(current)
    for accepted in (decision.store for decision in decided if decision.store is not None):
        record = accepted.record
        incoming = Incoming(record.kind, record.id, record.revision, accepted.fingerprint)
        finished = accepted.result is not None and accepted.status in records.FINISHED
        versions[record.id] = merge.after(
            versions.get(record.id), incoming, is_finished=finished, author_id=author_id
        )
    return versions
