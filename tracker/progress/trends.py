"""
A patient's numbers to weekly figures. Pure: same inputs, same figures, same bytes.

A day is the patient's local day at the time of the entry; a week is Monday to Sunday. A missing day is a
missing day, never a zero, and nothing is carried forward. ``docs/summaries.md`` states every rule.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from tracker.instruments.measures import Measure
from tracker.lib import codes, days
from tracker.progress.figures import (
    BaselineBasis,
    ChangeWord,
    SummaryBaseline,
    SummaryChange,
    SummaryFigures,
    SummaryLogged,
    SummaryMeasure,
    SummaryMedication,
    SummaryValue,
)

ALGORITHM = "progress/5"
WEEK = timedelta(days=6)
# A daily measure's week needs four of its seven days, its baseline five of fourteen (else: provisional).
MIN_DAYS_NOW, MIN_DAYS_BASELINE = 4, 5
BASELINE_DAYS = 14
# Summaries of a silent patient stop after this many empty weeks, and go on when entries do.
EMPTY_WEEKS = 4
# Days between two forms of an instrument that names no cadence.
USUAL_CADENCE = 28


@dataclass(frozen=True, slots=True)
class DayValue:
    """
    One measure on one local day: the mean of its ``n`` values, the first and the last of them.

    ``before_dosing`` is the last one before the first treatment session began; None if there is none that day.
    ``last_at`` is the instant of the last one: somebody who flies west has entries of the day before after those of the
    day. ``by_caregiver``: one of them is a caregiver's.
    """

    on: date
    n: int
    mean: float
    first: float
    last: float
    before_dosing: float | None = None
    last_at: datetime | None = None
    by_caregiver: bool = False


@dataclass(frozen=True, slots=True)
class MedicationDay:
    """How one medication was used on one local day."""

    on: date
    medication: str
    taken: int
    skipped: int
    as_needed: int


@dataclass(frozen=True, slots=True)
class Facts:
    """
    All that a patient's summaries are made of, or all of one category. Everything is sorted by day, then name.

    ``measures`` says what each number is, by the names of ``values``. ``anchor_on`` is the day of the first treatment
    session where ``sessions`` are not among the facts: baselines of every category lie before it.
    """

    time_zone: str
    entries: Mapping[date, Mapping[str, int]]
    entered_late: Mapping[date, int]
    values: Mapping[str, Sequence[DayValue]]
    measures: Mapping[str, Measure]
    uses: Sequence[MedicationDay] = ()
    sessions: Sequence[tuple[date, str, float | None]] = ()
    alerts: Mapping[date, int] = field(default_factory=dict)
    anchor_on: date | None = None

    def first_session_on(self) -> date | None:
        return self.sessions[0][0] if self.sessions else self.anchor_on


def weeks_to_summarize(facts: Facts, today: date) -> list[date]:
    """
    Return the Mondays of the weeks that get a summary, the running one included: those with an entry, and
    the ``EMPTY_WEEKS`` after each. So an entry of a phone that believes in 1970 makes five weeks, not thousands.
    """
    logged = {days.week_start(on) for on in facts.entries}
    told = {monday + timedelta(weeks=n) for monday in logged for n in range(EMPTY_WEEKS + 1)}
    return sorted(monday for monday in told if monday <= today)


def weekly_figures(facts: Facts, week_start: date, today: date) -> SummaryFigures:
    """Return the figures of the week that starts on the Monday ``week_start``, as known on ``today``."""
    ends_on = week_start + WEEK
    through = min(ends_on, today)
    return {
        "algorithm": ALGORITHM,
        "week": {
            "starts_on": week_start,
            "ends_on": ends_on,
            "through_on": through,
            "time_zone": facts.time_zone,
            "ended": today > ends_on,
        },
        "logged": logged_days(
            facts.entries, facts.entered_late, min(facts.entries, default=None), week_start, through, today
        ),
        "measures": [_measure(facts, name, week_start, through) for name in _known(facts, through)],
        "medication": _medication(facts, week_start, through),
        "sessions": [
            {"local_date": on, "route": codes.to_wire(route), "dose_mg": dose}
            for on, route, dose in facts.sessions
            if week_start <= on <= through
        ],
        "alerts": {"raised": sum(n for on, n in facts.alerts.items() if week_start <= on <= through)},
    }


def canonical_json(content: Mapping[str, Any]) -> bytes:
    """Return canonical JSON: sorted keys, no spaces, numbers rounded to four decimals."""
    return json.dumps(
        _rounded(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str
    ).encode()


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4) + 0.0
    if isinstance(value, Mapping):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return value


def logged_days(
    entries: Mapping[date, Mapping[str, int]], entered_late: Mapping[date, int], begun_on: date | None, first: date,
    last: date, today: date,
) -> SummaryLogged:  # fmt: skip
    """Return which days from ``first`` to ``last`` were logged and which missed, in a record begun on ``begun_on``."""
    # Nothing was expected before the record began, or while it has no entry, and today is not over.
    begun = max(first, begun_on or today)
    expected = [on for on in days.date_range(begun, last) if on != today or on in entries]
    missed = [on for on in expected if on not in entries]
    kinds: dict[str, int] = {}
    for on in expected:
        for kind, n in entries.get(on, {}).items():
            kinds[kind] = kinds.get(kind, 0) + n
    return {
        "days_expected": len(expected),
        "days_logged": len(expected) - len(missed),
        "days_missed": missed,
        "entries": kinds,
        "entered_late": sum(entered_late.get(on, 0) for on in expected),
    }


def _known(facts: Facts, through: date) -> list[str]:
    """Return the measures that have a value up to ``through``; doses are told under medication."""
    names = [name for name, values in facts.values.items() if values and values[0].on <= through]
    return sorted(name for name in names if not name.startswith("dose."))


def _measure(facts: Facts, name: str, first: date, last: date) -> SummaryMeasure:
    measure = facts.measures[name]
    values = facts.values[name]
    if measure.aggregation == "sum":
        values = [replace(value, mean=value.mean * value.n) for value in values]
    baseline = _form_baseline(facts, values) if measure.is_questionnaire else _daily_baseline(facts, values)
    now = _form_now(measure, values, last) if measure.is_questionnaire else _daily_now(values, first, last)
    # A baseline that is still to come, or is being made, is not compared with.
    if baseline is not None and baseline["from"] > last:
        baseline = None
    return {
        "measure": name,
        "label": measure.label,
        "unit": measure.unit,
        "direction": measure.direction,
        "family": measure.family,
        "baseline": baseline,
        "now": now,
        "change": _change(measure, baseline, now),
    }


def _window(values: Sequence[DayValue], first: date, last: date) -> list[DayValue]:
    return [value for value in values if first <= value.on <= last]


def _mean(values: Sequence[DayValue]) -> float:
    return sum(value.mean for value in values) / len(values)


def _by_caregiver(values: Sequence[DayValue]) -> int:
    return sum(value.by_caregiver for value in values)


def _basis(facts: Facts) -> BaselineBasis:
    return "first_days" if facts.first_session_on() is None else "before_treatment"


def _daily_baseline(facts: Facts, values: Sequence[DayValue]) -> SummaryBaseline | None:
    """The mean of the daily means in the 14 days before the first session, or of the first 14 days."""
    session_on = facts.first_session_on()
    start = values[0].on if session_on is None else session_on - timedelta(days=BASELINE_DAYS)
    end = start + timedelta(days=BASELINE_DAYS - 1)
    inside = _window(values, start, end)
    if not inside:
        return None
    return {
        "value": _mean(inside), "n": len(inside), "basis": _basis(facts), "from": start, "to": end,
        "provisional": len(inside) < MIN_DAYS_BASELINE, "by_caregiver": _by_caregiver(inside),
    }  # fmt: skip


def _form_baseline(facts: Facts, values: Sequence[DayValue]) -> SummaryBaseline | None:
    """
    The last form in days -14 to 0 before the first session; without a session, the first form.

    A form of the session's own day counts only if it was filled in before the dosing.
    """
    session_on = facts.first_session_on()
    if session_on is not None:
        inside = _window(values, session_on - timedelta(days=BASELINE_DAYS), session_on)
        found = [(value.on, value.before_dosing) for value in inside if value.before_dosing is not None]
    else:
        found = [(values[0].on, values[0].first)]
    if not found:
        return None
    on, value = found[-1]
    return {
        "value": value, "n": 1, "basis": _basis(facts), "from": on, "to": on, "provisional": False,
        "by_caregiver": 0,
    }  # fmt: skip


def _daily_now(values: Sequence[DayValue], first: date, last: date) -> SummaryValue | None:
    """The mean of this week's daily means; None with fewer than four days, since a few days say little."""
    inside = _window(values, first, last)
    if len(inside) < MIN_DAYS_NOW:
        return None
    return {
        "value": _mean(inside), "n": len(inside), "from": inside[0].on, "to": inside[-1].on,
        "by_caregiver": _by_caregiver(inside),
    }  # fmt: skip


def newest(values: Sequence[DayValue]) -> DayValue:
    """Return the day with the greatest instant; the last one where no instants are known."""
    return max(values, key=lambda value: (value.last_at is not None, value.last_at or value.on, value.on))


def _form_now(measure: Measure, values: Sequence[DayValue], last: date) -> SummaryValue | None:
    """The last form, if it is not older than one and a half times its cadence."""
    inside = [value for value in values if value.on <= last]
    cadence = measure.cadence_days or USUAL_CADENCE
    if not inside or (last - inside[-1].on).days > 1.5 * cadence:
        return None
    found = newest(inside)
    # Nobody answers a questionnaire for another.
    return {"value": found.last, "n": 1, "from": found.on, "to": found.on, "by_caregiver": 0}


def _change(
    measure: Measure, baseline: SummaryBaseline | None, now: SummaryValue | None
) -> SummaryChange | None:
    """
    The change from baseline, in the measure's own unit and direction.

    Percent only for scales with a true zero, and never from a baseline of 0. None while the window of now
    lies inside the baseline itself.
    """
    if baseline is None or now is None or now["to"] <= baseline["to"]:
        return None
    absolute = now["value"] - baseline["value"]
    percent = None
    if measure.has_true_zero and baseline["value"] > 0:
        percent = 100 * absolute / baseline["value"]
    return {"absolute": absolute, "percent": percent, "word": change_label(measure, absolute)}


def change_label(measure: Measure, absolute: float) -> ChangeWord:
    """
    Return what a change means for the patient.

    Smaller than the questionnaire's minimal important difference, where one is established, or else than a
    twentieth of the scale, it is 'about the same'.
    """
    twentieth = 0.05 * (measure.high - measure.low)
    small = (measure.mcid if measure.is_questionnaire else None) or twentieth
    if abs(absolute) < small or absolute == 0:
        return "about the same"
    if measure.direction == "neutral":
        return "higher" if absolute > 0 else "lower"
    return "worse" if (absolute > 0) == (measure.direction == "higher_worse") else "better"


def _medication(facts: Facts, first: date, last: date) -> list[SummaryMedication]:
    uses: dict[str, list[MedicationDay]] = {}
    for use in facts.uses:
        if first <= use.on <= last:
            uses.setdefault(use.medication, []).append(use)
    return [_one_medication(facts, name, own, first, last) for name, own in sorted(uses.items())]


def _one_medication(
    facts: Facts, name: str, own: Sequence[MedicationDay], first: date, last: date
) -> SummaryMedication:
    doses = _window(facts.values.get(f"dose.{name}", ()), first, last)
    # A day's dose is the sum of its doses, not their mean.
    daily = [value.mean * value.n for value in doses]
    return {
        "medication": name,
        "taken": sum(use.taken for use in own),
        "skipped": sum(use.skipped for use in own),
        "as_needed": sum(use.as_needed for use in own),
        "days_known": len({use.on for use in own}),
        "daily_mg": {"first": daily[0], "last": daily[-1], "mean": sum(daily) / len(daily)}
        if daily
        else None,
    }
