"""Daily log: a day's answers, and the daily question about self-harm."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import models
from pydantic import Field, model_validator

from tracker.access.policy import Category
from tracker.instruments import catalogue
from tracker.instruments import measures as instrument_measures
from tracker.instruments.alert_rules import AlertRule, is_plain_no, unreadable
from tracker.lib.constraints import at_least_one, within
from tracker.lib.formatting import joined, number
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

INSTRUMENT = "daily-log"
NUMBERS = ("pain_avg", "pain_worst", "mood", "anxiety", "function", "sleep_hours", "sleep_quality")


class DailyLog(PatientRecord):
    """
    A day's answers; any subset, at least one.

    Scales are 0 to 10 (pain and anxiety: 10 is worst; mood, function, sleep quality: 10 is best). Sleep is in
    hours. ``self_harm_thoughts`` is the daily safety question as asked ("have you had thoughts of harming
    yourself ..."): true means yes, and raises an alert.
    """

    pain_avg = models.SmallIntegerField(null=True)
    pain_worst = models.SmallIntegerField(null=True)
    mood = models.SmallIntegerField(null=True)
    anxiety = models.SmallIntegerField(null=True)
    function = models.SmallIntegerField(null=True)
    sleep_hours = models.FloatField(null=True)
    sleep_quality = models.SmallIntegerField(null=True)
    self_harm_thoughts = models.BooleanField(null=True)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            *record_table("daily", Category.MOOD, caregivers_write=True),
            at_least_one(*NUMBERS, "self_harm_thoughts", name="daily_log_has_an_answer"),
            within("pain_avg", 0, 10, name="daily_pain_avg_0_to_10"),
            within("pain_worst", 0, 10, name="daily_pain_worst_0_to_10"),
            within("mood", 0, 10, name="daily_mood_0_to_10"),
            within("anxiety", 0, 10, name="daily_anxiety_0_to_10"),
            within("function", 0, 10, name="daily_function_0_to_10"),
            within("sleep_hours", 0, 24, name="daily_sleep_hours_0_to_24"),
            within("sleep_quality", 0, 10, name="daily_sleep_quality_0_to_10"),
        ]


class DailyData(Payload):
    """A day's answers: any subset, at least one. Sleep in hours."""

    model_config = AT_LEAST_ONE

    pain_avg: Scale0To10 | None = None
    pain_worst: Scale0To10 | None = None
    mood: Scale0To10 | None = None
    anxiety: Scale0To10 | None = None
    function: Scale0To10 | None = None
    sleep_hours: HoursOfDay | None = None
    sleep_quality: Scale0To10 | None = None
    self_harm_thoughts: bool | None = Field(
        default=None,
        description="Thoughts of harming oneself or of being better off dead since the last entry: true means yes.",
    )

    @model_validator(mode="after")
    def _has_an_answer(self) -> "DailyData":
        refuse_empty(self)
        return self


def observations(data: DailyData) -> Iterator[tuple[str, float]]:
    """The numeric items of a daily log, each on its own scale; the safety question is not a number."""
    yield from present("daily", data, *NUMBERS)


def self_harm_thoughts(data: Mapping[str, Any]) -> bool | None:
    """Evaluate the daily safety question: True for a yes."""
    return data.get("self_harm_thoughts") is True or None


def self_harm_unreadable(data: Mapping[str, Any]) -> bool | None:
    """Evaluate whether the safety question was answered by something that is neither yes nor no."""
    answer = data.get("self_harm_thoughts")
    return (answer is not True and answer is not None and not is_plain_no(answer)) or None


def line(data: DailyData) -> str:
    """Return ``average pain 4, mood 5``; thoughts of self-harm stand first."""
    form = catalogue.latest(INSTRUMENT)
    numbers = [
        f"{instrument_measures.of_item(form, name).label.lower()} {number(value, 2)}"
        for name in NUMBERS
        if (value := getattr(data, name)) is not None
    ]
    return joined("thoughts of self-harm: yes" if data.self_harm_thoughts else "", *numbers)


# The measures of its numbers are those of the questionnaire ``daily-log`` in the catalogue.
KIND = Kind(
    name="daily",
    noun="daily log",
    plural="daily logs",
    label="Daily log",
    model=DailyLog,
    payload=DailyData,
    category=Category.MOOD,
    caregivers_write=True,
    alert_rules=(
        AlertRule(
            id="daily_self_harm_thoughts",
            version=1,
            level="urgent",
            label="Daily log: thoughts of self-harm",
            evaluate=self_harm_thoughts,
        ),
        unreadable(self_harm_unreadable),
    ),
    observations=observations,
    example={
        "pain_avg": 4,
        "pain_worst": 7,
        "mood": 5,
        "anxiety": 3,
        "function": 6,
        "sleep_hours": 6.25,
        "sleep_quality": 4,
        "self_harm_thoughts": False,
    },
    line=line,
)
