"""
Who needs a clinician first, and what changed. Pure.

The order of a caseload is a reading aid, never a verdict: an open alert first, then worsening, the largest
first, then silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tracker.alerts import escalation
from tracker.dashboard import formatting
from tracker.instruments.measures import Measure
from tracker.progress import trends

LONG_SILENCE_DAYS = 7
DAILY_CURRENT_DAYS = 7
DEFAULT_RHYTHM_DAYS = 14


@dataclass(frozen=True, slots=True)
class MeasureReading:
    """What is kept ready of one measure of one patient: baseline, last value, last week."""

    measure: Measure
    baseline: float | None
    baseline_to: date | None
    last: float
    last_on: date
    week_mean: float
    week_n: int
    week_by_caregiver: int = 0

    @property
    def now(self) -> float:
        return self.last if self.measure.is_questionnaire else self.week_mean

    @property
    def n(self) -> int:
        return 1 if self.measure.is_questionnaire else self.week_n

    @property
    def by_caregiver(self) -> int:
        """On how many of the ``n`` days a caregiver gave a value. Nobody answers a questionnaire for another."""
        return 0 if self.measure.is_questionnaire else self.week_by_caregiver

    def is_current(self, today: date) -> bool:
        """Whether the value may stand for now. A questionnaire may, for one and a half times its rhythm."""
        rhythm = self.measure.cadence_days or DEFAULT_RHYTHM_DAYS
        allowed = 1.5 * rhythm if self.measure.is_questionnaire else DAILY_CURRENT_DAYS
        return (today - self.last_on).days <= allowed


@dataclass(frozen=True, slots=True)
class Change:
    """How a measure differs from its baseline, with a word that carries the meaning."""

    absolute: float
    word: str

    @property
    def arrow(self) -> str:
        return formatting.arrow(self.word, self.absolute)


def change(held: MeasureReading, today: date) -> Change | None:
    """Return the change since baseline, or None where there is no baseline, or nothing current enough."""
    if held.baseline is None or not held.is_current(today):
        return None
    if held.baseline_to and held.last_on <= held.baseline_to:
        return None  # the baseline itself is still being made
    if not held.measure.is_questionnaire and held.week_n < trends.MIN_DAYS_NOW:
        return None
    absolute = held.now - held.baseline
    return Change(absolute, trends.change_label(held.measure, absolute))


def relative_change(held: MeasureReading, found: Change) -> float:
    """
    Return how large a change is, so that measures can be put in one order: in minimal important differences, or
    in fifths of the scale where none is established, which is about what the established ones come to.
    """
    measure = held.measure
    return abs(found.absolute) / (measure.mcid or (measure.high - measure.low) / 5)


def representative(held: Sequence[MeasureReading], today: date, first: str) -> MeasureReading | None:
    """
    Return the measure that stands for a family in a list: ``first`` if current, then the fullest current one,
    then whatever was logged last.
    """
    if not held:
        return None
    return max(
        held,
        key=lambda h: (h.is_current(today), h.measure.code == first, h.n, h.last_on, h.measure.code),
    )


@dataclass(frozen=True, slots=True)
class TriageState:
    """
    What a caseload knows of a patient when it decides their place.

    ``alerts``: (level, answer was late). ``worse``: (what, ``relative_change`` of the worsening).
    """

    alerts: Sequence[tuple[str, bool]]
    worse: Sequence[tuple[str, float]]
    silent_days: int
    has_entries: bool

    @property
    def is_silent(self) -> bool:
        return self.silent_days >= LONG_SILENCE_DAYS

    def rank(self) -> tuple[float, ...]:
        """Sort ascending: the lowest needs a clinician first."""
        none = len(escalation.GRAVEST_FIRST)
        fresh = min((escalation.gravity(level) for level, late in self.alerts if not late), default=none)
        late = min((escalation.gravity(level) for level, late in self.alerts if late), default=none)
        # The largest worsening decides; a second one only between equals.
        first, second, *_ = (*sorted((size for _, size in self.worse), reverse=True), 0.0, 0.0)
        return (fresh, late, -first, -second, 0 if self.is_silent else 1, -min(self.silent_days, 60))

    def reasons(self) -> list[tuple[str, str]]:
        """Return (kind, text) for each reason to look at this patient."""
        fresh = sorted({level for level, late in self.alerts if not late}, key=escalation.gravity)
        found = [("alert", f"Open alert: {level.lower()}") for level in fresh]
        late = [level for level, late in self.alerts if late]
        if late:
            found.append(("alert", f"Open: {formatting.count(len(late), 'late answer')}"))
        if self.worse:
            largest_first = sorted(self.worse, key=lambda worse: -worse[1])
            found.append(("worse", f"Worse: {', '.join(what for what, _ in largest_first)}"))
        if self.is_silent:
            what = "Silent" if self.has_entries else "No entry yet"
            found.append(("silent", f"{what} for {self.silent_days:,} days"))
        return found
