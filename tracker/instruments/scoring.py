"""
Answers to scores: pure, versioned, and never with a missing answer taken for a zero.

The rules come from the form (``definition.InstrumentDefinition``), each with its source there. A positive
answer to a safety item is reported whatever else is wrong with the answers.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal, NamedTuple

from tracker.instruments import answers as answers_
from tracker.instruments import score_calculators
from tracker.instruments.answers import Answers, Problem
from tracker.instruments.definition import InstrumentDefinition, SafetyRule
from tracker.instruments.score_calculators import Score

__all__ = ["Problem", "Result", "SafetyFinding", "Score", "score"]

Status = Literal["complete", "incomplete", "invalid"]


class SafetyFinding(NamedTuple):
    """
    A safety rule that this response meets.

    ``item`` is the linkId of the answer, or None where a tier or a score meets the rule; ``value`` the answer
    or the score, None for a tier.
    """

    rule: str
    level: str
    item: str | None
    value: int | float | None


class Result(NamedTuple):
    """
    What a set of answers gives.

    ``status``: ``complete``; ``incomplete`` (an asked item is unanswered: ``missing`` names it, and there is
    no total unless the instrument allows one); ``invalid`` (an answer does not fit: ``errors`` names it, and
    there are no scores at all).
    ``safety_findings`` holds what must not wait (answers and tiers), whatever the status; ``score_findings``
    what a finished score raises. ``answered`` counts the answers to items that count. ``stated_total`` is a
    total that came with the answers: kept as reported, compared, never used.
    """

    status: Status
    scores: tuple[Score, ...]
    errors: tuple[Problem, ...] = ()
    flags: tuple[str, ...] = ()
    safety_findings: tuple[SafetyFinding, ...] = ()
    score_findings: tuple[SafetyFinding, ...] = ()
    answered: int = 0
    stated_total: object = None
    missing: tuple[Problem, ...] = ()


class _Scorer:
    """A form made ready for scoring."""

    def __init__(self, form: InstrumentDefinition) -> None:
        self.form = form
        self.rules = score_calculators.prepared(form)
        self.has_tiers = any(isinstance(rule, score_calculators.HighestTier) for rule in self.rules)
        self.item_rules: list[tuple[str, int | float, SafetyRule]] = []
        self.score_rules: list[tuple[str, int | float, SafetyRule]] = []
        self.tier_rules: list[tuple[str, SafetyRule]] = []
        for rule in form.safety:
            when = rule.when
            if when.item and when.at_least is not None:
                self.item_rules.append((when.item, when.at_least, rule))
            elif when.score and when.at_least is not None:
                self.score_rules.append((when.score, when.at_least, rule))
            elif when.tier:
                self.tier_rules.append((when.tier, rule))

    def score_findings(self, scores: Iterable[Score]) -> tuple[SafetyFinding, ...]:
        """What scores raise. A prorated total is a guess, but a guess that high is worth a look."""
        held = {score.name: score.value for score in scores}
        return tuple(
            SafetyFinding(rule.id, rule.level, None, value)
            for name, least, rule in self.score_rules
            if (value := held.get(name)) is not None and value >= least
        )

    def safety_findings(self, values: Answers) -> tuple[SafetyFinding, ...]:
        """What must not wait: safety items from their threshold on, and tiers already reached."""
        found = [
            SafetyFinding(rule.id, rule.level, name, values[name])
            for name, least, rule in self.item_rules
            if name in values and values[name] >= least
        ]
        for rule in self.rules if self.has_tiers else ():
            reached = (
                rule.score(values, prorate=False) if isinstance(rule, score_calculators.HighestTier) else None
            )
            found += [
                SafetyFinding(met.id, met.level, None, None)
                for tier, met in self.tier_rules
                if reached and reached.band == tier
            ]
        return tuple(found)

    def unanswered(self, values: Answers, scores: Iterable[Score]) -> tuple[Problem, ...]:
        """The asked items without which the form is not complete."""
        needed = self.form.scoring.complete_when
        if needed == "decided":
            given = {score.name for score in scores}
            lacking = [rule for rule in self.rules if rule.name not in given]
            return tuple(Problem("", "missing", f"{rule.name} cannot be decided yet") for rule in lacking)
        names = self.form.scored if isinstance(needed, str) else needed
        return tuple(
            Problem(name, "missing", f"{name} is not answered")
            for name in names
            if name not in values and answers_.is_asked(self.form.item[name], values)
        )

    def result(self, answers: Mapping[str, object], stated_total: object, prorate: bool) -> Result:
        reading = answers_.read(self.form, answers)
        values = reading.values
        positive = self.safety_findings(values)
        answered = sum(name in values for name in self.form.scored)
        if reading.problems:
            return Result(
                "invalid", (), reading.problems, reading.flags, positive, (), answered, stated_total
            )
        scores = tuple(
            score for rule in self.rules if (score := rule.score(values, prorate=prorate)) is not None
        )
        missing = self.unanswered(values, scores)
        flags = [*reading.flags, *self._flags(scores, bool(missing), stated_total)]
        return Result(
            "incomplete" if missing else "complete",
            scores,
            (),
            tuple(flags),
            positive,
            self.score_findings(scores),
            answered,
            stated_total,
            missing,
        )

    def _flags(self, scores: Iterable[Score], incomplete: bool, stated_total: object) -> Iterable[str]:
        held = {score.name: score for score in scores}
        if any(score.prorated for score in held.values()):
            yield "prorated"
        if incomplete and self.has_tiers and held:
            yield "tier_at_least"
        if stated_total is not None:
            yield from self._compared(held, stated_total)

    def _compared(self, held: Mapping[str, Score], stated_total: object) -> Iterable[str]:
        if type(stated_total) is not int and type(stated_total) is not float:
            yield "stated_total_unreadable"
            return
        main = self.form.main
        score = held.get(main.name) if main else None
        if main is None or score is None or score.value is None:
            yield "stated_total_not_recomputable"
        # The two last places of a double: what a mean may lose in arithmetic is no difference.
        elif not abs(score.value - stated_total) <= main.stated_within + 1e-9:
            yield "stated_total_differs"


@cache
def _scorer(form: InstrumentDefinition) -> _Scorer:
    return _Scorer(form)


def score(
    form: InstrumentDefinition,
    answers: Mapping[str, object],
    stated_total: object = None,
    *,
    prorate: bool = False,
) -> Result:
    """
    Score one set of answers.

    ``stated_total`` is a total that came with the answers: it is compared with the form's main score and
    never used. With ``prorate`` a score whose instrument allows it on request stands in for a few missing
    answers; the default is no total.
    """
    return _scorer(form).result(answers, stated_total, prorate)
