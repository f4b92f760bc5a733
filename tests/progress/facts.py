"""Facts for summaries, without a database."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from tracker.progress import trends
from tracker.progress.trends import DayValue, Facts, MedicationDay
from tracker.records import measures

MONDAY = date(2026, 3, 2)
PAIN, MOOD, PHQ9, DOSE = "pain.intensity", "daily.mood", "phq-9", "dose.oxycodone"


def day(n: int) -> date:
    """The n-th day from the Monday on; 0 is the Monday itself."""
    return MONDAY + timedelta(days=n)


def one(n: int, value: float, *, before_dosing: float | None = None) -> DayValue:
    return DayValue(day(n), 1, value, value, value, before_dosing)


def series(values: Mapping[int, float]) -> list[DayValue]:
    return [one(n, value) for n, value in sorted(values.items())]


def facts(
    values: Mapping[str, Sequence[DayValue]] | None = None,
    *,
    logged: Sequence[int] | None = None,
    uses: Sequence[MedicationDay] = (),
    session_on: date | None = None,
    **more: Any,
) -> Facts:
    """Facts in which each day with a value has one entry, unless ``logged`` names the days."""
    held = values or {}
    if logged is None:
        on = sorted({value.on for row in held.values() for value in row} | {use.on for use in uses})
    else:
        on = [day(n) for n in logged]
    return Facts(
        **{
            "time_zone": "Europe/Amsterdam",
            "entries": {each: {"daily": 1} for each in on},
            "entered_late": {},
            "values": held,
            "measures": {name: measures.get(name) for name in held},
            "uses": uses,
            "sessions": [(session_on, "IM", 35.0)] if session_on else (),
        }
        | more
    )


def week(given: Facts, n: int = 0, today: date | None = None) -> Any:
    """The figures of the n-th week, seen long afterwards unless ``today`` is given."""
    return trends.weekly_figures(given, day(7 * n), today or day(365))


def measured(given: Facts, name: str, n: int = 0, today: date | None = None) -> dict[str, Any]:
    return next(row for row in week(given, n, today)["measures"] if row["measure"] == name)
