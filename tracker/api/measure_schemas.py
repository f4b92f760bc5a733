"""Schema of a measure, where its numbers are read and where all are listed."""

from typing import Any

from pydantic import BaseModel

from tracker.instruments.base import Aggregation, Direction, MeasureFamily
from tracker.instruments.measures import Measure


class MeasureOut(BaseModel):
    """
    A measure: unit, the ends and the step of its scale, and which direction is worse.

    The values of a day are summed (``aggregation``) where they are doses or minutes of practice; of others the mean is
    taken. ``instrument`` is the questionnaire that it belongs to, null where there is none.
    """

    measure: str
    label: str
    unit: str
    low: float | None
    high: float | None
    step: float
    direction: Direction
    family: MeasureFamily
    aggregation: Aggregation
    instrument: str | None


def measure_out(measure: Measure) -> dict[str, Any]:
    """Return a measure as the wire has it."""
    return {
        "measure": measure.code, "label": measure.label, "unit": measure.unit, "low": measure.low,
        "high": measure.high, "step": measure.step, "direction": measure.direction, "family": measure.family,
        "aggregation": measure.aggregation, "instrument": measure.instrument,
    }  # fmt: skip
