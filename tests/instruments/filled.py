"""Filled-in forms for tests of scoring."""

from collections.abc import Mapping
from typing import Any

from tracker.instruments import catalogue, scoring
from tracker.instruments.definition import InstrumentDefinition, SafetyRule
from tracker.instruments.scoring import Result, Score

SUMMED = (
    "phq-9", "phq-2", "gad-7", "gad-2", "peg", "pgic", "pcl-5", "who-5", "whodas-2-12", "isi", "cadss",
    "cadss-6", "session-dissociation-5", "scl-90-r-esm",
)  # fmt: skip


def ends(form: InstrumentDefinition, link_id: str) -> tuple[float, float]:
    item = form.item[link_id]
    options = form.options_of(item)
    if options:
        return min(o.value for o in options), max(o.value for o in options)
    assert item.range
    return item.range


def all_at(form: InstrumentDefinition, end: int) -> dict[str, int]:
    """Every item that counts at its lowest (0) or highest (1) answer."""
    return {name: int(ends(form, name)[end]) for name in form.scored}


def adding_up_to(code: str, total: int) -> dict[str, Any]:
    """Answers of a summed form whose points make ``total``."""
    form = catalogue.latest(code)
    answers = all_at(form, 0)
    left = total - sum(answers.values())
    for name in form.scored:
        low, high = ends(form, name)
        step = min(left, int(high - low))
        answers[name] = int(low) + step
        left -= step
    assert left == 0
    return answers


def phq(*values: int) -> dict[str, Any]:
    return dict(zip(catalogue.latest("phq-9").scored, values, strict=True))


def main(result: Result) -> Score:
    return result.scores[0]


def scored(code: str, answers: Mapping[str, object], **more: object) -> Result:
    return scoring.score(catalogue.latest(code), answers, **more)  # type: ignore[arg-type]


def positive_answers(form: InstrumentDefinition, rule: SafetyRule) -> dict[str, Any]:
    """Answers that meet a safety rule: just its item, just enough for its tier, or every item at the score's end."""
    when = rule.when
    if when.item:
        return {when.item: when.at_least}
    if when.score:
        return all_at(form, 1)
    tier = next(tier for score in form.scoring.scores for tier in score.tiers if tier.tier == when.tier)
    condition = tier.any[0]
    assert condition.item
    wanted = (condition.equals, condition.at_least, *(condition.one_of or ()))
    return {condition.item: next(value for value in wanted if value is not None)}
