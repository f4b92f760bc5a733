"""
The safety scan: positive safety answers in everything that was sent, before any decision on it.

The form of an item does not matter here. Where a positive answer to a safety question can be made out, it is found: an
answer about self-harm is not lost to a wrong key, a stale version or another spelling. An answer to a safety question
that is there but cannot be read is found too, since nobody knows that it is a no.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import Any

from tracker.alerts import rules
from tracker.alerts.escalation import Finding
from tracker.instruments import alert_rules, catalogue
from tracker.instruments.alert_rules import AlertRule
from tracker.instruments.definition import InstrumentDefinition
from tracker.lib import days
from tracker.lib.strict_model import as_instant

NOT_STORED = "unstored"
_ID_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:interlude:unreadable")
_Met = Iterator[tuple[AlertRule, float | bool]]


def scan(items: Sequence[Any], received_at: datetime) -> list[tuple[Finding, ...]]:
    """
    Return the findings of each item as it was sent, in the order of ``items``; none of them says that it is stored.

    ``stored_as`` names the record of one that is.
    """
    return [tuple(_findings(item, received_at)) for item in items]


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


def _findings(item: Any, received_at: datetime) -> Iterator[Finding]:
    worst = _worst_by_rule(item)
    if not worst:
        return
    source_id, (answered_at, answered_on) = _source_of(item), _answered(item, received_at)
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
        )


def _worst_by_rule(item: Any) -> dict[str, tuple[AlertRule, float | bool]]:
    worst: dict[str, tuple[AlertRule, float | bool]] = {}
    if not isinstance(item, dict):
        return worst
    data = item.get("data")
    # Also where the answers stand beside the envelope's fields instead of in ``data``.
    for part in [item, *(data if isinstance(data, list) else [data])]:
        for rule, value in _met(part) if isinstance(part, dict) else ():
            if rule.id not in worst or value > worst[rule.id][1]:
                worst[rule.id] = (rule, value)
    return worst


def _met(data: Mapping[str, Any]) -> _Met:
    folded = {_folded(name): value for name, value in data.items()}
    for rule in rules.of_all_kinds():
        for spelling in (data, folded):
            value = rule.evaluate(spelling)
            if value is not None and value is not False:
                yield rule, value
    form = _form(folded)
    if form is not None:
        yield from _met_by_answers(form, folded.get("answers"))
    # Whatever kind is named: of checklists alone the answers are called items.
    for checklist in rules.checklists():
        yield from _met_by_answers(checklist, folded.get("items"))


def _met_by_answers(form: InstrumentDefinition, answers: Any) -> _Met:
    if not form.safety:
        return
    for spelling in _spellings(form, answers) if isinstance(answers, dict) else [answers]:
        yield from alert_rules.met(form, spelling)


def _spellings(form: InstrumentDefinition, answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answers by link ids, however these are spelt; an item that comes in several spellings is read in each."""
    readings: list[dict[str, Any]] = [{}]
    count: dict[str, int] = {}
    for key, value in answers.items():
        name = _names(form).get(_folded(key), key)
        place = count.get(name, 0)
        count[name] = place + 1
        if place == len(readings):
            readings.append({})
        readings[place][name] = value
    return readings


@cache
def _names(form: InstrumentDefinition) -> Mapping[str, str]:
    """Every name that an item can be answered by, to its link id."""
    numbers = {str(item.n).casefold(): item.link_id for item in form.items if item.n is not None}
    bare = {item.link_id.lstrip("/").casefold(): item.link_id for item in form.items}
    return numbers | bare | {item.link_id.casefold(): item.link_id for item in form.items}


def _folded(text: str) -> str:
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
    try:
        return uuid.UUID(item["id"])
    except (TypeError, KeyError, ValueError, AttributeError):
        return uuid.uuid5(_ID_NAMESPACE, json.dumps(item, sort_keys=True, default=str))


def _answered(item: Mapping[str, Any], received_at: datetime) -> tuple[datetime, date]:
    """The phone's instant and local day of the answer; ours, in UTC, where they cannot be read."""
    try:
        at = as_instant(item["recorded_at"])
    except (TypeError, KeyError, ValueError):
        at = received_at
    try:
        return at, days.local_day(at, item["time_zone"])
    except (TypeError, KeyError, ValueError):
        return at, at.astimezone(UTC).date()
