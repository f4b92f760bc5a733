"""What in a batch a clinician must see, whether it was stored or not."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tracker.alerts import actions as alerts
from tracker.instruments import scoring
from tracker.lib import days
from tracker.records import store as records
from tracker.sync import safety
from tracker.sync.batch import BatchState
from tracker.sync.merge import Status


def in_batch(work: BatchState) -> Iterator[alerts.Finding]:
    """Yield the findings of a batch that is decided."""
    yield from _in_stored(work)
    yield from _in_others(work)


def _in_stored(work: BatchState) -> Iterator[alerts.Finding]:
    for item in work.stored:
        record = item.record
        local_date = days.local_day(record.recorded_at, record.time_zone)
        when = (record.kind, record.id, record.recorded_at, local_date)
        for finding in _of_answers(item):
            yield alerts.Finding(finding.rule, finding.level.upper(), *when, finding.value)
        if record.kind == "daily" and record.data is not None and record.data.self_harm_thoughts:
            yield alerts.Finding("daily_self_harm_thoughts", "URGENT", *when)


def _of_answers(item: records.AcceptedRecord) -> tuple[scoring.SafetyFinding, ...]:
    if item.result is not None:
        return tuple(item.result.safety_findings)
    if item.record.kind == "side_effects" and item.record.data is not None:
        return tuple(records.score_side_effects(item.record.data.items).safety_findings)
    return ()


def _in_others(work: BatchState) -> Iterator[alerts.Finding]:
    """The same in what was not stored: an answer about self-harm is never lost to a refusal."""
    at = work.source.received_at
    for item, outcome in zip(work.raw, work.outcomes, strict=True):
        if outcome.status in {Status.STORED, Status.REPLAYED}:
            continue
        yield from in_rejected(item, at)


def in_rejected(item: Any, at: datetime) -> Iterator[alerts.Finding]:
    """Yield the safety findings of a record that is not stored."""
    for rule, level, value in safety.scan(item):
        when = ("unstored", safety.source_of(item), *safety.answered(item, at))
        yield alerts.Finding(rule, level, *when, value, stored=False)
