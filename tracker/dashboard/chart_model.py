"""What a timeline is drawn from: days, lines, panels and the frame of days around them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

# How wide a day is in the part of a drawing that is stretched to fit.
DAY_WIDTH = 10


class Day(NamedTuple):
    """What one measure came to on one local day."""

    on: date
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """The value a person started from, and the days it was built from, where they are known."""

    value: float
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One measure in a panel."""

    label: str
    days: Sequence[Day]
    baseline: Baseline | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """
    Measures that share one scale from ``low`` to ``high``, labelled at the values of ``grid``.

    ``kind`` is ``daily`` (points and a 7-day mean), ``form`` (a marker per score) or ``dose`` (mg per day).
    """

    key: str
    kind: str
    title: str
    unit: str
    low: float
    high: float
    note: str
    lines: Sequence[Line]
    grid: Sequence[float] = ()
    # Order in which panels are dropped when there are too many: 0 never, the highest first.
    drop_order: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """A treatment session."""

    on: date
    label: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The days that are drawn, both included, and the treatment sessions among them."""

    first: date
    last: date
    marks: Sequence[Mark] = ()

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def across(self, on: date) -> float:
        """Where the middle of a day falls, from 0 to 100."""
        return round(((on - self.first).days + 0.5) / self.days * 100, 3)

    def units(self, on: date) -> int:
        """Where the middle of a day falls in the stretched part of the drawing."""
        return (on - self.first).days * DAY_WIDTH + DAY_WIDTH // 2
