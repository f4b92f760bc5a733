"""
The safety scan: positive safety answers in everything that was sent, before any decision on it.

The form of an item does not matter here. Where a positive answer to a safety question can be made out, it is found: an
answer about self-harm is not lost to a wrong key, a stale version, another spelling or a wrapping that is not ours. An
answer to a safety question that is there but cannot be read is found too, since nobody knows that it is a no.
"""

import json
import time
import uuid
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import Any

from django.conf import settings

from tracker.alerts import rules
from tracker.alerts.escalation import Finding
from tracker.instruments import alert_rules, catalogue
from tracker.instruments.alert_rules import AlertRule
from tracker.instruments.definition import InstrumentDefinition
from tracker.lib import days, encryption, lenient_json
from tracker.lib.strict_model import as_sent
from tracker.records.kinds import KINDS

MOST_SECONDS = 2.0
# By the clock, where others keep the processor: a transaction that idles for longer is broken off.
_MOST_CLOCK_SECONDS = 10.0
NOT_STORED = "unstored"
_ID_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:interlude:unreadable")
# The parts of a record that ``_worst_by_rule`` looks into.
_READ = frozenset({"data", "answers", "items"})
# How often JSON may stand in a text of JSON.
_MOST_TEXTS = 3
# Of one item more answers that differ than this hold one that is positive, or that cannot be read.
_MOST_READINGS = 16
_Met = Iterator[tuple[AlertRule, float | bool]]


def scan(item: Any, received_at: datetime) -> tuple[Finding, ...]:
    """
    Return the findings of a record as it was sent; none of them says that it is stored.

    ``stored_as`` names the record of one that is.
    """
    return tuple(_findings(item, item, received_at, Deadline())) if isinstance(item, dict) else ()


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
            if not _known_names().isdisjoint(map(_folded, value)):
                findings = list(_findings(value, around if _id_of(around) else value, received_at, deadline))
            yield from findings
            # What a record was found by is not found again in the record.
            parts = [part for name, part in value.items() if not (findings and _folded(name) in _READ)]
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
    text = text.casefold()
    for left_out in _LEFT_OUT:
        text = text.replace(left_out, "")
    return any(name in text for name in _known_names() - {"data"})


@cache
def _known_names() -> frozenset[str]:
    """The names, folded, under one of which an answer must stand."""
    return frozenset({"data", "answers", "items"} | _names_of_kinds().keys())


@cache
def _names_of_kinds() -> Mapping[str, str]:
    """The fields that the rules of the kinds look at (and those beside them), by their folded names."""
    return {
        _folded(name): name
        for kind in KINDS.values()
        if kind.alert_rules
        for name in kind.payload.model_fields
    }


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
    for data in (value for name, value in item.items() if _folded(name) == "data"):
        parts += data if isinstance(data, list) else [data]
    for part in parts:
        for rule, value in _met(part, deadline) if isinstance(part, dict) else ():
            if rule.id not in worst or value > worst[rule.id][1]:
                worst[rule.id] = (rule, value)
    return worst


def _met(data: Mapping[str, Any], deadline: Deadline) -> _Met:
    yield from _met_by_kinds(data)
    for reading in _readings(data):
        if deadline.has_passed:
            return
        yield from _met_by_kinds(reading)
        form, answers = _form(reading), reading.get("answers")
        if form is not None:
            yield from _met_by_answers(form, answers)
        for other in _forms_of_safety_items(answers, form):
            yield from _met_by_answers(other, answers)
        # Whatever kind is named: of checklists alone the answers are called items.
        for checklist in rules.checklists():
            yield from _met_by_answers(checklist, reading.get("items"))


def _met_by_kinds(data: Mapping[str, Any]) -> _Met:
    for rule in rules.of_all_kinds():
        value = rule.evaluate(data)
        if value is not None and value is not False:
            yield rule, value


def _readings(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """``data`` by folded names; a name that comes several times has each of its values in a reading of its own."""
    readings: list[dict[str, Any]] = [{}]
    count: dict[str, int] = {}
    for name, value in data.items():
        folded = _folded(name)
        folded = _names_of_kinds().get(folded, folded)
        place = count.get(folded, 0)
        count[folded] = place + 1
        if place == len(readings):
            readings.append({})
        readings[place][folded] = value
    first, *others = readings
    return [first, *(ChainMap(other, first) for other in others)]


def _met_by_answers(form: InstrumentDefinition, answers: Any) -> _Met:
    # Of answers to nothing that is asked there is nothing to score.
    if not form.safety or (
        isinstance(answers, dict) and _names(form).keys().isdisjoint(map(_folded, answers))
    ):
        return
    for spelling in _spellings(form, answers) if isinstance(answers, dict) else [answers]:
        yield from alert_rules.met(form, spelling)


def _spellings(form: InstrumentDefinition, answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answers by link ids, however these are spelt; an item that comes in several spellings is read in each."""
    readings: list[dict[str, Any]] = [{}]
    known: dict[str, set[tuple[type, str]]] = {}
    for key, value in answers.items():
        name = _names(form).get(_folded(key), key)
        values, mark = known.setdefault(name, set()), (type(value), _short(value))
        if mark in values or len(values) == _MOST_READINGS:
            continue
        if len(values) == len(readings):
            readings.append({})
        readings[len(values)][name] = value
        values.add(mark)
    return readings


def _short(value: Any) -> str:
    """What tells answers apart; of what is no answer, whatever it is, one is enough."""
    return "" if isinstance(value, list | dict) else str(value)[:40]


@cache
def _names(form: InstrumentDefinition) -> Mapping[str, str]:
    """Every name that an item can be answered by, to its link id."""
    numbers = {_folded(str(item.n)): item.link_id for item in form.items if item.n is not None}
    return numbers | _names_by_link_id(form)


def _names_by_link_id(form: InstrumentDefinition) -> dict[str, str]:
    bare = {_folded(item.link_id.lstrip("/")): item.link_id for item in form.items}
    return bare | {_folded(item.link_id): item.link_id for item in form.items}


def _forms_of_safety_items(answers: Any, form: InstrumentDefinition | None) -> list[InstrumentDefinition]:
    """The instruments whose safety questions are answered, though none or another (``form``) is named."""
    if not isinstance(answers, dict):
        return []
    own = _names(form).keys() if form else frozenset()
    names = {folded for name in answers if (folded := _folded(name)) in _safety_items(catalogue.all())} - own
    codes = {code for name in names for code in _safety_items(catalogue.all())[name]}
    return [catalogue.latest(code) for code in sorted(codes)]


@lru_cache(maxsize=1)
def _safety_items(forms: tuple[InstrumentDefinition, ...]) -> Mapping[str, set[str]]:
    """Each safety item by its link id, folded, to the codes of the instruments that ask it. Numbers tell nothing."""
    codes: dict[str, set[str]] = {}
    for form in forms:
        asked = {rule.when.item for rule in form.safety} | {
            item.link_id for item in form.items if item.safety
        }
        for name, link_id in _names_by_link_id(form).items() if form.safety else ():
            if link_id in asked:
                codes.setdefault(name, set()).add(form.code)
    return codes


_LEFT_OUT = ("_", "-", " ", "\t", "\r", "\n")


def _folded(text: str) -> str:
    """A name without case, spaces, ``_`` and ``-``: of ``self_harm_thoughts`` and ``selfHarmThoughts`` the same."""
    for left_out in _LEFT_OUT:
        text = text.replace(left_out, "")
    return text.strip().casefold()


def _form(data: Mapping[str, Any]) -> InstrumentDefinition | None:
    """The instrument that is meant, however its name is spelt; its newest version if the one named is not known."""
    name, version = data.get("instrument"), data.get("version")
    code = _codes(catalogue.all()).get(_bare(name)) if isinstance(name, str) else None
    if code is None:
        return None
    try:
        return catalogue.get(code, str(version))
    except catalogue.UnknownInstrumentError:
        pass
    return catalogue.latest(code)


@lru_cache(maxsize=1)
def _codes(forms: tuple[InstrumentDefinition, ...]) -> Mapping[str, str]:
    """The code of each instrument by what is left of it without hyphens, spaces and case: ``phq9``."""
    return {_bare(form.code): form.code for form in forms}


def _bare(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()


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
