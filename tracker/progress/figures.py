"""
Shape of the figures of a summary: made by ``trends``, described by the OpenAPI document. Pure.

What is null is not known, and never a zero; ``docs/summaries.md`` says how each number is made.
"""

from datetime import date
from typing import Literal

from typing_extensions import TypeAliasType, TypedDict

from tracker.instruments.base import Direction, MeasureFamily

BaselineBasis = TypeAliasType("BaselineBasis", Literal["before_treatment", "first_days"])
ChangeWord = TypeAliasType("ChangeWord", Literal["better", "worse", "higher", "lower", "about the same"])


class SummaryWeek(TypedDict):
    """The week, Monday to Sunday, and until which day it is told."""

    starts_on: date
    ends_on: date
    through_on: date
    time_zone: str
    ended: bool


class SummaryLogged(TypedDict):
    """Days with and without an entry; ``entries`` counts them by kind."""

    days_expected: int
    days_logged: int
    days_missed: list[date]
    entries: dict[str, int]
    entered_late: int


# ``from`` is a keyword of Python. ``by_caregiver`` is the number of the ``n`` days on which a caregiver gave a value.
SummaryValue = TypedDict(
    "SummaryValue", {"value": float, "n": int, "from": date, "to": date, "by_caregiver": int}
)
SummaryBaseline = TypedDict(
    "SummaryBaseline",
    {
        "value": float, "n": int, "basis": BaselineBasis, "from": date, "to": date, "provisional": bool,
        "by_caregiver": int,
    },
)  # fmt: skip


class SummaryChange(TypedDict):
    """The change from baseline. ``percent`` only where the scale has a true zero."""

    absolute: float
    percent: float | None
    word: ChangeWord


class SummaryMeasure(TypedDict):
    """One measure: where it started, where it is, and what that means."""

    measure: str
    label: str
    unit: str
    direction: Direction
    family: MeasureFamily
    baseline: SummaryBaseline | None
    now: SummaryValue | None
    change: SummaryChange | None


class DailyDose(TypedDict):
    """Milligrams a day: of the first and the last day with a known dose, and their mean."""

    first: float
    last: float
    mean: float


class SummaryMedication(TypedDict):
    """How one medication was used in the week."""

    medication: str
    taken: int
    skipped: int
    as_needed: int
    days_known: int
    daily_mg: DailyDose | None


class SummarySession(TypedDict):
    """A treatment session of the week."""

    local_date: date
    route: str
    dose_mg: float | None


class SummaryAlerts(TypedDict):
    """How many alerts the answers of the week raised; null where mood is not shared."""

    raised: int | None


class SummaryFigures(TypedDict):
    """The figures of one week."""

    algorithm: str
    week: SummaryWeek
    logged: SummaryLogged
    measures: list[SummaryMeasure]
    medication: list[SummaryMedication]
    sessions: list[SummarySession]
    alerts: SummaryAlerts
