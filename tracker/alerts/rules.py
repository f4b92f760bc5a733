"""The declared alert rules: of the catalogue's instruments and of the record kinds. Labels are what staff read."""

from collections.abc import Mapping
from functools import cache, lru_cache

from tracker.instruments import alert_rules, catalogue
from tracker.instruments.alert_rules import AlertRule
from tracker.instruments.definition import InstrumentDefinition
from tracker.records.kinds import KINDS


@cache
def of_all_kinds() -> tuple[AlertRule, ...]:
    """Return the rules of every kind: a record's kind can be misspelt as its answers can."""
    return tuple(rule for kind in KINDS.values() for rule in kind.alert_rules)


def checklist_of_kind(kind: str) -> InstrumentDefinition | None:
    """Return the instrument whose items a kind's data holds as ``items``, if it is a checklist."""
    known = KINDS.get(kind)
    return catalogue.latest(known.instrument) if known and known.instrument else None


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
