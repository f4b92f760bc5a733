"""The declared alert rules: of the catalogue's instruments and of the record kinds. Labels are what staff read."""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from tracker.instruments import alert_rules, catalogue
from tracker.instruments.alert_rules import AlertRule
from tracker.instruments.definition import InstrumentDefinition
from tracker.records.kinds import KINDS


def _self_harm_thoughts(data: Mapping[str, Any]) -> bool | None:
    return data.get("self_harm_thoughts") is True or None


def _self_harm_unreadable(data: Mapping[str, Any]) -> bool | None:
    answer = data.get("self_harm_thoughts")
    return (answer is not True and answer not in (None, False)) or None


_DAILY = AlertRule(
    "daily_self_harm_thoughts", 1, "urgent", "Daily log: thoughts of self-harm", _self_harm_thoughts
)
_OF_KIND = {"daily": (_DAILY, alert_rules.unreadable(_self_harm_unreadable))}
# The instrument that a kind's items are the answers to.
_CHECKLIST = {"side_effects": "side-effects"}


def of_kind(kind: str) -> tuple[AlertRule, ...]:
    """Return the rules that a record kind declares."""
    return _OF_KIND.get(kind, ())


@cache
def of_all_kinds() -> tuple[AlertRule, ...]:
    """Return the rules of every kind: a record's kind can be misspelt as its answers can."""
    return tuple(rule for kind in KINDS for rule in of_kind(kind))


def checklist_of_kind(kind: str) -> InstrumentDefinition | None:
    """Return the instrument whose items a kind's data holds as ``items``, if it is a checklist."""
    code = _CHECKLIST.get(kind)
    return catalogue.latest(code) if code else None


def declared() -> Mapping[str, AlertRule]:
    """Return every declared rule by its id; of several versions of an instrument, the newest one's."""
    return _declared(catalogue.all())


@lru_cache(maxsize=1)
def _declared(forms: tuple[InstrumentDefinition, ...]) -> Mapping[str, AlertRule]:
    rules = [rule for form in forms for rule in alert_rules.of_instrument(form)]
    return {rule.id: rule for rule in (*rules, *of_all_kinds())}


def label(rule: str) -> str:
    """Return what an alert is about. A rule that is not declared any more has its id, with spaces."""
    known = declared().get(rule)
    return known.label if known else rule.replace("_", " ")
