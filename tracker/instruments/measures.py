"""
The one registry of measures: every number on a patient's timeline has its name, unit and range here.

Questionnaire scores and single answers come from the catalogue's files; the diary's own values stand below;
``dose.<medication>`` is one measure per medication, ``side_effect.<effect>`` one per effect. Values are never
rescaled between measures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Literal

from tracker.instruments import catalogue
from tracker.instruments.base import Direction, Family
from tracker.instruments.definition import InstrumentDefinition, Item
from tracker.instruments.score_calculators import Bands
from tracker.instruments.score_schema import Band, Change, Points, ScoreRule

DOSE = "dose."
EFFECT = "side_effect."


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
    family: Family
    is_questionnaire: bool
    step: float = 1
    has_true_zero: bool = False
    bands: tuple[Band, ...] = ()
    mcid: float | None = None
    mcid_percent: float | None = None
    reliable_change: float | None = None
    cadence_days: int | None = 1
    instrument: str | None = None
    aggregation: Literal["mean", "sum"] = "mean"

    def band(self, value: float) -> str | None:
        """The name of the stretch that ``value`` lies in, if the measure has bands."""
        return _bands(self.bands).of(value) if self.bands else None


@lru_cache(maxsize=256)
def _bands(bands: tuple[Band, ...]) -> Bands:
    return Bands(bands)


def _pain(code: str, label: str) -> Measure:
    # The 0-10 rating of pain; bands and change rules as pain-nrs in the catalogue.
    return replace(get_from(catalogue.latest("pain-nrs"), "avg24"), code=code, label=label, instrument=None)


def get_from(form: InstrumentDefinition, link_id: str) -> Measure:
    """The measure that one answer of ``form`` is."""
    return _of_item(form, form.item[link_id])


def _diary() -> list[Measure]:
    """What the phone logs without a questionnaire. The daily log's measures come from its catalogue file."""
    return [
        _pain("pain.intensity", "Pain"),
        _pain("pain.worst", "Worst pain"),
        _pain("pain.least", "Least pain"),
        # No bands: those of pain intensity say nothing about interference.
        Measure(
            "pain.interference",
            "Interference by pain",
            "",
            0,
            10,
            "higher_worse",
            "function",
            False,
            has_true_zero=True,
        ),
        Measure(
            "journal.mood",
            "Mood in the journal",
            "",
            0,
            10,
            "higher_better",
            "mood",
            False,
            cadence_days=None,
        ),
        *(_told(*row) for row in _TOLD),
    ]


# Told when it suits: code, label, unit, low, high, direction, family, step. The limits are the records' own.
_TOLD: tuple[tuple[str, str, str, float, float, Direction, Family, float], ...] = (
    ("practice.minutes", "Practice", "min", 0, 600, "higher_better", "wellbeing", 1),
    ("practice.helpful", "Helpfulness of practice", "", 0, 10, "higher_better", "wellbeing", 1),
    ("sleep.hours", "Hours slept", "h", 0, 24, "neutral", "sleep", 0.25),
    ("sleep.latency_minutes", "Time to fall asleep", "min", 0, 1440, "higher_worse", "sleep", 1),
    ("sleep.awakenings", "Awakenings", "", 0, 100, "higher_worse", "sleep", 1),
    ("sleep.awake_minutes", "Time awake at night", "min", 0, 1440, "higher_worse", "sleep", 1),
    ("sleep.quality", "Sleep quality in the sleep diary", "", 0, 10, "higher_better", "sleep", 1),
    ("sleep.efficiency", "Sleep efficiency", "%", 0, 100, "higher_better", "sleep", 0.1),
    ("vitals.systolic", "Systolic blood pressure", "mmHg", 40, 300, "neutral", "other", 1),
    ("vitals.diastolic", "Diastolic blood pressure", "mmHg", 20, 200, "neutral", "other", 1),
    ("vitals.heart_rate", "Heart rate", "/min", 20, 300, "neutral", "other", 1),
    ("vitals.respiratory_rate", "Breaths", "/min", 3, 80, "neutral", "other", 1),
    ("vitals.spo2", "Oxygen saturation", "%", 50, 100, "neutral", "other", 1),
    ("vitals.temperature_c", "Temperature", "°C", 30, 45, "neutral", "other", 0.1),
    ("vitals.weight_kg", "Weight", "kg", 20, 400, "neutral", "other", 0.01),
)


def _told(
    code: str,
    label: str,
    unit: str,
    low: float,
    high: float,
    direction: Direction,
    family: Family,
    step: float,
) -> Measure:
    return Measure(
        code,
        label,
        unit,
        low,
        high,
        direction,
        family,
        False,
        step=step,
        cadence_days=None,
        aggregation="sum" if code == "practice.minutes" else "mean",
    )


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
    Every measure by its code, but for the doses, which are as many as the medications.

    :raises ValueError: if two instruments give one name to different things.
    """
    found = {measure.code: measure for measure in _diary()}
    for measure in (measure for form in catalogue.all() for measure in _of_form(form)):
        former = found.get(measure.code)
        if former and former.instrument != measure.instrument:
            raise ValueError(f"{measure.instrument} names its measure {measure.code}, which is taken")
        # A later version of an instrument speaks for its measures.
        found[measure.code] = measure
    return found


def find(code: str) -> Measure | None:
    """Return the measure of this code, if any; ``dose.<medication>`` and ``side_effect.<effect>`` by their prefix."""
    measure = all().get(code)
    if measure is None and code.startswith(DOSE) and len(code) > len(DOSE):
        return _dose(code)
    if measure is None and code.startswith(EFFECT):
        return _effect(code)
    return measure


def get(code: str) -> Measure:
    """
    Return the measure of this code, as ``find`` does.

    :raises UnknownMeasureError: if there is none.
    """
    measure = find(code)
    if measure is None:
        raise UnknownMeasureError(code)
    return measure


@lru_cache(maxsize=1024)
def _dose(code: str) -> Measure:
    medication = code.removeprefix(DOSE).replace("_", " ").replace("-", " ")
    return Measure(
        code,
        f"Dose of {medication}",
        "mg",
        0,
        1e6,
        "neutral",
        "medication",
        False,
        step=0.001,
        has_true_zero=True,
        aggregation="sum",
    )


@lru_cache(maxsize=256)
def _effect(code: str) -> Measure | None:
    """The severity of one side effect, in the words of the checklist's newest version."""
    item = catalogue.latest("side-effects").item.get(code.removeprefix(EFFECT))
    if item is None or item.text is None:
        return None
    return Measure(code, item.text["en"], "", 0, 3, "higher_worse", "other", False, cadence_days=None)
