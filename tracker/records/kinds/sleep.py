"""Sleep: one night, logged the next morning."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from django.db import models
from django.db.models import F, Q
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from tracker.access.policy import Category
from tracker.instruments.base import Direction
from tracker.instruments.measures import Measure
from tracker.lib.constraints import at_least_one, within
from tracker.lib.formatting import joined, number, of_ten
from tracker.lib.strict_model import Instant
from tracker.records.kinds.base import (
    AT_LEAST_ONE,
    HoursOfDay,
    Kind,
    Payload,
    Scale0To10,
    present,
    refuse_empty,
)
from tracker.records.patient_record import PatientRecord
from tracker.records.row_security import record_table

_NUMBERS = ("hours", "latency_minutes", "awakenings", "awake_minutes", "quality")
_DAY = timedelta(hours=24)


class SleepEntry(PatientRecord):
    """
    One night, logged the next morning: the core of the consensus sleep diary, any part of it.

    ``bed_at`` (lights out) and ``up_at`` are instants; ``latency_minutes`` until asleep, ``awakenings`` counted,
    ``awake_minutes`` between falling asleep and the last awakening; ``hours`` slept as the patient judges; quality 0
    (very poor) to 10 (very good).

    Source: Carney et al. 2012, Sleep 35(2):287-302.
    """

    bed_at = models.DateTimeField(null=True)
    up_at = models.DateTimeField(null=True)
    hours = models.FloatField(null=True)
    latency_minutes = models.SmallIntegerField(null=True)
    awakenings = models.SmallIntegerField(null=True)
    awake_minutes = models.SmallIntegerField(null=True)
    quality = models.SmallIntegerField(null=True)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            *record_table("sleep", Category.MOOD, caregivers_write=True),
            at_least_one("bed_at", "up_at", *_NUMBERS, name="sleep_has_an_answer"),
            models.CheckConstraint(
                condition=Q(bed_at__isnull=True)
                | Q(up_at__isnull=True)
                | Q(up_at__gt=F("bed_at"), up_at__lte=F("bed_at") + _DAY),
                name="sleep_up_within_a_day_of_bed",
            ),
            within("hours", 0, 24, name="sleep_hours_0_to_24"),
            within("latency_minutes", 0, 1440, name="sleep_latency_0_to_1440_minutes"),
            within("awakenings", 0, 100, name="sleep_awakenings_0_to_100"),
            within("awake_minutes", 0, 1440, name="sleep_awake_0_to_1440_minutes"),
            within("quality", 0, 10, name="sleep_quality_0_to_10"),
        ]


class SleepData(Payload):
    """
    A night, any part of it: instants of lights out and of getting up, hours slept, minutes until asleep,
    awakenings and the minutes they took, quality 0 (very poor) to 10 (very good). Getting up is within 24 hours after
    lights out. Both instants come back in UTC; the envelope's ``recorded_at`` keeps its offset.
    """

    model_config = AT_LEAST_ONE

    bed_at: Instant | None = None
    up_at: Instant | None = None
    hours: HoursOfDay | None = None
    latency_minutes: Annotated[int, Field(ge=0, le=1440)] | None = None
    awakenings: Annotated[int, Field(ge=0, le=100)] | None = None
    awake_minutes: Annotated[int, Field(ge=0, le=1440)] | None = None
    quality: Scale0To10 | None = None

    @model_validator(mode="after")
    def _is_a_night(self) -> "SleepData":
        refuse_empty(self)
        if self.bed_at and self.up_at and not timedelta(0) < self.up_at - self.bed_at <= _DAY:
            raise PydanticCustomError(
                "invalid_sleep_interval", "getting up must be within 24 hours after lights out"
            )
        return self


def observations(data: SleepData) -> Iterator[tuple[str, float]]:
    """
    What was logged of a night, and the sleep efficiency where it follows.

    Efficiency is hours slept in percent of the time from lights out to getting up (Carney et al. 2012, Sleep
    35(2):287-302); more sleep than time in bed gives none, since one of the two must be wrong.
    """
    yield from present("sleep", data, *_NUMBERS)
    if data.bed_at is not None and data.up_at is not None and data.hours is not None:
        in_bed_h = (data.up_at - data.bed_at).total_seconds() / 3600
        if data.hours <= in_bed_h:
            yield "sleep.efficiency", round(100 * data.hours / in_bed_h, 1)


def line(data: SleepData) -> str:
    """Return ``6.5 h, quality 4 of 10, awakenings 3``."""
    hours = "" if data.hours is None else f"{number(data.hours, 2)} h"
    awakenings = "" if data.awakenings is None else f"awakenings {data.awakenings}"
    return joined(hours, of_ten("quality", data.quality), awakenings) or "times only"


def _measure(name: str, title: str, unit: str, high: float, direction: Direction, step: float = 1) -> Measure:
    return Measure(f"sleep.{name}", title, unit, 0, high, direction, "sleep", step=step, cadence_days=None)


KIND = Kind(
    name="sleep",
    noun="sleep entry",
    plural="sleep entries",
    label="Sleep",
    model=SleepEntry,
    payload=SleepData,
    category=Category.MOOD,
    caregivers_write=True,
    measures=(
        _measure("hours", "Hours slept", "h", 24, "neutral", 0.01),
        _measure("latency_minutes", "Time to fall asleep", "min", 1440, "higher_worse"),
        _measure("awakenings", "Awakenings", "", 100, "higher_worse"),
        _measure("awake_minutes", "Time awake at night", "min", 1440, "higher_worse"),
        _measure("quality", "Sleep quality in the sleep diary", "", 10, "higher_better"),
        _measure("efficiency", "Sleep efficiency", "%", 100, "higher_better", 0.1),
    ),
    observations=observations,
    occurred_at=lambda data: data.up_at,
    example={
        "bed_at": "2026-03-01T22:30:00Z",
        "up_at": "2026-03-02T06:30:00Z",
        "hours": 6.0,
        "latency_minutes": 40,
        "awakenings": 3,
        "awake_minutes": 35,
        "quality": 4,
    },
    line=line,
)
