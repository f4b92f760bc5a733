"""Which of a patient's measures stand in which panel of the timeline. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from tracker.dashboard.chart_model import Baseline, Day, Line, Panel
from tracker.instruments import catalogue
from tracker.instruments.measures import Measure

MOST_LINES = 2
MOST_PANELS = 8
_DAILY_FAMILIES = ("pain", "mood")
_LAST_FAMILIES = ("anxiety",)
_FORM_FAMILIES = ("mood", "pain", "anxiety", "function", "wellbeing")
_HEADINGS = {"pain": "Pain", "mood": "Mood", "anxiety": "Anxiety"}
_NOTES = {"higher_worse": "higher is worse", "higher_better": "higher is better", "neutral": ""}


class Tally(NamedTuple):
    """One measure on one local day, as the database adds it up."""

    measure: str
    on: date
    n: int
    mean: float
    total: float
    low: float
    high: float


def _days(tallies: Sequence[Tally]) -> list[Day]:
    return [Day(tally.on, tally.mean, tally.low, tally.high, tally.n) for tally in tallies]


def panels(
    tallies: Iterable[Tally], baselines: Mapping[str, Baseline], measures: Mapping[str, Measure]
) -> list[Panel]:
    """
    Return the panels of a timeline: pain, mood, medication, questionnaires, then daily anxiety.

    ``measures`` are those of the tallies, by code; one that has left the registry keeps its numbers, but is not drawn.
    Measures share a panel only where they share family, range and direction; nothing is rescaled.
    """
    by_measure: dict[str, list[Tally]] = {}
    for tally in tallies:
        by_measure.setdefault(tally.measure, []).append(tally)
    found = [measures[code] for code in by_measure if code in measures]
    daily = [m for family in _DAILY_FAMILIES for m in found if m.family == family and not m.is_questionnaire]
    last = [m for family in _LAST_FAMILIES for m in found if m.family == family and not m.is_questionnaire]
    forms = [m for family in _FORM_FAMILIES for m in found if m.family == family and m.is_questionnaire]
    doses = [m for m in found if m.family == "medication"]
    drawn = _daily_panels(daily, by_measure, baselines)
    drawn += [_dose_panel(m, by_measure[m.code]) for m in doses]
    drawn += [_form_panel(m, by_measure[m.code], baselines.get(m.code)) for m in forms]
    drawn += _daily_panels(last, by_measure, baselines)
    return drawn


def fit(found: Sequence[Panel]) -> tuple[list[Panel], list[str]]:
    """
    Return the panels that are drawn, in their order, and the titles of those left out for lack of space.

    Daily pain and mood and questionnaires with a safety item always stay; doses give way to the other
    questionnaires.
    """
    always = sum(panel.drop_order == 0 for panel in found)
    staying = sorted(range(len(found)), key=lambda n: (found[n].drop_order, n))[: max(always, MOST_PANELS)]
    shown = [panel for n, panel in enumerate(found) if n in staying]
    return shown, [panel.title for n, panel in enumerate(found) if n not in staying]


def drawable(measures: Iterable[Measure], most_doses: int) -> tuple[list[str], int]:
    """
    Return the codes of those of a patient's measures that a timeline may show; of doses the first ``most_doses``.

    And how many doses there are beyond these.
    """
    measures = list(measures)
    families = {*_DAILY_FAMILIES, *_LAST_FAMILIES, *_FORM_FAMILIES}
    doses = [measure.code for measure in measures if measure.family == "medication"]
    others = [measure.code for measure in measures if measure.family in families]
    return others + doses[:most_doses], len(doses[most_doses:])


def _daily_panels(
    daily: Sequence[Measure], tallies: Mapping[str, list[Tally]], baselines: Mapping[str, Baseline]
) -> list[Panel]:
    groups: dict[tuple[str, float, float, str], list[Measure]] = {}
    for measure in daily:
        scale = (measure.family, measure.low, measure.high, measure.direction)
        groups.setdefault(scale, []).append(measure)
    return [_daily_panel(group, tallies, baselines) for group in groups.values()]


def _daily_panel(
    group: Sequence[Measure], tallies: Mapping[str, list[Tally]], baselines: Mapping[str, Baseline]
) -> Panel:
    # Two lines can be told apart at a glance; the fullest say most. The change table holds all of them.
    ranked = sorted(group, key=lambda m: (-len(tallies[m.code]), m.code))
    first = ranked[0]
    shown = [m for m in ranked if 3 * len(tallies[m.code]) >= len(tallies[first.code])][:MOST_LINES]
    return Panel(
        key=_key(first.code),
        kind="daily",
        title=_title(_HEADINGS[first.family], [m.label for m in shown]),
        unit=first.unit,
        low=first.low,
        high=first.high,
        note=_NOTES[first.direction],
        lines=[Line(m.label, _days(tallies[m.code]), baselines.get(m.code)) for m in shown],
        drop_order=0 if first.family in _DAILY_FAMILIES else 3,
    )


def _dose_panel(measure: Measure, tallies: Sequence[Tally]) -> Panel:
    # A day's dose is the sum of its doses.
    days = [Day(tally.on, tally.total, tally.total, tally.total, tally.n) for tally in tallies]
    return Panel(
        key=_key(measure.code),
        kind="dose",
        title=measure.label,
        unit="mg per day",
        low=0,
        high=round_top(max(day.value for day in days)),
        note="taken, as logged",
        lines=[Line(measure.label, days)],
        drop_order=2,
    )


def _form_panel(measure: Measure, tallies: Sequence[Tally], baseline: Baseline | None) -> Panel:
    days = _days(tallies)
    return Panel(
        key=_key(measure.code),
        kind="form",
        title=measure.label,
        unit=measure.unit,
        low=measure.low,
        high=measure.high,
        note=_NOTES[measure.direction],
        lines=[Line(measure.label, days, baseline)],
        grid=[band.starts[0] for band in measure.bands],
        drop_order=0 if _asks_about_safety(measure) else 1,
    )


def _asks_about_safety(measure: Measure) -> bool:
    form = catalogue.latest(measure.instrument) if measure.instrument else None
    return form is not None and any(item.safety for item in form.items)


def _title(heading: str, labels: Sequence[str]) -> str:
    """Return ``Mood: feeling down and feeling anxious``; a label that is the heading stands alone."""
    if [label.lower() for label in labels] == [heading.lower()]:
        return heading
    return f"{heading}: {' and '.join(label[0].lower() + label[1:] for label in labels)}"


def _key(code: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in code)


def round_top(highest: float) -> float:
    """Return a round number at or above ``highest`` for the top of a scale of doses."""
    if highest <= 0:
        return 1.0
    power = 1.0
    while power * 10 < highest:
        power *= 10
    while power > highest:
        power /= 10
    steps = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
    return next(step * power for step in steps if step * power >= highest)
