"""
A decision on each record of a batch, and the storing of what is to be stored.

The order inside a batch does not matter: the records go in rounds in which each id stands once, lower revisions
first, and each round is stored in bulk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from tracker.instruments import catalogue, scoring
from tracker.lib import validation_errors
from tracker.records import plans, queries
from tracker.records import store as records
from tracker.records.kinds import KINDS, Record
from tracker.sync import merge, parsing
from tracker.sync.batch import BatchState, ItemResult
from tracker.sync.merge import CurrentVersion, Incoming, Status

Round = list[tuple[int, Record]]


@dataclass
class _UnusableError(Exception):
    """The answers to a questionnaire cannot be used."""

    code: str
    pointer: str
    detail: str = ""


def load_current_versions(work: BatchState) -> None:
    """Read what is held under the ids that arrived: one statement, and one more if any comes again."""
    patient_id = work.source.patient_id
    ids = [item.id for item in work.items if not isinstance(item, parsing.InvalidItem)]
    heads = queries.current_versions(patient_id, ids) if ids else {}
    again = [record_id for record_id, head in heads.items() if head.revision > 1]
    former = queries.previous_fingerprints(patient_id, again) if again else {}
    for record_id, head in heads.items():
        work.held[record_id] = CurrentVersion(
            head.kind,
            head.revision,
            head.fingerprint,
            former.get(record_id, {}),
            head.status in records.FINISHED,
        )


def rounds(work: BatchState) -> list[Round]:
    """Put the readable records in rounds; what cannot be read is refused here."""
    work.outcomes = [
        ItemResult(item.id, Status.REJECTED, code=item.code, pointer=item.pointer, detail=item.detail)
        if isinstance(item, parsing.InvalidItem)
        else ItemResult(str(item.id), Status.RETRY)
        for item in work.items
    ]
    readable = [(n, item) for n, item in enumerate(work.items) if not isinstance(item, parsing.InvalidItem)]
    readable.sort(key=lambda pair: pair[1].revision)
    found: list[Round] = []
    count: dict[UUID, int] = {}
    for n, record in readable:
        place = count.get(record.id, 0)
        count[record.id] = place + 1
        if place == len(found):
            found.append([])
        found[place].append((n, record))
    return found


def decide_all(work: BatchState, current_round: Sequence[tuple[int, Record]]) -> None:
    """Decide on each record of ``current_round`` and store what is accepted."""
    accepted = []
    for n, record in current_round:
        item = _decided(work, n, record)
        if item is not None:
            accepted.append(item)
    records.store(work.source, accepted)
    work.stored += accepted


def _decided(work: BatchState, n: int, record: Record) -> records.AcceptedRecord | None:
    fingerprint = parsing.fingerprint(settings.LOOKUP_KEY, record)
    before = work.held.get(record.id)
    incoming = Incoming(record.kind, record.id, record.revision, fingerprint)
    decision = merge.decide(before, incoming)
    outcome = work.outcomes[n]
    outcome.status, outcome.code, outcome.revision = decision.status, decision.code, record.revision
    if decision.status == Status.CONFLICT and before is not None and KINDS[record.kind].merges:
        merged = _merged(work, record, incoming, before, outcome)
        if merged is None:
            return None
        record, incoming = merged
    if outcome.status != Status.STORED or not _may_be_stored(work, record, before, outcome):
        return None
    try:
        result = _scored(record)
    except _UnusableError as refused:
        outcome.status, outcome.code = Status.REJECTED, refused.code
        outcome.pointer, outcome.detail = refused.pointer, refused.detail
        return None
    amends = before is not None and before.is_finished
    item = records.AcceptedRecord(
        record, work.change_of(n), incoming.fingerprint, result, before is not None, amends
    )
    finished = result is not None and item.status in records.FINISHED
    work.held[record.id] = merge.after(before, incoming, is_finished=finished)
    return item


def _may_be_stored(
    work: BatchState, record: Record, before: CurrentVersion | None, outcome: ItemResult
) -> bool:
    if record.removed and before is None:
        outcome.status, outcome.code = Status.REJECTED, "not_found"
    elif not record.removed and not work.has_room:
        outcome.status, outcome.code = Status.REJECTED, "storage_full"
        outcome.detail = "The storage of this account is full: keep the entry and tell the clinic."
    return outcome.is_stored


def _merged(
    work: BatchState, record: Record, incoming: Incoming, before: CurrentVersion, outcome: ItemResult
) -> tuple[Record, Incoming] | None:
    """
    Merge an edit that was made without knowing of ours; None if it was merged before, or stays a conflict.

    An edit of what was removed, a removal of what was edited and two makings of one id cannot be merged.
    """
    patient_id = work.source.patient_id
    if plans.was_merged(patient_id, record.id, record.revision, incoming.fingerprint):
        outcome.status, outcome.code, outcome.revision = Status.REPLAYED, "merged", before.revision
        return None
    found = plans.versions(patient_id, record.id, record.revision - 1)
    if found is None or record.removed or record.data is None:
        return None
    data, overwritten = merge.merge_fields(found.base, found.held, record.data.model_dump(exclude_none=True))
    merged = record.model_copy(
        update={"revision": before.revision + 1, "data": type(record.data).model_validate(data)}
    )
    plans.record_merge(
        work.source, record.id, record.revision, incoming.fingerprint, before.revision + 1, overwritten
    )
    outcome.status, outcome.code, outcome.revision = Status.STORED, "merged", before.revision + 1
    key = parsing.fingerprint(settings.LOOKUP_KEY, merged)
    return merged, Incoming(merged.kind, merged.id, merged.revision, key)


def _scored(record: Record) -> scoring.Result | None:
    """
    Score a response. Answers that cannot be used are refused by item, so that the phone can mend them,
    unless one of them is a positive safety answer: then the answers are kept as incomplete, and the alert is raised.

    :raises _UnusableError: naming the item.
    """
    if record.kind != "response" or record.data is None:
        return None
    try:
        result = records.score(record.data)
    except catalogue.UnknownInstrumentError:
        raise _UnusableError("unknown_instrument", "/data/instrument") from None
    if result.errors and not result.safety_findings:
        problem = result.errors[0]
        raise _UnusableError(
            problem.code, validation_errors.pointer(("data", "answers", problem.item)), problem.detail
        )
    return result


def attach_server_copies(work: BatchState) -> None:
    """Put our copy beside each conflict and each merge, so that the phone can show what is held."""
    shown = [
        n
        for n, outcome in enumerate(work.outcomes)
        if outcome.status == Status.CONFLICT or outcome.code == "merged"
    ]
    wanted = {(work.items[n].kind, work.items[n].id) for n in shown}  # type: ignore[union-attr]
    if not wanted:
        return
    source = work.source
    rows = queries.get_many(source.patient_id, wanted)  # type: ignore[arg-type]
    copies = {str(copy["id"]): copy for copy in queries.serialize(source.patient_id, rows, as_patient=True)}
    for outcome in (work.outcomes[n] for n in shown):
        outcome.server = copies.get(outcome.id or "")
        outcome.revision = outcome.server["revision"] if outcome.server else None
