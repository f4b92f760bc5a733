"""
Alert rules: which answers a clinician must see, how soon, and in which words. Pure.

An instrument declares its rules in its catalogue file (``safety:``), a record kind in its own file. A rule looks at
what was sent, not at what could be stored, so that no refusal hides an answer.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from tracker.instruments import scoring
from tracker.instruments.base import AlertLevel
from tracker.instruments.definition import InstrumentDefinition


@dataclass(frozen=True, slots=True)
class AlertRule:
    """
    A rule that raises an alert, and the ``label`` that a clinician reads on it.

    ``evaluate`` gets the data of a record (of an instrument: the answers) as it was sent, unvalidated, and must never
    raise. It returns the number that meets the rule, True for a yes or a tier, None where the rule is not met.
    """

    id: str
    version: int
    level: AlertLevel
    label: str
    evaluate: Callable[[Mapping[str, Any]], float | bool | None]


UNREADABLE = "unreadable_safety_answer"


# Texts that are a no to any safety question.
_PLAIN_NO = frozenset({"0", "no", "false", "not at all", "never", "none"})


def is_plain_no(answer: Any) -> bool:
    """Whether an answer to a safety question is a no, though it may be of the wrong type: 0, false, "no"."""
    if isinstance(answer, str):
        return answer.strip().casefold() in _PLAIN_NO
    return isinstance(answer, int | float) and answer == 0


def unreadable(evaluate: Callable[[Any], float | bool | None]) -> AlertRule:
    """Return the rule for a safety answer that is there and cannot be read: nobody knows that it is a no."""
    label = "A safety question was answered in a form that cannot be read"
    return AlertRule(UNREADABLE, 1, "urgent", label, evaluate)


@cache
def of_instrument(form: InstrumentDefinition) -> tuple[AlertRule, ...]:
    """Return the rules of an instrument: those of its file, and the one for a safety answer that cannot be read."""
    declared = tuple(
        AlertRule(rule.id, rule.version, rule.level, rule.label, partial(_evaluate, form, rule.id))
        for rule in form.safety
    )
    return (*declared, unreadable(partial(_evaluate, form, UNREADABLE))) if declared else ()


def met(form: InstrumentDefinition, answers: Any) -> Iterator[tuple[AlertRule, float | bool]]:
    """Yield the rules that ``answers`` meet, each with the value that meets it. The answers are scored once."""
    if not form.safety:
        return
    values = _values(form, answers)
    for rule in of_instrument(form):
        if rule.id in values:
            yield rule, values[rule.id]


def _evaluate(form: InstrumentDefinition, rule: str, answers: Any) -> float | bool | None:
    return _values(form, answers).get(rule)


def _values(form: InstrumentDefinition, answers: Any) -> dict[str, float | bool]:
    if not isinstance(answers, Mapping):
        # Answers there are, and nobody can say what to.
        return {UNREADABLE: True} if answers else {}
    result = scoring.score(form, answers)
    findings = (*result.safety_findings, *result.score_findings)
    values: dict[str, float | bool] = {
        finding.rule: True if finding.value is None else finding.value for finding in findings
    }
    if "safety_item_unreadable" in result.flags:
        values[UNREADABLE] = True
    return values
