"""
The measures of the catalogue: every number that a questionnaire gives has its name, unit and range here. Pure.

Those of the diary are declared by the kinds of record; ``records.measures`` is the registry of both. Values are never
rescaled between measures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from tracker.instruments import catalogue
from tracker.instruments.base import Aggregation, Direction, MeasureFamily
from tracker.instruments.definition import InstrumentDefinition, Item
from tracker.instruments.score_calculators import Bands
from tracker.instruments.score_schema import Band, Change, Points, ScoreRule


class UnknownMeasureError(LookupError):
    """No measure has this code."""


@dataclass(frozen=True, slots=True)
class Measure:
    """
    What a number is.

    ``is_questionnaire`` tells a questionnaire score from a daily value. ``has_true_zero``: a percentage of change means
    something (the scale has a true zero). ``mcid`` and ``reliable_change`` are in points of the scale, None
    where none is established. For a score with a T-table, range, bands and ``mcid`` are those of the T-score.
    ``cadence_days`` is how often a value is expected; None where none is. ``aggregation``: a day's value is
    the mean of its values, or their sum (doses, minutes of practice).
    """

    code: str
    label: str
    unit: str
    low: float
    high: float
    direction: Direction
    family: MeasureFamily
    is_questionnaire: bool = False
    step: float = 1
    has_true_zero: bool = False
    bands: tuple[Band, ...] = ()
    mcid: float | None = None
    mcid_percent: float | None = None
    reliable_change: float | None = None
    cadence_days: int | None = 1
    instrument: str | None = None
    aggregation: Aggregation = "mean"

    def band(self, value: float) -> str | None:
        """The name of the stretch that ``value`` lies in, if the measure has bands."""
        return _bands(self.bands).of(value) if self.bands else None


@lru_cache(maxsize=256)
def _bands(bands: tuple[Band, ...]) -> Bands:
    return Bands(bands)


def of_item(form: InstrumentDefinition, link_id: str) -> Measure:
    """The measure that one answer of ``form`` is."""
    return _of_item(form, form.item[link_id])


def _of_item(form: InstrumentDefinition, item: Item) -> Measure:
    measure = item.measure
    assert measure is not None
    options = form.options_of(item)
    low, high = (
        (min(option.value for option in options), max(option.value for option in options))
        if options
        else item.range or (0, 0)
    )
    change = measure.change or Change()
    return Measure(
        code=measure.code,
        label=measure.label["en"],
        unit=item.unit or "",
        low=low,
        high=high,
        direction=measure.direction,
        family=measure.family,
        is_questionnaire=not measure.daily,
        step=item.step,
        has_true_zero=measure.has_true_zero,
        bands=measure.bands,
        mcid=_points(change.mcid),
        mcid_percent=_points(change.mcid_percent),
        reliable_change=_points(change.reliable),
        cadence_days=form.cadence.days,
        instrument=form.code,
    )


def _points(points: Points | None) -> float | None:
    return points.points if points else None


def _of_rule(form: InstrumentDefinition, rule: ScoreRule) -> Measure | None:
    if rule.range is None:
        return None
    low, high = (min(rule.table.t), max(rule.table.t)) if rule.table else rule.range
    change = rule.change or Change()
    return Measure(
        code=rule.name,
        label=rule.label["en"],
        unit="T" if rule.table else rule.unit or "",
        low=low,
        high=high,
        direction=rule.direction,
        family=rule.family,
        is_questionnaire=True,
        step=0.1 if rule.table else _step(form, rule),
        has_true_zero=rule.has_true_zero,
        bands=rule.bands,
        mcid=_points(change.mcid),
        mcid_percent=_points(change.mcid_percent),
        reliable_change=_points(change.reliable),
        cadence_days=form.cadence.days,
        instrument=form.code,
    )


def _step(form: InstrumentDefinition, rule: ScoreRule) -> float:
    return rule.times / len(form.items_of(rule)) if rule.rule == "mean" else rule.times


def _of_form(form: InstrumentDefinition) -> list[Measure]:
    scores = [measure for rule in form.scoring.scores if (measure := _of_rule(form, rule))]
    return [*scores, *(_of_item(form, item) for item in form.items if item.measure)]


@cache
def all() -> Mapping[str, Measure]:
    """
    Every measure of a questionnaire by its code.

    :raises ValueError: if two instruments give one name to different things.
    """
    found: dict[str, Measure] = {}
    for measure in (measure for form in catalogue.all() for measure in _of_form(form)):
        former = found.get(measure.code)
        if former and former.instrument != measure.instrument:
            raise ValueError(f"{measure.instrument} names its measure {measure.code}, which is taken")
        # A later version of an instrument speaks for its measures.
        found[measure.code] = measure
    return found
