"""
Ingest of a patient's records: phones, single-record routes, forms and imports all end here.

In one transaction: scan for safety answers; lock the patient's changes; key seen before? return that receipt; read
what is held; decide; store with scores and observations; raise alerts with their messages; keep the receipt and the
audit event. The number of statements does not grow with the number of records.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DataError, IntegrityError

from tracker.access.principal import Principal
from tracker.alerts import actions as alerts
from tracker.alerts import unread_writes
from tracker.alerts.escalation import Finding
from tracker.audit import actions as audit
from tracker.lib import bulk, logs
from tracker.records import capacity_guard, change_counter, plans, queries
from tracker.records import store as records
from tracker.records.kinds import KINDS, Record
from tracker.records.kinds.base import Kind
from tracker.records.patient_record import PatientRecord
from tracker.sync import decisions, merge, parsing, receipts, safety
from tracker.sync.batch import BatchKey, Receipt
from tracker.sync.decisions import Current, Decision, PlanEdit, Round, SentRecord
from tracker.sync.merge import CurrentVersion, Status
from tracker.sync.parsing import InvalidItem
from tracker.sync.writer import Writer

log = logs.get(__name__)
MAX_RECORDS = 500

Items = Sequence[Record | InvalidItem]


def apply_batch(
    *,
    principal: Principal,
    sent: BatchKey | None,
    items: Sequence[Any],
    at: datetime,
    patient_id: UUID | None = None,
) -> Receipt:
    """
    Take in a patient's records; sending them twice changes nothing.

    ``items`` are records as decoded JSON. With ``sent`` the receipt is kept, and the same key from the same device gets
    the same receipt again. Must be called inside the transaction whose row-security context is the principal's: the
    patient's, or that of a caregiver of ``patient_id`` who may write and whose rights are locked
    (``caregivers.lock_rights``). A record that the database refuses, for a reason that nobody foresaw, is rejected
    alone.

    :raises receipts.KeyReusedError: if the key was used before with other records.
    :raises safety.UnfinishedScan: if the safety scan did not end in time.
    """
    writer = Writer.of(principal, patient_id)
    with writer.whole_record():
        return _apply(writer, sent, items, at)


def _provenance(writer: Writer, sent: BatchKey | None, at: datetime) -> records.Provenance:
    principal = writer.principal
    # The phone that the session is bound to, also of what it sends outside of a batch. A caregiver has none.
    device_id = principal.device_id or (sent.device_id if sent and principal.is_patient else None)
    return records.Provenance(
        principal.clinic_id, writer.patient_id, principal.user_id, device_id, at, writer.rights
    )


def _apply(writer: Writer, sent: BatchKey | None, items: Sequence[Any], at: datetime) -> Receipt:
    provenance = _provenance(writer, sent, at)
    texts = [json.dumps(item, sort_keys=True, separators=(",", ":"), default=str) for item in items]
    sizes = [len(text) for text in texts]
    fingerprint = parsing.batch_fingerprint(settings.LOOKUP_KEY, texts) if sent else b""
    parsed = [parsing.parse(item) for item in items]
    findings = _scan(items, parsed, at)
    stored_bytes = sum(sizes) + (receipts.size(len(items)) if sent else 0)
    with change_counter.reserve(
        provenance.clinic_id, provenance.patient_id, count=len(items), stored_bytes=stored_bytes
    ) as reserved:
        earlier = receipts.find(provenance.patient_id, sent) if sent else None
        if earlier is not None:
            reserved.release(stored_bytes=stored_bytes, count=len(items))
        else:
            decided = _decide_and_store(writer, provenance, parsed, reserved)
            # What is to be sent again is decided again: a receipt would answer `retry` for ever. And a full account
            # gets no receipts either, or an endless row of them would have room.
            keeps_receipt = sent is not None and _has_space(reserved) and not _any_retry(decided)
            spared = receipts.size(len(items)) if sent and not keeps_receipt else 0
            reserved.release(stored_bytes=_not_stored(sizes, decided) + spared)
    if earlier is not None:
        return receipts.issue_again(earlier, fingerprint, parsed)
    receipt = _receipt(provenance, decided, reserved.last, alerted=any(findings))
    if sent is not None and keeps_receipt:
        receipts.save(provenance, sent, fingerprint, receipt)
    _audit(writer, provenance, parsed, receipt)
    alerts.assess(
        clinic_id=provenance.clinic_id,
        patient_id=provenance.patient_id,
        findings=_after_decisions(findings, parsed, decided),
        at=at,
        reported_by=writer.caregiver_id,
    )
    return receipt


def _scan(items: Sequence[Any], parsed: Items, at: datetime) -> list[tuple[Finding, ...]]:
    """The findings of each item; of one that cannot be read as a record, whatever can be made out of it."""
    # One for the whole batch: however many records are costly, they hold up nobody for longer.
    deadline = safety.Deadline()
    findings = [
        tuple(safety.scan_deep(item, at, deadline))
        if isinstance(one, InvalidItem)
        else safety.scan(item, at, deadline)
        for item, one in zip(items, parsed, strict=True)
    ]
    if deadline.has_passed:
        raise safety.UnfinishedScan
    if deadline.left_rest:
        unread_writes.count(at)
    return findings


def raise_alerts_for_refused(
    *, principal: Principal, findings: Sequence[Finding], at: datetime, patient_id: UUID | None = None
) -> bool:
    """
    Raise alerts for the safety answers in a request that is refused as a whole; return whether there were any.

    ``patient_id`` is whom it is about where a caregiver sent it. ``findings`` are what was found in its body. Beyond
    ``MAX_RECORDS`` of them the worst answer to each rule alerts: however long a body is, its alerts are not.
    """
    if not findings:
        return False
    writer = Writer.of(principal, patient_id)
    with writer.whole_record():
        # The same body sent twice at once: the second finds the alerts of the first.
        change_counter.advance(principal.clinic_id, writer.patient_id, 0)
        return alerts.assess(
            clinic_id=principal.clinic_id,
            patient_id=writer.patient_id,
            findings=[*findings[:MAX_RECORDS], *safety.worst_by_rule(findings[MAX_RECORDS:])],
            at=at,
            reported_by=writer.caregiver_id,
        )


def _decide_and_store(
    writer: Writer, provenance: records.Provenance, items: Items, reserved: change_counter.Reservation
) -> list[Decision]:
    """Decide on the items and store what is accepted, round by round; return the decisions in the order sent."""
    key, has_space = settings.LOOKUP_KEY, _has_space(reserved)
    sent = decisions.sent_records(items, first=reserved.first, key=key)
    current = _load_current(provenance.patient_id, {(item.record.id, item.record.revision) for item in sent})
    guards = _guards(provenance.patient_id, sent)
    decided = decisions.refuse_invalid(items)
    for current_round in decisions.rounds(sent):
        edits = _load_edits(provenance.patient_id, current_round, current)
        of_round = decisions.decide_all(
            current_round,
            current,
            edits,
            has_space=has_space,
            key=key,
            caregiver_id=writer.caregiver_id,
            guards=guards,
        )
        of_round = _store(provenance, of_round)
        current = decisions.after(current, of_round.values(), provenance.author_id)
        decided |= of_round
    with writer.own_rights():
        return _with_server_copies(writer, items, [decided[n] for n in range(len(items))])


def _guards(patient_id: UUID, sent: Iterable[SentRecord]) -> Sequence[capacity_guard.Span]:
    """The patient's capacity guards, if there are answers among the records that they may hold."""
    has_answers = any(KINDS[item.record.kind].scored for item in sent)
    return capacity_guard.spans(patient_id) if has_answers else ()


def _has_space(reserved: change_counter.Reservation) -> bool:
    return reserved.stored_bytes <= settings.PATIENT_STORAGE_BYTES


def _any_retry(decided: Iterable[Decision]) -> bool:
    return any(decision.result.status == Status.RETRY for decision in decided)


def _load_current(patient_id: UUID, versions: Collection[tuple[UUID, int]]) -> Current:
    """Read what is held under the ids and revisions that arrived: one statement, and one more if any comes again."""
    ids = {record_id for record_id, _ in versions}
    heads = queries.current_versions(patient_id, list(ids)) if ids else {}
    again = [each for each in versions if each[0] in heads and each[1] < heads[each[0]].revision]
    former = queries.previous_fingerprints(patient_id, again) if again else {}
    return {
        record_id: CurrentVersion(
            head.kind, head.revision, head.fingerprint, former.get(record_id, {}), head.status in records.FINISHED,
            head.ahead_at, head.author_id,
        )
        for record_id, head in heads.items()
    }  # fmt: skip


def _load_edits(patient_id: UUID, current_round: Round, current: Current) -> dict[int, PlanEdit]:
    """Read what the merge of each conflicting edit of a round needs."""
    edits = {}
    for item in current_round:
        record, version = item.record, current.get(item.record.id)
        if KINDS[record.kind].merges and merge.decide(version, item.incoming).status == Status.CONFLICT:
            was_merged = plans.was_merged(patient_id, record.id, record.revision, item.fingerprint)
            versions = None if was_merged else plans.versions(patient_id, record.id, record.revision - 1)
            edits[item.place] = PlanEdit(was_merged, versions)
    return edits


def _store(provenance: records.Provenance, decided: Mapping[int, Decision]) -> dict[int, Decision]:
    """Store what is accepted, and the notes of merges; what the database refuses is rejected."""
    accepted = [decision.store for decision in decided.values() if decision.store is not None]
    refused = _store_or_halve(provenance, accepted) if accepted else frozenset()
    stored = {
        place: decisions.refuse_unstorable(decision)
        if decision.store is not None and decision.store.sequence in refused
        else decision
        for place, decision in decided.items()
    }
    for merged in (decision.merged for decision in stored.values() if decision.merged is not None):
        plans.record_merge(
            provenance, merged.sent.record.id, merged.sent.record.revision, merged.sent.fingerprint,
            merged.revision, merged.overwritten,
        )  # fmt: skip
    return stored


def _store_or_halve(
    provenance: records.Provenance, accepted: Sequence[records.AcceptedRecord]
) -> frozenset[int]:
    """Store the records; return the change numbers of those that the database refuses each by itself."""
    try:
        with bulk.savepoint():
            records.store(provenance, accepted)
    except (DataError, IntegrityError):
        log.warning("records refused by the database", count=len(accepted))
        if len(accepted) == 1:
            return frozenset({accepted[0].sequence})
        half = len(accepted) // 2
        return _store_or_halve(provenance, accepted[:half]) | _store_or_halve(provenance, accepted[half:])
    return frozenset()


def _with_server_copies(writer: Writer, items: Items, decided: list[Decision]) -> list[Decision]:
    """
    Put our copy beside conflicts and merges, so that the phone can show what is held.

    Each copy once, beside the first item of its id, and as many as one answer takes: five hundred stale versions of a
    long page would bring it back five hundred times. Every such item has the revision that is held, by which the phone
    reads what is missing.
    """
    first_of_id: dict[UUID, int] = {}
    for place, decision in enumerate(decided):
        if _wants_copy(decision):
            first_of_id.setdefault(items[place].id, place)  # type: ignore[arg-type]
    if not first_of_id:
        return decided
    wanted = [(items[place].kind, record_id) for record_id, place in first_of_id.items()]  # type: ignore[union-attr]
    rows = queries.get_many(writer.patient_id, wanted)
    rows.sort(key=lambda pair: first_of_id[pair[1].id])
    revisions = {str(row.id): row.revision for _, row in rows}
    copies, _ = queries.serialize_page(writer.patient_id, rows, as_patient=writer.caregiver_id is None)
    copy_at = {first_of_id[copy["id"]]: copy for copy in copies}
    return [
        _with_copy(decision, revisions.get(decision.result.id or ""), copy_at.get(place))
        if _wants_copy(decision)
        else decision
        for place, decision in enumerate(decided)
    ]


def _wants_copy(decision: Decision) -> bool:
    return decision.result.status == Status.CONFLICT or decision.result.code == "merged"


def _with_copy(decision: Decision, revision: int | None, copy: dict[str, Any] | None) -> Decision:
    return replace(decision, result=replace(decision.result, server=copy, revision=revision))


def _not_stored(sizes: Sequence[int], decided: Sequence[Decision]) -> int:
    return sum(size for size, decision in zip(sizes, decided, strict=True) if decision.store is None)


def _receipt(
    provenance: records.Provenance, decided: Sequence[Decision], head: int, *, alerted: bool
) -> Receipt:
    results = [decision.result.as_dict() for decision in decided]
    return Receipt(uuid4(), results, head, alerted, partial(_stored_rows, provenance, decided))


def _stored_rows(
    provenance: records.Provenance, decided: Sequence[Decision]
) -> list[tuple[Kind, PatientRecord]]:
    """The records that the batch left behind, tombstones excepted."""
    accepted = [decision.store for decision in decided if decision.store is not None]
    return [records.stored_row(provenance, item) for item in accepted if not item.record.removed]


def _after_decisions(
    findings: Sequence[tuple[Finding, ...]], items: Items, decided: Sequence[Decision]
) -> list[Finding]:
    """The findings of a batch; those of an item that is held now name its record."""
    return [
        safety.stored_as(finding, item.kind)
        if decision.result.status in decisions.HELD_STATUSES and not isinstance(item, InvalidItem)
        else finding
        for of_item, item, decision in zip(findings, items, decided, strict=True)
        for finding in of_item
    ]


def _audit(writer: Writer, provenance: records.Provenance, items: Items, receipt: Receipt) -> None:
    audit.record_event(
        actor=writer.principal.actor,
        action="records.receive",
        subject=f"receipt/{receipt.receipt}",
        clinic_id=provenance.clinic_id,
        patient_id=provenance.patient_id,
        # Only what was read as an id: anything else that stood in its place could say anything.
        ids=[item.id for item in items if not isinstance(item, InvalidItem)],
        device=provenance.device_id or "",
        at=provenance.received_at,
        detail=dict(Counter(row["status"] for row in receipt.results)),
    )
