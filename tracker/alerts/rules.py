"""The declared alert rules: of the catalogue's instruments and of the record kinds. Labels are what staff read."""

from collections.abc import Mapping
from functools import cache, lru_cache

from tracker.alerts import treatment_sessions
from tracker.instruments import alert_rules, catalogue
from tracker.instruments.alert_rules import AlertRule
from tracker.instruments.definition import InstrumentDefinition
from tracker.records.kinds import KINDS


@cache
def of_all_kinds() -> tuple[AlertRule, ...]:
    """Return the rules of every kind: a record's kind can be misspelt as its answers can."""
    return tuple(rule for kind in KINDS.values() for rule in kind.alert_rules)


def checklists() -> tuple[InstrumentDefinition, ...]:
    """Return the instruments whose items a kind's data holds as ``items``."""
    return tuple(catalogue.latest(kind.instrument) for kind in KINDS.values() if kind.instrument)


class ConflictingRules(ValueError):
    """One id is declared in two places that do not say the same."""


def declared() -> Mapping[str, AlertRule]:
    """
    Return every declared rule by its id; of several versions of an instrument, the newest one's.

    :raises ConflictingRules: if two instruments, or an instrument and a kind, give one id to different rules.
    """
    return _declared(catalogue.all())


@lru_cache(maxsize=1)
def _declared(forms: tuple[InstrumentDefinition, ...]) -> Mapping[str, AlertRule]:
    by_instrument = {form.code: {rule.id: rule for rule in alert_rules.of_instrument(form)} for form in forms}
    rules: dict[str, AlertRule] = {}
    for rule in (
        *(rule for own in by_instrument.values() for rule in own.values()),
        *of_all_kinds(),
        *treatment_sessions.RULES,
    ):
        known = rules.setdefault(rule.id, rule)
        if (known.version, known.level, known.label) != (rule.version, rule.level, rule.label):
            raise ConflictingRules(f"the alert rule {rule.id} is declared twice, and differently")
    return rules


def label(rule: str) -> str:
    """Return what an alert is about. A rule that is not declared any more has its id, with spaces."""
    known = declared().get(rule)
    return known.label if known else rule.replace("_", " ")
