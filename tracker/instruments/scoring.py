"""
Answers to scores: pure, versioned, and never with a missing answer taken for a zero.

The rules come from the form (``definition.InstrumentDefinition``), each with its source there. A positive
answer to a safety item is reported whatever else is wrong with the answers.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from tracker.instruments import answers as answers_
from tracker.instruments import score_calculators
from tracker.instruments.answers import Answers, Problem
from tracker.instruments.definition import InstrumentDefinition, SafetyRule
from tracker.instruments.score_calculators import Score, SumOrMean

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


class _FastPath:
    """
    The short way for plain forms: every answer is there, from one set of whole numbers; only the sum counts.

    All results are made beforehand, by the answer to the one safety item (if there is one) and by the sum, so
    that a response costs a few C calls. Anything unusual (another name for an item, a missing answer, a wrong
    type) returns None, and the long way takes over.
    """

    def __init__(self, scorer: "_Scorer", names: tuple[str, ...], allowed: frozenset[int]) -> None:
        self._values: Callable[[Any], tuple[Any, ...]] = itemgetter(*names)
        self._allows = allowed.issuperset
        self._count = len(scorer.form.scored)
        self._exact = self._count == len(names)
        watched = next((name for name, _, _ in scorer.item_rules if name in names), None)
        self._watched = names.index(watched) if watched else 0
        sums = range(min(allowed) * self._count, max(allowed) * self._count + 1)
        self._ready = {
            answer: {total: scorer.of_sum(total, {watched: answer} if watched else {}) for total in sums}
            for answer in allowed
        }

    def result(self, answers: Mapping[str, object]) -> Result | None:
        try:
            values = self._values(answers)
        except KeyError:
            return None
        # Types before values: True is in {0, 1}, and a list cannot be looked up at all.
        if {*map(type, values)} != _WHOLE or not self._allows(values):
            return None
        return self._ready[values[self._watched]][sum(values if self._exact else values[: self._count])]


_WHOLE = {int}


class _Scorer:
    """A form made ready for scoring."""

    def __init__(self, form: InstrumentDefinition) -> None:
        self.form = form
        self.rules = score_calculators.prepared(form)
        self.has_tiers = any(isinstance(rule, score_calculators.HighestTier) for rule in self.rules)
        self.item_rules: list[tuple[str, int | float, SafetyRule]] = []
        self.score_rules: list[tuple[str, int | float, SafetyRule]] = []
        self.tier_rules: dict[str, SafetyRule] = {}
        for rule in form.safety:
            when = rule.when
            if when.item and when.at_least is not None:
                self.item_rules.append((when.item, when.at_least, rule))
            elif when.score and when.at_least is not None:
                self.score_rules.append((when.score, when.at_least, rule))
            elif when.tier:
                self.tier_rules[when.tier] = rule
        self.fast_paths = self._fast_paths()

    def _fast_paths(self) -> dict[int, _FastPath]:
        """By the number of answers: those of the items that count, and those of the whole form."""
        form, fast_paths = self.form, {}
        every = tuple(item.link_id for item in form.items if not item.recorded_as)
        plain = (
            len(form.scored) > 1
            and len(self.item_rules) <= 1
            and form.scoring.complete_when == "scored"
            and not form.scoring.in_order
            and all(isinstance(rule, SumOrMean) and rule.items == form.scored for rule in self.rules)
        )
        for names in (form.scored, form.scored + tuple(name for name in every if name not in form.scored)):
            allowed = self._same_whole_numbers(names) if plain else None
            if allowed:
                fast_paths[len(names)] = _FastPath(self, names, allowed)
        return fast_paths

    def _same_whole_numbers(self, names: Iterable[str]) -> frozenset[int] | None:
        sets = {self._whole_numbers(name) for name in names}
        return sets.pop() if len(sets) == 1 else None

    def _whole_numbers(self, name: str) -> frozenset[int] | None:
        item = self.form.item[name]
        options = self.form.options_of(item)
        if item.asked_when or item.reverse or item.recode or item.allow_off_step or item.step != 1:
            return None
        values = [option.value for option in options] if options else list(item.range or ())
        if any(type(value) is not int for value in values):
            return None
        whole = [int(value) for value in values]
        return frozenset(whole) if options else frozenset(range(whole[0], whole[1] + 1))

    def of_sum(self, total: int, watched: Answers) -> Result:
        """The result of a complete form, from the sum of its answers and the answer to its safety item."""
        count = len(self.form.scored)
        scores = tuple(rule.of_sum(total, count) for rule in self.rules if isinstance(rule, SumOrMean))
        return Result(
            "complete", scores, (), (), self.safety_findings(watched), self.score_findings(scores), count
        )

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
            if reached and reached.band in self.tier_rules:
                met = self.tier_rules[reached.band]
                found.append(SafetyFinding(met.id, met.level, None, None))
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
    scorer = _scorer(form)
    if stated_total is None:
        fast_path = scorer.fast_paths.get(len(answers))
        if fast_path is not None:
            result = fast_path.result(answers)
            if result is not None:
                return result
    return scorer.result(answers, stated_total, prorate)
