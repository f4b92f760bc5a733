"""
The one way in. Phones, single-record routes, forms and imports all end here.

In one transaction: lock the patient's timeline; key seen before? return that receipt; read what is held;
decide; store with scores and observations; raise alerts with their messages; note the receipt and the trail.
The number of statements does not grow with the number of records.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

from tracker.alerts import actions as alerts
from tracker.audit import actions as audit
from tracker.instruments import catalogue, scoring
from tracker.lib import bulk, days
from tracker.people.access import Viewer
from tracker.records import actions as records
from tracker.records import held, timeline
from tracker.records.kinds import Kind
from tracker.records.models import Recorded
from tracker.records.shapes import Record
from tracker.sync import merge, reading, worry
from tracker.sync.merge import Held, Verdict
from tracker.sync.models import Batch

MOST_RECORDS = 500


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a batch comes from, and the key that it can be sent again under."""

    device_id: UUID
    key: str


class KeyReusedError(Exception):
    """The batch key was used before, with other records."""


@dataclass(slots=True)
class Outcome:
    """What became of one item, in the order sent."""

    id: str | None
    status: str
    revision: int | None = None
    code: str = ""
    field: str = ""
    detail: str = ""
    server: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        shown = {"id": self.id, "status": self.status}
        rest = {
            "revision": self.revision, "code": self.code, "field": self.field,
            "detail": self.detail, "server": self.server,
        }  # fmt: skip
        return shown | {name: value for name, value in rest.items() if value}


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    The reply to a batch. ``worried`` says that an answer raised an alert: show the crisis resources.

    ``stored`` gives the rows of what this batch stored; a receipt that is handed out again has none.
    """

    receipt: UUID
    results: list[dict[str, Any]]
    head: int
    worried: bool
    stored: Callable[[], list[tuple[Kind, Recorded]]] = list


@dataclass(slots=True)
class _Work:
    """One batch on its way through."""

    viewer: Viewer
    source: records.Source
    sent: Sent | None
    raw: Sequence[Any]
    items: list[Record | reading.Unreadable]
    fingerprint: bytes = b""
    head: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    held: dict[UUID, Held] = field(default_factory=dict)
    stored: list[records.Accepted] = field(default_factory=list)

    def change_of(self, place: int) -> int:
        """The change number of the item at ``place`` in the batch."""
        return self.head - len(self.items) + 1 + place


def receive(*, viewer: Viewer, sent: Sent | None, items: Sequence[Any], at: datetime) -> Receipt:
    """
    Take in a patient's records; sending them twice changes nothing.

    ``items`` are records as decoded JSON. With ``sent`` the receipt is kept, and the same key from the
    same device gets the same receipt again. Must be called inside the transaction that ``access.enter``
    has set the walls of.

    :raises KeyReusedError: if the key was used before with other records.
    """
    source = records.Source(
        viewer.clinic_id, viewer.own_patient_id, viewer.user_id, sent.device_id if sent else None, at
    )
    work = _Work(viewer, source, sent, items, [reading.read(item) for item in items])
    if sent is not None:
        work.fingerprint = reading.batch_fingerprint(settings.LOOKUP_KEY, list(items))
    work.head = timeline.advance(viewer.clinic_id, viewer.own_patient_id, len(items))
    if sent is not None:
        seen = _seen(viewer.own_patient_id, sent, work.fingerprint)
        if seen is not None:
            timeline.advance(viewer.clinic_id, viewer.own_patient_id, -len(items))
            return seen
    _load_held(work)
    findings: list[alerts.Finding] = []
    with bulk.pipelined():
        receipt = _decide_and_write(work, findings)
    alerts.assess(clinic_id=viewer.clinic_id, patient_id=viewer.own_patient_id, findings=findings, at=at)
    return receipt


def _decide_and_write(work: _Work, findings: list[alerts.Finding]) -> Receipt:
    """
    Give the verdicts, store, keep the receipt; collect what a clinician must see.

    Statements are sent without waiting for their answers, so nothing in here may ask how many rows it changed.
    """
    for wave in _waves(work):
        _take(work, wave)
    _show_conflicts(work)
    findings += [*_in_stored(work), *_in_others(work)]
    results = [outcome.as_dict() for outcome in work.outcomes]
    receipt = Receipt(uuid4(), results, work.head, bool(findings), partial(_stored, work))
    # What is to be sent again is decided again: a receipt would answer `retry` for ever.
    if work.sent is not None and all(row["status"] != Verdict.RETRY for row in results):
        _keep(work.viewer, work.sent, work.fingerprint, receipt, work.source.received_at)
    _note(work, receipt)
    return receipt


def _stored(work: _Work) -> list[tuple[Kind, Recorded]]:
    """The records that this batch left behind, tombstones excepted."""
    return [records.stored_row(work.source, item) for item in work.stored if not item.record.removed]


def has_receipt(viewer: Viewer, sent: Sent) -> bool:
    """Return whether a batch was received under this key before."""
    return Batch.objects.filter(
        patient_id=viewer.own_patient_id, device_id=sent.device_id, key=sent.key
    ).exists()


def _seen(patient_id: UUID, sent: Sent, print_of_all: bytes) -> Receipt | None:
    """Return the receipt that this key got before. Asked under the lock, so two at once are safe."""
    batch = Batch.objects.filter(patient_id=patient_id, device_id=sent.device_id, key=sent.key).first()
    if batch is None:
        return None
    if bytes(batch.fingerprint) != print_of_all:
        raise KeyReusedError
    return Receipt(batch.receipt, batch.results["results"], batch.head, batch.results["worried"])


def _load_held(work: _Work) -> None:
    """Read what is held under the ids that arrived: one statement, and one more if any comes again."""
    patient_id = work.source.patient_id
    ids = [item.id for item in work.items if not isinstance(item, reading.Unreadable)]
    heads = held.heads(patient_id, ids) if ids else {}
    again = [record_id for record_id, (_, revision, _) in heads.items() if revision > 1]
    former = held.former_fingerprints(patient_id, again) if again else {}
    for record_id, (kind, revision, fingerprint) in heads.items():
        work.held[record_id] = Held(kind, revision, fingerprint, former.get(record_id, {}))


def _waves(work: _Work) -> list[list[tuple[int, Record]]]:
    """
    Put the readable records in waves in which each id stands once, lower revisions first.

    The order inside a batch does not matter; and one statement cannot write one row twice.
    """
    work.outcomes = [
        Outcome(item.id, Verdict.REJECTED, code=item.code, field=item.field, detail=item.detail)
        if isinstance(item, reading.Unreadable)
        else Outcome(str(item.id), Verdict.RETRY)
        for item in work.items
    ]
    readable = [(n, item) for n, item in enumerate(work.items) if not isinstance(item, reading.Unreadable)]
    readable.sort(key=lambda pair: pair[1].revision)
    waves: list[list[tuple[int, Record]]] = []
    count: dict[UUID, int] = {}
    for n, record in readable:
        place = count.get(record.id, 0)
        count[record.id] = place + 1
        if place == len(waves):
            waves.append([])
        waves[place].append((n, record))
    return waves


def _take(work: _Work, wave: Sequence[tuple[int, Record]]) -> None:
    accepted = []
    for n, record in wave:
        fingerprint = reading.fingerprint(settings.LOOKUP_KEY, record)
        before = work.held.get(record.id)
        incoming = merge.Incoming(record.kind, record.id, record.revision, fingerprint)
        decision = merge.decide(before, incoming)
        outcome = work.outcomes[n]
        outcome.status, outcome.code, outcome.revision = decision.verdict, decision.code, record.revision
        if decision.verdict != Verdict.STORED:
            continue
        if record.removed and before is None:
            outcome.status, outcome.code = Verdict.REJECTED, "nothing_to_remove"
            continue
        result = _scored(record, outcome)
        if outcome.status == Verdict.STORED:
            accepted.append(
                records.Accepted(record, work.change_of(n), fingerprint, result, before is not None)
            )
            work.held[record.id] = merge.after(before, incoming)
    records.store(work.source, accepted)
    work.stored += accepted


def _scored(record: Record, outcome: Outcome) -> scoring.Result | None:
    """
    Score a response. Answers that cannot be used are refused by item, so that the phone can mend them,
    unless one of them worries us: then the answers are kept as incomplete, and the alert is raised.
    """
    if record.kind != "response" or record.data is None:
        return None
    try:
        result = records.score(record.data)
    except catalogue.UnknownInstrumentError:
        outcome.status, outcome.code, outcome.field = (
            Verdict.REJECTED,
            "unknown_instrument",
            "data.instrument",
        )
        return None
    if result.errors and not result.positive_safety:
        problem = result.errors[0]
        outcome.status, outcome.code = Verdict.REJECTED, problem.code
        outcome.field, outcome.detail = f"data.answers.{problem.item}"[:120], problem.detail
    return result


def _in_stored(work: _Work) -> Iterator[alerts.Finding]:
    """What in the stored records a clinician must see."""
    for item in work.stored:
        record = item.record
        local_on = days.local_day(record.recorded_at, record.zone)
        when = (record.kind, record.id, record.recorded_at, local_on)
        if item.result is not None:
            for finding in item.result.positive_safety:
                yield alerts.Finding(finding.rule, finding.level.upper(), *when, finding.value)
        elif record.kind == "daily" and record.data is not None and record.data.safe_today:
            yield alerts.Finding("daily_safe", "URGENT", *when)


def _in_others(work: _Work) -> Iterator[alerts.Finding]:
    """The same in what was not stored: an answer about self-harm is never lost to a refusal."""
    at = work.source.received_at
    for item, outcome in zip(work.raw, work.outcomes, strict=True):
        if outcome.status in {Verdict.STORED, Verdict.REPLAYED}:
            continue
        for rule, level, value in worry.of(item):
            when = ("unstored", worry.source_of(item), *worry.answered(item, at))
            yield alerts.Finding(rule, level, *when, value, kept=False)


def _show_conflicts(work: _Work) -> None:
    """Put our copy beside each conflict, so that the phone can show both."""
    conflicts = {
        (work.items[n].kind, work.items[n].id)  # type: ignore[union-attr]
        for n, outcome in enumerate(work.outcomes)
        if outcome.status == Verdict.CONFLICT
    }
    if not conflicts:
        return
    source = work.source
    rows = held.by_ids(source.patient_id, conflicts)  # type: ignore[arg-type]
    shown = {
        str(copy["id"]): copy for copy in held.as_wire(source.clinic_id, source.patient_id, rows, own=True)
    }
    for outcome in work.outcomes:
        if outcome.status == Verdict.CONFLICT and outcome.id is not None:
            outcome.server = shown.get(outcome.id)
            outcome.revision = outcome.server["revision"] if outcome.server else None


def _keep(viewer: Viewer, sent: Sent, print_of_all: bytes, receipt: Receipt, at: datetime) -> None:
    """Keep the receipt: ids and verdicts. The server's copies of conflicts hold health data and are left out."""
    bare = [{name: value for name, value in row.items() if name != "server"} for row in receipt.results]
    Batch.objects.bulk_create(
        [
            Batch(
                clinic_id=viewer.clinic_id,
                patient_id=viewer.own_patient_id,
                device_id=sent.device_id,
                key=sent.key,
                fingerprint=print_of_all,
                received_at=at,
                receipt=receipt.receipt,
                results=json.loads(json.dumps({"results": bare, "worried": receipt.worried}, default=str)),
                head=receipt.head,
            )
        ]
    )


def _note(work: _Work, receipt: Receipt) -> None:
    counts: dict[str, int] = {}
    for row in receipt.results:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    audit.note(
        actor=work.viewer.actor,
        action="records.receive",
        subject=f"receipt/{receipt.receipt}",
        clinic_id=work.viewer.clinic_id,
        patient_id=work.viewer.own_patient_id,
        ids=[row["id"] for row in receipt.results if row["id"]],
        device=work.source.device_id or "",
        at=work.source.received_at,
        detail=counts,
    )
