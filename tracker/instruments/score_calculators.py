"""
How one score comes about from the answers that count. A missing answer is never a zero.

Each kind of rule is prepared once per form and then asked many times.
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tracker.instruments.answers import Answers, is_asked
from tracker.instruments.definition import InstrumentDefinition
from tracker.instruments.score_schema import Band, Condition, ScoreRule


class Score(NamedTuple):
    """
    One score: unrounded, for change is computed on what was measured.

    ``value`` is None only where the instrument has no number (a screener's tier is its ``band``). For a score
    with a table ``value`` is the raw sum, ``t`` and ``se`` are the T-score and its standard error, and
    ``band`` follows ``t``. ``items`` is how many answers the score could have, ``answered`` how many it had.
    """

    name: str
    value: int | float | None
    t: float | None
    se: float | None
    answered: int
    items: int
    prorated: bool
    band: str | None
    scoring_version: str

    @property
    def measured(self) -> int | float | None:
        """The number for the timeline: the T-score where there is one, else the value."""
        return self.value if self.t is None else self.t


class Bands:
    """Names for stretches of a scale; a value between two whole numbers belongs to the lower band."""

    def __init__(self, bands: Sequence[Band]) -> None:
        self._starts = [band.starts for band in bands]
        self._labels = [band.label for band in bands]

    def of(self, value: float) -> str | None:
        at = bisect_right(self._starts, (value, False))
        return self._labels[at - 1] if at else None


def points_of(form: InstrumentDefinition, link_id: str) -> Mapping[int | float, int] | None:
    """What each answer of a reversed or recoded item counts; None where it counts as it is."""
    item = form.item[link_id]
    if item.recode:
        return {answer: points for answer, points in item.recode.items()}
    if not item.reverse:
        return None
    options = form.options_of(item)
    values = [option.value for option in options] if options else list(item.range or ())
    ends = int(min(values)) + int(max(values))
    return {value: ends - value for value in range(int(min(values)), int(max(values)) + 1)}


class Rule(ABC):
    """A score rule, ready to be asked."""

    def __init__(self, form: InstrumentDefinition, rule: ScoreRule) -> None:
        self.form, self.rule, self.name = form, rule, rule.name
        self.items = form.items_of(rule)
        self.bands = Bands(rule.bands)

    @abstractmethod
    def score(self, values: Answers, *, prorate: bool) -> Score | None:
        """The score of these answers; None where they do not suffice."""

    def plain(self, value: int | float, answered: int, items: int | None = None) -> Score:
        band = self.bands.of(value)
        count = len(self.items) if items is None else items
        return Score(self.name, value, None, None, answered, count, False, band, self.form.scoring_version)


class SumOrMean(Rule):
    """A sum or a mean, times a factor; from a sum, perhaps, by a table to a T-score."""

    def __init__(self, form: InstrumentDefinition, rule: ScoreRule) -> None:
        super().__init__(form, rule)
        self._points = {name: points for name in self.items if (points := points_of(form, name))}
        self._table = rule.table
        self._lowest = rule.range[0] if rule.range else 0

    def score(self, values: Answers, *, prorate: bool) -> Score | None:
        present = [self._counted(name, values[name]) for name in self.items if name in values]
        missing = len(self.items) - len(present)
        rule = self.rule.missing
        if missing and (missing > rule.prorate_up_to or not (prorate or rule.by_default)):
            return None
        return self.of_sum(sum(present), len(present))

    def of_sum(self, points: int | float, answered: int) -> Score:
        """The score of so many answers whose points add up to ``points``."""
        prorated = answered < len(self.items)
        if self.rule.rule == "mean":
            value: int | float = points * self.rule.times / answered
        else:
            value = (points * len(self.items) / answered if prorated else points) * self.rule.times
        if prorated and self.rule.missing.rounded:
            value = math.floor(value + 0.5)
        t, se = self._looked_up(value)
        band = self.bands.of(value if t is None else t)
        return Score(
            self.name, value, t, se, answered, len(self.items), prorated, band, self.form.scoring_version
        )

    def _counted(self, name: str, value: int | float) -> int | float:
        points = self._points.get(name)
        return points[value] if points else value

    def _looked_up(self, value: int | float) -> tuple[float | None, float | None]:
        if self._table is None:
            return None, None
        at = int(value - self._lowest)
        return self._table.t[at], self._table.se[at] if self._table.se else None


class HighestTier(Rule):
    """No number: the highest tier that any answer reaches. With an answer missing, at least that tier."""

    def score(self, values: Answers, *, prorate: bool) -> Score | None:
        asked = [name for name in self.items if is_asked(self.form.item[name], values)]
        answered = sum(name in values for name in asked)
        tier = next((tier for tier in self.rule.tiers if any(meets(met, values) for met in tier.any)), None)
        if tier is None and answered < len(asked):
            return None
        label = tier.tier if tier else self.rule.tiers[-1].tier
        return Score(
            self.name, None, None, None, answered, len(asked), False, label, self.form.scoring_version
        )


class Branches(Rule):
    """A decision: the first condition that holds gives the grade. One that cannot be decided ends it."""

    def score(self, values: Answers, *, prorate: bool) -> Score | None:
        answered = sum(name in values for name in self.items)
        for branch in self.rule.branches:
            if branch.when is None:
                return self.plain(branch.gives, answered)
            met = meets(branch.when, values)
            if met is None:
                return None
            if met:
                return self.plain(branch.gives, answered)
        return None


def meets(met: Condition, values: Answers) -> bool | None:
    """Whether the answers meet the condition; None where an answer that decides it is missing."""
    names = (met.item,) if met.item else met.sum_of or ()
    if any(name not in values for name in names):
        return None
    value = sum(values[name] for name in names)
    if met.one_of is not None:
        return value in met.one_of
    if met.at_least is not None:
        return value >= met.at_least
    return value == met.equals


class CountAtLeast(Rule):
    """How many answers are at a value or above; all must be there."""

    def score(self, values: Answers, *, prorate: bool) -> Score | None:
        if any(name not in values for name in self.items):
            return None
        least = self.rule.at_least or 0
        return self.plain(sum(values[name] >= least for name in self.items), len(self.items))


class Maximum(Rule):
    """The highest answer; all must be there."""

    def score(self, values: Answers, *, prorate: bool) -> Score | None:
        if any(name not in values for name in self.items):
            return None
        return self.plain(max(values[name] for name in self.items), len(self.items))


class ChosenCount(Rule):
    """How many of many were chosen. Nothing chosen counts only where 'none' was chosen in words."""

    def chosen(self, values: Answers) -> list[str] | None:
        rule = self.rule
        if rule.all_item and values.get(rule.all_item) == 1:
            return list(self.items)
        chosen = [name for name in self.items if values.get(name) == 1]
        if not chosen and not (rule.none_item and values.get(rule.none_item) == 1):
            return None
        return chosen

    def score(self, values: Answers, *, prorate: bool) -> Score | None:
        chosen = self.chosen(values)
        return None if chosen is None else self.plain(len(chosen), len(self.items))


class AreaCount(ChosenCount):
    """How many areas hold something that was chosen."""

    def score(self, values: Answers, *, prorate: bool) -> Score | None:
        chosen = self.chosen(values)
        if chosen is None:
            return None
        marked = set(chosen)
        touched = sum(not marked.isdisjoint(area) for area in self.rule.areas.values())
        return self.plain(touched, len(self.items))


class SingleAnswer(Rule):
    """A single answer that is a measure of its own."""

    def __init__(self, form: InstrumentDefinition, link_id: str) -> None:
        measure = form.item[link_id].measure
        assert measure is not None
        self.form, self.name, self.link_id = form, measure.code, link_id
        self.bands = Bands(measure.bands)

    def score(self, values: Answers, *, prorate: bool) -> Score | None:
        return self.plain(values[self.link_id], 1, 1) if self.link_id in values else None


_KINDS: Mapping[str, type[Rule]] = {
    "sum": SumOrMean,
    "mean": SumOrMean,
    "tiers": HighestTier,
    "branches": Branches,
    "count": CountAtLeast,
    "worst": Maximum,
    "marks": ChosenCount,
    "areas": AreaCount,
}


def prepared(form: InstrumentDefinition) -> tuple[Rule, ...]:
    """The rules of a form: its scores first, then its answers that stand alone."""
    scores = [_KINDS[rule.rule](form, rule) for rule in form.scoring.scores]
    return (*scores, *(SingleAnswer(form, item.link_id) for item in form.items if item.measure))
