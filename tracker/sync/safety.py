"""
The safety scan: positive safety answers in everything that was sent, before any decision on it.

The form of an item does not matter here. Where a positive answer to a safety question can be made out, it is found: an
answer about self-harm is not lost to a wrong key, a stale version, another spelling or a wrapping that is not ours. An
answer to a safety question that is there but cannot be read is found too, since nobody knows that it is a no.
"""

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings

from tracker.alerts.escalation import Finding
from tracker.instruments.alert_rules import AlertRule
from tracker.lib import days, encryption, lenient_json
from tracker.lib.strict_model import as_sent
from tracker.sync import item_names, safety_answers

MOST_SECONDS = 2.0
# By the clock, where others keep the processor: a transaction that idles for longer is broken off.
_MOST_CLOCK_SECONDS = 10.0
NOT_STORED = "unstored"
_ID_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:interlude:unreadable")
# The parts of a record that ``_worst_by_rule`` looks into.
_READ = frozenset({"data", "answers", "items"})
# How often JSON may stand in a text of JSON.
_MOST_TEXTS = 3


class UnfinishedScan(Exception):
    """The deadline passed before a batch was scanned: nothing of it may be acknowledged."""


def scan(item: Any, received_at: datetime, deadline: "Deadline") -> tuple[Finding, ...]:
    """
    Return the findings of a record as it was sent; none of them says that it is stored.

    ``stored_as`` names the record of one that is. What is left when the deadline has passed is not scanned.
    """
    return tuple(_findings(item, item, received_at, deadline)) if isinstance(item, dict) else ()


class Deadline:
    """
    How long decoder and deep scan may take, in seconds of a processor: no body can be made to hold up others.

    ``left_rest``: something was left out though there was time, since it was too much to be held in memory.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds = MOST_SECONDS if seconds is None else seconds
        self._starts_at = time.thread_time()
        self._ends_at = self._starts_at + seconds
        self._ends_by_clock_at = time.monotonic() + _MOST_CLOCK_SECONDS
        self.left_rest = False

    @property
    def seconds_used(self) -> float:
        return time.thread_time() - self._starts_at

    @property
    def has_passed(self) -> bool:
        return self.is_over()

    def is_over(self) -> bool:
        return time.thread_time() > self._ends_at or time.monotonic() > self._ends_by_clock_at

    def is_half_over(self) -> bool:
        """When a decoder ends, so that there is time to scan what it made."""
        return 2 * self.seconds_used > self.seconds or self.is_over()


def scan_deep(document: Any, received_at: datetime, deadline: Deadline) -> Iterator[Finding]:
    """
    Yield the findings of a document of any form: of every object in it, however it is wrapped or named.

    An object without an id has that of the nearest one around it. Text that holds JSON is read too. What is left when
    the deadline has passed is not scanned.
    """
    waiting: list[tuple[Any, Any, int]] = [(document, None, 0)]
    while waiting and not deadline.has_passed:
        value, around, texts = waiting.pop()
        parts: Iterable[Any] = ()
        if isinstance(value, dict):
            around = value if _id_of(value) or around is None else around
            findings = []
            if safety_answers.may_hold_answers(value):
                findings = list(_findings(value, around if _id_of(around) else value, received_at, deadline))
            yield from findings
            # What a record was found by is not found again in the record.
            parts = [
                part for name, part in value.items() if not (findings and item_names.fold(name) in _READ)
            ]
        elif isinstance(value, list):
            parts = value
        elif isinstance(value, str) and texts < _MOST_TEXTS:
            if not may_be_answered(value):
                continue
            parts, texts = lenient_json.decode(value, deadline.is_over), texts + 1
            deadline.left_rest |= lenient_json.REST in parts
        waiting += [(part, around, texts) for part in reversed(list(parts)) if _may_hold_answers(part)]


def may_be_answered(text: str) -> bool:
    """Whether a safety question may be answered in ``text``: cheap, and never a wrong no."""
    # What is written as an escape cannot be told.
    if "\\u" in text:
        return True
    return safety_answers.tells_of_safety(text)


def _may_hold_answers(part: Any) -> bool:
    return isinstance(part, list | dict) or (isinstance(part, str) and part.lstrip()[:1] in ("{", "["))


def worst_by_rule(findings: Iterable[Finding]) -> list[Finding]:
    """Return the worst finding of each rule."""
    worst: dict[str, Finding] = {}
    for finding in findings:
        known = worst.get(finding.rule)
        if known is None or (finding.value or 0) > (known.value or 0):
            worst[finding.rule] = finding
    return list(worst.values())


def stored_as(finding: Finding, kind: str) -> Finding:
    """Return the finding of an item that is stored, as a record of this kind."""
    return replace(finding, source_kind=kind, stored=True)


def _findings(item: Any, envelope: Any, received_at: datetime, deadline: Deadline) -> Iterator[Finding]:
    worst = _worst_by_rule(item, deadline)
    if not worst:
        return
    source_id, (answered_at, answered_on) = _source_of(envelope), _answered(envelope, received_at)
    version = _version(item, envelope)
    for rule, value in worst.values():
        yield Finding(
            rule=rule.id,
            rule_version=rule.version,
            level=rule.level.upper(),
            source_kind=NOT_STORED,
            source_id=source_id,
            answered_at=answered_at,
            answered_on=answered_on,
            value=None if value is True else float(value),
            stored=False,
            version=version,
        )


def _worst_by_rule(item: Mapping[str, Any], deadline: Deadline) -> dict[str, tuple[AlertRule, float | bool]]:
    worst: dict[str, tuple[AlertRule, float | bool]] = {}
    # Also where the answers stand beside the envelope's fields instead of in ``data``.
    parts = [item]
    for data in (value for name, value in item.items() if item_names.fold(name) == "data"):
        parts += data if isinstance(data, list) else [data]
    for part in parts:
        for rule, value in safety_answers.met(part, deadline.is_over) if isinstance(part, dict) else ():
            if rule.id not in worst or value > worst[rule.id][1]:
                worst[rule.id] = (rule, value)
    return worst


def _source_of(item: Mapping[str, Any]) -> uuid.UUID:
    """The item's id; where it has none, one made from its content, so that it alerts once."""
    return _id_of(item) or uuid.uuid5(_ID_NAMESPACE, _canonical(item))


def _version(item: Mapping[str, Any], envelope: Mapping[str, Any]) -> str:
    """What tells whether the same answer comes again exactly as it was sent, its revision and times among it."""
    content = _canonical(item)
    if envelope is not item:
        around = {name: part for name, part in envelope.items() if not isinstance(part, list | dict)}
        content += _canonical(around)
    return encryption.keyed_hash(settings.LOOKUP_KEY, content.encode())[:8].hex()


def _id_of(item: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(item["id"])
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _canonical(item: Mapping[str, Any]) -> str:
    try:
        return json.dumps(item, sort_keys=True, default=str)
    except RecursionError:
        return json.dumps(
            sorted((name, str(part)) for name, part in item.items() if not isinstance(part, list | dict))
        )


def _answered(item: Mapping[str, Any], received_at: datetime) -> tuple[datetime, date]:
    """The phone's instant and local day of the answer; ours, in UTC, where they cannot be read."""
    try:
        at = as_sent(item["recorded_at"])
    except (TypeError, KeyError, ValueError):
        at = received_at
    zone_name = item.get("time_zone")
    known = zone_name if isinstance(zone_name, str) else ""
    return at.astimezone(UTC), days.as_lived(at, known, days.offset_minutes(at)).date()
