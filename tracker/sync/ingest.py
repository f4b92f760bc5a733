"""
The one way in. Phones, single-record routes, forms and imports all end here.

In one transaction: lock the patient's timeline; key seen before? return that receipt; read what is held;
decide; store with scores and observations; raise alerts with their messages; note the receipt and the trail.
The number of statements does not grow with the number of records.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import DataError, IntegrityError, transaction

from tracker.access.principal import Principal
from tracker.alerts import actions as alerts
from tracker.audit import actions as audit
from tracker.lib import bulk
from tracker.records import change_counter
from tracker.records import store as records
from tracker.records.kinds.base import Kind
from tracker.records.patient_record import PatientRecord
from tracker.sync import decisions, parsing, receipts, safety_findings
from tracker.sync.batch import BatchKey, BatchState, Receipt
from tracker.sync.merge import Status

MAX_RECORDS = 500


def apply_batch(
    *,
    principal: Principal,
    sent: BatchKey | None,
    items: Sequence[Any],
    at: datetime,
    one_by_one: bool = False,
) -> Receipt:
    """
    Take in a patient's records; sending them twice changes nothing.

    ``items`` are records as decoded JSON. With ``sent`` the receipt is kept, and the same key from the
    same device gets the same receipt again. Must be called inside the transaction that ``access.enter``
    has set the walls of. ``one_by_one`` is the second try of a batch that the database has refused as a whole,
    for a reason that nobody foresaw: the record that it refuses is rejected alone.

    :raises receipts.KeyReusedError: if the key was used before with other records.
    """
    source = records.Provenance(
        principal.clinic_id, principal.own_patient_id, principal.user_id, sent.device_id if sent else None, at
    )
    plain = [json.dumps(item, sort_keys=True, separators=(",", ":"), default=str) for item in items]
    sizes = [len(text) for text in plain]
    work = BatchState(principal, source, sent, items, sizes, [parsing.parse(item) for item in items])
    head = change_counter.advance(source.clinic_id, source.patient_id, len(items), sum(sizes))
    work.head, work.has_room = head.sequence, head.stored_bytes <= settings.PATIENT_STORAGE_BYTES
    if sent is not None:
        work.fingerprint = parsing.batch_fingerprint(settings.LOOKUP_KEY, plain)
        try:
            seen = receipts.find(source.patient_id, sent, work.fingerprint)
        except receipts.KeyReusedError:
            change_counter.advance(source.clinic_id, source.patient_id, -len(items), -sum(sizes))
            raise
        if seen is not None:
            change_counter.advance(source.clinic_id, source.patient_id, -len(items), -sum(sizes))
            return Receipt(seen.receipt, seen.results["results"], seen.head, seen.results["alerted"])
    decisions.load_current_versions(work)
    found: list[alerts.Finding] = []
    if one_by_one:
        _take_one_by_one(work)
        receipt = _answer(work, found)
    else:
        with bulk.pipelined():
            for current_round in decisions.rounds(work):
                decisions.decide_all(work, current_round)
            receipt = _answer(work, found)
    alerts.assess(clinic_id=source.clinic_id, patient_id=source.patient_id, findings=found, at=at)
    return receipt


def raise_alerts_for_rejected(*, principal: Principal, items: Sequence[Any], at: datetime) -> bool:
    """
    Raise alerts for the safety answers in records that are refused as a whole; return whether there were any.

    An answer about self-harm is not lost to a wrong key, an unknown field beside it or a version that is too old.
    """
    found = [finding for item in items for finding in safety_findings.in_rejected(item, at)]
    alerts.assess(clinic_id=principal.clinic_id, patient_id=principal.own_patient_id, findings=found, at=at)
    return bool(found)


def _take_one_by_one(work: BatchState) -> None:
    for current_round in decisions.rounds(work):
        for n, record in current_round:
            before = work.held.get(record.id)
            try:
                with transaction.atomic():
                    decisions.decide_all(work, [(n, record)])
            except (IntegrityError, DataError):
                outcome = work.outcomes[n]
                outcome.status, outcome.code = Status.REJECTED, "cannot_be_stored"
                work.held.pop(record.id, None)
                if before is not None:
                    work.held[record.id] = before


def _answer(work: BatchState, found: list[alerts.Finding]) -> Receipt:
    """
    Collect what a clinician must see, keep the receipt, leave the trace.

    Statements may be sent without waiting for their answers, so nothing in here may ask how many rows it changed.
    """
    decisions.attach_server_copies(work)
    found += safety_findings.in_batch(work)
    source = work.source
    unused = sum(
        size for size, outcome in zip(work.sizes, work.outcomes, strict=True) if not outcome.is_stored
    )
    if unused:
        change_counter.advance(source.clinic_id, source.patient_id, 0, -unused)
    results = [outcome.as_dict() for outcome in work.outcomes]
    receipt = Receipt(uuid4(), results, work.head, bool(found), partial(_stored, work))
    # What is to be sent again is decided again: a receipt would answer `retry` for ever.
    if work.sent is not None and all(row["status"] != Status.RETRY for row in results):
        receipts.save(work, receipt)
    _note(work, receipt)
    return receipt


def _stored(work: BatchState) -> list[tuple[Kind, PatientRecord]]:
    """The records that this batch left behind, tombstones excepted."""
    return [records.stored_row(work.source, item) for item in work.stored if not item.record.removed]


def _note(work: BatchState, receipt: Receipt) -> None:
    counts: dict[str, int] = {}
    for row in receipt.results:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    audit.record_event(
        actor=work.principal.actor,
        action="records.receive",
        subject=f"receipt/{receipt.receipt}",
        clinic_id=work.source.clinic_id,
        patient_id=work.source.patient_id,
        # Only what was read as an id: anything else that stood in its place could say anything.
        ids=[item.id for item in work.items if not isinstance(item, parsing.InvalidItem)],
        device=work.source.device_id or "",
        at=work.source.received_at,
        detail=counts,
    )
